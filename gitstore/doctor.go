package gitstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"skein/gitstore/index"
	"skein/gitstore/remote"
)

// CheckStore says whether the store can be written, and by its owner alone.
func (s *Store) CheckStore() (string, error) {
	probe, err := os.CreateTemp(s.db.StateDir(), "doctor-")
	if err != nil {
		return "", fmt.Errorf("this user cannot write to %s (%w); see whose it is, and whether its disk is full or read only", s.db.StateDir(), err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return "", fmt.Errorf("this user cannot write to %s: %w", s.db.StateDir(), err)
	}
	for _, dir := range []string{s.db.Dir(), filepath.Join(s.dir, projectsDir)} {
		info, err := os.Stat(dir)
		if err == nil && runtime.GOOS != "windows" && info.Mode()&0o007 != 0 {
			return "", fmt.Errorf(`everybody on this machine may look into %s; "chmod -R o-rwx %s" keeps the messages to yourself`, dir, dir)
		}
	}
	shallow, err := s.Shallow()
	if err == nil && shallow {
		return s.dir + `, without its older commits ("skein sync --unshallow" brings them)`, nil
	}
	return s.dir, err
}

// CheckExport says how the files beside .git are; an error is what is wrong
// with them, and what to do. The names of all are compared, and the contents of
// all too if full is set, else of up to some thousands, as many from a large
// store as from a very large one. It is of no use where none are kept
// (Options.NoMirror).
func (s *Store) CheckExport(ctx context.Context, full bool) (string, error) {
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return "", err
	}
	defer func() { _ = root.Close() }()
	c := exportCheck{s: s, root: root, full: full}
	differ, err := c.run(ctx)
	switch {
	case err != nil:
		return "", err
	case differ > 0:
		return "", fmt.Errorf(`%d files beside .git are not as the messages they show; "skein export" writes them again`, differ)
	case c.named.Load() > c.read.Load():
		return fmt.Sprintf("the files beside .git are as the messages, by name all of them and by content %d", c.read.Load()), nil
	}
	return "the files beside .git are as the messages", nil
}

// CheckIndex says whether the index answers. One that is being built, as in a
// store that has just come from a remote, will.
func (s *Store) CheckIndex(ctx context.Context) (string, error) {
	if s.projection == nil {
		return "is not used", nil
	}
	err := s.askIndex(ctx, func(*index.View) error { return nil })
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case errors.Is(err, errBehind):
		return `is being built, a part of it by each command that reads, or by "skein serve"; "skein verify" does it at once`, nil
	case err != nil:
		return "", fmt.Errorf(`the index does not answer, so that readers walk the tree (%w); "skein verify" builds it anew`, err)
	}
	return "answers", nil
}

// CheckRemote asks the remote, as a sync would that changes nothing.
func (s *Store) CheckRemote(ctx context.Context) (string, error) {
	report, err := s.Sync(ctx, SyncOptions{DryRun: true})
	switch {
	case errors.Is(err, ErrNoRemote):
		return "none; messages stay on this machine", nil
	case err != nil:
		return "", err
	case len(report.Held) > 0:
		return "", errors.New(report.Held[0])
	}
	says := fmt.Sprintf("%s answers; %d to fetch, %d to push", report.Remote, report.Fetched, report.Pushed)
	if report.Moved != "" {
		says += "; " + MovedSentence(report.Moved)
	}
	return says, nil
}

// CheckRights says whether the remote lets this user push, by pushing what it
// is known to have. A rule that is only about some branch or content is not seen
// by that, nor is a host that asks for the right to write only when something
// changes; RemoteState knows what was refused.
func (s *Store) CheckRights(ctx context.Context) (string, error) {
	address, err := s.RemoteURL()
	if err != nil || address == "" {
		return "there is nothing to push to", err
	}
	updates, err := s.nothingNew()
	if err != nil || len(updates) == 0 {
		return "nothing was pushed yet, so that is not known", err
	}
	unlock, err := s.lockSync(ctx, SyncOptions{NoWait: true})
	if errors.Is(err, ErrSyncing) {
		return "another process is syncing", nil
	}
	if err != nil {
		return "", err
	}
	defer unlock()
	w := s.newGitWire(address, nil)
	defer w.r.Close()
	if _, err := w.push(ctx, nil, updates); err != nil {
		return "", err
	}
	return "the remote takes a push of this user that changes nothing", nil
}

// nothingNew are updates that leave the remote's branches where they are known
// to be; a branch that has moved is not touched, by its lease.
func (s *Store) nothingNew() (updates []remote.Update, err error) {
	for _, ref := range syncBranches {
		_, known, err := s.knownTip(ref)
		if err != nil {
			return nil, err
		}
		if !known.IsZero() {
			updates = append(updates, remote.Update{Branch: ref, New: known, Lease: known})
		}
	}
	return updates, nil
}

// CheckHooks says whether git would run programs when somebody uses it in the
// store. skein itself runs none.
func (s *Store) CheckHooks() (string, error) {
	cfg, err := s.db.Config()
	if err != nil {
		return "", fmt.Errorf("read the configuration of %s: %w", s.dir, err)
	}
	dir := filepath.Join(s.db.Dir(), "hooks")
	if given := cfg.Raw.Section("core").Option("hooksPath"); filepath.IsAbs(given) {
		dir = given
	} else if given != "" {
		dir = filepath.Join(s.db.Dir(), given)
	}
	files, err := os.ReadDir(dir)
	if err != nil && !isNotThere(err) {
		return "", fmt.Errorf("look for hooks: %w", err)
	}
	for _, f := range files {
		if runs(f) {
			return "", fmt.Errorf("git runs %s when it is used in the store, and a hook may refuse or change what is pushed from there by hand; remove it if it is not yours", filepath.Join(dir, f.Name()))
		}
	}
	return "none", nil
}

// runs tells whether git takes a file for a hook that is in force.
func runs(f os.DirEntry) bool {
	info, err := f.Info()
	return err == nil && info.Mode().IsRegular() && !strings.HasSuffix(f.Name(), ".sample") &&
		(runtime.GOOS == "windows" || info.Mode()&0o111 != 0)
}
