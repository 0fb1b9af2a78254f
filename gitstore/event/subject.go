package event

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

const (
	maxSubjectText = 72 // characters
	maxSubjectTo   = 3  // names
)

// Subject is the one line that stands for e in `git log`, without control
// characters: "axon/constraint-model: claude-code → desktop: Recursion bound".
// For a project event ref names the project alone; for receipts and profiles,
// which belong to no thread, it is zero.
func Subject(ref ThreadRef, e *Event) string {
	parts := []string{e.From + arrow(e.To)}
	if place := subjectPlace(ref, e); place != "" {
		parts = []string{place, parts[0]}
	}
	if text := cutText(oneLine(subjectText(e)), maxSubjectText); text != "" {
		parts = append(parts, text)
	}
	return strings.Join(parts, ": ")
}

func subjectPlace(ref ThreadRef, e *Event) string {
	if e.Kind == KindProject {
		return ref.Project
	}
	if e.Kind == KindState {
		return StateDir + " " + oneLine(e.Key)
	}
	return ref.String()
}

// arrow names the first recipients; nobody where everyone is addressed.
func arrow(to []string) string {
	if len(to) == 0 || slices.Contains(to, Everyone) {
		return ""
	}
	if len(to) > maxSubjectTo {
		return fmt.Sprintf(" → %s and %d more", strings.Join(to[:maxSubjectTo], ", "), len(to)-maxSubjectTo)
	}
	return " → " + strings.Join(to, ", ")
}

func subjectText(e *Event) string {
	switch e.Kind {
	case KindThread:
		return changes(e)
	case KindProject:
		return labelled("title", e.Title, "description", e.Description, "clear", strings.Join(e.Clear, ", "))
	case KindReceipt:
		return fmt.Sprintf("%s %d", e.State, len(e.Messages))
	case KindProfile:
		if e.Status == "" {
			return "profile"
		}
		return labelled("status", e.Status)
	case KindState:
		return string(e.Payload[:min(len(e.Payload), 4<<10)])
	case KindRedaction:
		return redacted(e)
	}
	if e.Title != "" {
		return e.Title
	}
	return firstLine(e.Body)
}

// redacted says which messages are hidden, as far as there is room.
func redacted(e *Event) string {
	text := "redact"
	for _, id := range e.Messages[:min(len(e.Messages), maxSubjectTo)] {
		text += " " + id.Short()
	}
	if more := len(e.Messages) - maxSubjectTo; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// changes says what a thread event sets.
func changes(e *Event) string {
	return labelled("status", e.Status, "title", e.Title,
		"add", strings.Join(e.Add, ", "), "remove", strings.Join(e.Remove, ", "), "description", e.Description,
		"clear", strings.Join(e.Clear, ", "))
}

// labelled writes "label value" for each value that is set.
func labelled(pairs ...string) string {
	var set []string
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			set = append(set, pairs[i]+" "+pairs[i+1])
		}
	}
	return strings.Join(set, ", ")
}

// firstLine returns the first line that holds more than space, without a
// heading's #.
func firstLine(body []byte) string {
	// A body may be a megabyte; what is shown lies in its beginning.
	head := string(body[:min(len(body), 4<<10)])
	for line := range strings.Lines(head) {
		if text := oneLine(strings.TrimLeft(strings.TrimSpace(line), "#")); text != "" {
			return text
		}
	}
	return ""
}

// oneLine drops what could fool a terminal and joins what is left by single
// spaces.
func oneLine(s string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r) || isLineBreak(r):
			return ' '
		case isInvisible(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return strings.Join(strings.Fields(clean), " ")
}

// isInvisible tells the characters that turn the direction of text around, or
// hide in it.
func isInvisible(r rune) bool {
	return r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 || r == 0x200B || r == 0xFEFF
}

func cutText(s string, most int) string {
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return strings.TrimRight(string(runes[:most-1]), " ") + "…"
}
