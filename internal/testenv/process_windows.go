package testenv

import (
	"os"
	"os/exec"
)

// ownGroup does nothing: Windows has no process groups in this sense.
func ownGroup(*exec.Cmd) {}

func askToStop(p *os.Process) { _ = p.Kill() }

func killGroup(p *os.Process) { _ = p.Kill() }
