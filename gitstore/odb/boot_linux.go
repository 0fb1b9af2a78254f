package odb

import "os"

// bootID names the time since the machine was started. Everything written
// since then is still in the page cache or on disk, whatever process died.
func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return string(id)
}
