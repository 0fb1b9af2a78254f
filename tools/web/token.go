package web

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// TokenFile is where the token of the store in dir lies.
func TokenFile(dir string) string { return filepath.Join(dir, ".git", "skein", "http-token") }

// Token returns the token of the store in dir, and makes one on first use: a
// file that only its owner can read. Several processes get the same one.
func Token(dir string) (string, error) {
	path := TokenFile(dir)
	token, err := readToken(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return token, err
	}
	if err := makeToken(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("make the token: %w", err)
	}
	return readToken(path)
}

func readToken(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("others can read the token %s; remove the file, and a new one is made", path)
	}
	b, err := os.ReadFile(path)
	if token := strings.TrimSpace(string(b)); err != nil || token != "" {
		return token, err
	}
	return "", fmt.Errorf("the token %s is empty; remove the file, and a new one is made", path)
}

// makeToken puts a whole file at path, or nothing; it fails if one is there.
func makeToken(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), "http-token-*") // with mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // a left-over harms nobody
	_, err = f.WriteString(rand.Text() + "\n")
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), path)
}
