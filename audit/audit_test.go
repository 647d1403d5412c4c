package audit

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"golang.org/x/mod/sumdb/note"

	"github.com/rootbound/rootbound/internal/durable"
	"github.com/rootbound/rootbound/internal/name"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

func logPath(t testing.TB) string { return filepath.Join(t.TempDir(), "audit.log") }

func open(t testing.TB, cfg Config) *Log {
	t.Helper()
	l, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func closeLog(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func facts(t testing.TB, id, text string) *request.Facts {
	t.Helper()
	n, err := (&name.Rules{}).FromDir(text)
	return &request.Facts{ID: id, Method: "GET", Target: "/" + text + "?sig=secret", Name: n, NameErr: err, Client: netip.MustParseAddr("192.0.2.7")}
}

var alice = request.Subject{ID: "alice", Method: "basic"}

// answer records one request from begin to end.
func answer(t testing.TB, l *Log, id, text string) {
	t.Helper()
	f := facts(t, id, text)
	if err := l.Decided(time.Now(), f, alice, request.Decision{Allowed: true, Policy: "p1"}, nil); err != nil {
		t.Error(err)
	}
	l.Done(time.Now(), f, alice, request.Outcome{Status: 200, Bytes: 5, Result: request.Sent})
}

func verify(t testing.TB, path string, o VerifyOptions) *Report {
	t.Helper()
	r, err := Verify(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// good fails unless the log is whole, and returns the report.
func good(t testing.TB, path string, o VerifyOptions) *Report {
	t.Helper()
	r := verify(t, path, o)
	if r.Fault != nil {
		t.Errorf("verify: %v", r.Fault)
	}
	return r
}

func keys(t testing.TB) (note.Signer, note.Verifier, string) {
	t.Helper()
	private, public, err := note.GenerateKey(nil, "rootbound-audit")
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	return s, v, public
}

func TestRoundTrip(t *testing.T) {
	for _, required := range []bool{true, false} {
		t.Run(fmt.Sprintf("required=%v", required), func(t *testing.T) {
			path := logPath(t)
			signer, verifier, public := keys(t)
			l := open(t, Config{Path: path, Required: required, Signer: signer, Verifier: public, Containment: func() string { return "openat2" }})
			const clients, each = 8, 200
			var wg sync.WaitGroup
			for c := range clients {
				wg.Go(func() {
					for i := range each {
						answer(t, l, fmt.Sprintf("%d-%d", c, i), "dir/a.txt")
					}
				})
			}
			wg.Wait()
			closeLog(t, l)
			r := good(t, path, VerifyOptions{Key: verifier})
			// begin, two of each, end, checkpoint
			if want := uint64(2*clients*each + 3); r.Records != want || len(r.Open) != 0 || r.Checkpoints != 1 || r.Covered != want-1 {
				t.Errorf("report %+v, want %d records", r, want)
			}
			n := 0
			err := Search(path, Query{Subject: "alice", Name: "dir"}, func(rec Record) error {
				n++
				if rec.Name != "dir/a.txt" || rec.Client != "192.0.2.7" || rec.Kind == Decided && (rec.Policy != "p1" || rec.Contains != "openat2" || !rec.Allowed || rec.Action != "read") || rec.Kind == Done && rec.Bytes != 5 {
					t.Errorf("%+v", rec)
				}
				return nil
			})
			if err != nil || n != 2*clients*each {
				t.Errorf("search found %d, %v", n, err)
			}
		})
	}
}

func TestSearch(t *testing.T) {
	path := logPath(t)
	l := open(t, Config{Path: path, Required: true})
	answer(t, l, "1", "dir/a")
	answer(t, l, "2", "dir2/a")
	f := facts(t, "3", "dir/b")
	if err := l.Decided(time.Now(), f, request.Subject{}, request.Decision{}, reason.New(reason.NoGrant, nil)); err != nil {
		t.Error(err)
	}
	closeLog(t, l)
	for _, tt := range []struct {
		q    Query
		want string
	}{
		{Query{}, "1 1 2 2 3"},
		{Query{Name: "dir"}, "1 1 3"},
		{Query{Name: "dir/"}, "1 1 3"},
		{Query{Name: "dir2/a"}, "2 2"},
		{Query{Reason: "no-grant"}, "3"},
		{Query{Subject: "alice", ID: "2"}, "2 2"},
		{Query{Client: "192.0.2.8"}, ""},
		{Query{Until: time.Now().Add(-time.Hour)}, ""},
		{Query{Since: time.Now().Add(-time.Hour)}, "1 1 2 2 3"},
	} {
		var ids []string
		if err := Search(path, tt.q, func(r Record) error { ids = append(ids, r.ID); return nil }); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(ids, " "); got != tt.want {
			t.Errorf("%+v finds %q, want %q", tt.q, got, tt.want)
		}
	}
	if r := good(t, path, VerifyOptions{}); len(r.Open) != 1 || r.Open[0] != "3" {
		t.Errorf("decisions without an end: %v", r.Open)
	}
}

// Whatever stands in a request, a record is one line of plain ASCII, and holds no query.
func TestNoInjectionAndNoSecrets(t *testing.T) {
	path := logPath(t)
	l := open(t, Config{Path: path, Required: true})
	for i, text := range []string{"a\nb", "\x1b[2J", "\u202egnp.exe", "\xff\xfe", `"},{"`, "😀", strings.Repeat("x", 9000), "\x7f", "\u2028"} {
		f := &request.Facts{ID: fmt.Sprint(i), Method: "GET\n", Target: "/" + text + "?sig=secret", NameErr: reason.New(reason.NameControl, nil)}
		if err := l.Decided(time.Now(), f, request.Subject{ID: text}, request.Decision{Policy: text}, f.NameErr); err != nil {
			t.Error(err)
		}
		l.Done(time.Now(), f, request.Subject{}, request.Outcome{Status: 400})
	}
	closeLog(t, l)
	good(t, path, VerifyOptions{})
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b, []byte("secret")) {
		t.Error("a query stands in the log")
	}
	for i, c := range string(b) {
		if c != '\n' && (c > unicode.MaxASCII || c < ' ' || c == 0x7f) {
			t.Fatalf("byte %d is %q", i, c)
		}
	}
	if n := bytes.Count(b, []byte("\n")); n != 20 { // begin, 9 twice, end
		t.Errorf("%d lines", n)
	}
}

func TestOnlyOneWriter(t *testing.T) {
	path := logPath(t)
	l := open(t, Config{Path: path})
	if second, err := Open(Config{Path: path}); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a second writer: %v, %v", second, err)
	}
	closeLog(t, l)
	closeLog(t, open(t, Config{Path: path}))
	if r := good(t, path, VerifyOptions{}); r.Records != 4 {
		t.Errorf("%+v", r)
	}
	if err := l.Close(); !errors.Is(err, ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}
	l.Done(time.Now(), facts(t, "late", "a"), alice, request.Outcome{})
	if err := l.Decided(time.Now(), facts(t, "late", "a"), alice, request.Decision{}, nil); err != nil {
		t.Errorf("a record after the end, where none is required: %v", err)
	}
	if err := l.Checkpoint(); !errors.Is(err, ErrClosed) {
		t.Errorf("a checkpoint after the end: %v", err)
	}
}

func TestNotALog(t *testing.T) {
	dir := t.TempDir()
	for what, content := range map[string]string{
		"another file":  "hello\nworld\n",
		"JSON":          "{}\n{}\n",
		"one long line": strings.Repeat("x", 3*maxLine),
	} {
		path := filepath.Join(dir, "f")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if l, err := Open(Config{Path: path}); err == nil {
			t.Errorf("%s was opened: %v", what, l)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != content {
			t.Errorf("%s was changed", what)
		}
	}
	if err := os.Symlink("f", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if noFollow != 0 {
		if l, err := Open(Config{Path: filepath.Join(dir, "link")}); err == nil {
			t.Errorf("a link was opened: %v", l)
		}
	}
	if l, err := Open(Config{Path: dir}); err == nil {
		t.Errorf("a directory was opened: %v", l)
	}
}

// Full files get numbers, and the chain goes on through all of them; what is removed at the front by the rules of
// retention is no fault, what is missing between is.
func TestRotation(t *testing.T) {
	path := logPath(t)
	l := open(t, Config{Path: path, Required: true, MaxBytes: 4096})
	for i := range 100 {
		answer(t, l, fmt.Sprint(i), "a")
	}
	closeLog(t, l)
	l = open(t, Config{Path: path, Required: true, MaxBytes: 4096, KeepFiles: 3})
	for i := range 30 {
		answer(t, l, fmt.Sprint("second ", i), "a")
	}
	closeLog(t, l)
	r := good(t, path, VerifyOptions{})
	if len(r.Files) != 4 || r.First == 0 || len(r.Open) != 0 {
		t.Errorf("%+v", r)
	}
	if err := os.Remove(r.Files[1]); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, path, VerifyOptions{}); r.Fault == nil {
		t.Error("a file is missing in the middle, and nobody says so")
	}
}

// A crash between two files leaves the new one empty, or not there.
func TestCrashBetweenFiles(t *testing.T) {
	for _, empty := range []bool{true, false} {
		path := logPath(t)
		l := open(t, Config{Path: path, Required: true})
		answer(t, l, "1", "a")
		closeLog(t, l)
		if err := os.Rename(path, numberedName(path, 0)); err != nil {
			t.Fatal(err)
		}
		if empty {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		l = open(t, Config{Path: path, Required: true})
		answer(t, l, "2", "a")
		closeLog(t, l)
		if r := good(t, path, VerifyOptions{}); len(r.Files) != 2 || r.Records != 8 {
			t.Errorf("%+v", r)
		}
	}
}

// A last line torn at any byte is taken off, and the log goes on from the record before it.
func TestTornLastLine(t *testing.T) {
	path := logPath(t)
	l := open(t, Config{Path: path, Required: true})
	answer(t, l, "1", "a")
	closeLog(t, l)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	last, before := lastLine(whole)
	for cut := range len(last) {
		if err := os.WriteFile(path, append(before[:len(before):len(before)], last[:cut]...), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := good(t, path, VerifyOptions{}); r.Torn != int64(cut) {
			t.Errorf("verify sees %d torn bytes of %d", r.Torn, cut)
		}
		l := open(t, Config{Path: path, Required: true})
		answer(t, l, "2", "b")
		closeLog(t, l)
		r := good(t, path, VerifyOptions{})
		if want := uint64(3 + 4); r.Torn != 0 || cut == 0 && r.Records != want || cut > 0 && r.Records != want+1 {
			t.Fatalf("cut %d: %+v", cut, r)
		}
	}
}

// A log whose end was changed is not gone on with: it would hide the change behind good records.
func TestChangedEndIsRefused(t *testing.T) {
	path := logPath(t)
	l := open(t, Config{Path: path, Required: true})
	answer(t, l, "1", "a")
	closeLog(t, l)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	last, _ := lastLine(b)
	b[len(b)-len(last)+10] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := Open(Config{Path: path}); err == nil {
		t.Errorf("opened: %v", l)
	}
}

// A disk that takes nothing: in required mode each decision is refused, otherwise requests go on; afterwards the
// chain has no gap.
func TestDiskTakesNothing(t *testing.T) {
	for _, required := range []bool{true, false} {
		path := logPath(t)
		l := open(t, Config{Path: path, Required: required})
		answer(t, l, "before", "a")
		broken, err := os.Open(path) // not for writing
		if err != nil {
			t.Fatal(err)
		}
		var healthy *os.File
		l.ask(func() { healthy, l.w.file.f = l.w.file.f, broken })
		err = l.Decided(time.Now(), facts(t, "meanwhile", "a"), alice, request.Decision{}, nil)
		if required && reason.Of(err) != reason.NotRecorded || !required && err != nil {
			t.Errorf("required=%v: %v", required, err)
		}
		l.ask(func() { l.w.file.f = healthy })
		broken.Close()
		for end := time.Now().Add(30 * time.Second); ; {
			if err = l.Decided(time.Now(), facts(t, "after", "a"), alice, request.Decision{}, nil); err == nil {
				break
			}
			if time.Now().After(end) {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		closeLog(t, l)
		good(t, path, VerifyOptions{})
	}
}

// withoutRoom does something while memory is full, because the disk takes its time.
func withoutRoom(l *Log, do func()) {
	l.ask(func() {
		l.mu.Lock()
		kept := l.queue.b
		l.queue.b = make([]byte, maxQueue)
		l.mu.Unlock()
		do()
		l.mu.Lock()
		l.queue.b = kept
		l.mu.Unlock()
	})
}

// What finds no room in memory is counted, and the count is in the log.
func TestLost(t *testing.T) {
	path := logPath(t)
	l := open(t, Config{Path: path})
	withoutRoom(l, func() {
		for range 5 {
			l.Done(time.Now(), facts(t, "x", "a"), alice, request.Outcome{})
		}
	})
	answer(t, l, "y", "a")
	closeLog(t, l)
	if r := good(t, path, VerifyOptions{}); r.Lost != 5 {
		t.Errorf("%+v", r)
	}
}

func TestLockIsTheDurableOne(t *testing.T) {
	path := logPath(t)
	closeLog(t, open(t, Config{Path: path}))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := durable.Lock(f); err != nil {
		t.Fatal(err)
	}
	if l, err := Open(Config{Path: path}); err == nil {
		t.Errorf("opened beside another's lock: %v", l)
	}
}

// What a request pays in all: recorded, chained and written. Nothing may be lost, or it would be cheap.
func BenchmarkRecord(b *testing.B) {
	for _, required := range []bool{false, true} {
		b.Run(fmt.Sprintf("required=%v", required), func(b *testing.B) {
			l := open(b, Config{Path: logPath(b), Required: required, Containment: func() string { return "openat2" }})
			f := facts(b, "abcdefghijkmnpqr", "dir/file.txt")
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				for n := 1; p.Next(); n++ {
					_ = l.Decided(time.Now(), f, alice, request.Decision{Allowed: true}, nil)
					l.Done(time.Now(), f, alice, request.Outcome{Status: 200, Bytes: 1024, Result: request.Sent})
					if n%1000 == 0 {
						l.ask(func() { _ = l.flush() })
					}
				}
			})
			closeLog(b, l)
			if s := l.Stats(); s.Lost > 0 {
				b.Errorf("%d records lost", s.Lost)
			}
		})
	}
}
