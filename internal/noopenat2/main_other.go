//go:build !linux

// Command noopenat2 runs a command for which openat2(2) does not exist. It
// needs Linux.
package main

import (
	"fmt"
	"os"
	"runtime"
)

func main() {
	fmt.Fprintln(os.Stderr, "noopenat2: seccomp filters need Linux, this is", runtime.GOOS)
	os.Exit(2)
}
