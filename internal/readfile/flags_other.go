//go:build !unix

package readfile

import "os"

// Flags open for reading.
const Flags = os.O_RDONLY
