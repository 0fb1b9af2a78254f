package legacy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// dispatchAll is the target of a broadcast, and the ID of the thread that holds
// those without a thread of their own.
const dispatchAll = "all"

// readDispatch reads a directory of inboxes. A file is a message as one agent
// has it; a broadcast is a file in each inbox, which goes when that agent has
// acknowledged it.
func readDispatch(ctx context.Context, path string, a *Archive) error {
	path, err := dispatchDir(path)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return fmt.Errorf("%s cannot be read: %w", path, cause(err))
	}
	a.OwnIDs = true
	r := &mailroom{a: a, unknown: strangers{}, found: map[string]*dispatched{}}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		switch {
		case !e.IsDir():
			a.note("the file %s is no inbox and was left out", e.Name())
		case strings.HasPrefix(e.Name(), "."):
			a.note("the directory %s is no inbox and was left out", e.Name())
		default:
			r.inbox(path, e.Name())
		}
	}
	if len(r.order) == 0 && len(a.Problems) > 0 {
		return fmt.Errorf("%s holds no message of dispatch that can be read: %s", path, a.Problems[0])
	}
	r.unknown.report(a)
	r.finish()
	return nil
}

// dispatchDir finds the inboxes, given their directory or the one around it.
func dispatchDir(path string) (string, error) {
	within := filepath.Join(path, "messages")
	if info, err := os.Stat(within); err == nil && info.IsDir() {
		if mail, _ := filepath.Glob(filepath.Join(within, "*.json")); len(mail) == 0 {
			return within, nil
		}
	}
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = errors.New("it is no directory; give the directory that holds an inbox for each agent")
	}
	if err != nil {
		return "", fmt.Errorf("%s is no store of dispatch: %w", path, cause(err))
	}
	files, _ := filepath.Glob(filepath.Join(path, "*", "*.json"))
	hidden, _ := filepath.Glob(filepath.Join(path, ".presence"))
	if len(files)+len(hidden) == 0 {
		return "", fmt.Errorf("%s is no store of dispatch: no inbox in it holds a message", path)
	}
	if foreign, _ := filepath.Glob(filepath.Join(path, "proj_*", "project.json")); len(foreign) > 0 {
		return "", fmt.Errorf("%s is a store of dialogue, not of dispatch; use skein import dialogue", path)
	}
	return path, nil
}

// mailroom is what was read of dispatch so far.
type mailroom struct {
	a       *Archive
	unknown strangers
	found   map[string]*dispatched
	order   []*dispatched
}

// dispatched is a message with its copies.
type dispatched struct {
	Message
	target string
	thread string
	copies map[string]Seen // by inbox; At is zero and Acknowledged false if pending
	state  map[string]string
}

var dispatchFields = []string{"id", "from", "to", "timestamp", "priority", "content", "payload", "thread_id",
	"reply_to", "ttl", "must_read", "state", "read_at", "acknowledged_at", "expired_at", "_inherited_from", "_via"}

func (r *mailroom) inbox(root, agent string) {
	entries, err := os.ReadDir(filepath.Join(root, agent))
	if err != nil {
		r.a.problem(agent, "cannot be read: %v", cause(err))
		return
	}
	r.a.meet(agent)
	for _, e := range entries {
		place := agent + "/" + e.Name()
		switch {
		case strings.HasSuffix(e.Name(), ".tmp"):
			r.a.problem(place, "is a file that was never finished")
		case e.IsDir() || !strings.HasSuffix(e.Name(), ".json"):
			r.a.note("%s is no message and was left out", place)
		default:
			if err := r.file(filepath.Join(root, agent, e.Name()), agent, place); err != nil {
				r.a.problem(place, "%v", err)
			}
		}
	}
}

func (r *mailroom) file(path, inbox, place string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("cannot be read: %w", cause(err))
	}
	if len(data) == 0 {
		return errors.New("is empty")
	}
	f, err := parseObject(data)
	if err != nil {
		return err
	}
	r.unknown.meet("field of messages", f, dispatchFields...)
	d, err := dispatchMessage(f)
	if err != nil {
		return err
	}
	d.Place, d.Order = place, orderIn(filepath.Base(path), d.At)
	state, err := f.text("state")
	if err != nil {
		return err
	}
	read, err := f.time("acknowledged_at", "read_at")
	if err != nil {
		return err
	}
	r.add(d, inbox, state, read)
	return nil
}

// orderIn is a message's place among those of its second: its time is written
// to the second, and its file's name begins with the milliseconds.
func orderIn(file string, at time.Time) uint32 {
	digits, _, _ := strings.Cut(file, "-")
	ms, err := strconv.ParseInt(digits, 10, 64)
	if late := ms - at.UnixMilli(); err == nil && late > 0 && late < time.Minute.Milliseconds() {
		return uint32(late)
	}
	return 0
}

