//go:build unix

package main

import "io/fs"

// isSecret says whether nobody but the owner may read or change a file.
func isSecret(info fs.FileInfo) bool { return info.Mode().IsRegular() && info.Mode().Perm()&0o077 == 0 }
