// Package audit keeps a record of who got or was refused what, in a file that shows whether anybody changed it.
//
// The file has one JSON object a line. Each ends with the SHA-256 of itself and of the line before, so that to change,
// remove, insert or reorder a record is to break the chain from there on. What a chain alone cannot show is that its
// end was cut off, or that all of it was written anew: for that there are checkpoints, signed with a key (ed25519, the
// signed notes of golang.org/x/mod/sumdb/note) and best also kept elsewhere.
//
// Whoever answers requests only appends to a bounded queue in memory; one goroutine chains, writes and syncs.
package audit

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// Defaults of Config.
const (
	DefaultMaxBytes        = 64 << 20
	DefaultCheckpointEvery = time.Minute
	DefaultPatience        = 10 * time.Second
)

const (
	// flushDelay is how long records wait for company before they are written, where nobody waits for them.
	flushDelay = 100 * time.Millisecond
	// closePatience is how long Close waits for a write that hangs.
	closePatience = 30 * time.Second
	// flushAt is how many bytes are not left waiting.
	flushAt = 256 << 10
	// maxQueue bounds what is held in memory while the disk takes nothing, in bytes.
	maxQueue = 8 << 20
	// maxRefused is that where nothing is answered meanwhile but refusals, so that little has to be made up for.
	maxRefused = 64 << 10
)

// Config says where and how a log is kept.
type Config struct {
	// Path is the file that is written. Those that were full stand beside it, with the number of their first record
	// behind the name.
	Path string
	// Required: no record, no file. Whoever is about to send something waits until that decision is on disk, and is
	// refused where it cannot be. Otherwise records that find no room are counted, and the count is recorded.
	Required bool
	// Patience is how long a decision waits for the disk where Required; then it is refused. Default DefaultPatience.
	Patience time.Duration
	// MaxBytes is the size from which a new file is begun. Default DefaultMaxBytes.
	MaxBytes int64
	// KeepFiles bounds how many full files are kept, and KeepFor for how long. Default: all, for ever.
	KeepFiles int
	KeepFor   time.Duration
	// Signer signs checkpoints; nil: there are none.
	Signer note.Signer
	// Verifier is the text of the key that checks them; it stands at the head of each file, for readers' convenience.
	Verifier string
	// CheckpointEvery is the time between checkpoints while records come. Default DefaultCheckpointEvery.
	CheckpointEvery time.Duration
	// KeepElsewhere is given each checkpoint, one after the other, on a goroutine of its own.
	KeepElsewhere func(signed string) error
	// Containment is what confines the opens, for the records; nil: they do not say.
	Containment func() string
	// Log is told of trouble.
	Log *slog.Logger
	// Now is the clock; tests set it. Default time.Now.
	Now func() time.Time
}

