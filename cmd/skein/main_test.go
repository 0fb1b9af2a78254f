package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"skein": main})
}

// TestScripts runs testdata/script: what each command does for the person who
// types it, grouped by what the scripts guard against. script_test.go says
// which commands the scripts have besides testscript's own.
func TestScripts(t *testing.T) {
	bin, err := exec.LookPath("skein")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                scriptCommands,
		Setup: func(env *testscript.Env) error {
			home := filepath.Join(env.WorkDir, "home")
			for name, value := range map[string]string{
				"HOME":            home,
				"XDG_CONFIG_HOME": filepath.Join(home, ".config"),
				"XDG_DATA_HOME":   filepath.Join(home, ".local", "share"),
				"SKEIN_STORE":     filepath.Join(env.WorkDir, "store"),
				"SKEIN_AGENT":     "mary",
				"SKEIN_BIN":       filepath.Dir(bin),
				"TZ":              "UTC",
			} {
				env.Setenv(name, value)
			}
			return os.MkdirAll(filepath.Join(home, ".config", "skein"), 0o700)
		},
	})
}