func dispatchMessage(f fields) (d *dispatched, err error) {
	d = &dispatched{copies: map[string]Seen{}, state: map[string]string{}}
	if d.ID, err = f.needText("id"); err != nil {
		return nil, err
	}
	if d.From, err = f.needText("from"); err != nil {
		return nil, err
	}
	if d.target, err = f.needText("to"); err != nil {
		return nil, err
	}
	if d.At, err = f.needTime("timestamp"); err != nil {
		return nil, err
	}
	if d.Body, err = f.body("content"); err != nil {
		return nil, err
	}
	if d.thread, err = f.text("thread_id"); err != nil {
		return nil, err
	}
	if d.ReplyTo, err = f.text("reply_to"); err != nil {
		return nil, err
	}
	return d, d.options(f)
}

func (d *dispatched) options(f fields) error {
	priority, err := f.text("priority")
	if err != nil {
		return err
	}
	d.Urgent = priority == "urgent"
	if d.RequireAck, err = f.flag("must_read"); err != nil {
		return err
	}
	if v := f["payload"]; v != nil {
		if d.Payload, err = f.json("payload"); err != nil {
			return err
		}
	}
	ttl, err := f.number("ttl")
	if err != nil {
		return err
	}
	if ttl < 0 || ttl > 1e10 {
		return fmt.Errorf("ttl is %d seconds", ttl)
	}
	if ttl > 0 {
		d.Expires = d.At.Add(time.Duration(ttl) * time.Second)
	}
	expired, err := f.time("expired_at")
	if !expired.IsZero() {
		d.Expires = expired
	}
	return err
}

// add puts a copy to the others of its message. What is left of one that has
// expired says less than the others do.
func (r *mailroom) add(d *dispatched, inbox, state string, read time.Time) {
	key := strings.Join([]string{d.ID, d.From, d.At.Format(time.RFC3339Nano)}, "\x00")
	first := r.found[key]
	switch {
	case first == nil:
		r.found[key], first = d, d
		r.order = append(r.order, d)
	case len(d.Body) > len(first.Body):
		d.copies, d.state, d.Order = first.copies, first.state, min(first.Order, d.Order)
		*first = *d
	default:
		first.Order = min(first.Order, d.Order)
	}
	first.state[inbox] = state
	first.copies[inbox] = Seen{Agent: inbox, At: read, Acknowledged: state == "acknowledged"}
}

// finish turns what was found into messages and threads.
func (r *mailroom) finish() {
	for _, d := range r.order {
		r.a.meet(d.From)
		if !d.broadcast() {
			r.a.meet(d.target)
		}
	}
	everyone := make([]string, len(r.a.Agents))
	for i, g := range r.a.Agents {
		everyone[i] = g.Name
	}
	threads := map[string]*Thread{}
	for _, d := range r.order {
		d.deliver(everyone)
		r.place(d, threads, everyone)
		r.a.Messages = append(r.a.Messages, d.Message)
	}
	for _, id := range sortedKeys(threads) {
		r.a.Threads = append(r.a.Threads, *threads[id])
	}
	if len(threads) > 0 {
		r.a.Projects = append(r.a.Projects, Project{ID: "dispatch", Name: "dispatch"})
	}
}

func (d *dispatched) broadcast() bool {
	return d.target == dispatchAll || strings.HasPrefix(d.target, "#")
}

// deliver says who has seen the message. Whoever has no copy of a broadcast is
// done with it, or came later.
func (d *dispatched) deliver(everyone []string) {
	to := []string{d.target}
	if d.broadcast() {
		to = others(everyone, d.From)
	} else {
		d.To = to
	}
	for _, name := range to {
		if seen, ok := d.seenBy(name); ok {
			d.Seen = append(d.Seen, seen)
		}
	}
}

// seenBy tells whether an agent has seen the message, from its own copy or, if
// the message went to one agent, from whoever took it over.
func (d *dispatched) seenBy(name string) (Seen, bool) {
	inbox := name
	if !d.broadcast() && d.state[name] == "" {
		for _, other := range sortedKeys(d.copies) {
			inbox = other
			if d.state[other] == "read" || d.state[other] == "acknowledged" {
				break
			}
		}
	}
	seen, there := d.copies[inbox]
	seen.Agent = name
	if state := d.state[inbox]; there && state != "read" && state != "acknowledged" {
		return seen, false
	}
	return seen, true
}

// place finds the thread of a message: its own, that of its channel, or that of
// what goes to everyone. Messages to one agent need none.
func (r *mailroom) place(d *dispatched, threads map[string]*Thread, everyone []string) {
	id := d.thread
	if id == "" && d.broadcast() {
		id = d.target
	}
	if id == "" {
		return
	}
	d.Thread = id
	t := threads[id]
	if t == nil {
		t = &Thread{ID: id, Project: "dispatch", Title: id, Place: d.Place}
		if id == dispatchAll {
			t.Title = "everyone"
		}
		threads[id] = t
	}
	if d.broadcast() && len(t.Members) == 0 {
		for _, name := range everyone {
			t.Members = append(t.Members, Member{Agent: name})
		}
	}
}

func sortedKeys[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
