package index

import (
	"skein/gitstore/event"
)

// apply takes account of one change.
func (w *writer) apply(p *prepared) error {
	e := p.Event
	switch {
	case e == nil && p.Op == Add:
		return w.c.exec(`INSERT OR IGNORE INTO broken(path) VALUES(?)`, p.Path)
	case e == nil:
		return w.c.exec(mendSQL, p.Path)
	case p.Op == Remove:
		return w.remove(p)
	case p.Op == Reword:
		return w.reword(p)
	}
	a, err := w.agent(e.From)
	if err != nil {
		return err
	}
	switch e.Kind {
	case event.KindMessage:
		return w.addMessage(p, a)
	case event.KindReceipt:
		return w.addReceipt(a, e)
	default:
		return w.addEvent(p, a)
	}
}

// mendSQL forgets what could not be read and is there no more: a file, or a
// directory with all that was in it.
const mendSQL = `DELETE FROM broken WHERE path = ?1 OR substr(path, 1, length(?1) + 1) = ?1 || '/'`

// remove takes a file away. If that was not in the index it could not be read
// when it came.
func (w *writer) remove(p *prepared) error {
	e := p.Event
	var broken bool
	if _, err := w.c.row(`SELECT EXISTS(SELECT 1 FROM broken WHERE path = ?)`, []any{p.Path}, &broken); err != nil {
		return err
	}
	if broken {
		return w.c.exec(mendSQL, p.Path)
	}
	a, err := w.agent(e.From)
	if err != nil {
		return err
	}
	switch e.Kind {
	case event.KindMessage:
		return w.removeMessage(p, a)
	case event.KindReceipt:
		return w.removeReceipt(a, e)
	default:
		return w.removeEvent(p, a)
	}
}

const (
	addMessageSQL    = `INSERT INTO messages(n, short, data) VALUES(?, ?, ?)`
	addWordsSQL      = `INSERT INTO words(rowid, doc) VALUES(?, ?)`
	addExpiringSQL   = `INSERT INTO expiring(at, n) VALUES(?, ?)`
	removeMessageSQL = `DELETE FROM messages WHERE n = ?`
	removeWordsSQL   = `INSERT INTO words(words, rowid, doc) VALUES('delete', ?, ?)`
	unexpireSQL      = `DELETE FROM expiring WHERE at = ? AND n = ?`
)

func (w *writer) addMessage(p *prepared, sender *agent) error {
	e, n := p.Event, w.state.next
	t, err := w.threadForMessage(p.Thread)
	if err != nil {
		return err
	}
	b, err := w.newBlock(n)
	if err != nil {
		return err
	}
	twins, err := w.twins(e.ID, b)
	if err != nil {
		return err
	}
	w.state.next++
	b.note(e.ID)
	delete(w.places, n/blockSize)
	m, err := w.insert(n, p, t, sender, b)
	if err != nil {
		return err
	}
	t.row.add(m, e.From)
	t.changed = true
	w.wrote(sender, m.at)
	if err := w.deliver(n, t, sender, e, true); err != nil {
		return err
	}
	if err := w.copySights(n, twins); err != nil {
		return err
	}
	return w.takePending(n, e.ID)
}

// twins returns the messages that have the id of a new one already, such as
// those of a file that was copied. An id greater than all has none.
func (w *writer) twins(id event.ID, b *block) ([]numbered, error) {
	if id.Compare(b.top) > 0 {
		return nil, nil
	}
	return w.c.find(id)
}

// insert writes the rows of a new message.
func (w *writer) insert(n int64, p *prepared, t *thread, sender *agent, b *block) (*record, error) {
	dir, err := w.dir(p.dir())
	if err != nil {
		return nil, err
	}
	m := newRecord(p, dir, t, sender)
	if err := w.c.exec(addMessageSQL, n, shortOf(m.id), m.encode(n)); err != nil {
		return nil, err
	}
	if err := w.c.exec(addWordsSQL, n, p.document); err != nil {
		return nil, err
	}
	if m.canExpire() {
		err = w.expires(n, m, b)
	}
	return m, err
}

// threadForMessage returns a thread that is about to receive a message. What
// is known of its members by now is applied first, if that is cheap.
func (w *writer) threadForMessage(ref event.ThreadRef) (*thread, error) {
	t, err := w.thread(ref)
	if err == nil && t.row.Messages == 0 {
		err = w.refoldThread(t)
	}
	return t, err
}

func newRecord(p *prepared, dir int64, t *thread, sender *agent) *record {
	e := p.Event
	m := &record{id: e.ID, blob: p.Blob, dir: dir, thread: t.n, from: sender.n, at: e.At.UnixMilli()}
	if !e.Expires.IsZero() {
		m.expires = e.Expires.UnixMilli()
	}
	if len(e.To) == 0 {
		m.flags |= toNobody
	}
	for _, name := range e.To {
		if name == event.Everyone {
			m.flags |= toEveryone
		}
	}
	if e.RequireAck {
		m.flags |= needAck
	}
	return m
}

