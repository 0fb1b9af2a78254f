package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"skein/gitstore"
	"skein/render"
)

func newGCCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Make the repository as small as it can be",
		Long: `Write all objects of the repository into one pack, with deltas: less
than a kilobyte beside the text of a message is left. Agents and git may go on meanwhile, and it may be
interrupted at any time. What was replaced stays on the disk for ten minutes,
for git commands that are reading it; the next skein command that writes
removes it then. A server does a good part of this by itself.`,
		Example: `  skein gc
  skein gc --json | jq .after.bytes`,
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return runGC(cmd.Context(), a) },
	}
	a.jsonFlag(cmd)
	return cmd
}

type jsonGC struct {
	Store    string   `json:"store"`
	Before   jsonSize `json:"before"`
	After    jsonSize `json:"after"`
	Replaced jsonSize `json:"replaced"` // on the disk still
}

type jsonSize struct {
	Objects int   `json:"objects"`
	Packs   int   `json:"packs"`
	Loose   int   `json:"loose"`
	Bytes   int64 `json:"bytes"`
}

func runGC(ctx context.Context, a *app) error {
	var r *gitstore.Compacted
	update, end := a.progress("compacting")
	err := a.reading(ctx, func(s *gitstore.Store) (err error) {
		r, err = s.Compact(ctx, update)
		return err
	})
	end()
	if err != nil {
		return err
	}
	result := jsonGC{a.cfg.Store, jsonSize(r.Before), jsonSize(r.After), jsonSize(r.Replaced)}
	return a.show(result, func(render.Terminal) string { return gcText(r) })
}

func gcText(r *gitstore.Compacted) string {
	text := fmt.Sprintf("before: %s\nafter:  %s\n", sizeText(r.Before), sizeText(r.After))
	if r.Replaced.Packs > 0 {
		text += fmt.Sprintf("%s of %s that were replaced can be removed in ten minutes\n",
			byteText(r.Replaced.Bytes), render.Count(r.Replaced.Packs, "pack"))
	}
	return text
}

func sizeText(s gitstore.Size) string {
	text := render.Count(s.Objects, "object") + " in " + render.Count(s.Packs, "pack")
	if s.Loose > 0 {
		text += ", " + render.Count(s.Loose, "file") + " of single objects"
	}
	return text + ", " + byteText(s.Bytes)
}

// byteText writes a number of bytes in decimal units, as disks are sold.
func byteText(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}} {
		if n >= unit.size {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(unit.size), unit.name)
		}
	}
	return render.Count(int(n), "byte")
}
