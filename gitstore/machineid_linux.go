package gitstore

import (
	"os"
	"strings"
)

// machineID names this installation of the system; "" if it has no name, as in
// many containers.
func machineID() string {
	id, err := os.ReadFile("/etc/machine-id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}
