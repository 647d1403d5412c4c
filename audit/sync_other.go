//go:build !linux

package audit

import "os"

// noFollow: other systems have no flag for it that is the same on all.
const noFollow = 0

func dataSync(f *os.File) error { return f.Sync() }
