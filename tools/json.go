package tools

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"skein/gitstore"
)

// wireMessage is a message with format=json. Body is exact, but may be cut.
type wireMessage struct {
	ID         string          `json:"id"`
	From       string          `json:"from"`
	To         []string        `json:"to,omitempty"`
	At         time.Time       `json:"at"`
	Thread     string          `json:"thread"`
	Title      string          `json:"title,omitempty"`
	ReplyTo    string          `json:"reply_to,omitempty"`
	Tags       []string        `json:"tags,omitempty"`
	Priority   string          `json:"priority,omitempty"`
	Expires    *time.Time      `json:"expires,omitempty"`
	RequireAck bool            `json:"require_ack,omitempty"`
	Body       string          `json:"body"`
	Cut        string          `json:"cut,omitempty"` // how to read the whole body
	Payload    json.RawMessage `json:"payload,omitempty"`
	Receipts   []wireReceipt   `json:"receipts,omitempty"`
}

type wireReceipt struct {
	Agent string    `json:"agent"`
	State string    `json:"state"`
	At    time.Time `json:"at"`
}

func wire(m *gitstore.Message) wireMessage {
	w := wireMessage{
		ID: m.ID.Short(), From: m.From, To: m.To, At: m.At, Thread: m.Thread.String(), Title: m.Title,
		Tags: m.Tags, Priority: m.Priority, RequireAck: m.RequireAck, Payload: m.Payload,
	}
	if !m.ReplyTo.IsZero() {
		w.ReplyTo = m.ReplyTo.Short()
	}
	if !m.Expires.IsZero() {
		w.Expires = &m.Expires
	}
	w.Body = fitJSON(string(m.Body))
	if len(w.Body) < len(m.Body) {
		w.Cut = fmt.Sprintf("%d more bytes: search query=\"id:%s\"", len(m.Body)-len(w.Body), w.ID)
	}
	if len(w.Payload) > maxBody {
		w.Payload, w.Cut = nil, fmt.Sprintf("payload of %d bytes left out: search query=\"id:%s\"", len(m.Payload), w.ID)
	}
	for _, r := range m.Receipts {
		w.Receipts = append(w.Receipts, wireReceipt(r))
	}
	return w
}

// fitJSON is as much of s, from its start, as has at most maxBody bytes when
// it is written as JSON.
func fitJSON(s string) string {
	for len(encode(s)) > maxBody {
		s = s[:runeStart(s, min(maxBody, len(s)*3/4))]
	}
	return s
}

// encode is v as JSON in one line, with everything escaped that a reader would
// not see: it stays exact for a program and cannot hide from a person.
func encode(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err.Error() // every value encoded here is one of our own
	}
	return escapeHidden(strings.TrimSuffix(b.String(), "\n"))
}

func escapeHidden(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case !hidden(r) && !control(r):
			b.WriteRune(r)
		case r > 0xffff:
			hi, lo := surrogates(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, hi, lo)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// surrogates are the two halves JSON writes a character above U+FFFF with.
func surrogates(r rune) (hi, lo rune) {
	r -= 0x10000
	return 0xd800 + r>>10, 0xdc00 + r&0x3ff
}
