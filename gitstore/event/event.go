package event

import (
	"encoding/json"
	"time"
)

// Kind says what an event is about; it is the front-matter key `event`.
type Kind string

// The kinds of events. A message carries no `event` key.
const (
	KindMessage Kind = ""
	KindThread  Kind = "thread"  // a thread's title, status, description or members change
	KindProject Kind = "project" // a project's title or description changes
	KindReceipt Kind = "receipt" // an agent has read or acknowledged messages
	KindProfile Kind = "profile" // an agent joined, or said something about itself
	KindState   Kind = "state"   // a key of the shared state is set

	KindRedaction Kind = "redaction" // the text of messages is hidden
)

// Everyone, as an entry of Event.To, addresses every agent.
const Everyone = "*"

// Event is one Markdown file: written once, never modified, never moved.
// The zero value of a field means that its key is left out. Which fields a
// kind may carry is checked by Validate.
type Event struct {
	ID   ID
	Kind Kind
	From string    // agent name
	To   []string  // agent names or Everyone; nil: whoever the thread reaches
	At   time.Time // UTC, whole milliseconds

	Title      string
	ReplyTo    ID
	Tags       []string
	Priority   string // "", "urgent"; "normal" is written as ""
	Expires    time.Time
	RequireAck bool

	Status      string // thread: active, resolved, archived; profile: free text
	Description string
	Add, Remove []string // thread members

	State    string // receipt: StateRead or StateAcknowledged
	Messages []ID   // receipt: what was read or acknowledged; redaction: what is hidden

	Payload json.RawMessage // one line of JSON; state: the value, null takes the key away

	Key           string   // state: which key is set
	Clear         []string // thread, project, profile: names of keys that are made empty
	Notifications string   // profile: NotificationsOn or NotificationsOff
	Person        bool     // profile: the agent is a person

	Extra []Extra // keys this version does not know, in file order

	Body []byte // Markdown, UTF-8 without NUL, at most MaxBody bytes
}

// Extra is an unknown front-matter key, kept as it stood in the file.
type Extra struct {
	Key string
	Raw string // everything after "key:", to the end of the value, without the last newline
}

// States of a receipt, and of a thread.
const (
	StateRead         = "read"
	StateAcknowledged = "acknowledged"

	StatusActive   = "active"
	StatusResolved = "resolved"
	StatusArchived = "archived"
)

// Values of Event.Notifications.
const (
	NotificationsOn  = "on"
	NotificationsOff = "off"
)

// PriorityUrgent is the only priority that is written down.
const PriorityUrgent = "urgent"

// Limits of an event, checked by Validate.
const (
	MaxBody        = 1 << 20 // bytes
	MaxFrontMatter = 64 << 10
	MaxTitle       = 500 // runes
	MaxTo          = 64
	MaxTags        = 32
	MaxKey         = 200 // runes
)
