package main

import (
	"github.com/spf13/cobra"

	"skein/render"
)

func newConfigCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show the settings and where they come from",
		Long: `Show every setting, its value, and where the value comes from. A flag wins
over the environment variable (SKEIN_ and the name in capitals), that over
config.toml, that over the default. --config or $SKEIN_CONFIG names another
file. In the file, a relative path is relative to the file.`,
		Example: `  skein config
  SKEIN_AGENT=mary skein config --json`,
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return runConfig(cmd, a) },
	}
	a.jsonFlag(cmd)
	return cmd
}

func runConfig(cmd *cobra.Command, a *app) error {
	path, _ := configFile(cmd.Root().PersistentFlags())
	rows := make([][]render.Cell, len(a.values))
	for i, v := range a.values {
		if v.Source == fromDefault && v.Key == "agent" {
			v.Text, _ = a.agent() // shown empty if there is none
			a.values[i] = v
		}
		rows[i] = []render.Cell{render.Strong(v.Key), render.Dim(v.Source), render.Plain(v.Text)}
	}
	return a.show(toJSONConfig(path, a.values), func(t render.Terminal) string {
		return t.Table(rows) + "\n" + render.Line(path) + "\n"
	})
}
