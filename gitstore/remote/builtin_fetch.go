package remote

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/plumbing/transport"
)

// fetchBuiltIn is FetchObjects without git, into a repository that is made. What
// is not to be held, or cannot be, goes there.
func (r *Remote) fetchBuiltIn(ctx context.Context, dir string, depth Depth, branches []plumbing.ReferenceName, held bool) (tips Tips, came Objects, err error) {
	tips, came, err = r.fetchOnce(ctx, dir, depth, branches, held)
	if errors.Is(err, errNotHeld) {
		tips, came, err = r.fetchOnce(ctx, dir, depth, branches, false)
	}
	return tips, came, err
}

func (r *Remote) fetchOnce(ctx context.Context, dir string, depth Depth, branches []plumbing.ReferenceName, held bool) (tips Tips, came Objects, err error) {
	if held {
		came = Objects{}
	}
	err = r.advertisement(ctx, dir, func(ctx context.Context, c *call, s transport.UploadPackSession, adv *packp.AdvRefs) error {
		tips = advertised(adv, branches)
		wanted, err := r.wanted(tips, depth)
		if err != nil || len(wanted) == 0 {
			return err
		}
		came, err = c.fetch(ctx, s, adv, wanted, depth, dir, held)
		return err
	})
	return tips, came, err
}

// listBuiltIn is List without git.
func (r *Remote) listBuiltIn(ctx context.Context, dir string, branches []plumbing.ReferenceName) (tips Tips, err error) {
	err = r.advertisement(ctx, dir, func(_ context.Context, _ *call, _ transport.UploadPackSession, adv *packp.AdvRefs) error {
		tips = advertised(adv, branches)
		return nil
	})
	return tips, err
}

// advertisement begins to fetch and has what the remote says of itself read, if
// it is not empty.
func (r *Remote) advertisement(ctx context.Context, dir string, read func(context.Context, *call, transport.UploadPackSession, *packp.AdvRefs) error) error {
	return r.converse(ctx, dir, func(ctx context.Context, c *call) error {
		s, err := c.fetching(ctx)
		if err != nil {
			return err
		}
		defer s.Close()
		adv, err := s.AdvertisedReferencesContext(ctx)
		if errors.Is(err, transport.ErrEmptyRemoteRepository) {
			return nil
		}
		if err != nil {
			return err
		}
		return read(ctx, c, s, adv)
	})
}

// advertised are those of the branches that a remote has.
func advertised(adv *packp.AdvRefs, branches []plumbing.ReferenceName) Tips {
	tips := Tips{}
	for name, h := range adv.References {
		if slices.ContainsFunc(branches, func(ref plumbing.ReferenceName) bool { return matches(ref, name) }) {
			tips[plumbing.ReferenceName(name)] = h
		}
	}
	return tips
}

// wanted are the branches whose tips are not here yet, or may not be with all
// that is behind them.
func (r *Remote) wanted(tips Tips, depth Depth) (Tips, error) {
	wanted := Tips{}
	for branch, h := range tips {
		err := r.Repository.HasEncodedObject(h)
		if errors.Is(err, plumbing.ErrObjectNotFound) || err == nil && depth == Whole {
			wanted[branch] = h
		} else if err != nil {
			return nil, err
		}
	}
	return wanted, nil
}

