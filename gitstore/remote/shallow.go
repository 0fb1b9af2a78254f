package remote

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
)

// Depth is how many commits of each branch a fetch is to bring, where that is
// not everything that is not here: the others are left away with all that they
// alone hold, as git's shallow clones have it.
type Depth int

// Whole brings everything, also what earlier fetches have left away.
const Whole Depth = math.MaxInt32 // git's own number for that

// shallowFile lists in a repository the commits whose parents are not there.
const shallowFile = "shallow"

// makeRepository makes a quarantine in which the history begins where it does
// in the repository of r.Objects.
func (r *Remote) makeRepository(dir string) error {
	if err := makeRepository(dir); err != nil {
		return err
	}
	list, err := r.shallow()
	if err != nil || len(list) == 0 {
		return err
	}
	return writeShallow(dir, list)
}

// shallow are the commits whose parents are not in the repository of r.Objects.
func (r *Remote) shallow() (list []plumbing.Hash, err error) {
	if r.Objects == "" {
		return nil, nil
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(r.Objects), shallowFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for id := range strings.FieldsSeq(string(text)) {
		list = append(list, plumbing.NewHash(id))
	}
	return list, err
}

func writeShallow(dir string, list []plumbing.Hash) error {
	var text strings.Builder
	for _, h := range list {
		text.WriteString(h.String() + "\n")
	}
	return os.WriteFile(filepath.Join(dir, shallowFile), []byte(text.String()), 0o600)
}

// arguments are those of git fetch.
func (d Depth) arguments() []string {
	if d == 0 {
		return nil
	}
	return []string{"--depth=" + strconv.Itoa(int(d))}
}

// ask has a request tell where the history that is here begins, and where what
// is asked for is to.
func (d Depth) ask(req *packp.UploadPackRequest, here []plumbing.Hash, server *capability.List) error {
	if d == 0 && len(here) == 0 {
		return nil
	}
	if !server.Supports(capability.Shallow) {
		return errNoShallow
	}
	req.Shallows, req.Depth = here, packp.DepthCommits(d)
	return req.Capabilities.Set(capability.Shallow)
}

// errNoShallow says that a server does not know what a shallow clone is.
var errNoShallow = errors.New("the server cannot leave older commits away")

// begins returns where the history begins after an answer that says what has
// changed of that.
func begins(was []plumbing.Hash, answer packp.ShallowUpdate) []plumbing.Hash {
	return slices.DeleteFunc(slices.Concat(was, answer.Shallows), func(h plumbing.Hash) bool { return slices.Contains(answer.Unshallows, h) })
}

// past walks back through history, as far as it is here.
type past struct {
	objects objects
	shallow []plumbing.Hash
}

func (r *Remote) past() (past, error) {
	shallow, err := r.shallow()
	return past{r.Repository, shallow}, err
}

// parent returns the first parent of a commit, zero if it is not here.
func (p past) parent(c *object.Commit) plumbing.Hash {
	if len(c.ParentHashes) == 0 || slices.Contains(p.shallow, c.Hash) {
		return plumbing.ZeroHash
	}
	return c.ParentHashes[0]
}
