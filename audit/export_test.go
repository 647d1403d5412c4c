package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// receiver is a receiver that fails when it is told to.
type receiver struct {
	lines []string
	fail  func(try int, batch []Exported) (take bool, err error)
	tries int
}

func (k *receiver) Send(_ context.Context, batch []Exported) error {
	k.tries++
	take, err := true, error(nil)
	if k.fail != nil {
		take, err = k.fail(k.tries, batch)
	}
	for i := range batch {
		if take {
			k.lines = append(k.lines, batch[i].Line)
		}
	}
	return err
}

func (k *receiver) Close() error { return nil }

// goodCopy fails unless what arrived is a whole log by itself, once doubles are taken out.
func goodCopy(t testing.TB, lines []string) *Report {
	t.Helper()
	var once []string
	seen := map[string]bool{}
	for _, l := range lines {
		if !seen[l] {
			seen[l] = true
			once = append(once, l)
		}
	}
	path := filepath.Join(t.TempDir(), "copy")
	if err := os.WriteFile(path, []byte(strings.Join(once, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return good(t, path, VerifyOptions{})
}

func exportTo(t testing.TB, path, cursor string, k *receiver) (uint64, error) {
	t.Helper()
	return Export(t.Context(), ExportConfig{Log: path, Cursor: cursor, To: k})
}

// What arrives is the chain, whatever came between: other files, restarts of either side, receivers that fail after having
// taken what they were sent.
func TestExport(t *testing.T) {
	path, cursor := logPath(t), filepath.Join(t.TempDir(), "cursor")
	k := &receiver{}
	for round := range 4 {
		l := open(t, Config{Path: path, Required: true, MaxBytes: 8192})
		for i := range 60 {
			answer(t, l, fmt.Sprint(round, "-", i), "a")
		}
		if round == 1 { // while it is written
			if _, err := exportTo(t, path, cursor, k); err != nil {
				t.Fatal(err)
			}
		}
		closeLog(t, l)
		if k.fail = nil; round == 2 {
			k.fail = everyOther(true)
		}
		if _, err := exportTo(t, path, cursor, k); err != nil {
			t.Fatal(err)
		}
	}
	want := good(t, path, VerifyOptions{}).Records
	if got := goodCopy(t, k.lines).Records; got != want {
		t.Errorf("%d records arrived, of %d", got, want)
	}
	if n, err := exportTo(t, path, cursor, k); n != 0 || err != nil {
		t.Errorf("once more: %d, %v", n, err)
	}
}

// everyOther fails every other time, having taken what it was sent or not.
func everyOther(takes bool) func(int, []Exported) (bool, error) {
	return func(try int, _ []Exported) (bool, error) {
		if try%2 == 1 {
			return takes, errors.New("a cable")
		}
		return true, nil
	}
}

// A receiver that takes nothing has the export give up, and nothing counts as sent; a refusal that will not change is not
// tried again.
func TestExportGivesUp(t *testing.T) {
	path, cursor := logPath(t), filepath.Join(t.TempDir(), "cursor")
	l := open(t, Config{Path: path})
	answer(t, l, "1", "a")
	closeLog(t, l)
	for _, tt := range []struct {
		err  error
		want int
	}{{errors.New("no route"), 2}, {&permanentError{errors.New("no")}, 1}} {
		k := &receiver{fail: func(int, []Exported) (bool, error) { return false, tt.err }}
		told := 0
		n, err := Export(t.Context(), ExportConfig{Log: path, Cursor: cursor, To: k, Tries: 2, Failing: func(error, time.Duration) { told++ }})
		if n != 0 || !errors.Is(err, tt.err) || k.tries != tt.want || told != tt.want-1 || !strings.Contains(err.Error(), "records 0 to 3") {
			t.Errorf("%v: %d sent, %v, after %d tries", tt.err, n, err, k.tries)
		}
	}
	k := &receiver{}
	if _, err := exportTo(t, path, cursor, k); err != nil || goodCopy(t, k.lines).Records != 4 {
		t.Errorf("then: %d records, %v", len(k.lines), err)
	}
}

// What is missing or was changed stops the export before it: nothing behind is passed off as whole.
func TestExportStopsAtFaults(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		spoil      func(t *testing.T, path string)
	}{
		{"changed", "it was changed", func(t *testing.T, path string) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			spoiled := strings.Replace(string(b), `"id":"late-9"`, `"id":"liar-9"`, 1)
			if err := os.WriteFile(path, []byte(spoiled), 0o600); err != nil || spoiled == string(b) {
				t.Fatal(err, "nothing was changed")
			}
		}},
		{"removed", "went before they were exported", func(t *testing.T, path string) {
			names, err := Files(path)
			if err != nil || len(names) < 4 {
				t.Fatal(names, err)
			}
			for _, n := range names[:len(names)-1] {
				if err := os.Remove(n); err != nil {
					t.Fatal(err)
				}
			}
		}},
		{"another log", "another log than the cursor's", func(t *testing.T, path string) {
			names, err := Files(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range names {
				if err := os.Remove(n); err != nil {
					t.Fatal(err)
				}
			}
			closeLog(t, open(t, Config{Path: path}))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path, cursor := logPath(t), filepath.Join(t.TempDir(), "cursor")
			write := func(prefix string) {
				l := open(t, Config{Path: path, Required: true, MaxBytes: 4096})
				for i := range 30 {
					answer(t, l, fmt.Sprint(prefix, "-", i), "a")
				}
				closeLog(t, l)
			}
			write("early")
			k := &receiver{}
			if _, err := exportTo(t, path, cursor, k); err != nil {
				t.Fatal(err)
			}
			before := len(k.lines)
			write("late")
			if tt.name == "changed" {
				spoilFile(t, path, tt.spoil)
			} else {
				tt.spoil(t, path)
			}
			_, err := exportTo(t, path, cursor, k)
			var fault *Fault
			if !errors.As(err, &fault) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want a fault: %s", err, tt.want)
			}
			if strings.Contains(strings.Join(k.lines[before:], ""), "liar") {
				t.Error("a changed record was exported")
			}
			goodCopy(t, k.lines)
		})
	}
}

// spoilFile spoils whichever file of the log holds the record.
func spoilFile(t *testing.T, path string, spoil func(*testing.T, string)) {
	t.Helper()
	names, err := Files(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if b, err := os.ReadFile(n); err == nil && strings.Contains(string(b), `"id":"late-9"`) {
			spoil(t, n)
			return
		}
	}
	t.Fatal("no file holds the record")
}

// What is written while an export follows arrives, from all of its files.
func TestExportFollows(t *testing.T) {
	path, cursor := logPath(t), filepath.Join(t.TempDir(), "cursor")
	l := open(t, Config{Path: path, Required: true, MaxBytes: 4096})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	arrived := make(chan []Exported, 1000)
	k := &receiver{fail: func(_ int, batch []Exported) (bool, error) {
		arrived <- append([]Exported(nil), batch...)
		return true, nil
	}}
	ended := make(chan error, 1)
	go func() {
		_, err := Export(ctx, ExportConfig{Log: path, Cursor: cursor, To: k, Follow: true})
		ended <- err
	}()
	for i := range 3 {
		for n := range 40 {
			answer(t, l, fmt.Sprint(i, "-", n), "a")
		}
		last := fmt.Sprint(i, "-39")
		for found := false; !found; {
			for _, e := range <-arrived {
				found = found || e.ID == last
			}
		}
	}
	if _, err := exportTo(t, path, cursor, &receiver{}); err == nil || !strings.Contains(err.Error(), "another export uses it") {
		t.Errorf("two exports with one cursor: %v", err)
	}
	closeLog(t, l)
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if len(goodCopy(t, k.lines).Files) == 0 || len(good(t, path, VerifyOptions{}).Files) < 3 {
		t.Error("the log has one file")
	}
}

// A cursor that is none is an error, not a new beginning.
func TestExportCursor(t *testing.T) {
	path := logPath(t)
	closeLog(t, open(t, Config{Path: path}))
	for _, text := range []string{"", "{}", `{"log":"x","next":3,"hash":"short"}`, "\x00"} {
		cursor := filepath.Join(t.TempDir(), "cursor")
		if err := os.WriteFile(cursor, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		k := &receiver{}
		if _, err := exportTo(t, path, cursor, k); err == nil || len(k.lines) > 0 {
			t.Errorf("%q: %v", text, err)
		}
	}
}
