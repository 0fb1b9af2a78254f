package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// git runs git and returns what it prints, without the last newline.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	return gitInput(ctx, dir, "", args...)
}

func gitInput(ctx context.Context, dir, input string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(problems.String()))
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

// worktree is an ordinary repository with a store's Markdown files checked out.
type worktree struct {
	dir    string
	corpus *corpus
	n      int
}

// newWorktree makes one in dir from the files of the store.
func newWorktree(ctx context.Context, store, dir string) (*worktree, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	if err := exec.CommandContext(ctx, "cp", "-a", filepath.Join(store, "projects"), dir).Run(); err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"init", "-q"}, {"config", "user.name", "bench"}, {"config", "user.email", "bench@localhost"},
		{"config", "gc.auto", "0"}, {"config", "commit.gpgsign", "false"},
		{"add", "-A"}, {"commit", "-q", "-m", "all"}, {"gc", "-q"},
	} {
		if _, err := git(ctx, dir, args...); err != nil {
			return nil, err
		}
	}
	return &worktree{dir: dir, corpus: newCorpus(mixed(1000))}, nil
}

// committer returns a function that writes one more file and commits it.
func (w *worktree) committer(ctx context.Context) func() error {
	return func() error {
		p := w.corpus.post()
		w.n++
		name := filepath.Join("projects", filepath.FromSlash(p.Thread), fmt.Sprintf("bench-%d.md", w.n))
		if err := os.MkdirAll(filepath.Join(w.dir, filepath.Dir(name)), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(p.Body+"\n"), 0o600); err != nil {
			return err
		}
		if _, err := git(ctx, w.dir, "add", name); err != nil {
			return err
		}
		_, err := git(ctx, w.dir, "commit", "-q", "-m", "message")
		return err
	}
}

// last returns the last n messages of a thread's directory, with git alone.
func lastWithGit(ctx context.Context, store, dir string, n int) (string, error) {
	list, err := git(ctx, store, "ls-tree", "-r", "--name-only", "main", dir+"/")
	if err != nil {
		return "", err
	}
	names := strings.Split(list, "\n")
	names = names[max(0, len(names)-n):]
	var ask strings.Builder
	for _, name := range names {
		ask.WriteString("main:" + name + "\n")
	}
	return gitInput(ctx, store, ask.String(), "cat-file", "--batch")
}
