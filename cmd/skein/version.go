package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"skein/render"
)

// version is set when a release is built: -ldflags "-X main.version=1.2.3".
var version string

func newVersionCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Show the version",
		Example: `  skein version --json`,
		Args:    takes(0, 0, ""),
		// The version can be told whatever the settings say.
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil },
		RunE:              func(*cobra.Command, []string) error { return runVersion(a) },
	}
	a.jsonFlag(cmd)
	return cmd
}

type jsonVersion struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Revision string `json:"revision,omitempty"`
}

func runVersion(a *app) error {
	v := buildVersion()
	return a.show(v, func(render.Terminal) string {
		return "skein " + v.Version + " (" + v.Go + ", " + v.Platform + ")\n"
	})
}

// buildVersion is the version set at build time, else what the go command
// recorded.
func buildVersion() jsonVersion {
	v := jsonVersion{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Revision = s.Value
			}
		}
		if v.Version == "" {
			v.Version = info.Main.Version
		}
	}
	if v.Version == "" || v.Version == "(devel)" {
		v.Version = "devel"
	}
	return v
}
