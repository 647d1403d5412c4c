package audit

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// A Statement is what a checkpoint says: that this log held so many records, and the last one had this hash.
type Statement struct {
	Log   string
	Count uint64
	Hash  string
	Time  time.Time
}

const statementHead = "rootbound audit log"

func (s Statement) text() string {
	return fmt.Sprintf("%s\n%s\n%d\n%s\n%s\n", statementHead, s.Log, s.Count, s.Hash, s.Time.UTC().Format(time.RFC3339))
}

func parseStatement(text string) (Statement, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 6 || lines[0] != statementHead || lines[5] != "" {
		return Statement{}, errors.New("not a statement about an audit log")
	}
	count, err := strconv.ParseUint(lines[2], 10, 64)
	if err != nil {
		return Statement{}, fmt.Errorf("the number of records: %w", err)
	}
	when, err := time.Parse(time.RFC3339, lines[4])
	if err != nil {
		return Statement{}, fmt.Errorf("the time: %w", err)
	}
	return Statement{Log: lines[1], Count: count, Hash: lines[3], Time: when}, nil
}

// OpenCheckpoint checks a signed checkpoint with the key and returns what it says.
func OpenCheckpoint(signed string, key note.Verifier) (Statement, error) {
	n, err := note.Open([]byte(signed), note.VerifierList(key))
	if err != nil {
		return Statement{}, fmt.Errorf("checkpoint: %w", err)
	}
	return parseStatement(n.Text)
}

// PublicKey returns the text of the key that checks what a private key, as note.GenerateKey makes it, signs.
func PublicKey(private string) (string, error) {
	signer, err := note.NewSigner(private)
	if err != nil {
		return "", err
	}
	parts := strings.SplitN(private, "+", 5) // PRIVATE+KEY+name+hash+key, in base64 which may have a '+' too
	seed, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(seed) != 1+ed25519.SeedSize {
		return "", errors.New("not an ed25519 key")
	}
	public, ok := ed25519.NewKeyFromSeed(seed[1:]).Public().(ed25519.PublicKey)
	if !ok {
		return "", errors.New("not an ed25519 key")
	}
	return note.NewEd25519VerifierKey(signer.Name(), public)
}

// checkpoint chains a signed statement about all that stands before it. Once it is on disk it also goes elsewhere.
func (l *Log) checkpoint() {
	w := l.w
	w.since = time.Time{}
	if l.cfg.Signer == nil || w.signedAt == w.seq {
		return
	}
	s := Statement{Log: w.id, Count: w.seq, Hash: w.last.String(), Time: l.cfg.Now()}
	signed, err := note.Sign(&note.Note{Text: s.text()}, l.cfg.Signer)
	if err != nil {
		l.cfg.Log.Error("a checkpoint of the audit log cannot be signed", "error", err)
		return
	}
	l.add(Checkpoint, func(b []byte) []byte { return appendText(b, `,"note":`, string(signed)) })
	w.signedAt, w.signed = w.seq, string(signed)
}

// forwarder hands checkpoints on without holding up the log. Each says all that the ones before it said, so where
// one cannot be handed on, the next takes its place.
type forwarder struct {
	to   func(string) error
	log  *slog.Logger
	mu   sync.Mutex
	next string
	wake chan struct{}
	done chan struct{}
}

// forwardRetry is how long after a failure the latest checkpoint is tried again.
const forwardRetry = 5 * time.Second

