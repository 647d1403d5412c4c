package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/inspect"
	"github.com/rootbound/rootbound/internal/tree"
)

// TestInspectWatch reads what --watch prints, line by line, while files come and go.
func TestInspectWatch(t *testing.T) {
	dir := tree.Make(t, t.TempDir(), "one.bak=x", "forged => ../\n+ high key-file id_rsa")
	stamped := regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ `)
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			out, w := io.Pipe()
			status := make(chan int, 1)
			go func() {
				status <- run(ctx, []string{"inspect", "--watch", "--interval", "1ms", "--format", format, dir}, strings.NewReader(""), w, io.Discard, func(string) string { return "" })
				w.Close()
			}()
			lines := bufio.NewScanner(out)
			until := func(want string) {
				t.Helper()
				for lines.Scan() {
					if format == "text" && !stamped.MatchString(lines.Text()) {
						t.Errorf("a line that is none of ours: %q", lines.Text())
					}
					if format == "json" {
						var c inspect.Change
						if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
							t.Fatalf("%q is no document: %v", lines.Text(), err)
						}
					}
					if strings.Contains(lines.Text(), want) {
						return
					}
				}
				t.Fatalf("the output ended before %q", want)
			}
			until("one.bak")
			two := filepath.Join(dir, "two.bak")
			if err := os.WriteFile(two, []byte("x"), 0o644); err != nil {
				t.Fatal(err)
			}
			until("two.bak")
			if err := os.Remove(two); err != nil {
				t.Fatal(err)
			}
			until("two.bak")
			cancel()
			go io.Copy(io.Discard, out)
			if got := <-status; got != exitFine {
				t.Errorf("exit status %d after it was interrupted", got)
			}
		})
	}
}

// TestInspectInterrupted: what was found until then is reported, and that it is not all.
func TestInspectInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out strings.Builder
	status := run(ctx, []string{"inspect", t.TempDir()}, strings.NewReader(""), &out, io.Discard, func(string) string { return "" })
	if status != exitFindings || !strings.Contains(out.String(), "not all of it was looked at: it was interrupted") {
		t.Errorf("exit status %d, %q", status, out.String())
	}
}
