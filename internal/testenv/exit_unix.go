//go:build unix

package testenv

import (
	"os"
	"os/exec"
	"syscall"
)

// held keeps the write ends of the pipes of removeAtExit from being collected.
var held []*os.File

// removeAtExit removes dir when this process is gone, however it went: a child
// waits for the end of a pipe that only we hold open. Called once, by build.
func removeAtExit(dir string) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd := exec.Command("/bin/sh", "-c", `cat >/dev/null; rm -rf "$1"`, "sh", dir)
	cmd.Stdin = r
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		w.Close()
		return err
	}
	held = append(held, w)
	return cmd.Process.Release()
}