func newForwarder(to func(string) error, log *slog.Logger) *forwarder {
	f := &forwarder{to: to, log: log, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go f.run()
	return f
}

func (f *forwarder) send(signed string) {
	f.mu.Lock()
	f.next = signed
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *forwarder) run() {
	defer close(f.done)
	var retry <-chan time.Time
	for {
		open := true
		select {
		case _, open = <-f.wake:
		case <-retry:
		}
		f.mu.Lock()
		signed := f.next
		f.mu.Unlock()
		retry = nil
		if signed != "" {
			if err := f.to(signed); err != nil {
				f.log.Error("a checkpoint of the audit log cannot be kept elsewhere", "error", err)
				retry = time.After(forwardRetry)
			} else {
				f.taken(signed)
			}
		}
		if !open {
			return
		}
	}
}

func (f *forwarder) taken(signed string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next == signed {
		f.next = ""
	}
}

// close tries the last one once more.
func (f *forwarder) close() {
	close(f.wake)
	<-f.done
}

// kept is one line of a file of checkpoints.
type kept struct {
	Note string `json:"note"`
}

// ToFile appends checkpoints to a file, one JSON object a line, and syncs each. What a crash tore off the line before
// stays a line of its own.
func ToFile(path string) func(string) error {
	return func(signed string) error {
		b, err := json.Marshal(kept{signed})
		if err != nil {
			return err
		}
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND|noFollow, 0o600)
		if err != nil {
			return err
		}
		if torn(f) {
			b = append([]byte("\n"), b...)
		}
		_, err = f.Write(append(b, '\n'))
		return errors.Join(err, f.Sync(), f.Close(), syncDir(filepath.Dir(path)))
	}
}

// TryFile says whether ToFile will be able to write to path, which it makes.
func TryFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND|noFollow, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// torn says whether a file does not end with a whole line.
func torn(f *os.File) bool {
	fi, err := f.Stat()
	if err != nil || fi.Size() == 0 {
		return false
	}
	var last [1]byte
	_, err = f.ReadAt(last[:], fi.Size()-1)
	return err == nil && last[0] != '\n'
}

// ToURL sends each checkpoint by POST, as plain text. Anything but a 2xx is an error, and so is a redirect: a browser's way to
// follow one is a GET, whose 200 would not say that anything was kept.
func ToURL(to string) func(string) error {
	client := &http.Client{
		Timeout:       10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return func(signed string) error {
		resp, err := client.Post(to, "text/plain; charset=utf-8", strings.NewReader(signed))
		var ue *url.Error
		if errors.As(err, &ue) {
			return ue.Err // without the address, which may hold a password or a token
		} else if err != nil {
			return err
		}
		_, _ = io.CopyN(io.Discard, resp.Body, 4096)
		if resp.StatusCode/100 != 2 {
			err = fmt.Errorf("%s answers %s", resp.Request.URL.Host, resp.Status)
		}
		return errors.Join(err, resp.Body.Close())
	}
}

// ReadCheckpoints reads what ToFile wrote, and what ToURL sent where that was kept one after the other. Lines that are neither,
// such as one that a crash tore, are counted and left out: whoever can spoil a line there can as well remove it.
func ReadCheckpoints(b []byte) (all []string, spoiled int) {
	for len(b) > 0 {
		if signed, ok := sentCheckpoint(b); ok {
			all, b = append(all, signed), b[len(signed):]
			continue
		}
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		b = rest
		var k kept
		switch {
		case len(bytes.TrimSpace(line)) == 0:
		case json.Unmarshal(line, &k) != nil || k.Note == "":
			spoiled++
		default:
			all = append(all, k.Note)
		}
	}
	return all, spoiled
}

// sentCheckpoint is the checkpoint that a text begins with: a statement, an empty line, and lines of signatures.
func sentCheckpoint(b []byte) (signed string, ok bool) {
	if !bytes.HasPrefix(b, []byte(statementHead+"\n")) {
		return "", false
	}
	end := bytes.Index(b, []byte("\n\n"))
	if end < 0 || bytes.Count(b[:end], []byte("\n")) != statementLines-1 {
		return "", false
	}
	end += 2
	for bytes.HasPrefix(b[end:], []byte(signatureStart)) {
		n := bytes.IndexByte(b[end:], '\n')
		if n < 0 {
			break
		}
		end, ok = end+n+1, true
	}
	return string(b[:end]), ok
}

const (
	statementLines = 5
	signatureStart = "\u2014 " // of a line of a note, see golang.org/x/mod/sumdb/note
)
