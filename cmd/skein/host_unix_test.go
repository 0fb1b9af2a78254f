//go:build unix

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// machine is somebody's machine: a home with credentials for the host, and a
// store that is synced with one of its repositories.
type machine struct {
	t         *testing.T
	g         *gitea
	who, home string
	prefix    string // of its addresses
	env       []string
}

// machine makes a home for somebody who reaches the host over http or ssh.
func (g *gitea) machine(t *testing.T, way, who string) *machine {
	t.Helper()
	m := &machine{t: t, g: g, who: who, home: t.TempDir()}
	m.env = []string{"HOME=" + m.home, "PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1", "SKEIN_AGENT=" + who, "TZ=UTC",
		"XDG_CONFIG_HOME=" + filepath.Join(m.home, ".config"), "XDG_DATA_HOME=" + filepath.Join(m.home, ".local", "share")}
	m.write(".gitconfig", "[user]\n\tname = "+who+"\n\temail = "+who+"@example.org\n[credential]\n\thelper = store\n"+
		"[core]\n\tsshCommand = ssh -F none -o IdentitiesOnly=yes -i "+m.path("key")+" -o UserKnownHostsFile="+m.path("known_hosts")+"\n")
	m.prefix = "http://" + g.web + "/"
	if way == "ssh" {
		m.prefix = "ssh://git@" + g.ssh + "/"
		m.command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", m.path("key"))
		host, port, _ := strings.Cut(g.ssh, ":")
		m.write("known_hosts", m.command("ssh-keyscan", "-p", port, host))
	}
	m.logIn()
	return m
}

func (m *machine) path(name string) string { return filepath.Join(m.home, name) }

func (m *machine) overSSH() bool { return strings.HasPrefix(m.prefix, "ssh:") }

