package durable

import "os"

// SyncDir does nothing: Windows has no sync of directories, and NTFS keeps its names in a journal.
func SyncDir(*os.File) error { return nil }
