package store

import (
	"io/fs"
	"os"
)

// checkDir does nothing: who may write to a directory is in its access list, which it has from the directory above.
func checkDir(string, fs.FileInfo) error { return nil }

// checkFile does nothing, see checkDir.
func checkFile(string, fs.FileInfo) error { return nil }

// handOver does nothing: a file has the access list of its directory.
func handOver(*os.File, fs.FileInfo) error { return nil }
