package main_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// binary is the program as it ships, built once.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(runMain(m))
}

func runMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "rootbound-e2e-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "rootbound")
	build := exec.Command("go", "build", "-ldflags", "-X main.version=v0.0.0-e2e", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	// Users without rights must be able to enter what the scripts give them.
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// TestScripts runs the program as a reader of the documentation would, with curl as the other end.
func TestScripts(t *testing.T) {
	work := filepath.Join(filepath.Dir(binary), "work")
	if err := os.Mkdir(work, 0o755); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		WorkdirRoot:         work,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", filepath.Dir(binary)+":"+os.Getenv("PATH"))
			e.Values[serversKey{}] = &servers{}
			e.Defer(func() { e.Values[serversKey{}].(*servers).kill() })
			return os.Chmod(e.WorkDir, 0o755)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve":      cmdServe,
			"refused":    cmdRefused,
			"activate":   cmdActivate,
			"stop":       cmdStop,
			"signal":     cmdSignal,
			"log":        cmdLog,
			"get":        cmdGet,
			"alike":      cmdAlike,
			"selfsigned": cmdSelfSigned,
			"root":       cmdRoot,
			"ids":        cmdIDs,
			"finish":     cmdFinish,
			"stale":      cmdStale,
			"busy":       cmdBusy,
			"notified":   cmdNotified,
			"listening":  cmdListening,
			"completes":  cmdCompletes,
		},
	})
}
