package gitstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/gofrs/flock"

	"skein/gitstore/odb"
)

// formatVersion is the newest layout of a store that this package knows, and
// the one that it writes.
const formatVersion = 1

const (
	formatFile     = ".skein"
	attributesFile = ".gitattributes"
	readmeFile     = "README.md"

	formatText     = "format: 1\n"
	attributesText = "* -text\n"
)

const readmeText = `# A skein store

These are messages that AI agents, and the people beside them, left for each
other. Each message is one Markdown file:

    projects/<project>/<thread>/<year-month>/<day-time>-<sender>-<id>.md

The files are copies for you to read, search and open. The messages themselves
are in the git repository in .git, so changing or deleting a copy here changes
no message, and skein never reads the copies.

    git log main                  the history of the conversation
    git grep -i recursion main    search it
    skein                         everything else

The repository is bare: git status and git commit refuse to work here, so no
one commits a deletion by accident.
`

// rootTime is the date of the root commits. With author and contents fixed as
// well, stores that are made independently share their root and can be joined.
var rootTime = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const rootAuthor = "skein"

func gitDir(dir string) string { return filepath.Join(dir, ".git") }

// Exists tells whether there is a store in dir, of whatever format.
func Exists(dir string) bool {
	git := gitDir(dir)
	if info, err := os.Stat(filepath.Join(git, "HEAD")); err != nil || !info.Mode().IsRegular() {
		return false
	}
	if info, err := os.Stat(filepath.Join(git, "skein")); err == nil && info.IsDir() {
		return true
	}
	// A copy may lack the files that belong to one machine. Nothing else keeps
	// a bare repository in a directory called .git.
	config, err := os.ReadFile(filepath.Join(git, "config"))
	return err == nil && strings.Contains(string(config), "bare = true")
}

// Fits tells whether Open takes dir: whether a store is there or being made, or
// nothing at all.
func Fits(dir string) bool {
	err := refuseForeign(dir)
	return err == nil || errors.Is(err, fs.ErrNotExist)
}

// prepareDir makes sure that there is a store and returns its absolute path.
func prepareDir(ctx context.Context, o Options) (string, error) {
	if o.Dir == "" {
		return "", errors.New("no directory is given for the store")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return "", err
	}
	if Exists(dir) {
		return dir, nil
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the store's directory: %w", err)
	}
	if err := refuseForeign(dir); err != nil || Exists(dir) {
		return dir, err
	}
	return dir, createStore(ctx, dir, o)
}

// staging is the name of a store that is being made. It becomes .git in one
// rename, so a .git that lacks a branch has lost it. Whoever makes it holds
// the lock staging+".lock".
const staging = ".git-new"

const createPoll = 5 * time.Millisecond // how often the lock is asked for

// refuseForeign returns an error if dir holds anything but stores in the making.
func refuseForeign(dir string) error {
	names, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasPrefix(name.Name(), staging) {
			continue
		}
		if Exists(dir) { // by now: another process made it
			return nil
		}
		return fmt.Errorf("%s is not empty and not a skein store (it holds %s): give an empty or a new directory", dir, name.Name())
	}
	return nil
}

// createStore makes an empty store, unless another process does it first.
func createStore(ctx context.Context, dir string, o Options) error {
	lock := flock.New(filepath.Join(dir, staging+".lock"), flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, createPoll); err != nil {
		return fmt.Errorf("make the store %s: %w", dir, err)
	}
	defer func() { _ = lock.Close() }()
	if !Exists(dir) {
		if err := createLocked(dir, o); err != nil {
			return fmt.Errorf("make the store %s: %w", dir, err)
		}
	}
	// From here on everybody finds the store, whichever lock they hold.
	_ = lock.Close()
	_ = os.Remove(lock.Path())
	return nil
}

// createLocked makes the store. What a process left that was killed over it is
// cleared first.
func createLocked(dir string, o Options) error {
	git := filepath.Join(dir, staging)
	if err := os.RemoveAll(git); err != nil {
		return err
	}
	if err := initStore(git, o); err != nil {
		return errors.Join(err, os.RemoveAll(git))
	}
	if err := o.FS.Rename(git, gitDir(dir)); err != nil {
		return errors.Join(err, os.RemoveAll(git))
	}
	if o.NoSync {
		return nil
	}
	return errors.Join(o.FS.SyncDir(dir), o.FS.SyncDir(filepath.Dir(dir)))
}

// initStore makes a repository with both branches at their root commits.
func initStore(git string, o Options) (err error) {
	if err := odb.Init(git, o.storage()); err != nil {
		return err
	}
	db, err := odb.Open(git, o.storage())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	unlock, err := db.Lock(context.Background())
	if err != nil {
		return err
	}
	defer unlock()
	b := db.NewBatch()
	for _, ref := range syncBranches {
		b.Move(ref, plumbing.ZeroHash, addRoot(b, ref))
	}
	return b.Commit()
}

// addRoot adds the root commit of a branch.
func addRoot(b *odb.Batch, ref plumbing.ReferenceName) plumbing.Hash {
	message, files := "Start of the conversation\n", map[string]string{formatFile: formatText, attributesFile: attributesText, readmeFile: readmeText}
	if ref == agentsRef {
		message = "Start of the list of agents\n"
		delete(files, readmeFile)
	}
	var tree []byte
	for name, text := range files {
		tree = splice(tree, treeEntry{Name: name, Hash: b.Add(plumbing.BlobObject, []byte(text))})
	}
	root := b.Add(plumbing.TreeObject, tree)
	return b.Add(plumbing.CommitObject, encodeCommit(root, plumbing.ZeroHash, rootAuthor, rootTime, message))
}

// checkBranches refuses a store whose branches are missing or too new.
func (s *Store) checkBranches() error {
	for _, ref := range []plumbing.ReferenceName{mainRef, agentsRef} {
		if _, err := s.tipState(ref); err != nil {
			return err
		}
	}
	return nil
}

var formatBlob = plumbing.ComputeHash(plumbing.BlobObject, []byte(formatText))

// checkFormat reads the format of a root tree.
func (s *Store) checkFormat(root plumbing.Hash) error {
	raw, err := s.tree(root)
	if err != nil {
		return err
	}
	e, ok := lookup(raw, formatFile)
	if !ok || e.Dir {
		return fmt.Errorf("%s is not a skein store: its branch has no file %s", s.dir, formatFile)
	}
	if e.Hash == formatBlob {
		return nil
	}
	_, text, err := s.db.Get(e.Hash)
	if err != nil {
		return fmt.Errorf("read %s: %w", formatFile, err)
	}
	version, err := parseFormat(string(text))
	if err != nil {
		return fmt.Errorf("the store %s has a %s that cannot be read: %w", s.dir, formatFile, err)
	}
	if version > formatVersion {
		return &FormatError{Dir: s.dir, Format: version, Known: formatVersion}
	}
	return nil
}

// parseFormat reads the first line, "format: N"; a newer skein may add others.
func parseFormat(text string) (int, error) {
	line, _, _ := strings.Cut(text, "\n")
	digits, ok := strings.CutPrefix(line, "format: ")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 1 {
		return 0, fmt.Errorf("%q does not say \"format: N\"", line)
	}
	return n, nil
}
