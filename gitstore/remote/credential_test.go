package remote

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// guarded serves a repository to mary alone. It counts requests with another
// login, and those without any.
func guarded(t *testing.T, dir string) (address string, wrong, none *int) {
	t.Helper()
	wrong, none = new(int), new(int)
	return server(t, filepath.Dir(dir), func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			name, password, given := r.BasicAuth()
			if name == "mary" && password == "geheim=1" || name == "token" && password == "" {
				next.ServeHTTP(w, r)
				return
			}
			if given {
				*wrong++
			} else {
				*none++
			}
			w.Header().Add("WWW-Authenticate", "Negotiate")
			w.Header().Add("WWW-Authenticate", `Digest realm="x", basic realm="talk"`)
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintln(w, "your password", password, "is wrong")
		})
	}) + "/repo", wrong, none
}

// helper makes a credential helper that gives a password, and returns its
// directory and the file in which it notes what it was asked.
func helper(t *testing.T, password string) (dir, log string) {
	t.Helper()
	dir = t.TempDir()
	log = filepath.Join(dir, "log")
	write(t, log, "")
	program(t, filepath.Join(dir, "git-credential-test"), fmt.Sprintf(`for action; do :; done
text=$action
while read -r line && [ -n "$line" ]; do
	case $line in wwwauth*|path=*) ;; *) text="$text $line" ;; esac
done
echo "$text" >>'%s'
echo 'leak: %s' >&2
[ "$action" != get ] || printf 'username=mary\npassword=%s\n'
`, log, password, password))
	return dir, log
}

func told(t *testing.T, log string) []string {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// helperWays runs a test for both ways to a credential helper: it is asked by
// git, or, where there is none, as a program of its own.
func helperWays(t *testing.T, test func(t *testing.T, noGit bool)) {
	t.Run("through git", func(t *testing.T) { test(t, false) })
	t.Run("without git", func(t *testing.T) { test(t, true) })
}

// TestACredentialHelper is asked once for a fetch and a push, and told that
// what it knows is good.
func TestACredentialHelper(t *testing.T) {
	helperWays(t, func(t *testing.T, noGit bool) {
		config := alone(t)
		t.Setenv("GIT_CONFIG_PARAMETERS", "'credential.helper='") // of a git that started us
		dir, ours := repository(t), repository(t)
		tip := commit(t, dir, "root")
		git(t, dir, "update-ref", mainBranch.String(), tip.String())
		mine := commit(t, ours, "mine")
		address, wrong, none := guarded(t, dir)
		bin, log := helper(t, "geheim=1")
		write(t, config, "[credential]\nhelper = unknown\nhelper =\nhelper = test --for me\n[credential \"https://else.where\"]\nhelper = test\n")
		r := &Remote{URL: address, Objects: filepath.Join(ours, "objects"), Repository: opened(t, ours)}
		only(t, bin, noGit)
		tips, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch)
		if err != nil || tips[mainBranch] != tip {
			t.Fatal(tips, err)
		}
		outcome, err := r.Push(t.Context(), filepath.Join(t.TempDir(), "p"), []Update{{Branch: agentsBranch, New: mine}})
		if err != nil || outcome[agentsBranch] != nil {
			t.Fatal(outcome, err)
		}
		if *wrong != 0 || *none != 1 {
			t.Fatalf("%d requests with another login, %d without one", *wrong, *none)
		}
		host := strings.TrimSuffix(strings.TrimPrefix(address, "http://"), "/repo")
		login := " protocol=http host=" + host + " username=mary password=geheim=1"
		if got, want := told(t, log), []string{"get protocol=http host=" + host, "store" + login}; strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Fatalf("%q", got)
		}
		if r.decided != BuiltIn {
			t.Fatal("it took git")
		}
	})
}