// canExpire tells whether the message leaves inboxes some day.
func (r *record) canExpire() bool { return r.expires != 0 && r.flags&needAck == 0 }

// expires notes when a message expires, or that it has.
func (w *writer) expires(n int64, m *record, b *block) error {
	if m.expires <= w.state.swept {
		b.expired.set(n % blockSize)
	}
	return w.c.exec(addExpiringSQL, m.expires, n)
}

// deliver adds a message to the boxes of its sender and of those whom it
// reaches, or takes it out of them.
func (w *writer) deliver(n int64, t *thread, sender *agent, e *event.Event, in bool) error {
	own, err := w.boxToChange(sender, n/blockSize)
	if err != nil {
		return err
	}
	own.own.put(n%blockSize, in)
	to := e.To
	if len(to) == 0 {
		to = t.row.Members
		if !t.row.Closed {
			return w.addressEveryone(n, in)
		}
	}
	for _, name := range to {
		if name == event.Everyone {
			err = w.addressEveryone(n, in)
		} else {
			err = w.address(n, name, in)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// locate finds the message of a file.
func (w *writer) locate(p *prepared) (numbered, error) {
	found, err := w.c.find(p.Event.ID)
	if err != nil {
		return numbered{}, err
	}
	dir := dirID(p.dir())
	for _, m := range found {
		if m.dir == dir && m.blob == p.Blob {
			return m, nil
		}
	}
	return numbered{}, damaged("message %s is to be removed from %s and is not there", p.Event.ID, p.Path)
}

func (w *writer) removeMessage(p *prepared, sender *agent) error {
	m, err := w.locate(p)
	if err != nil {
		return err
	}
	t, err := w.thread(p.Thread)
	if err != nil {
		return err
	}
	if err := w.c.exec(removeMessageSQL, m.n); err != nil {
		return err
	}
	delete(w.places, m.n/blockSize)
	if err := w.c.exec(removeWordsSQL, m.n, p.document); err != nil {
		return err
	}
	b, err := w.blockToChange(m.n / blockSize)
	if err != nil {
		return err
	}
	b.expired.clear(m.n % blockSize)
	if m.canExpire() {
		if err := w.c.exec(unexpireSQL, m.expires, m.n); err != nil {
			return err
		}
	}
	if err := w.deliver(m.n, t, sender, p.Event, false); err != nil {
		return err
	}
	t.row.Messages--
	t.reedge, t.changed = true, true
	w.unwrote(sender, m.at)
	return w.leavePending(m.n, m.id)
}

// reword lets a message be found by other words.
func (w *writer) reword(p *prepared) error {
	m, err := w.locate(p)
	if err != nil {
		return err
	}
	if err := w.c.exec(removeWordsSQL, m.n, p.was); err != nil {
		return err
	}
	return w.c.exec(addWordsSQL, m.n, p.document)
}

const addDirSQL = `INSERT OR IGNORE INTO dirs(id, path) VALUES(?, ?)`

// dir returns the number of a directory.
func (w *writer) dir(path string) (int64, error) {
	if id, ok := w.dirs[path]; ok {
		return id, nil
	}
	id := dirID(path)
	w.dirs[path] = id
	return id, w.c.exec(addDirSQL, id, path)
}

const (
	addEventSQL    = `INSERT OR REPLACE INTO events(owner, path, blob, agent, at, data) VALUES(?, ?, ?, ?, ?, ?)`
	removeEventSQL = `DELETE FROM events WHERE owner = ? AND path = ? AND blob = ?`
)

// addEvent keeps an event of a thread or a project, or a profile.
func (w *writer) addEvent(p *prepared, a *agent) error {
	at := p.Event.At.UnixMilli()
	if err := w.c.exec(addEventSQL, p.owner(), p.Path, p.Blob[:], a.n, at, seal(append([]byte(nil), p.Data...))); err != nil {
		return err
	}
	if p.Event.Kind != event.KindProject {
		w.wrote(a, at)
	}
	if p.Event.Kind == event.KindProfile {
		w.addProfile(a, p.Event)
		return nil
	}
	return w.changeThread(p)
}

func (w *writer) removeEvent(p *prepared, a *agent) error {
	if err := w.c.exec(removeEventSQL, p.owner(), p.Path, p.Blob[:]); err != nil {
		return err
	}
	if p.Event.Kind != event.KindProject {
		w.unwrote(a, p.Event.At.UnixMilli())
	}
	if p.Event.Kind == event.KindProfile {
		w.refolded[a] = true
		return nil
	}
	return w.changeThread(p)
}

// changeThread notes that a thread's own events have changed.
func (w *writer) changeThread(p *prepared) error {
	if p.Event.Kind != event.KindThread {
		return nil
	}
	t, err := w.thread(p.Thread)
	if err == nil {
		t.refold = true
	}
	return err
}
