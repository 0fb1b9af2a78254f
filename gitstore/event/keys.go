package event

import "time"

// kindSet is a set of event kinds.
type kindSet uint8

const (
	inMessage kindSet = 1 << iota
	inThread
	inProject
	inReceipt
	inProfile
	inState
	inRedaction

	inAll = inMessage | inThread | inProject | inReceipt | inProfile | inState | inRedaction
)

// setOf returns the set of that one kind, 0 if there is no such kind.
func setOf(k Kind) kindSet {
	switch k {
	case KindMessage:
		return inMessage
	case KindThread:
		return inThread
	case KindProject:
		return inProject
	case KindReceipt:
		return inReceipt
	case KindProfile:
		return inProfile
	case KindState:
		return inState
	case KindRedaction:
		return inRedaction
	}
	return 0
}

// key is one front-matter key that this version knows.
type key struct {
	name     string
	kinds    kindSet // which kinds may carry it
	required kindSet // which kinds must carry it
	codec
}

// keys holds the known keys in their canonical order. A key added later goes
// to the end: an older version, which keeps it among its unknown keys, then
// writes it at the same place.
var keys = [...]key{
	{"id", inAll, inAll, idCodec(func(e *Event) *ID { return &e.ID })},
	{"event", inAll &^ inMessage, 0, kindCodec()},
	{"from", inAll, inAll, agentCodec(func(e *Event) *string { return &e.From })},
	{"to", inMessage, 0, listCodec(MaxTo, checkRecipient, func(e *Event) *[]string { return &e.To })},
	{"at", inAll, inAll, timeCodec(func(e *Event) *time.Time { return &e.At })},
	{"title", inMessage | inThread | inProject, 0, lineCodec(MaxTitle, func(e *Event) *string { return &e.Title })},
	{"reply_to", inMessage, 0, idCodec(func(e *Event) *ID { return &e.ReplyTo })},
	{"tags", inMessage, 0, listCodec(MaxTags, checkTag, func(e *Event) *[]string { return &e.Tags })},
	{"priority", inMessage, 0, priorityCodec()},
	{"expires", inMessage, 0, timeCodec(func(e *Event) *time.Time { return &e.Expires })},
	{"require_ack", inMessage, 0, flagCodec(func(e *Event) *bool { return &e.RequireAck })},
	{"status", inThread | inProfile, 0, statusCodec()},
	{"description", inThread | inProject | inRedaction, 0, textCodec(MaxDescription, func(e *Event) *string { return &e.Description })},
	{"add", inThread, 0, listCodec(MaxTo, checkMember, func(e *Event) *[]string { return &e.Add })},
	{"remove", inThread, 0, listCodec(MaxTo, checkMember, func(e *Event) *[]string { return &e.Remove })},
	{"state", inReceipt, inReceipt, stateCodec()},
	{"messages", inReceipt | inRedaction, inReceipt | inRedaction, idsCodec(MaxMessages, func(e *Event) *[]ID { return &e.Messages })},
	{"payload", inMessage | inProfile | inState, inState, payloadCodec()},
	{"key", inState, inState, keyCodec()},
	{"clear", inThread | inProject | inProfile, 0, clearCodec()},
	{"notifications", inProfile, 0, notificationsCodec()},
	{"person", inProfile, 0, flagCodec(func(e *Event) *bool { return &e.Person })},
}

// keyIndex returns the index of a known key, -1 if it is unknown. The search
// starts at hint, since keys nearly always come in order.
func keyIndex(name string, hint int) int {
	for i := hint; i < len(keys); i++ {
		if keys[i].name == name {
			return i
		}
	}
	for i := range min(hint, len(keys)) {
		if keys[i].name == name {
			return i
		}
	}
	return -1
}
