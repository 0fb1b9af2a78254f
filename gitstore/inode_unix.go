//go:build !windows

package gitstore

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// inodeOf names a file or directory within its file system; a copy has another.
func inodeOf(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", fmt.Errorf("%s has no inode", path)
	}
	return strconv.FormatUint(uint64(stat.Ino), 10), nil
}
