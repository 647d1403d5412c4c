package audit

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// written makes a log with checkpoints in its middle and returns its lines and the file of checkpoints.
func written(t *testing.T, cfg Config) (path, elsewhere string, lines [][]byte) {
	t.Helper()
	path = logPath(t)
	elsewhere = filepath.Join(t.TempDir(), "checkpoints")
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	cfg.Path, cfg.Required, cfg.KeepElsewhere = path, true, ToFile(elsewhere)
	cfg.Now = func() time.Time { return now }
	l := open(t, cfg)
	for i := range 12 {
		answer(t, l, fmt.Sprint(i), "dir/a.txt")
		if i%4 == 3 {
			if err := l.Checkpoint(); err != nil {
				t.Fatal(err)
			}
		}
	}
	closeLog(t, l)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines = bytes.SplitAfter(b, []byte("\n"))
	return path, elsewhere, lines[:len(lines)-1]
}

func TestTampering(t *testing.T) {
	signer, verifier, _ := keys(t)
	path, _, lines := written(t, Config{Signer: signer})
	good(t, path, VerifyOptions{Key: verifier})
	rewrite := func(what string, first int, changed [][]byte) {
		t.Helper()
		if err := os.WriteFile(path, bytes.Join(changed, nil), 0o600); err != nil {
			t.Fatal(err)
		}
		r := verify(t, path, VerifyOptions{})
		if r.Fault == nil {
			t.Errorf("%s: nobody sees it", what)
			return
		}
		if r.Fault.Line != first+1 {
			t.Errorf("%s: the first bad line is %d, want %d (%s)", what, r.Fault.Line, first+1, r.Fault.Why)
		}
	}
	for i := range lines {
		if i < len(lines)-1 {
			// The end that is missing is another matter; a removed head shows at the line that follows it.
			rewrite(fmt.Sprintf("record %d removed", i), i, slices.Delete(slices.Clone(lines), i, i+1))
			swapped := slices.Clone(lines)
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			rewrite(fmt.Sprintf("records %d and %d swapped", i, i+1), i, swapped)
		}
		rewrite(fmt.Sprintf("record %d twice", i), i+1, slices.Insert(slices.Clone(lines), i, lines[i]))
	}
	middle := len(lines) / 2
	for i := range lines[middle] {
		for _, bit := range []byte{1, 0x20, 0x80} {
			changed := slices.Clone(lines)
			changed[middle] = bytes.Clone(lines[middle])
			changed[middle][i] ^= bit
			if changed[middle][i] == '\n' || lines[middle][i] == '\n' {
				continue // that makes another number of lines
			}
			rewrite(fmt.Sprintf("byte %d of record %d changed by %#x", i, middle, bit), middle, changed)
		}
	}
}

// What a chain alone cannot show: its end cut off, and all of it written anew. Checkpoints can, the ones kept
// elsewhere both, whoever holds the log and whatever they know.
func TestCutAndRewritten(t *testing.T) {
	signer, verifier, _ := keys(t)
	path, elsewhere, lines := written(t, Config{Signer: signer})
	b, err := os.ReadFile(elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	kept, spoiled := ReadCheckpoints(b)
	if spoiled != 0 || len(kept) == 0 {
		t.Fatalf("%d checkpoints, %d spoiled", len(kept), spoiled)
	}
	o := VerifyOptions{Key: verifier, Elsewhere: kept}
	if r := good(t, path, o); r.Elsewhere == 0 || r.Covered < r.Records-1 {
		t.Errorf("%+v", r)
	}

	if err := os.WriteFile(path, bytes.Join(lines[:len(lines)/2], nil), 0o600); err != nil {
		t.Fatal(err)
	}
	good(t, path, VerifyOptions{Key: verifier}) // the control: the chain alone is content
	if r := verify(t, path, o); r.Fault == nil || !strings.Contains(r.Fault.Why, "cut off") {
		t.Errorf("its end is cut off: %+v", r.Fault)
	}

	forger, _, _ := keys(t)
	forged, _, _ := written(t, Config{Signer: forger})
	anew, err := os.ReadFile(forged)
	if err == nil {
		err = os.WriteFile(path, anew, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	good(t, path, VerifyOptions{}) // the control
	if r := verify(t, path, VerifyOptions{Key: verifier}); r.Fault == nil {
		t.Error("written anew and signed with another key, and nobody sees it")
	}
	if r := verify(t, path, o); r.Fault == nil {
		t.Error("written anew, and the checkpoints kept elsewhere do not show it")
	}
	if _, err := Verify(path, VerifyOptions{Elsewhere: kept}); err == nil {
		t.Error("checkpoints are believed without a key")
	}
	if _, err := Verify(path, VerifyOptions{Elsewhere: []string{kept[0] + "x"}, Key: verifier}); err == nil {
		t.Error("a broken checkpoint is believed")
	}
}

// A checkpoint also goes to a URL; where that does not answer the log goes on, and the latest is tried again at the
// end.
func TestCheckpointToURL(t *testing.T) {
	signer, verifier, _ := keys(t)
	var mu sync.Mutex
	var got []string
	down := true
	isDown := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return down
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if down {
			down = false
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		var b bytes.Buffer
		_, _ = b.ReadFrom(r.Body)
		got = append(got, b.String())
	}))
	defer s.Close()
	path := logPath(t)
	l := open(t, Config{Path: path, Required: true, Signer: signer, KeepElsewhere: ToURL(s.URL)})
	answer(t, l, "1", "a")
	if err := l.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); isDown(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody came")
		}
	}
	closeLog(t, l)
	if len(got) == 0 {
		t.Fatal("no checkpoint arrived")
	}
	// Whoever receives them may just append what comes to a file, between other things.
	kept, spoiled := ReadCheckpoints([]byte("\n" + statementHead + "\ntorn\n\n" + strings.Join(got, "") + "and the rest\n" + statementHead + "\n" + strings.Join(got, "\n")))
	if want := append(slices.Clone(got), got...); !slices.Equal(kept, want) || spoiled != 4 {
		t.Errorf("kept %q, %d spoiled; want %q", kept, spoiled, want)
	}
	if r := good(t, path, VerifyOptions{Key: verifier, Elsewhere: kept}); r.Elsewhere != len(kept) {
		t.Errorf("%+v", r)
	}
}
