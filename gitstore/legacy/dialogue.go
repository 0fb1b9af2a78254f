package legacy

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// dialogueRoles are the two that a dialogue is between.
var dialogueRoles = []string{"claude_app", "claude_code"}

// readDialogue reads a directory of projects. The directories count; the lists
// projects.json and threads.json only help where a directory's own file is
// broken.
func readDialogue(ctx context.Context, path string, a *Archive) error {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = errors.New("it is no directory; give the directory that holds projects.json")
	}
	if err != nil {
		return fmt.Errorf("%s is no store of dialogue: %w", path, cause(err))
	}
	r := &notebook{ctx: ctx, root: path, a: a, unknown: strangers{}}
	dirs, err := r.dirs("", "proj_", "projects.json")
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(path, "projects.json")); err != nil && len(dirs) == 0 {
		return fmt.Errorf("%s is no store of dialogue: it holds neither projects.json nor a directory proj_…", path)
	}
	a.meet(dialogueRoles...)
	listed := r.list("projects.json")
	for _, dir := range dirs {
		if err := r.project(dir, listed); err != nil {
			return err
		}
	}
	r.unknown.report(a)
	return nil
}

// notebook is what was read of dialogue so far.
type notebook struct {
	ctx     context.Context
	root    string
	a       *Archive
	unknown strangers
}

// dirs lists the directories below dir whose names begin with prefix. What else
// is there, but for the files named, is noted.
func (r *notebook) dirs(dir, prefix string, files ...string) (found []string, err error) {
	entries, err := os.ReadDir(filepath.Join(r.root, dir))
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", filepath.Join(r.root, dir), cause(err))
	}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		switch {
		case e.IsDir() && prefix != "" && strings.HasPrefix(e.Name(), prefix):
			found = append(found, name)
		case e.IsDir() || !slices.Contains(files, e.Name()):
			r.a.note("%s is not of dialogue and was left out", filepath.ToSlash(name))
		}
	}
	return found, nil
}

// list reads a list of projects or threads, by id. It may lie in a member of an
// object, and needs not be there.
func (r *notebook) list(name string) map[string]fields {
	data, err := os.ReadFile(filepath.Join(r.root, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var items []json.RawMessage
	if err == nil {
		items, err = listItems(data)
	}
	if err != nil {
		r.a.problem(filepath.ToSlash(name), "%v", cause(err))
		return nil
	}
	byID := make(map[string]fields, len(items))
	for _, item := range items {
		if f, err := parseObject(item); err == nil {
			id, _ := f.text("id")
			byID[id] = f
		}
	}
	return byID
}

func listItems(data []byte) (items []json.RawMessage, err error) {
	if err = json.Unmarshal(data, &items); err == nil {
		return items, nil
	}
	var within map[string]json.RawMessage
	if json.Unmarshal(data, &within) != nil {
		return nil, jsonError(err)
	}
	for _, name := range sortedKeys(within) {
		var list []json.RawMessage
		if json.Unmarshal(within[name], &list) == nil {
			return list, nil
		}
	}
	for _, name := range sortedKeys(within) { // objects by id
		items = append(items, within[name])
	}
	return items, nil
}

var (
	createdFields = []string{"created_at", "createdAt", "created"}
	updatedFields = []string{"updated_at", "updatedAt", "updated", "last_message_at", "lastMessageAt"}
	nameFields    = []string{"name", "title", "topic"}
	byFields      = []string{"initiated_by", "initiatedBy", "created_by", "createdBy"}
)

// about reads the file that a project or a thread has of its own. If that is
// not to be used, what the list says is, else what the directory is called.
func (r *notebook) about(dir, file string, listed map[string]fields) fields {
	name := filepath.Join(dir, file)
	data, err := os.ReadFile(filepath.Join(r.root, name))
	if err == nil {
		f, err := parseObject(data)
		if err == nil {
			return f
		}
		r.a.problem(filepath.ToSlash(name), "%v", err)
	} else {
		r.a.problem(filepath.ToSlash(name), "cannot be read: %v", cause(err))
	}
	if f := listed[filepath.Base(dir)]; f != nil {
		return f
	}
	m := slugName.FindStringSubmatch(filepath.Base(dir))
	if m == nil {
		return fields{"name": filepath.Base(dir)}
	}
	return fields{"name": m[1]}
}

// slugName is how projects and threads are called on disk.
var slugName = regexp.MustCompile(`^(?:proj|thread)_(.+)_[0-9a-f]{8}$`)

func (r *notebook) project(dir string, listed map[string]fields) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	place := filepath.ToSlash(filepath.Join(dir, "project.json"))
	f := r.about(dir, "project.json", listed)
	r.unknown.meet("field of project.json", f, slices.Concat([]string{"id", "description", "metadata", "thread_count", "threads"}, nameFields, createdFields, updatedFields)...)
	p := Project{ID: dir, Place: place}
	var err error
	if p.Name, err = f.needText(nameFields...); err != nil {
		r.a.problem(place, "%v", err)
		p.Name = dir
	}
	if p.Description, err = f.text("description"); err != nil {
		r.a.problem(place, "%v", err)
	}
	if p.Created, err = f.time(createdFields...); err != nil {
		r.a.problem(place, "%v", err)
	}
	if p.Metadata, err = f.data("metadata"); err != nil {
		r.a.problem(place, "%v", err)
	}
	r.a.Projects = append(r.a.Projects, p)
	threads, err := r.dirs(dir, "thread_", "project.json", "threads.json")
	if err != nil {
		r.a.problem(filepath.ToSlash(dir), "%v", err)
		return nil
	}
	inList := r.list(filepath.Join(dir, "threads.json"))
	for _, t := range threads {
		if err := r.thread(t, p.ID, inList); err != nil {
			return err
		}
	}
	return nil
}

func (r *notebook) thread(dir, project string, listed map[string]fields) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if _, err := r.dirs(dir, "", "thread.json", "messages.jsonl"); err != nil {
		r.a.problem(filepath.ToSlash(dir), "%v", err)
		return nil
	}
	f := r.about(dir, "thread.json", listed)
	r.unknown.meet("field of thread.json", f, slices.Concat([]string{"id", "project_id", "projectId", "description", "status", "tags", "message_count", "messageCount"}, nameFields, createdFields, updatedFields, byFields)...)
	t := Thread{ID: dir, Project: project, Place: filepath.ToSlash(filepath.Join(dir, "thread.json"))}
	if err := t.describe(f); err != nil {
		r.a.problem(t.Place, "%v", err)
	}
	if t.Title == "" {
		t.Title = filepath.Base(dir)
	}
	r.a.Threads = append(r.a.Threads, t)
	r.messages(dir)
	return nil
}