func (m *machine) write(name, text string) {
	m.t.Helper()
	if err := os.WriteFile(m.path(name), []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

// logIn gives this machine a key or a token, which logOut takes away.
func (m *machine) logIn() {
	m.t.Helper()
	if !m.overSSH() {
		given := m.g.api(m.who, http.MethodPost, "/users/"+m.who+"/tokens", values{"name": m.home, "scopes": []string{"write:repository"}})
		m.write(".git-credentials", fmt.Sprintf("http://%s:%s@%s\n", m.who, field(m.t, given, "sha1"), m.g.web))
		return
	}
	key, err := os.ReadFile(m.path("key.pub"))
	if err != nil {
		m.t.Fatal(err)
	}
	given := m.g.api(m.who, http.MethodPost, "/user/keys", values{"title": m.home, "key": string(key)})
	m.write("key.id", field(m.t, given, "id"))
}

func (m *machine) logOut() {
	m.t.Helper()
	path := "/users/" + m.who + "/tokens/" + strings.ReplaceAll(m.home, "/", "%2F")
	if m.overSSH() {
		id, err := os.ReadFile(m.path("key.id"))
		if err != nil {
			m.t.Fatal(err)
		}
		path = "/user/keys/" + string(id)
	}
	m.g.api(m.who, http.MethodDelete, path, nil)
}

func (m *machine) start(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(m.t.Context(), name, args...)
	cmd.Env, cmd.Dir = m.env, m.home
	return cmd
}

// command runs a program, which must not fail, and returns what it prints.
func (m *machine) command(name string, args ...string) string {
	m.t.Helper()
	out, err := m.start(name, args...).Output()
	if err != nil {
		m.t.Fatalf("%s: %s %s: %v: %s", m.who, name, args, err, stderrOf(err))
	}
	return string(out)
}

func stderrOf(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(exit.Stderr)
	}
	return ""
}

func (m *machine) skein(args ...string) string {
	m.t.Helper()
	return m.command(lookSkein(m.t), args...)
}

// sync syncs, well or not, and returns all that it says.
func (m *machine) sync(args ...string) string {
	out, _ := m.start(lookSkein(m.t), append([]string{"sync"}, args...)...).CombinedOutput()
	return string(out)
}

func (m *machine) post(title string) {
	m.t.Helper()
	m.skein("post", "--thread", "axon/talk", "--title", title, "said by "+m.who)
}

func (m *machine) store() string { return m.path(".local/share/skein") }

// pair are the machines of the repository's owner and of somebody who may push
// to it, both of whom have all of it.
func (g *gitea) pair(t *testing.T, way, repository string) (mary, bob *machine) {
	t.Helper()
	mary = g.machine(t, "http", "mary")
	if status, _ := g.get("/api/v1/users/bob"); status == http.StatusNotFound {
		g.api("mary", http.MethodPost, "/admin/users", values{"username": "bob", "email": "bob@example.org", "password": password, "must_change_password": false})
	}
	bob = g.machine(t, way, "bob")
	g.share(repository, "write")
	mary.post("hello")
	mary.skein("remote", "add", mary.prefix+repository+".git")
	mary.skein("sync")
	bob.skein("init", "--from", bob.prefix+repository+".git")
	bob.skein("sync")
	mary.skein("sync")
	return mary, bob
}

func (g *gitea) share(repository, right string) {
	g.t.Helper()
	g.api("mary", http.MethodPut, "/repos/"+repository+"/collaborators/bob", values{"permission": right})
}

// overEachWay runs a test with bob reaching the host over http and over ssh.
func (g *gitea) overEachWay(name string, test func(t *testing.T, way, repository string)) {
	for _, way := range []string{"http", "ssh"} {
		g.t.Run(name+"/"+way, func(t *testing.T) {
			defer func(before *testing.T) { g.t = before }(g.t)
			g.t = t
			test(t, way, g.repository(name+"-"+way, nil))
		})
	}
}

// TestHost: skein against a whole git host, as its users know one.
func TestHost(t *testing.T) {
	g := newGitea(t)
	t.Run("conversation", g.conversation)
	g.overEachWay("faults", g.faults)
	g.overEachWay("crash", g.crash)
	g.overEachWay("deleted", g.deleted)
	g.overEachWay("strangers", g.strangers)
	g.overEachWay("begun", g.begun)
	g.overEachWay("shallow", g.shallow)
}

// conversation: two agents on two machines talk, and nobody types anything, also
// when the host is away for a while. What it has then is the conversation, in its history and on its pages.
func (g *gitea) conversation(t *testing.T) {
	repository := g.repository("conversation", nil)
	mary, bob := g.pair(t, "ssh", repository) // and mary over http
	var ends []*peer
	for _, m := range []*machine{mary, bob} {
		ends = append(ends, newPeer(t, m.home, append(m.env, "SKEIN_LOG_LEVEL=info")))
	}
	names := []string{mary.who, bob.who}
	for _, end := range ends {
		end.call("check_inbox", `{"mark_read":true}`) // an agent joins with its first call
	}
	const turns, outage = 4, 2
	for turn := range turns {
		body := fmt.Sprintf("turn %d of the talk", turn)
		from, to := turn%2, (turn+1)%2
		if turn == outage {
			g.stop()
		}
		ends[from].call("post_message", fmt.Sprintf(`{"thread":"axon/live","to":[%q],"queue":true,"title":"Turn %d","body":%q}`, names[to], turn, body))
		if turn == outage {
			ends[from].alerted("syncing failed; it is tried again")
			g.start()
		}
		for !strings.Contains(ends[to].call("check_inbox", `{"wait_seconds":45,"mark_read":true}`), body) {
		}
	}
	for _, end := range ends {
		end.c.Close() // pushes what is left
	}
	log := bob.command("git", "--git-dir="+g.files(repository), "log", "--reverse", "--format=%s", "main", "--", "projects/axon/live")
	if want := "axon/live: mary → bob: Turn 0\naxon/live: bob → mary: Turn 1\naxon/live: mary → bob: Turn 2\naxon/live: bob → mary: Turn 3\n"; log != want {
		t.Errorf("the host's history is\n%swant\n%s", log, want)
	}
	g.readsInOrder(t, repository, "projects/axon/live", turns)
}

// readsInOrder: the host lists a thread's messages as they were written, for
// programs and for people.
func (g *gitea) readsInOrder(t *testing.T, repository, thread string, messages int) {
	list := func(path string) (found []string) {
		var entries []struct{ Name, Path string }
		if err := json.Unmarshal([]byte(g.api("mary", http.MethodGet, "/repos/"+repository+"/contents/"+path, nil)), &entries); err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			found = append(found, e.Path)
		}
		return found
	}
	g.api("mary", http.MethodPatch, "/repos/"+repository, values{"private": false}) // who looks at pages is nobody
	var turns []string
	for _, month := range list(thread) {
		files := list(month)
		if !slices.IsSorted(files) {
			t.Errorf("the host lists %s", files)
		}
		_, page := g.get("/" + repository + "/src/branch/main/" + month)
		at := 0
		for _, file := range files {
			next := strings.Index(page[at:], `title="`+filepath.Base(file)+`"`)
			if next < 0 {
				t.Fatalf("%s is not on the page, or not after the one before:\n%s", file, page)
			}
			at += next
			_, text := g.get("/" + repository + "/raw/branch/main/" + file)
			turns = append(turns, regexp.MustCompile(`turn \d`).FindString(text))
		}
	}
	if len(turns) != messages || !slices.IsSorted(turns) {
		t.Errorf("the thread reads as %q", turns)
	}
}

// hostFault is what a user can do to a repository at the host, what skein then
// says of a new message, and how it is undone.
type hostFault struct {
	on, off func(bob *machine, repository string)
	says    map[string]string // by way
	sent    bool              // it leaves the machine all the same
}