// TestAWrongPassword is tried once, forgotten by the helper that gave it, and
// shown to nobody.
func TestAWrongPassword(t *testing.T) {
	helperWays(t, func(t *testing.T, noGit bool) {
		config := alone(t)
		dir, ours := repository(t), repository(t)
		mine := commit(t, ours, "mine")
		address, wrong, _ := guarded(t, dir)
		bin, log := helper(t, "falsch")
		write(t, config, "[credential]\nhelper = test\n")
		var said []string
		r := &Remote{URL: address, Objects: filepath.Join(ours, "objects"), Repository: opened(t, ours),
			Progress: func(line string) { said = append(said, line) }}
		only(t, bin, noGit)
		_, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch)
		_, again := r.Push(t.Context(), filepath.Join(t.TempDir(), "p"), []Update{{Branch: mainBranch, New: mine}})
		for _, err := range []error{err, again} {
			if kindOf(err) != Auth || strings.Contains(fmt.Sprint(err, said), "falsch") || strings.Contains(err.Error(), "\n") {
				t.Fatalf("%v, %q", err, said)
			}
		}
		if got := told(t, log); *wrong != 1 || len(got) != 2 || !strings.HasPrefix(got[1], "erase ") || !strings.HasSuffix(got[1], "password=falsch") {
			t.Fatalf("%d tries, %q", *wrong, got)
		}
		if r.decided != BuiltIn {
			t.Fatal("git tried too")
		}
	})
}

// TestNobodyKnowsAPassword: nothing is asked on a terminal, and nothing hangs.
func TestNobodyKnowsAPassword(t *testing.T) {
	helperWays(t, func(t *testing.T, noGit bool) {
		config := alone(t)
		dir := repository(t)
		address, wrong, none := guarded(t, dir)
		asked := filepath.Join(t.TempDir(), "asked")
		program(t, asked+".sh", "touch "+asked+"\n")
		t.Setenv("SSH_ASKPASS", asked+".sh")
		write(t, config, "[core]\naskPass = "+asked+".sh\n[credential]\nhelper = none\nhelper = !echo password=x\nhelper = /none\n")
		r := &Remote{URL: address, Repository: opened(t, dir)}
		only(t, t.TempDir(), noGit)
		if _, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch); kindOf(err) != Auth || *none != 1 || *wrong != 0 {
			t.Fatal(err, *none, *wrong)
		}
		if _, err := os.Stat(asked); err == nil {
			t.Fatal("somebody was asked")
		}
	})
}

// TestALoginInTheAddress goes to the server at once, and to no other; a helper
// hears nothing of it, be it good or not.
func TestALoginInTheAddress(t *testing.T) {
	config := alone(t)
	dir := repository(t)
	address, wrong, none := guarded(t, dir)
	elsewhere := server(t, filepath.Dir(dir), func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, strings.TrimSuffix(address, "/repo")+r.URL.String(), http.StatusFound)
		})
	}) + "/repo"
	r := &Remote{URL: strings.Replace(address, "//", "//token@", 1), Repository: opened(t, dir), Transport: BuiltIn}
	if _, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch); err != nil || *wrong != 0 || *none != 1 {
		t.Fatalf("a token alone: %v, %d requests with another login, %d without one", err, *wrong, *none)
	}
	bin, log := helper(t, "falsch")
	write(t, config, "[credential]\nhelper = test\n")
	only(t, bin, false)
	for _, c := range []struct {
		at, password string
		wrong, none  int
		ok           bool
	}{{address, "geheim%3D1", 0, 0, true}, {address, "falsch", 1, 0, false}, {elsewhere, "geheim%3D1", 0, 1, false}} {
		*wrong, *none = 0, 0
		r := &Remote{URL: strings.Replace(c.at, "//", "//mary:"+c.password+"@", 1), Repository: opened(t, dir), Transport: BuiltIn}
		_, err := r.Fetch(t.Context(), filepath.Join(t.TempDir(), "q"), mainBranch)
		if c.ok != (err == nil) || *wrong != c.wrong || *none != c.none {
			t.Fatalf("%+v: %v, %d requests with another login, %d without one", c, err, *wrong, *none)
		}
	}
	if got := told(t, log); got[0] != "" {
		t.Fatalf("the helper is told %q", got)
	}
}

// only has programs found in one directory, and git's beside if there is one.
func only(t *testing.T, dir string, noGit bool) {
	t.Helper()
	if !noGit {
		dir += string(os.PathListSeparator) + os.Getenv("PATH")
	}
	t.Setenv("PATH", dir)
}