func (t *Thread) describe(f fields) (err error) {
	if t.Title, err = f.needText(nameFields...); err != nil {
		return err
	}
	if t.Description, err = f.text("description"); err != nil {
		return err
	}
	if t.By, err = f.text(byFields...); err != nil {
		return err
	}
	if t.Created, err = f.time(createdFields...); err != nil {
		return err
	}
	if t.Updated, err = f.time(updatedFields...); err != nil {
		return err
	}
	if t.Tags, err = f.list("tags"); err != nil {
		return err
	}
	status, err := f.text("status")
	switch {
	case err != nil:
		return err
	case !slices.Contains([]string{"", "active", "resolved", "archived"}, status):
		return fmt.Errorf("status %q is none of active, resolved and archived", shorten(status))
	}
	t.Status = status
	return nil
}

// messages reads one JSON object a line.
func (r *notebook) messages(dir string) {
	name := filepath.ToSlash(filepath.Join(dir, "messages.jsonl"))
	file, err := os.Open(filepath.Join(r.root, dir, "messages.jsonl"))
	if errors.Is(err, fs.ErrNotExist) {
		return // nobody has said anything yet
	}
	if err != nil {
		r.a.problem(name, "cannot be read: %v", cause(err))
		return
	}
	defer file.Close()
	in := bufio.NewReaderSize(file, 64<<10)
	for n := uint32(1); ; n++ {
		line, err := in.ReadBytes('\n')
		place := fmt.Sprintf("%s, line %d", name, n)
		if text := strings.TrimSpace(string(line)); text != "" {
			if bad := r.message(text, dir, place, n); bad != nil {
				r.a.problem(place, "%v", bad)
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				r.a.problem(place, "cannot be read: %v", cause(err))
			}
			return
		}
	}
}

func (r *notebook) message(line, thread, place string, n uint32) error {
	f, err := parseObject([]byte(line))
	if err != nil {
		return err
	}
	r.unknown.meet("field of messages", f, "id", "role", "content", "metadata", "timestamp", "thread_id", "threadId", "project_id", "projectId", "created_at", "createdAt")
	m := Message{Thread: thread, Place: place, Order: n}
	if m.ID, err = f.needText("id"); err != nil {
		return err
	}
	if m.From, err = f.needText("role"); err != nil {
		return err
	}
	if m.Body, err = f.body("content"); err != nil {
		return err
	}
	if m.At, err = f.needTime("timestamp", "created_at", "createdAt"); err != nil {
		return err
	}
	if m.Payload, err = f.data("metadata"); err != nil {
		return err
	}
	m.To = others(dialogueRoles, m.From)
	m.Seen = seenBy(m.To)
	r.a.meet(m.From)
	r.a.Messages = append(r.a.Messages, m)
	return nil
}
