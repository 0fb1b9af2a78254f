package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// volumeSize is the size of the image; it is sparse.
const volumeSize = 8 << 30

// volume is an ext4 in a file, mounted while the run lasts.
type volume struct{ dir string }

// mountJournaled makes and mounts an ext4 with a journal below dir. That takes
// root, loop devices and mkfs.ext4.
func mountJournaled(ctx context.Context, dir string) (*volume, error) {
	image, v := filepath.Join(dir, "journaled.ext4"), &volume{dir: filepath.Join(dir, "journaled")}
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		return nil, err
	}
	if err := os.Truncate(image, volumeSize); err != nil {
		return nil, err
	}
	if err := os.Mkdir(v.dir, 0o700); err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"mkfs.ext4", "-q", "-F", "-i", "8192", "-E", "lazy_itable_init=0,lazy_journal_init=0", image},
		{"mount", "-o", "loop", image, v.dir},
	} {
		if err := system(ctx, args...); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// unmount works also after an interrupt, which has ended the run's context.
func (v *volume) unmount() error { return system(context.Background(), "umount", v.dir) }

func system(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w %s", args[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}
