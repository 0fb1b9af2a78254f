package gitstore

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	"skein/gitstore/event"
)

// A request file is one line, then the event's file:
//
//	skein-request 1 <branch> <home> <author> <bytes> <crc32>\n
//
// home is project/thread, "project/" for a project's own events, "/state/" and
// the directory of a key, "/redactions", or the agent's name on the branch
// agents. Bytes and checksum are those of the
// event's file: after a power loss a file may be there without its contents.
const requestMagic = "skein-request 1"

// maxRequest bounds a request file in bytes.
const maxRequest = event.MaxBody + event.MaxFrontMatter + 1<<10

func encodeRequest(r *request) []byte {
	line := fmt.Sprintf("%s %s %s %s %d %08x\n", requestMagic, r.home.ref().Short(), r.home,
		r.event.From, len(r.file), crc32.ChecksumIEEE(r.file))
	return append([]byte(line), r.file...)
}

// decodeRequest reads a request file and checks it as if its event came from a
// stranger: it is committed without asking its owner again.
func decodeRequest(data []byte) (*request, error) {
	line, file, _ := bytes.Cut(data, []byte("\n"))
	words := strings.Split(strings.TrimPrefix(string(line), requestMagic+" "), " ")
	if len(words) != 5 {
		return nil, errors.New("its first line is no request of this version")
	}
	branch, at := words[0], words[1]
	e, err := event.Parse(file)
	if err != nil {
		return nil, err
	}
	h, err := parseHome(branch, at)
	if err != nil {
		return nil, err
	}
	if !h.takes(e) {
		return nil, fmt.Errorf("%s is no place for a %q event of %s", at, e.Kind, e.From)
	}
	r := &request{home: h, event: e, file: file, spooled: true}
	if !bytes.Equal(encodeRequest(r), data) {
		return nil, errors.New("it is cut short or damaged")
	}
	return r, nil
}

// What stands for homes that are no thread's: no project's name is empty.
const (
	homeOfKey        = "/" + event.StateDir + "/"
	homeOfRedactions = "/" + event.RedactionsDir
)

func (h home) String() string {
	switch {
	case h.agent != "":
		return h.agent
	case h.key != "":
		return homeOfKey + h.key
	case h.redactions:
		return homeOfRedactions
	}
	return h.project + "/" + h.thread
}

// parseHome is the inverse of home.String; names that skein would not have
// written are refused.
func parseHome(branch, s string) (home, error) {
	h, ok := home{agent: s}, branch == agentsRef.Short()
	if branch == mainRef.Short() {
		h, ok = mainHome(s)
	}
	if !ok || !h.valid() {
		return home{}, fmt.Errorf("there is no place %q on branch %q", s, branch)
	}
	return h, nil
}

// mainHome reads the name of a home on main.
func mainHome(s string) (h home, ok bool) {
	if s == homeOfRedactions {
		return home{redactions: true}, true
	}
	if h.key, ok = strings.CutPrefix(s, homeOfKey); ok {
		return h, true
	}
	project, thread, ok := strings.Cut(s, "/")
	return home{project: project, thread: thread}, ok
}

// valid tells whether skein would have written these names.
func (h home) valid() bool {
	switch {
	case h.agent != "":
		name, err := event.AgentName(h.agent)
		return err == nil && name == h.agent
	case h.key != "":
		return isSlug(h.key)
	case h.redactions:
		return true
	}
	return isSlug(h.project) && (h.thread == "" || isSlug(h.thread))
}

func isSlug(s string) bool {
	slug, err := event.Slug(s)
	return err == nil && slug == s
}

// takes tells whether an event of that kind belongs to h.
func (h home) takes(e *event.Event) bool {
	switch e.Kind {
	case event.KindReceipt, event.KindProfile:
		return h.agent == e.From
	case event.KindProject:
		return h.project != "" && h.thread == ""
	case event.KindMessage, event.KindThread:
		return h.thread != ""
	case event.KindState:
		return h.key == event.KeyDir(e.Key)
	case event.KindRedaction:
		return h.redactions
	}
	return false
}
