package main

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestProcess measures a shell that waits for a child that works: the CPU time
// of what a server starts is the server's, and all of it is on one core.
func TestProcess(t *testing.T) {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		t.Fatal(err)
	}
	core, _ := cores(&allowed)
	l, err := newLauncher(core)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	p, err := l.spawn(exec.Command("/bin/sh", "-c", "(while :; do :; done) & wait"), filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	var u usage
	if err := p.await(func() bool {
		u, err = p.usage(core)
		return err == nil && u.cpu > 100*time.Millisecond && u.core > 0
	}); err != nil {
		t.Errorf("%v; last usage %+v, %v", err, u, err)
	}
	pids, err := p.pids()
	if err != nil || len(pids) != 2 {
		t.Errorf("processes %v, %v; want the shell and its child", pids, err)
	}
	for _, pid := range pids {
		var set unix.CPUSet
		if err := unix.SchedGetaffinity(pid, &set); err != nil || set.Count() != 1 || !set.IsSet(core) {
			t.Errorf("process %d is not on CPU %d alone: %v, %v", pid, core, set, err)
		}
	}
	if bytes, err := p.memory(); err != nil || bytes < 10_000 {
		t.Errorf("memory %d, %v; want that of two shells", bytes, err)
	}
	p.stop()
	if _, err := newLauncher(64*len(allowed) - 1); err == nil {
		t.Error("pinned to a processor that is not there")
	}
}

func TestCores(t *testing.T) {
	set := func(cores ...int) *unix.CPUSet {
		var s unix.CPUSet
		for _, c := range cores {
			s.Set(c)
		}
		return &s
	}
	for _, tt := range []struct {
		set           *unix.CPUSet
		servers, load int
	}{{set(0, 1), 0, 1}, {set(3, 5, 700), 3, 700}, {set(2), 2, 2}} {
		if servers, load := cores(tt.set); servers != tt.servers || load != tt.load {
			t.Errorf("cores = %d, %d; want %d, %d", servers, load, tt.servers, tt.load)
		}
	}
}
