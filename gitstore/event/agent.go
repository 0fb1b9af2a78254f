package event

import (
	"errors"
	"fmt"
	"strings"
)

// AgentName lower-cases the name of an agent and checks it: 1 to 36 of
// [a-z0-9.@-] that begin and end with a letter or a digit, without ".." or
// "--", and nothing that Windows reserves. The error proposes a valid name.
func AgentName(name string) (string, error) {
	lower := strings.ToLower(strings.TrimSpace(name))
	err := checkAgentName(lower)
	if err == nil {
		return lower, nil
	}
	if proposal := SuggestAgentName(name); proposal != "" {
		return "", fmt.Errorf("agent name %s %w; %q would do", quote(name), err, proposal)
	}
	return "", fmt.Errorf("agent name %s %w; choose another", quote(name), err)
}

func checkAgentName(name string) error {
	switch {
	case name == "":
		return errors.New("is empty")
	case len(name) > MaxAgentName:
		return fmt.Errorf("is longer than %d characters", MaxAgentName)
	case !isAlnum(name[0]) || !isAlnum(name[len(name)-1]):
		return errors.New("does not begin and end with a-z or 0-9")
	case strings.Contains(name, ".."), strings.Contains(name, "--"):
		return errors.New("holds '..' or '--'")
	}
	for i := range len(name) {
		if !isAgentByte(name[i]) {
			return errors.New("holds something else than a-z, 0-9, '.', '@' and '-'")
		}
	}
	if isWindowsDevice(name) {
		return errors.New("is reserved on Windows")
	}
	return nil
}

// SuggestAgentName returns the valid agent name nearest to any text, such as
// an MCP client's name, or "" if it holds no ASCII letter or digit.
func SuggestAgentName(text string) string {
	var b strings.Builder
	for i, lower := 0, strings.ToLower(text); i < len(lower) && b.Len() < MaxAgentName; i++ {
		c := lower[i]
		if !isAgentByte(c) {
			c = '-'
		}
		if isAlnum(c) || b.Len() > 0 && isAlnum(b.String()[b.Len()-1]) {
			b.WriteByte(c)
		}
	}
	name := strings.TrimRight(b.String(), ".@-")
	if name != "" && isWindowsDevice(name) {
		base, rest, _ := strings.Cut(name, ".")
		name = strings.TrimRight(base+"-agent-"+rest, "-")
		name = strings.TrimRight(name[:min(len(name), MaxAgentName)], ".@-")
	}
	return name
}

// AgentDir is an agent's name as a directory's name and within file names:
// '@' is written '_', which no agent name holds.
func AgentDir(name string) string { return strings.ReplaceAll(name, "@", "_") }

// AgentFromDir is the inverse of AgentDir; what AgentDir cannot have written
// is refused.
func AgentFromDir(dir string) (string, error) {
	name := strings.ReplaceAll(dir, "_", "@")
	if strings.Contains(dir, "@") || checkAgentName(name) != nil {
		return "", fmt.Errorf("%s is not an agent's name as directories and file names carry it", quote(dir))
	}
	return name, nil
}

func isAlnum(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

func isAgentByte(c byte) bool { return isAlnum(c) || c == '.' || c == '@' || c == '-' }
