//go:build !linux && !darwin

package gitstore

import "os"

// machineID names this machine, as well as it can be told.
func machineID() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}
