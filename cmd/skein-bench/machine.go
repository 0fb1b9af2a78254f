package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// header says on what the figures were taken, in Markdown.
func (b *bench) header(ctx context.Context) string {
	var t strings.Builder
	line := func(what, value string) { fmt.Fprintf(&t, "- %s: %s\n", what, value) }
	line("measured", time.Now().UTC().Format(time.DateOnly))
	line("machine", fmt.Sprintf("%d × %s, %s/%s", runtime.NumCPU(), processor(), runtime.GOOS, runtime.GOARCH))
	line("file system", filesystemOf(b.home).String()+", where a row names no other")
	if b.lack != "" {
		line("file system", b.lack)
	}
	line("Go", runtime.Version())
	line("git", versionOf(ctx, "git", "--version"))
	if v, err := sqliteVersion(ctx); err == nil {
		line("SQLite", v+" ("+moduleVersion("modernc.org/sqlite")+")")
	}
	line("skein", versionOf(ctx, b.skein, "version"))
	return t.String()
}

// processor is the processor's name, where the system tells.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		if m := regexp.MustCompile(`(?m)^model name\s*: (.*)$`).FindSubmatch(text); m != nil {
			return string(m[1])
		}
	}
	return "processor"
}

// versionOf is what a program says of its version.
func versionOf(ctx context.Context, program string, args ...string) string {
	out, err := exec.CommandContext(ctx, program, args...).Output()
	if err != nil {
		return "unknown"
	}
	said := strings.TrimSpace(string(out))
	return strings.TrimPrefix(strings.TrimPrefix(said, "git version "), "skein ")
}

func moduleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return path
	}
	for _, d := range info.Deps {
		if d.Path == path {
			return path + " " + d.Version
		}
	}
	return path
}

// filesystem is what a directory lies on.
type filesystem struct {
	kind    string
	journal bool // flushing waits for a journal
}

func (f filesystem) String() string {
	if f.journal {
		return f.kind + " with a journal"
	}
	return f.kind + " without a journal"
}

// filesystemOf finds out from the mounts; elsewhere than on Linux the usual
// file systems keep a journal, or are as good as if they did.
func filesystemOf(dir string) filesystem {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return filesystem{kind: runtime.GOOS, journal: true}
	}
	device, kind := mountOf(mounts, dir)
	f := filesystem{kind: kind}
	switch kind {
	case "ext4", "ext3":
		// The journal has a directory there, named after the device.
		found, _ := filepath.Glob("/proc/fs/jbd2/" + filepath.Base(device) + "-*")
		f.journal = len(found) > 0
	case "tmpfs", "ramfs", "ext2", "vfat", "exfat":
	default:
		f.journal = true // xfs, btrfs, zfs and the like
	}
	return f
}

// mountOf finds the mount with the longest prefix of dir.
func mountOf(mounts []byte, dir string) (device, kind string) {
	longest := -1
	for line := range bytes.Lines(mounts) {
		fields := strings.Fields(string(line))
		if len(fields) < 3 {
			continue
		}
		point := fields[1]
		if len(point) > longest && (dir == point || strings.HasPrefix(dir, strings.TrimSuffix(point, "/")+"/")) {
			device, kind, longest = fields[0], fields[2], len(point)
		}
	}
	return device, kind
}