func (c *Config) setDefaults() {
	if c.MaxBytes == 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	if c.CheckpointEvery == 0 {
		c.CheckpointEvery = DefaultCheckpointEvery
	}
	if c.Patience == 0 {
		c.Patience = DefaultPatience
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// Log is an open audit log. Its methods are safe for concurrent use.
type Log struct {
	cfg         Config
	containment atomic.Pointer[string] // as a member of a record

	mu      sync.Mutex
	queue   queue  // records that nobody has taken up
	waiting *batch // who waits for them
	lost    uint64 // records that found no room since
	failed  error  // why the disk took nothing the last time
	closed  bool

	wake   chan struct{} // there is something to write
	urgent chan struct{} // and somebody waits for it, or it is much
	asks   chan func()   // to be done by the writer
	quit   chan struct{} // closed by Close
	ended  chan struct{} // closed when the writer has ended

	records   atomic.Uint64
	lostEver  atomic.Uint64
	failing   atomic.Bool
	w         *writer // the writing goroutine's
	elsewhere *forwarder
}

// batch is what is written and synced together.
type batch struct {
	done  chan struct{}
	err   error
	waits int // how many wait for it
}

func newBatch() *batch { return &batch{done: make(chan struct{})} }

// ErrClosed is that of a log that was closed.
var ErrClosed = errors.New("audit: the log is closed")

var (
	errNoRoom  = errors.New("audit: the disk does not keep up")
	errTooLong = errors.New("audit: the disk takes too long")
)

// Open goes on with the log at cfg.Path, or begins it. A last line that a crash tore is taken off and accounted for; a
// log whose end does not follow from what stands before it is an error. Nobody else may have it open.
func Open(cfg Config) (*Log, error) {
	cfg.setDefaults()
	l := &Log{
		cfg: cfg, waiting: newBatch(), wake: make(chan struct{}, 1), urgent: make(chan struct{}, 1),
		asks: make(chan func()), quit: make(chan struct{}), ended: make(chan struct{}),
	}
	l.lookAtContainment()
	if err := l.openWriter(); err != nil {
		return nil, err
	}
	go l.write()
	return l, nil
}

// lookAtContainment asks what confines opens now: it may become less while the process runs.
func (l *Log) lookAtContainment() {
	text := ""
	if l.cfg.Containment != nil {
		text = string(appendPlain(nil, `,"containment":"`, l.cfg.Containment()))
	}
	l.containment.Store(&text)
}

// Decided records a decision, made at that time, before the first byte of its answer; refusal is nil where the answer is about to be sent.
// In required mode an error means that there must be no such answer. Only where Waits, and refusal is nil, and the
// answer is not one of the server's own pages, does it wait for the disk.
func (l *Log) Decided(at time.Time, f *request.Facts, who request.Subject, d request.Decision, refusal error) error {
	wait := l.cfg.Required && refusal == nil && !f.Own
	l.mu.Lock()
	if err := l.room(1); err != nil {
		l.mu.Unlock()
		return l.verdict(wait, err)
	}
	l.queue.decided(at, f, who, d, refusal, *l.containment.Load())
	return l.verdict(wait, l.leave(wait))
}

// Done records what became of a request by that time. It never waits.
func (l *Log) Done(at time.Time, f *request.Facts, _ request.Subject, out request.Outcome) {
	l.mu.Lock()
	if l.room(1) != nil { // it is counted
		l.mu.Unlock()
		return
	}
	l.queue.done(at, f, &out)
	_ = l.leave(false) // nobody waits
}

// Waits says whether Decided waits for the disk before something is sent.
func (l *Log) Waits() bool { return l.cfg.Required }

// room says why no record can be taken; where it is for lack of room, n records count as lost. l.mu is held.
func (l *Log) room(n int) error {
	limit := maxQueue
	if l.failed != nil && l.cfg.Required {
		limit = maxRefused
	}
	switch {
	case l.closed:
		return ErrClosed
	case len(l.queue.b) < limit:
		return nil
	}
	l.lost += uint64(n)
	l.lostEver.Add(uint64(n))
	if l.failed != nil {
		return l.failed
	}
	return errNoRoom
}

// leave unlocks l.mu, has the queue written, and waits for that where it must.
func (l *Log) leave(wait bool) error {
	err, mine, size := l.failed, l.waiting, len(l.queue.b)
	wait = wait && err == nil // while the disk takes nothing, nobody waits to learn it again
	if wait {
		mine.waits++
	}
	l.mu.Unlock()
	if !wait && size < flushAt {
		nudge(l.wake)
		return err
	}
	nudge(l.urgent)
	if !wait {
		return err
	}
	t := time.NewTimer(l.cfg.Patience)
	defer t.Stop()
	select {
	case <-mine.done:
		return mine.err
	case <-t.C:
		l.hangs()
		return errTooLong
	}
}

// hangs notes that the disk does not answer at all, so that the next ones need not find out. The writer takes it back.
func (l *Log) hangs() {
	l.mu.Lock()
	first := l.failed == nil
	if first {
		l.failed = errTooLong
		l.failing.Store(true)
	}
	l.mu.Unlock()
	if first {
		l.cfg.Log.Error("the audit log's disk does not answer", "file", l.cfg.Path, "after", l.cfg.Patience.String())
	}
}

// verdict is what an error means to whoever is about to answer.
func (l *Log) verdict(wait bool, err error) error {
	if !wait || err == nil {
		return nil
	}
	return reason.New(reason.NotRecorded, err)
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Stats are counts since Open.
func (l *Log) Stats() request.RecordStats {
	return request.RecordStats{Records: l.records.Load(), Lost: l.lostEver.Load(), Failing: l.failing.Load()}
}

// Checkpoint signs what stands now, and returns when that is written.
func (l *Log) Checkpoint() error {
	var err error
	if !l.ask(func() {
		if err = l.flush(); err == nil {
			l.checkpoint()
			err = l.save(true)
		}
	}) {
		return ErrClosed
	}
	return err
}

// ask has the writer do something; false where it has ended.
func (l *Log) ask(f func()) bool {
	done := make(chan struct{})
	select {
	case l.asks <- func() { f(); close(done) }:
		<-done
		return true
	case <-l.ended:
		return false
	}
}

// Close writes what is pending, the record that says the log ended in order, and a last checkpoint. Its error says that
// the disk took not all of it.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return ErrClosed
	}
	l.closed = true
	l.mu.Unlock()
	close(l.quit)
	t := time.NewTimer(closePatience)
	defer t.Stop()
	select {
	case <-l.ended:
	case <-t.C: // a call that hangs in the system cannot be ended
		return errTooLong
	}
	err := l.finish()
	if l.elsewhere != nil {
		l.elsewhere.close()
	}
	return err
}

// Path is that of the file being written.
func (l *Log) Path() string { return l.cfg.Path }