func bothWays(text string) map[string]string { return map[string]string{"http": text, "ssh": text} }

func patch(body values) func(bob *machine, repository string) {
	return func(bob *machine, repository string) {
		bob.g.api("mary", http.MethodPatch, "/repos/"+repository, body)
	}
}

func share(right string) func(bob *machine, repository string) {
	return func(bob *machine, repository string) { bob.g.share(repository, right) }
}

func preReceive(script string) func(bob *machine, repository string) {
	return func(bob *machine, repository string) {
		bob.g.api("mary", http.MethodPatch, "/repos/"+repository+"/hooks/git/pre-receive", values{"content": script})
	}
}

// noTitle is a host's rule about what may be in a message.
const noTitle = `#!/bin/sh
while read old new ref; do
	if git log -p --format= $new --not --all | grep -q '^+title: a message that is refused'; then
		echo "secrets are not welcome here" >&2
		exit 1
	fi
done
`

var hostFaults = map[string]hostFault{
	"archived":      {patch(values{"archived": true}), patch(values{"archived": false}), bothWays("lets this machine read but not write: "), false},
	"may only read": {share("read"), share("write"), bothWays("lets this machine read but not write: "), false},
	"is let in no more": {
		func(bob *machine, repository string) {
			bob.g.api("mary", http.MethodDelete, "/repos/"+repository+"/collaborators/bob", nil)
		}, share("write"),
		map[string]string{"http": "there is no repository at ", "ssh": "does not let you in: User: "}, false,
	},
	"revoked": {
		func(bob *machine, _ string) { bob.logOut() }, func(bob *machine, _ string) { bob.logIn() },
		map[string]string{"http": "does not let you in: ", "ssh": "Permission denied (publickey)"}, false,
	},
	"down":    {func(bob *machine, _ string) { bob.g.stop() }, func(bob *machine, _ string) { bob.g.start() }, bothWays("cannot be reached, or broke off: "), false},
	"refused": {preReceive(noTitle), preReceive(""), bothWays("stays on this machine: secrets are not welcome here"), false},
	"renamed": {patch(values{"name": "elsewhere"}), func(bob *machine, repository string) {
		_, name, _ := strings.Cut(repository, "/")
		patch(values{"name": name})(bob, "mary/elsewhere")
	}, bothWays(" 1 pushed"), true},
	"protected": {
		func(bob *machine, repository string) {
			bob.g.api("mary", http.MethodPost, "/repos/"+repository+"/branch_protections",
				values{"rule_name": "main", "enable_push": true, "enable_push_whitelist": true, "push_whitelist_usernames": []string{"mary"}})
		},
		func(bob *machine, repository string) {
			bob.g.api("mary", http.MethodDelete, "/repos/"+repository+"/branch_protections/main", nil)
		}, bothWays("the remote does not let this machine push to main (Not allowed to push to protected branch main"), true,
	},
}

// faults: whatever the owner does at the host, a sync says so in a sentence,
// loses nothing, and goes on when it is over.
func (g *gitea) faults(t *testing.T, way, repository string) {
	mary, bob := g.pair(t, way, repository)
	for name, fault := range hostFaults {
		t.Run(name, func(t *testing.T) {
			fault.on(bob, repository)
			bob.post("a message that is refused, " + name)
			if said := bob.sync(); !strings.Contains(said, fault.says[way]) {
				t.Errorf("a sync says %s", said)
			}
			pushed := !strings.Contains(bob.skein("remote", "show"), "not pushed yet")
			if pushed != fault.sent {
				t.Errorf("pushed: %t; %s", pushed, bob.skein("remote", "show"))
			}
			if name == "protected" {
				if said := mary.sync("--fold"); !strings.Contains(said, "1 of what came waited in branch inbox/") {
					t.Errorf("folding says %s", said)
				}
			}
			fault.off(bob, repository)
			if strings.Contains(bob.skein("remote", "show"), "barred: ") || name == "refused" {
				bob.skein("sync", "--retry") // by itself it would take up to an hour
			} else {
				bob.skein("sync")
			}
			mary.skein("sync")
			g.agree(t, repository, mary, bob)
		})
	}
	g.rewritten(t, repository, mary, bob)
}

// rewritten: the owner replaces the history with an older one, by force.
func (g *gitea) rewritten(t *testing.T, repository string, mary, bob *machine) {
	mary.command("git", "-C", mary.store(), "push", "-q", "--force", mary.prefix+repository+".git", "main~2:main")
	if said := bob.sync(); !strings.Contains(said, "the remote's history was rewritten") || !strings.Contains(said, " 2 pushed") {
		t.Errorf("a sync says %s", said)
	}
	mary.skein("sync")
	g.agree(t, repository, mary, bob)
}

