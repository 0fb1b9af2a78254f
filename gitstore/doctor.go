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
)

// CheckExport says how the files beside .git are; an error is what is wrong
// with them, and what to do. It reads all of them, and is of no use where none
// are kept (Options.NoMirror).
func (s *Store) CheckExport(ctx context.Context) (string, error) {
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return "", err
	}
	defer func() { _ = root.Close() }()
	differ, err := s.exportDiffers(ctx, root)
	if err == nil && differ > 0 {
		err = fmt.Errorf(`%d files beside .git are not as the messages they show; "skein export" writes them again`, differ)
	}
	return "the files beside .git are as the messages", err
}

// CheckIndex says whether the index answers.
func (s *Store) CheckIndex(ctx context.Context) (string, error) {
	if s.projection == nil {
		return "is not used", nil
	}
	ok, err := s.fromIndex(ctx, func(*index.View) error { return nil })
	if err == nil && !ok {
		err = errors.New(`the index does not answer, so that readers walk the tree; "skein verify" builds it anew`)
	}
	return "answers", err
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