// fetch asks for commits and receives them.
func (c *call) fetch(ctx context.Context, s transport.UploadPackSession, adv *packp.AdvRefs, wanted Tips, depth Depth, dir string, held bool) (came Objects, err error) {
	req := packp.NewUploadPackRequestFromCapabilities(adv.Capabilities)
	req.Capabilities.Delete(capability.ThinPack)
	req.Wants = slices.Collect(maps.Values(wanted))
	back, err := c.r.past()
	if err != nil {
		return nil, err
	}
	if err := depth.ask(req, back.shallow, adv.Capabilities); err != nil {
		return nil, err
	}
	deep := false
	if req.Haves, deep, err = haves(c.r.Repository, back, slices.Collect(maps.Keys(wanted))); err != nil {
		return nil, err
	}
	thin := held && deep && isGit(adv.Capabilities) // what is new is little, then
	if thin {
		if err := req.Capabilities.Set(capability.ThinPack); err != nil {
			return nil, err
		}
	}
	answer, err := s.UploadPack(ctx, req)
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	if err := writeShallow(dir, begins(back.shallow, answer.ShallowUpdate)); err != nil {
		return nil, err
	}
	var pack io.Reader = answer
	for _, band := range []capability.Capability{capability.Sideband64k, capability.Sideband} {
		if req.Capabilities.Supports(band) {
			d := sideband.NewDemuxer(sidebands[band], answer)
			d.Progress = c.said
			pack = d
		}
	}
	if held {
		return c.hold(pack, dir, thin)
	}
	return nil, receive(filepath.Join(dir, "objects", "pack"), pack, c.r.maxBytes(), c.r.Progress)
}

// isGit tells whether a server is git itself, which knows thin packs; go-git
// does not pass on whether a server says so.
func isGit(capabilities *capability.List) bool {
	agent := capabilities.Get(capability.Agent)
	return len(agent) == 1 && strings.HasPrefix(agent[0], "git/")
}

// hold takes what comes into memory. What is too large for that goes to the
// disk after all, unless it builds on objects that are not there.
func (c *call) hold(pack io.Reader, dir string, thin bool) (Objects, error) {
	most := c.r.maxBytes()
	raw, err := io.ReadAll(io.LimitReader(pack, min(maxHeldPack, most)+1))
	if err != nil {
		return nil, err
	}
	came, err := hold(raw, c.r.Repository)
	if errors.Is(err, errNotHeld) && !thin {
		return nil, receive(filepath.Join(dir, "objects", "pack"), io.MultiReader(bytes.NewReader(raw), pack), most, c.r.Progress)
	}
	return came, err
}

var sidebands = map[capability.Capability]sideband.Type{capability.Sideband64k: sideband.Sideband64k, capability.Sideband: sideband.Sideband}

// named are the commits before a tip that are named to a remote, which may lack
// the tip, by how far back they lie: few, since a server looks around each.
var named = [...]int{0, 1, 3, 7, 15, 31, 63}

// haves names what is here of the branches that are asked for, here and as they
// were at the remote, or of all if one of them is new: a remote sends what these
// commits lack. deep tells that there is a history of some length.
func haves(s storer.Storer, back past, branches []plumbing.ReferenceName) (all []plumbing.Hash, deep bool, err error) {
	tips, err := namesakes(s, branches)
	if err != nil {
		return nil, false, err
	}
	seen := map[plumbing.Hash]bool{}
	for _, h := range tips {
		for n := 0; n <= named[len(named)-1] && !h.IsZero() && !seen[h]; n++ {
			commit, err := object.GetCommit(s, h)
			if err != nil {
				break // a ref to something else, which a remote need not know
			}
			seen[h] = true
			if slices.Contains(named[:], n) {
				all = append(all, h)
				deep = deep || n == named[len(named)-1]
			}
			h = back.parent(commit)
		}
	}
	return all, deep, nil
}

// namesakes are the tips of the refs that have a name of one of the branches, be
// it below that of a remote; of all refs if a branch has none. The histories of
// other branches have nothing that a server could leave out, and it would walk
// through them.
func namesakes(s storer.Storer, branches []plumbing.ReferenceName) (tips []plumbing.Hash, err error) {
	refs, err := s.IterReferences()
	if err != nil {
		return nil, err
	}
	var every []plumbing.Hash
	found := map[plumbing.ReferenceName]bool{}
	err = refs.ForEach(func(ref *plumbing.Reference) error {
		every = append(every, ref.Hash())
		for _, branch := range branches {
			if strings.HasSuffix(ref.Name().String(), "/"+branch.Short()) {
				found[branch] = true
				tips = append(tips, ref.Hash())
			}
		}
		return nil
	})
	if len(found) < len(branches) {
		tips = every
	}
	return tips, err
}

