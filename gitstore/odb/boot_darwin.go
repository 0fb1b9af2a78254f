package odb

import "golang.org/x/sys/unix"

// bootID names the time since the machine was started. Everything written
// since then is still in the page cache or on disk, whatever process died.
func bootID() string {
	id, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return ""
	}
	return id
}
