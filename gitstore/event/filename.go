package event

import (
	"fmt"
	"strings"
)

// Name is what the name of an event's file says.
type Name struct {
	Day   int    // of the month, 1 to 31
	Clock string // HHMMSS
	Agent string // who wrote the event
	Short string // ID.Short
	Kind  Kind
}

const (
	clockLayout = "150405"
	extension   = ".md"
	// dayClock is what the names of files begin with, and shorter ones end.
	dayClock = len("21-101503-")
)

// FileName returns the name of e's file, such as
// "21-101503-claude-code-7k3q9x2m.md", from its time, sender, id and kind.
// e must be valid.
func FileName(e *Event) string {
	at := e.At.UTC()
	return Name{at.Day(), at.Format(clockLayout), e.From, e.ID.Short(), e.Kind}.String()
}

// String returns the file's name; for a Name from ParseFileName, exactly what
// was parsed.
func (n Name) String() string {
	return fmt.Sprintf("%02d-%s-%s-%s%s", n.Day, n.Clock, AgentDir(n.Agent), n.Short, suffix(n.Kind))
}

func suffix(k Kind) string {
	if k == KindMessage {
		return extension
	}
	return "." + string(k) + extension
}

// ParseFileName is the inverse of FileName; any other name is refused.
func ParseFileName(s string) (Name, error) {
	n, ok := parseFileName(s)
	if !ok {
		return Name{}, fmt.Errorf("%s is not the name of an event's file; want one like 21-101503-claude-code-7k3q9x2m.md", quote(s))
	}
	return n, nil
}

func parseFileName(s string) (Name, bool) {
	stem, kind, ok := cutKind(s)
	agentEnd := len(stem) - shortLen - len("-")
	if !ok || agentEnd <= dayClock || !isDayClock(stem[:dayClock]) || stem[agentEnd] != '-' {
		return Name{}, false
	}
	short := stem[agentEnd+1:]
	agent, err := AgentFromDir(stem[dayClock:agentEnd])
	if err != nil || !isBase32(short) {
		return Name{}, false
	}
	return Name{Day: number(stem[:2]), Clock: stem[3:9], Agent: agent, Short: short, Kind: kind}, true
}

// cutKind cuts the suffix that tells the kind. A message's stem ends with a
// short id, which holds no '.', so that no suffix can be taken for another.
func cutKind(s string) (stem string, kind Kind, ok bool) {
	for _, kind := range []Kind{KindThread, KindProject, KindReceipt, KindProfile, KindState, KindRedaction, KindMessage} {
		if stem, ok := strings.CutSuffix(s, suffix(kind)); ok {
			return stem, kind, true
		}
	}
	return "", KindMessage, false
}

// isDayClock tells whether s is "DD-HHMMSS-" with numbers that a clock shows.
func isDayClock(s string) bool {
	for i := range dayClock {
		if wantDash := i == 2 || i == dayClock-1; wantDash != (s[i] == '-') || !wantDash && !isDigit(s[i]) {
			return false
		}
	}
	day := number(s[:2])
	return day >= 1 && day <= 31 && number(s[3:5]) <= 23 && number(s[5:7]) <= 59 && number(s[7:9]) <= 59
}

func isBase32(s string) bool {
	for i := range len(s) {
		if strings.IndexByte(base32Lower, s[i]) < 0 {
			return false
		}
	}
	return true
}
