//go:build unix && !linux

package testenv

import "syscall"

// dieWithParent does nothing: only Linux has a death signal for parents.
func dieWithParent(*syscall.SysProcAttr) {}
