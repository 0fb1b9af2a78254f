package remote

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheHelpersOfAnAddress where there is no git to tell: those that the user's
// configuration names for it, as far as they are programs and no shell is needed.
func TestTheHelpersOfAnAddress(t *testing.T) {
	const address = "https://host.example/you/talk.git"
	for name, c := range map[string]struct{ config, want string }{
		"one":                {"[credential]\nhelper = test\n", "test"},
		"with a word":        {"[credential]\nhelper = test --for me\n", "test --for me"},
		"two":                {"[credential]\nhelper = test\nhelper = other\n", "test, other"},
		"taken back":         {"[credential]\nhelper = other\nhelper =\nhelper = test\n", "test"},
		"of this server":     {"[credential \"https://Host.example\"]\nhelper = test\n", "test"},
		"of another server":  {"[credential \"https://other.example\"]\nhelper = test\n", ""},
		"of another scheme":  {"[credential \"http://host.example\"]\nhelper = test\n", ""},
		"of this path":       {"[credential \"https://host.example/you/talk.git\"]\nhelper = test\n", "test"},
		"of a path above":    {"[credential \"https://host.example/you/\"]\nhelper = test\n", "test"},
		"of a path beside":   {"[credential \"https://host.example/yo\"]\nhelper = test\n", ""},
		"a shell":            {"[credential]\nhelper = !test\nhelper = \"test $HOME\"\n", ""},
		"none of that name":  {"[credential]\nhelper = none\n", ""},
		"no configuration":   {"[credential\n", ""},
		"nothing of helpers": {"[user]\nname = x\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, alone(t), c.config)
			withHelpers(t)
			if got := helperNames(helpers(parsed(t, address))); got != c.want {
				t.Errorf("%q", got)
			}
		})
	}
}

// TestTheFilesOfTheUser: both that git reads are read, or the one that a
// variable names.
func TestTheFilesOfTheUser(t *testing.T) {
	config, xdg := alone(t), t.TempDir()
	if err := os.Mkdir(filepath.Join(xdg, "git"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, config, "[credential]\nhelper = test\n")
	write(t, filepath.Join(xdg, "git", "config"), "[credential]\nhelper = other\n")
	withHelpers(t)
	for _, c := range []struct{ variable, value, want string }{
		{"XDG_CONFIG_HOME", xdg, "other, test"},
		{"GIT_CONFIG_GLOBAL", config, "test"},
	} {
		t.Setenv(c.variable, c.value)
		if got := helperNames(helpers(parsed(t, "https://host.example/talk"))); got != c.want {
			t.Errorf("%s: %q", c.variable, got)
		}
	}
}

// withHelpers has two helpers be found, test and other, and no git.
func withHelpers(t *testing.T) {
	t.Helper()
	bin := t.TempDir()
	for _, name := range []string{"test", "other"} {
		program(t, filepath.Join(bin, "git-credential-"+name), "")
	}
	only(t, bin, true)
}

// program writes a script.
func program(t *testing.T, name, script string) {
	t.Helper()
	write(t, name, "#!/bin/sh\n"+script)
	if err := os.Chmod(name, 0o700); err != nil {
		t.Fatal(err)
	}
}

// helperNames lists commands by the names of their helpers.
func helperNames(commands [][]string) string {
	var names []string
	for _, command := range commands {
		name := strings.TrimPrefix(filepath.Base(command[0]), "git-credential-")
		names = append(names, strings.Join(append([]string{name}, command[1:]...), " "))
	}
	return strings.Join(names, ", ")
}

func parsed(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestWhatAHelperIsAsked, and what it may answer.
func TestWhatAHelperIsAsked(t *testing.T) {
	config, bin := alone(t), t.TempDir()
	write(t, config, "[credential]\nhelper = first\nhelper = second\n")
	asked := filepath.Join(bin, "asked")
	answers := func(first, second string) {
		for name, answer := range map[string]string{"first": first, "second": second} {
			program(t, filepath.Join(bin, "git-credential-"+name),
				fmt.Sprintf("while read -r line && [ -n \"$line\" ]; do echo \"$line\"; done >'%s'\nprintf '%s'\n", asked, answer))
		}
	}
	only(t, bin, true)
	for _, c := range []struct{ first, second, name, password string }{
		{`username=mary\npassword=a=b\n`, ``, "mary", "a=b"},
		{`username=mary\r\npassword=a\r\n`, ``, "mary", "a"},
		{`username=mary\n`, `username=eve\npassword=c\n`, "eve", "c"},
		{`password=a\n`, ``, "", ""},
		{`username=mary\npassword=\n`, ``, "", ""},
		{`quit=1\n`, ``, "", ""},
	} {
		answers(c.first, c.second)
		l := ask(t.Context(), "", parsed(t, "https://host/you/talk"), nil)
		if c.name == "" && l != nil || c.name != "" && (l == nil || l.name != c.name || l.password != c.password) {
			t.Errorf("%+v: %+v", c, l)
		}
	}
	ask(t.Context(), "", parsed(t, "https://mary@host:1/you/talk"), []string{"Negotiate", `Basic realm="x"`})
	text, err := os.ReadFile(asked)
	if want := "protocol=https\nhost=host:1\npath=you/talk\nusername=mary\nwwwauth[]=Negotiate\nwwwauth[]=Basic realm=\"x\"\n"; err != nil || string(text) != want {
		t.Errorf("asked\n%s%v", text, err)
	}
	write(t, asked, "")
	for _, address := range []string{"https://host/x%0ahost=other", "https://a%0dhost=other@host/x", "https://host/x%00"} {
		if l := ask(t.Context(), "", parsed(t, address), nil); l != nil {
			t.Errorf("%s: %+v", address, l)
		}
	}
	if text, err := os.ReadFile(asked); err != nil || len(text) > 0 {
		t.Errorf("asked\n%s%v", text, err)
	}
}

// TestHome: a password goes to the remote's own server and to no other.
func TestHome(t *testing.T) {
	r := &Remote{URL: "https://mary:x@Host.example/talk"}
	for address, want := range map[string]bool{
		"https://host.example/talk": true, "https://host.example:443/else": true, "https://HOST.example/": true,
		"http://host.example/talk": false, "http://host.example:443/talk": false, "https://host.example:444/talk": false,
		"https://host.example.other/talk": false, "https://other/talk": false,
	} {
		if got := r.isHome(parsed(t, address)); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}
