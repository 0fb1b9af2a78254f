package remote

import (
	"bytes"
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	gitconfig "github.com/go-git/go-git/v5/plumbing/format/config"
)

// A login is a name and password for a server.
type login struct {
	name, password string
	answer         string // all that the helper said, which it is to hear again; "": the login stands in the address
	approved       bool   // the helper knows that it is good
}

// logins is what a Remote has learned of how to log in.
type logins struct {
	good    *login // that a helper has given and the server has not refused
	refused bool   // the server has refused one, so that no helper is asked again
}

// login is what is known to send to a server from the first request on: what
// stands in the address, or what was learned; nil: nothing.
func (r *Remote) login() *login {
	if u := r.home(); u != nil {
		if password, ok := u.User.Password(); ok {
			return &login{name: u.User.Username(), password: password}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.logins.good
}

// learn asks the user's credential helpers for a login, and remembers it; nil:
// none knows one, or the server has refused what they know.
func (r *Remote) learn(ctx context.Context, dir string, challenges []string) *login {
	r.mu.Lock()
	refused := r.logins.refused
	r.mu.Unlock()
	if refused {
		return nil
	}
	home := r.home()
	l := ask(ctx, dir, home, challenges)
	if name := home.User.Username(); l == nil && name != "" {
		l = &login{name: name} // a token often stands alone
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.logins.good = l
	return l
}

// found tells the helper, once, that the login it gave is good.
func (r *Remote) found(ctx context.Context, dir string, l *login) {
	r.mu.Lock()
	first := l.answer != "" && !l.approved
	l.approved = true
	r.mu.Unlock()
	if first {
		credential(ctx, dir, r.home(), "store", l.answer)
	}
}

// forget tells the helper that the login it gave is of no use.
func (r *Remote) forget(ctx context.Context, dir string, l *login) {
	r.mu.Lock()
	r.logins = logins{refused: true}
	r.mu.Unlock()
	if l.answer != "" {
		credential(ctx, dir, r.home(), "erase", l.answer)
	}
}

// home is the remote's address; nil if it is none of a server.
func (r *Remote) home() *url.URL {
	u, err := url.Parse(r.URL)
	if err != nil || u.Host == "" {
		return nil
	}
	return u
}

// isHome tells whether an address is of the remote's own server, to which alone
// a password may go.
func (r *Remote) isHome(u *url.URL) bool {
	home := r.home()
	return home != nil && u.Scheme == home.Scheme && strings.EqualFold(u.Hostname(), home.Hostname()) && portOf(u) == portOf(home)
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}

// ask asks the credential helpers. challenges are what the server has said that
// it wants.
func ask(ctx context.Context, dir string, to *url.URL, challenges []string) *login {
	path, name := strings.TrimPrefix(to.Path, "/"), to.User.Username()
	if strings.ContainsAny(path+name, "\n\r\x00") {
		return nil // it would be another question
	}
	question := "protocol=" + to.Scheme + "\nhost=" + to.Host + "\npath=" + path + "\n"
	if name != "" {
		question += "username=" + name + "\n"
	}
	for _, challenge := range challenges {
		question += "wwwauth[]=" + challenge + "\n"
	}
	l := &login{answer: credential(ctx, dir, to, "get", question)}
	for line := range strings.Lines(l.answer) {
		switch key, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), "="); key {
		case "username":
			l.name = value
		case "password":
			l.password = value
		}
	}
	if l.name == "" || l.password == "" {
		return nil
	}
	return l
}

// gitActions are what git calls the actions of credential helpers.
var gitActions = map[string]string{"get": "fill", "store": "approve", "erase": "reject"}

// credential has the helpers do something: get, store or erase. As with git,
// what a helper cannot do is no error, and nothing that one says on its
// standard error is shown, since it may be a password.
func credential(ctx context.Context, dir string, to *url.URL, action, text string) (answer string) {
	if git, err := exec.LookPath("git"); err == nil {
		return tellHelper(ctx, []string{git, "--git-dir=" + dir, "-c", "core.askPass=", "credential", gitActions[action]}, text)
	}
	for _, helper := range helpers(to) {
		answer = tellHelper(ctx, append(helper, action), text)
		if action == "get" && strings.Contains("\n"+answer, "\npassword=") {
			return text + answer
		}
	}
	return ""
}

// tellHelper executes a program of the protocol that git-credential(1)
// describes.
func tellHelper(ctx context.Context, command []string, text string) (answer string) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // git, or what the user has configured
	cmd.Env = environment("")
	cmd.Stdin = strings.NewReader(text + "\n")
	var out bytes.Buffer
	cmd.Stdout = &out
	endWithChildren(cmd)
	cmd.WaitDelay = graceful
	if err := cmd.Run(); err != nil {
		return ""
	}
	return out.String()
}

// helpers are, where there is no git to ask, the credential helpers of the
// user's global configuration for an address, as far as they are programs of
// their own. An empty one takes back those before it, as gitcredentials(7) has
// it.
func helpers(to *url.URL) (commands [][]string) {
	for _, name := range globalConfigs() {
		for _, value := range helperSettings(name, to) {
			if value == "" {
				commands = nil
			} else if command := helperCommand(value); command != nil {
				commands = append(commands, command)
			}
		}
	}
	return commands
}

// globalConfigs are the files that hold the user's configuration of git.
func globalConfigs() []string {
	if name := os.Getenv("GIT_CONFIG_GLOBAL"); name != "" {
		return []string{name}
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return nil
	}
	dir := os.Getenv("XDG_CONFIG_HOME")
	if dir == "" {
		dir = filepath.Join(home, ".config")
	}
	return []string{filepath.Join(dir, "git", "config"), filepath.Join(home, ".gitconfig")}
}

// helperSettings are the values of credential.helper in a file that are for an
// address.
func helperSettings(name string, to *url.URL) (values []string) {
	file, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer file.Close()
	cfg := gitconfig.New()
	if gitconfig.NewDecoder(file).Decode(cfg) != nil || !cfg.HasSection("credential") {
		return nil
	}
	section := cfg.Section("credential")
	values = section.OptionAll("helper")
	for _, sub := range section.Subsections {
		if covers(sub.Name, to) {
			values = append(values, sub.OptionAll("helper")...)
		}
	}
	return values
}

// covers tells whether an address in the configuration stands for another.
func covers(pattern string, to *url.URL) bool {
	of, err := url.Parse(pattern)
	if err != nil || of.Scheme != to.Scheme || !strings.EqualFold(of.Host, to.Host) {
		return false
	}
	path := strings.TrimSuffix(of.Path, "/")
	return path == to.Path || strings.HasPrefix(to.Path, path+"/")
}

// helperCommand is how to execute a helper; nil if that takes a shell, or if
// there is no such program.
func helperCommand(value string) []string {
	words := strings.Fields(value)
	if len(words) == 0 || strings.ContainsAny(value, "!'\"$`\\|&;<>(){}*?~") {
		return nil
	}
	if !filepath.IsAbs(words[0]) {
		words[0] = "git-credential-" + words[0]
	}
	program, err := exec.LookPath(words[0])
	if err != nil {
		return nil
	}
	return append([]string{program}, words[1:]...)
}
