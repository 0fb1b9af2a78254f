package tools

import (
	"slices"
	"strings"
)

// otherNames are what models and the users of other message systems call the
// arguments, where the spelling is no help.
var otherNames = map[string][]string{
	"body":         {"message", "content", "text", "msg"},
	"to":           {"recipient", "recipients", "target", "agent", "agents"},
	"thread":       {"thread_id", "conversation", "conversation_id", "channel"},
	"ids":          {"id", "message_ids", "message_id", "messages"},
	"query":        {"q", "text", "search", "pattern"},
	"expires_in":   {"ttl", "expires"},
	"tags":         {"tag"},
	"tag":          {"tags"},
	"from":         {"sender", "author"},
	"require_ack":  {"must_read", "ack"},
	"include_read": {"unread_only", "all"},
	"status":       {"state"},
	"title":        {"subject", "name"},
	"add":          {"members", "participants"},
	"member":       {"agent", "participant"},
}

// nearest is the name out of names that was most likely meant, "" for none.
func nearest(given string, names []string) string {
	given = strings.ToLower(given)
	best, least := "", 3 // more than two slips is another word
	for _, n := range names {
		if n == given || slices.Contains(otherNames[n], given) {
			return n
		}
		if d := distance(given, n); d < least && d < len(n) {
			best, least = n, d
		}
	}
	return best
}

// distance counts the letters to insert, delete or change to make a of b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0]++
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
