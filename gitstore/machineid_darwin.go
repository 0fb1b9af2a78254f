package gitstore

import "syscall"

// machineID names this machine; "" if it cannot be told.
func machineID() string {
	id, err := syscall.Sysctl("kern.uuid")
	if err != nil {
		return ""
	}
	return id
}