// agree: the host and both machines have the same messages, in one line, and
// every one of them that was posted.
func (g *gitea) agree(t *testing.T, repository string, machines ...*machine) {
	t.Helper()
	dirs := []string{g.files(repository)}
	for _, m := range machines {
		dirs = append(dirs, filepath.Join(m.store(), ".git"))
	}
	tips := map[string]bool{}
	for _, dir := range dirs {
		tips[machines[0].command("git", "--git-dir="+dir, "rev-parse", "main", "agents")] = true
		if merges := machines[0].command("git", "--git-dir="+dir, "rev-list", "--merges", "main"); merges != "" {
			t.Errorf("%s has merges: %s", dir, merges)
		}
	}
	if len(tips) != 1 {
		t.Errorf("the host and the machines differ: %v", tips)
	}
}

// crash: the host dies while it takes a push in.
func (g *gitea) crash(t *testing.T, way, repository string) {
	mary, bob := g.pair(t, way, repository)
	reached := bob.path("reached")
	bob.command("mkfifo", reached)
	preReceive("#!/bin/sh\necho now > "+reached+"\nread never < "+reached+"\n")(bob, repository)
	bob.post("in the middle")
	cmd := bob.start(lookSkein(t), "sync")
	var said lockedBuffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(reached); err != nil { // until the hook has run
		t.Fatal(err)
	}
	g.stop()
	if err := cmd.Wait(); err == nil || !strings.Contains(said.String(), "cannot be reached, or broke off: ") || strings.Count(said.String(), "\n") != 1 {
		t.Errorf("a sync says %s, %v", said.String(), err)
	}
	g.start()
	preReceive("")(bob, repository)
	bob.skein("sync")
	mary.skein("sync")
	g.agree(t, repository, mary, bob)
}

// deleted: the repository is gone, and an empty one comes in its place.
func (g *gitea) deleted(t *testing.T, way, repository string) {
	mary, bob := g.pair(t, way, repository)
	g.api("mary", http.MethodDelete, "/repos/"+repository, nil)
	bob.post("to nobody")
	if said := bob.sync(); !strings.Contains(said, "there is no repository at ") {
		t.Errorf("a sync says %s", said)
	}
	_, name, _ := strings.Cut(repository, "/")
	g.repository(name, nil)
	g.share(repository, "write")
	if said := bob.sync(); !strings.Contains(said, "the remote has lost its branch main; sync with --restore") {
		t.Errorf("a sync says %s", said)
	}
	bob.skein("sync", "--restore")
	mary.skein("sync")
	g.agree(t, repository, mary, bob)
}

// strangers: a repository that is not there, or belongs to others.
func (g *gitea) strangers(t *testing.T, way, repository string) {
	_, bob := g.pair(t, way, repository)
	g.repository("secret-"+way, nil)
	bob.skein("remote", "add", bob.prefix+"mary/none.git")
	if said := bob.sync(); !strings.Contains(said, "there is no repository at ") {
		t.Errorf("a sync says %s", said)
	}
	bob.skein("remote", "add", bob.prefix+"mary/secret-"+way+".git")
	if said := bob.sync(); !strings.Contains(said, "there is no repository at ") && !strings.Contains(said, "does not let you in: User: ") {
		t.Errorf("a sync says %s", said)
	}
}

// begun: the repository was made with a README and a licence, as hosts offer.
func (g *gitea) begun(t *testing.T, way, repository string) {
	_, bob := g.pair(t, way, repository)
	readme := g.repository("readme-"+way, values{"auto_init": true, "license": "MIT", "readme": "Default"})
	g.share(readme, "write")
	bob.skein("remote", "add", bob.prefix+readme+".git")
	if said := bob.sync(); !strings.Contains(said, "main begins with a commit of its own (LICENSE, README.md)") {
		t.Errorf("a sync says %s", said)
	}
	if said := bob.sync("--repair"); !strings.Contains(said, "main was replaced by this store's") {
		t.Errorf("a repair says %s", said)
	}
	g.agree(t, readme, bob)
}

// shallow: a machine that has only the newest commits writes as others do.
func (g *gitea) shallow(t *testing.T, way, repository string) {
	mary, bob := g.pair(t, way, repository)
	for _, title := range []string{"two", "three", "four"} {
		mary.post(title)
	}
	mary.skein("sync")
	late := g.machine(t, way, "bob")
	late.skein("init", "--from", late.prefix+repository+".git", "--depth", "2")
	late.post("from a shallow one")
	late.skein("sync")
	bob.skein("sync")
	mary.skein("sync")
	late.skein("sync")
	g.agree(t, repository, mary, bob, late)
	late.skein("sync", "--unshallow")
	late.post("from one that is not any more")
	late.skein("sync")
	bob.skein("sync")
	mary.skein("sync")
	g.agree(t, repository, mary, bob, late)
}
