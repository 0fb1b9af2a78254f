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
const volumeSize = 32 << 30

// volume is an ext4 in a file, mounted while a run lasts.
type volume struct{ dir string }

// mountJournaled mounts the ext4 with a journal in dir, and makes it if there
// is none. That takes root, loop devices and mkfs.ext4.
func mountJournaled(ctx context.Context, dir string) (*volume, error) {
	image, v := filepath.Join(dir, "journaled.ext4"), &volume{dir: filepath.Join(dir, "journaled")}
	if err := os.MkdirAll(v.dir, 0o700); err != nil {
		return nil, err
	}
	if _, err := os.Stat(image); err != nil {
		if err := makeImage(ctx, image); err != nil {
			return nil, err
		}
	}
	_ = system(ctx, "umount", v.dir) // a run that was killed has left it; nobody else holds the lock
	return v, system(ctx, "mount", "-o", "loop", image, v.dir)
}

// makeImage makes a file system with room for two million files, under its
// name only when it is whole.
func makeImage(ctx context.Context, image string) error {
	temp := image + ".new"
	if err := os.WriteFile(temp, nil, 0o600); err != nil {
		return err
	}
	if err := os.Truncate(temp, volumeSize); err != nil {
		return err
	}
	if err := system(ctx, "mkfs.ext4", "-q", "-F", "-N", "2000000", "-E", "lazy_itable_init=0,lazy_journal_init=0", temp); err != nil {
		return err
	}
	return os.Rename(temp, image)
}

// unmount works also after an interrupt, which has ended the run's context.
func (v *volume) unmount() error {
	v.trim(context.Background())
	return system(context.Background(), "umount", v.dir)
}

// trim gives back to the disk what was removed in the image. Doing so at each
// removal would cost those who are measured; where it cannot be done, the image
// only stays larger.
func (v *volume) trim(ctx context.Context) { _ = system(ctx, "fstrim", v.dir) }

func system(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w %s", args[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}
