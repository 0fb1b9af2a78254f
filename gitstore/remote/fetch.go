package remote

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"skein/gitstore/odb"
)

// Tips are branches and where they are.
type Tips map[plumbing.ReferenceName]plumbing.Hash

// config is that of a quarantine.
const config = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"

// Fetch brings what the branches hold that is not in r.Objects into dir, which
// it makes a bare repository and which must not be there yet. It returns those
// of the branches that exist, with an id each; a remote without any is no
// error. A branch may be a pattern, as refs/heads/inbox/*, for all that there
// are. What has come is complete as git understands it, and nothing of it is
// checked otherwise.
func (r *Remote) Fetch(ctx context.Context, dir string, branches ...plumbing.ReferenceName) (Tips, error) {
	return r.FetchDepth(ctx, dir, 0, branches...)
}

// FetchDepth is Fetch of a part of the history. Which commits in dir are
// without their parents stands in its file shallow, as git has it.
func (r *Remote) FetchDepth(ctx context.Context, dir string, depth Depth, branches ...plumbing.ReferenceName) (Tips, error) {
	tips, _, err := r.fetchEither(ctx, dir, depth, branches, false)
	return tips, err
}

// FetchObjects is Fetch, but that what is small comes as objects, and not into
// dir; nil means that all has gone there.
func (r *Remote) FetchObjects(ctx context.Context, dir string, branches ...plumbing.ReferenceName) (Tips, Objects, error) {
	return r.fetchEither(ctx, dir, 0, branches, true)
}

func (r *Remote) fetchEither(ctx context.Context, dir string, depth Depth, branches []plumbing.ReferenceName, held bool) (Tips, Objects, error) {
	if err := r.makeRepository(dir); err != nil {
		return nil, nil, fmt.Errorf("make a quarantine: %w", err)
	}
	if r.transport(ctx, dir) == BuiltIn {
		tips, came, err := r.fetchBuiltIn(ctx, dir, depth, branches, held)
		if !r.beyond(err) {
			return tips, came, err
		}
		if err := errors.Join(os.RemoveAll(dir), r.makeRepository(dir)); err != nil {
			return nil, nil, fmt.Errorf("make a quarantine: %w", err)
		}
	}
	tips, err := r.fetchByGit(ctx, dir, depth, branches)
	if errors.Is(err, errOldGit) {
		return r.fetchBuiltIn(ctx, dir, depth, branches, held)
	}
	return tips, nil, err
}

func (r *Remote) fetchByGit(ctx context.Context, dir string, depth Depth, branches []plumbing.ReferenceName) (Tips, error) {
	err := r.fetch(ctx, dir, depth, branches)
	if missing(err) {
		var there Tips
		if there, err = r.list(ctx, dir, branches...); err != nil || len(there) == 0 {
			return there, err
		}
		branches = nil
		for ref := range there {
			branches = append(branches, ref)
		}
		err = r.fetch(ctx, dir, depth, branches)
	}
	if err == nil {
		err = r.checkPacks(ctx, dir)
	}
	if err != nil {
		return nil, err
	}
	return readTips(dir, branches)
}

// checkPacks refuses what git has taken and nobody can read in reasonable time.
func (r *Remote) checkPacks(ctx context.Context, dir string) error {
	indexes, err := filepath.Glob(filepath.Join(dir, "objects", "pack", "pack-*.idx"))
	if err != nil {
		return err
	}
	for _, index := range indexes {
		err := odb.CheckPack(ctx, strings.TrimSuffix(index, ".idx"))
		if errors.As(err, new(*odb.BurdenError)) {
			return r.tooLarge(err)
		}
		if err != nil {
			return fmt.Errorf("read what was fetched: %w", err)
		}
	}
	return nil
}

func (r *Remote) fetch(ctx context.Context, dir string, depth Depth, branches []plumbing.ReferenceName) error {
	// Nothing in a quarantine has to survive a power cut: who takes it over flushes it.
	args := []string{"-c", "core.fsync=none", "fetch", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-maintenance",
		"--no-show-forced-updates", "--progress"}
	var specs []string
	for _, ref := range branches {
		specs = append(specs, "+"+ref.String()+":"+ref.String())
	}
	_, err := r.packets(ctx, dir, order{options: append(args, depth.arguments()...), refs: specs})
	return err
}

