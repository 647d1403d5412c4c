//go:build !unix

package readfile

import "os"

// flags open for reading.
const flags = os.O_RDONLY
