//go:build unix

package testenv

import (
	"os/exec"
	"syscall"
)

// runAs has cmd run with one user and group, and no supplementary groups.
func runAs(cmd *exec.Cmd, id uint32) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: id, Gid: id, Groups: []uint32{}}}
}
