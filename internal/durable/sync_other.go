//go:build !unix && !windows

package durable

import "os"

// SyncDir asks for a sync; what the system makes of it is its own business.
func SyncDir(dir *os.File) error { return dir.Sync() }
