//go:build unix

package testenv

import (
	"os"
	"os/exec"
	"syscall"
)

// ownGroup puts cmd into a process group of its own and, where the system can,
// ties its life to ours.
func ownGroup(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	dieWithParent(cmd.SysProcAttr)
}

// askToStop's error is of no interest: the process may just have ended.
func askToStop(p *os.Process) { _ = p.Signal(syscall.SIGTERM) }

func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }
