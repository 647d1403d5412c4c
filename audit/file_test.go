package audit

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// movingClock is one that a test moves.
type movingClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *movingClock) get() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *movingClock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// A log that somebody moves away or removes is begun anew where it belongs, and its chain goes on: what is missing shows.
func TestMovedAway(t *testing.T) {
	path := logPath(t)
	c := &movingClock{now: time.Now()}
	l := open(t, Config{Path: path, Required: true, Now: c.get})
	answer(t, l, "1", "a")
	away := numberedName(path, 0) // as the log would have called it
	if err := os.Rename(path, away); err != nil {
		t.Fatal(err)
	}
	c.move(2 * lookDelay)
	answer(t, l, "2", "a")
	closeLog(t, l)
	if r := good(t, path, VerifyOptions{}); len(r.Files) != 2 || r.First != 0 || len(r.Open) != 0 {
		t.Errorf("%+v", r)
	}
	if err := os.Remove(away); err != nil {
		t.Fatal(err)
	}
	if r := good(t, path, VerifyOptions{}); r.First == 0 || r.Removed != 0 {
		t.Errorf("a file is missing, and nobody says so: %+v", r)
	}
}

// So it is while the disk takes nothing: what waits in memory is chained again, behind the new file's begin.
func TestRemovedWhileStuck(t *testing.T) {
	path := logPath(t)
	signer, verifier, _ := keys(t)
	c := &movingClock{now: time.Now()}
	l := open(t, Config{Path: path, Now: c.get, Signer: signer})
	broken, err := os.Open(path) // not for writing
	if err != nil {
		t.Fatal(err)
	}
	defer broken.Close()
	l.ask(func() { l.w.file.f = broken })
	answer(t, l, "1", "a\u202eb")
	if err := l.Checkpoint(); err == nil {
		t.Error("a checkpoint was written by a disk that takes nothing")
	}
	l.ask(l.checkpoint)
	if !l.Stats().Failing {
		t.Error("the log does not say that it fails")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	c.move(2 * lookDelay)
	if err := l.Checkpoint(); err != nil {
		t.Error(err)
	}
	answer(t, l, "2", "a")
	closeLog(t, l)
	r := good(t, path, VerifyOptions{Key: verifier})
	found := 0
	if err := Search(path, Query{Name: "a\u202eb"}, func(Record) error { found++; return nil }); err != nil || found != 2 || len(r.Open) != 0 {
		t.Errorf("%d records found, %v, %+v", found, err, r)
	}
}

// Where the directory does not let a new file be made, the full one is gone on with, without a gap.
func TestCannotRotate(t *testing.T) {
	path := logPath(t)
	l := open(t, Config{Path: path, Required: true, MaxBytes: 4096})
	if err := os.WriteFile(numberedName(path, 0), nil, 0o600); err != nil { // its name is taken
		t.Fatal(err)
	}
	for i := range 50 {
		answer(t, l, fmt.Sprint(i), "a")
	}
	closeLog(t, l)
	if err := os.Remove(numberedName(path, 0)); err != nil {
		t.Fatal(err)
	}
	if r := good(t, path, VerifyOptions{}); len(r.Files) != 1 || r.Records != 102 {
		t.Errorf("%+v", r)
	}
}

// The rules of retention say what they remove before they do.
func TestRetentionIsSaid(t *testing.T) {
	path := logPath(t)
	l := open(t, Config{Path: path, Required: true, MaxBytes: 4096, KeepFiles: 2})
	for i := range 100 {
		answer(t, l, fmt.Sprint(i), "a")
	}
	closeLog(t, l)
	r := good(t, path, VerifyOptions{})
	if r.First == 0 || r.Removed != r.First {
		t.Errorf("%+v", r)
	}
	if err := os.Remove(r.Files[0]); err != nil {
		t.Fatal(err)
	}
	if r := good(t, path, VerifyOptions{}); r.Removed >= r.First {
		t.Errorf("somebody else removed a file, and it counts as ours: %+v", r)
	}
}

// Whoever verifies or searches while the log is written, and gets new files, finds no fault.
func TestReadWhileWritten(t *testing.T) {
	path := logPath(t)
	l := open(t, Config{Path: path, MaxBytes: 16 << 10})
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				answer(t, l, fmt.Sprint(i), "a")
				if i%100 == 99 {
					l.ask(func() { _ = l.flush() })
				}
			}
		}
	}()
	for len(good(t, path, VerifyOptions{}).Files) < 20 {
		if err := Search(path, Query{}, func(Record) error { return nil }); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	<-stopped
	closeLog(t, l)
	good(t, path, VerifyOptions{})
}

// A crash in the middle of keeping a checkpoint elsewhere spoils that one alone.
func TestTornCheckpoint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checkpoints")
	keep := ToFile(path)
	if err := errors.Join(keep("one"), os.WriteFile(path, append(read(t, path), `{"note":"to`...), 0o600), keep("two")); err != nil {
		t.Fatal(err)
	}
	all, spoiled := ReadCheckpoints(read(t, path))
	if strings.Join(all, " ") != "one two" || spoiled != 1 {
		t.Errorf("%q, %d spoiled", all, spoiled)
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A checkpoint goes elsewhere only once it is on disk: a log that died before would seem to have been cut.
func TestCheckpointIsWrittenFirst(t *testing.T) {
	path := logPath(t)
	signer, _, _ := keys(t)
	sent := make(chan string, 10)
	l := open(t, Config{Path: path, Signer: signer, KeepElsewhere: func(s string) error {
		if !bytes.Contains(read(t, path), []byte(strings.Split(s, "\n")[3])) {
			t.Error("a checkpoint was kept elsewhere that is not in the log")
		}
		sent <- s
		return nil
	}})
	answer(t, l, "1", "a")
	if err := l.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	<-sent
	closeLog(t, l)
}

// A disk that hangs: a decision waits for a while, and is then refused.
func TestPatience(t *testing.T) {
	l := open(t, Config{Path: logPath(t), Required: true, Patience: time.Millisecond})
	hangs, over := make(chan struct{}), make(chan struct{})
	go l.ask(func() { close(hangs); <-over })
	<-hangs
	if err := l.Decided(time.Now(), facts(t, "1", "a"), alice, request.Decision{Allowed: true}, nil); reason.Of(err) != reason.NotRecorded || !strings.Contains(err.Error(), errTooLong.Error()) {
		t.Errorf("a decision on a disk that hangs: %v", err)
	}
	if !l.Stats().Failing {
		t.Error("nobody can see that it hangs")
	}
	if err := l.Decided(time.Now(), facts(t, "2", "a"), alice, request.Decision{}, reason.New(reason.Missing, nil)); err != nil {
		t.Errorf("a refusal on a disk that hangs: %v", err)
	}
	close(over)
	for end := time.Now().Add(30 * time.Second); l.Stats().Failing; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it answers again, and nobody can see it")
		}
	}
	closeLog(t, l)
	if r := good(t, l.Path(), VerifyOptions{}); r.Records != 4 {
		t.Errorf("%+v", r)
	}
}

// What cannot be kept elsewhere is said without the address's secrets.
func TestURLSecrets(t *testing.T) {
	err := ToURL("http://me:hush@127.0.0.1:1/?token=hush")("x")
	if err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("%v", err)
	}
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	if err := ToURL(s.URL + "/?token=hush")("x"); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("%v", err)
	}
}

// A redirect is not a place where a checkpoint is kept. Control: where it leads to says 200 to whatever comes.
func TestCheckpointsAreNotRedirected(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer elsewhere.Close()
	if err := ToURL(elsewhere.URL)("x"); err != nil {
		t.Fatal(err)
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := httptest.NewServer(http.RedirectHandler(elsewhere.URL, status))
		if err := ToURL(s.URL)("x"); err == nil {
			t.Errorf("%d: kept", status)
		}
		s.Close()
	}
}

func TestPublicKey(t *testing.T) {
	for range 20 {
		private, public, err := note.GenerateKey(nil, "a")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := PublicKey(private); err != nil || got != public {
			t.Errorf("PublicKey = %q, %v; want %q", got, err, public)
		}
	}
	if got, err := PublicKey("PRIVATE+KEY+a+b"); err == nil {
		t.Errorf("a key of nothing: %q", got)
	}
}