// packets runs a git that asks the remote something, and returns what it
// printed. A git that speaks to another sends packets, which are told here: one
// that has sent none has read files over http, or a page.
func (r *Remote) packets(ctx context.Context, dir string, o order) (string, error) {
	sent := filepath.Join(dir, "packets")
	o.env = append(o.env, "GIT_TRACE_PACKET="+sent)
	out, err := r.run(ctx, dir, o)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(sent); err != nil && overHTTP(r.URL) {
		return out, &Error{Kind: Dumb, URL: Redact(r.URL), Text: errDumb.Error()}
	}
	return out, nil
}

// missing tells whether a fetch failed because one of the branches is not there.
func missing(err error) bool {
	var e *Error
	return errors.As(err, &e) && strings.Contains(e.Text, "couldn't find remote ref")
}

// List returns where branches are, as Fetch does, and fetches nothing. dir is a
// directory in which git may be given a repository meanwhile; it need not be
// there.
func (r *Remote) List(ctx context.Context, dir string, branches ...plumbing.ReferenceName) (tips Tips, err error) {
	at := filepath.Join(dir, "list")
	if r.transport(ctx, at) == BuiltIn {
		tips, err := r.listBuiltIn(ctx, at, branches)
		if !r.beyond(err) {
			return tips, err
		}
	}
	if err := errors.Join(os.RemoveAll(at), os.MkdirAll(dir, 0o700), r.makeRepository(at)); err != nil {
		return nil, fmt.Errorf("make a repository to ask from: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(at)) }()
	return r.list(ctx, at, branches...)
}

// list asks where branches are and fetches nothing; those that are not there
// are left out. dir is any repository.
func (r *Remote) list(ctx context.Context, dir string, branches ...plumbing.ReferenceName) (Tips, error) {
	var names []string
	for _, ref := range branches {
		names = append(names, ref.String())
	}
	out, err := r.packets(ctx, dir, order{options: []string{"ls-remote"}, refs: names})
	if e := (*Error)(nil); errors.As(err, &e) && e.Kind == Dumb && out == "" {
		return nil, r.dumb(ctx, dir, err)
	}
	if err != nil {
		return nil, err
	}
	tips := Tips{}
	for line := range strings.Lines(out) {
		id, name, _ := strings.Cut(strings.TrimSpace(line), "\t")
		for _, ref := range branches {
			if matches(ref, name) && plumbing.IsHash(id) {
				tips[plumbing.ReferenceName(name)] = plumbing.NewHash(id)
			}
		}
	}
	return tips, nil
}

// dumb tells a server that seems to be a dumb one and to lack the branches from a
// page of one line, which looks to git like one with an empty repository.
func (r *Remote) dumb(ctx context.Context, dir string, seems error) error {
	if all, _ := r.packets(ctx, dir, order{options: []string{"ls-remote"}}); all != "" {
		return seems
	}
	return &Error{Kind: NotFound, URL: Redact(r.URL), Text: notGit}
}

// matches tells whether a branch or pattern stands for the branch of a name; none
// does for a name that git forbids, which a hostile server may send.
func matches(branch plumbing.ReferenceName, name string) bool {
	ok, err := path.Match(branch.String(), name)
	return ok && err == nil && plumbing.ReferenceName(name).Validate() == nil
}

// makeRepository makes an empty bare repository, without the templates that
// `git init` would put into it. HEAD is on no branch that is fetched.
func makeRepository(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for _, sub := range []string{"objects/info", "objects/pack", "refs/heads"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.FromSlash(sub)), 0o700); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "HEAD"), []byte("ref: refs/none\n"), 0o600)
}

func readTips(dir string, branches []plumbing.ReferenceName) (Tips, error) {
	tips := Tips{}
	for _, ref := range branches {
		files := []string{filepath.Join(dir, filepath.FromSlash(ref.String()))}
		if strings.Contains(ref.String(), "*") {
			var err error
			if files, err = filepath.Glob(files[0]); err != nil {
				return nil, fmt.Errorf("list what was fetched of %s: %w", ref.Short(), err)
			}
		}
		for _, file := range files {
			h, err := readTip(file)
			if err != nil {
				return nil, fmt.Errorf("read what was fetched of %s: %w", ref.Short(), err)
			}
			name := filepath.ToSlash(strings.TrimPrefix(file, dir+string(filepath.Separator)))
			tips[plumbing.ReferenceName(name)] = h
		}
	}
	return tips, nil
}

func readTip(file string) (plumbing.Hash, error) {
	text, err := os.ReadFile(file)
	id := strings.TrimSpace(string(text))
	if err == nil && !plumbing.IsHash(id) {
		err = fmt.Errorf("%q is no id of an object of SHA-1", id)
	}
	return plumbing.NewHash(id), err
}