// receive keeps a pack with its index, once all of it has come and is sound.
func receive(dir string, from io.Reader, most int64, tell func(string)) (err error) {
	pack, err := os.CreateTemp(dir, "tmp_pack_")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pack.Close()) }()
	size, err := io.Copy(pack, io.LimitReader(&receiving{Reader: from, tell: tell}, most+1))
	if err != nil {
		return err
	}
	if size > most {
		return fmt.Errorf("%w at %d bytes", errTooLarge, size)
	}
	sum, err := checkSum(pack, size)
	if err != nil {
		return err
	}
	objects, err := checkSizes(pack)
	if err != nil || objects == 0 {
		return errors.Join(err, os.Remove(pack.Name()))
	}
	base := filepath.Join(dir, "pack-"+sum)
	if err := index(pack, base+".idx", tell); err != nil {
		return err
	}
	return os.Rename(pack.Name(), base+".pack")
}

// checkSum checks that a pack is whole, and returns the sum at its end.
func checkSum(pack io.ReadSeeker, size int64) (string, error) {
	if size < sha1.Size {
		return "", io.ErrUnexpectedEOF
	}
	if _, err := pack.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	sum, end := sha1.New(), make([]byte, sha1.Size)
	if _, err := io.CopyN(sum, pack, size-sha1.Size); err != nil {
		return "", err
	}
	if _, err := io.ReadFull(pack, end); err != nil {
		return "", err
	}
	if string(sum.Sum(nil)) != string(end) {
		return "", fmt.Errorf("%w: its sum is another", packfile.ErrMalformedPackFile)
	}
	return fmt.Sprintf("%x", end), nil
}

// maxObject is the size in bytes of the largest object that is unpacked: go-git
// holds some of them in memory, whole.
const maxObject = 32 << 20

// errLargeObject says that an object is larger.
var errLargeObject = fmt.Errorf("%w at an object of more than %d bytes", errTooLarge, maxObject)

// checkSizes looks at what each object of a pack says of its size, and of that
// of what it makes of another, and returns how many there are.
func checkSizes(pack *os.File) (objects uint32, err error) {
	if _, err := pack.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	scan := packfile.NewScanner(pack)
	if _, objects, err = scan.Header(); err != nil {
		return 0, err
	}
	for range objects {
		header, err := scan.NextObjectHeader()
		if err != nil {
			return 0, err
		}
		size := header.Length
		if header.Type.IsDelta() && size <= maxObject {
			var start deltaStart
			if _, _, err := scan.NextObject(&start); err != nil {
				return 0, err
			}
			size = start.result()
		}
		if size > maxObject || size < 0 {
			return 0, errLargeObject
		}
	}
	return objects, nil
}

// deltaStart keeps the beginning of a delta, which says how long that is which
// it is made from, and how long what it makes.
type deltaStart []byte

func (d *deltaStart) Write(p []byte) (int, error) {
	if need := 2*binary.MaxVarintLen64 - len(*d); need > 0 {
		*d = append(*d, p[:min(need, len(p))]...)
	}
	return len(p), nil
}

// result is the length of what the delta makes; -1 if it says none.
func (d *deltaStart) result() int64 {
	_, n := binary.Uvarint(*d)
	if n <= 0 {
		return -1
	}
	size, m := binary.Uvarint((*d)[n:])
	if m <= 0 || size > 1<<62 {
		return -1
	}
	return int64(size)
}

// index writes the index of a pack.
func index(pack *os.File, name string, tell func(string)) error {
	if _, err := pack.Seek(0, io.SeekStart); err != nil {
		return err
	}
	entries := &idxfile.Writer{}
	parser, err := packfile.NewParser(packfile.NewScanner(pack), entries, &indexing{tell: tell})
	if err != nil {
		return err
	}
	if _, err := parser.Parse(); err != nil {
		return err
	}
	idx, err := entries.Index()
	if err != nil {
		return err
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = idxfile.NewEncoder(file).Encode(idx)
	return errors.Join(err, file.Close())
}
