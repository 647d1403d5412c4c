package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rootbound/rootbound/internal/testenv"
)

// binary is the program as it ships.
var binary string

// TestScripts runs the program as a reader of the documentation would, with curl as the other end.
func TestScripts(t *testing.T) {
	binary = testenv.Binary(t)
	work := workDir(t)
	bin := filepath.Join(work, "bin")
	for _, err := range []error{os.Mkdir(bin, 0o755), os.Symlink(binary, filepath.Join(bin, "rootbound"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		WorkdirRoot:         work,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", bin+":"+os.Getenv("PATH"))
			s := &servers{}
			e.Values[serversKey{}] = s
			e.Defer(s.kill)
			return os.Chmod(e.WorkDir, 0o755)
		},
		Condition: func(cond string) (bool, error) {
			if cond == "soak" {
				return os.Getenv("ROOTBOUND_SOAK") == "1", nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"activate":   cmdActivate,
			"alike":      cmdAlike,
			"authority":  cmdAuthority(t),
			"busy":       cmdBusy,
			"completes":  cmdCompletes,
			"end":        cmdStop, // testscript has a stop of its own, which ends the script
			"eventually": cmdEventually,
			"finish":     cmdFinish,
			"get":        cmdGet,
			"getlink":    cmdGetLink,
			"hold":       cmdHold,
			"ids":        cmdIDs,
			"issuer":     cmdIssuer,
			"provider":   cmdProvider(t),
			"large":      cmdLarge,
			"log":        cmdLog,
			"notified":   cmdNotified,
			"refused":    cmdRefused,
			"root":       cmdRoot,
			"selfsigned": cmdSelfSigned,
			"serve":      cmdServe,
			"signal":     cmdSignal,
			"stale":      cmdStale,
		},
	})
}

// workDir is a directory that users without rights may enter, which t.TempDir is not.
func workDir(t *testing.T) string {
	dir, err := os.MkdirTemp("", "rootbound-e2e-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
