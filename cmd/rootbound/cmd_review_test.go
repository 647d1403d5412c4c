package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rootbound/rootbound/internal/tree"
)

// TestReviewInterrupted: nothing stays of what was planted, and neither a report nor a part of one is written. The control is
// the same, uninterrupted.
func TestReviewInterrupted(t *testing.T) {
	for _, interrupted := range []bool{true, false} {
		dir := tree.Make(t, t.TempDir(), "one/two/files/hello.txt=hello, this is an ordinary file", "state/", "out/")
		base := filepath.Join(dir, "one", "two", "files")
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		var asked atomic.Int64
		var planted atomic.Bool
		files := http.FileServerFS(os.DirFS(base))
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if asked.Add(1) == 100 {
				planted.Store(len(names(t, filepath.Join(dir, "one"))) > 4)
				if interrupted {
					cancel()
				}
			}
			files.ServeHTTP(w, r)
		}))
		report := filepath.Join(dir, "out", "review.html")
		args := []string{"review", "-o", report, "--base", base, "--plant", "--depth", "2", "--sample", "1", "--http", "1.1", base, server.URL}
		env := func(name string) string {
			return map[string]string{"XDG_STATE_HOME": filepath.Join(dir, "state")}[name]
		}
		var told strings.Builder
		status := run(ctx, args, strings.NewReader(""), io.Discard, &told, env)
		server.Close()
		if !planted.Load() {
			t.Error("the control: nothing was planted when it was interrupted")
		}
		if got := names(t, filepath.Join(dir, "one")); len(got) != 4 {
			t.Errorf("what stays is %q", got)
		}
		left := names(t, filepath.Join(dir, "out"))
		switch {
		case interrupted && (status != exitFindings || len(left) != 1 || !strings.Contains(told.String(), "interrupted; what was planted is removed")):
			t.Errorf("exit status %d, written %q, told %q", status, left, told.String())
		case !interrupted && len(left) != 2:
			t.Errorf("the control: exit status %d, written %q, told %q", status, left, told.String())
		}
	}
}

// names are all that lies in dir, and it.
func names(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		out = append(out, path)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return out
}
