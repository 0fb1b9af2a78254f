package gitstore

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// errForeign says that a branch of the remote is of something else.
var errForeign = errors.New("the remote holds something else than a skein store: give an empty repository, made without README or licence, or one that skein has pushed to")

// begun is the error of a branch that has nothing but a first commit of files,
// as hosts make it in a new repository that is to have a README or a licence.
type begun struct{ unfit }

func (b *begun) Error() string {
	return fmt.Sprintf(`the remote's branch %s %s; if that may go, "skein sync --repair" puts the store in its place, else give an empty repository`, b.Branch, b.Reason)
}

// root checks that a history begins as that of a store does, which tells a
// store from anything else that may be at the remote's address.
func (in *inspection) root(tree plumbing.Hash) error {
	in.commit = in.commits[0]
	raw, err := in.tree(tree)
	if err != nil {
		return fmt.Errorf("%w (%w)", errForeign, err)
	}
	if e, ok := lookup(raw, formatFile); ok && !e.Dir {
		return nil
	}
	if files, ok := onlyFiles(raw); ok && len(in.commits) == 1 && in.cutAt.IsZero() {
		why := "begins with a commit of its own (" + files + ")"
		return &begun{unfit{Refusal{in.at.Short(), in.commit.String(), "", why}}}
	}
	return errForeign
}

// onlyFiles names the files of a directory, some of them; ok tells that there
// are no directories in it.
func onlyFiles(raw []byte) (some string, ok bool) {
	var names []string
	err := compareTrees(nil, raw, func(_, is treeEntry) error {
		if is.Dir {
			return errForeign
		}
		names = append(names, printable(is.Name))
		return nil
	})
	switch n := len(names); {
	case n == 0:
		return "no files", err == nil
	case n > 4:
		names = append(names[:3], fmt.Sprintf("and %d more", n-3))
	}
	return strings.Join(names, ", "), err == nil
}
