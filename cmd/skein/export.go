package main

import (
	"context"

	"github.com/spf13/cobra"

	"skein/gitstore"
	"skein/render"
)

func newExportCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Rebuild the Markdown files beside the repository",
		Long: `Write every message as a Markdown file beside the repository, and remove what
does not belong there. skein keeps the files current by itself unless the
setting mirror is false; nothing is ever read back from them.`,
		Example: `  skein export`,
		Args:    takes(0, 0, ""),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runExport(cmd.Context(), a) },
	}
	a.jsonFlag(cmd)
	return cmd
}

type jsonExport struct {
	Store string `json:"store"`
	Files int    `json:"files"`
}

func runExport(ctx context.Context, a *app) error {
	result := jsonExport{Store: a.cfg.Store}
	update, end := a.progress("exporting")
	err := a.tending(ctx, func(s *gitstore.Store) error {
		return s.Export(ctx, func(done, total int) {
			result.Files = done
			update(done, total)
		})
	})
	end()
	if err != nil {
		return err
	}
	return a.show(result, func(render.Terminal) string {
		return render.Count(result.Files, "file") + " in " + render.Line(result.Store) + "\n"
	})
}
