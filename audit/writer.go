package audit

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	stdhash "hash"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// retryDelay is how long a disk that took nothing is left alone.
	retryDelay = 200 * time.Millisecond
	// syncDelay is how long after a write nobody waits for it is made sure that a power failure does not undo it.
	syncDelay = time.Second
	// lookDelay is the time between two looks at whether the file still is where it was.
	lookDelay = time.Second
	// againDelay is how long after a failure to begin a new file it is tried again, and how often it is said that the
	// disk takes nothing.
	againDelay = time.Minute
	// keptBuffer is how much memory is kept between two writes.
	keptBuffer = 2 << 20
)

// writer is what the writing goroutine knows. Nobody else touches it.
type writer struct {
	id   string // of the log
	file *segment
	seq  uint64 // of the next record
	last hash   // of the record before it

	out   []byte // chained, not yet written
	spare []byte // memory for a queue
	sha   stdhash.Hash
	clock clock
	stuck bool // the disk took nothing the last time
	said  time.Time

	signedAt uint64    // seq after the last checkpoint
	signed   string    // a checkpoint that is chained and not written
	since    time.Time // when the first record after it was taken up
	lookedAt time.Time
	rotateAt time.Time // not before

	syncing  *time.Timer // runs while there is something that was not synced
	unsynced bool
	closing  sync.WaitGroup // of full files
}

func (l *Log) openWriter() error {
	file, end, err := openSegment(l.cfg.Path)
	if err != nil {
		return err
	}
	w := newWriter(end)
	l.w, w.file = w, file
	if w.id == "" {
		w.id = strings.ToLower(rand.Text())
	}
	l.beginFile()
	if end.torn > 0 {
		l.cfg.Log.Warn("the audit log's last line was torn by a crash and is taken off", "file", l.cfg.Path, "bytes", end.torn)
		l.add(Recovered, func(b []byte) []byte { return appendNumber(b, countKey, end.torn) })
	}
	w.signedAt, w.lookedAt = w.seq, l.cfg.Now()
	if err := l.save(true); err != nil {
		return errors.Join(fmt.Errorf("audit: %s: %w", l.cfg.Path, err), file.close())
	}
	if l.cfg.KeepElsewhere != nil {
		l.elsewhere = newForwarder(l.cfg.KeepElsewhere, l.cfg.Log)
	}
	return nil
}

func newWriter(end ending) *writer {
	w := &writer{id: end.log, seq: end.seq, last: end.hash, sha: sha256.New(), syncing: time.NewTimer(syncDelay)}
	w.syncing.Stop()
	return w
}

// write carries out what is queued, until the log is closed.
func (l *Log) write() {
	defer close(l.ended)
	due := time.NewTicker(l.cfg.CheckpointEvery)
	defer due.Stop()
	pause := time.NewTimer(flushDelay)
	defer pause.Stop()
	for {
		select {
		case <-l.quit:
			return
		case f := <-l.asks:
			f()
		case <-l.w.syncing.C:
			l.sync()
		case <-due.C:
		case <-l.urgent:
		case <-l.wake:
			pause.Reset(flushDelay)
			select { // for company
			case <-l.quit:
				return
			case f := <-l.asks:
				f()
			case <-l.urgent:
			case <-pause.C:
			}
		}
		if !l.untilWritten() {
			return
		}
	}
}

// untilWritten writes, and tries again until the disk takes it; false where the log is closed meanwhile.
func (l *Log) untilWritten() bool {
	for l.flush() != nil {
		t := time.NewTimer(retryDelay)
		select {
		case <-l.quit:
			t.Stop()
			return false
		case f := <-l.asks:
			f()
		case <-t.C:
		}
		t.Stop()
	}
	return true
}

// flush writes what is queued, and tells those who wait. What the disk does not take stays in memory as it is, so that
// the chain has no gap; the queue is not taken up before.
func (l *Log) flush() error {
	w := l.w
	err := l.lookAtFile()
	var mine *batch
	if err == nil && !w.stuck {
		mine = l.takeUp()
		if !w.since.IsZero() && l.cfg.Now().Sub(w.since) >= l.cfg.CheckpointEvery {
			l.checkpoint()
		}
	}
	if err == nil {
		err = l.save(mine != nil && mine.waits > 0)
	}
	l.tell(mine, err)
	if err == nil && w.file.size >= l.cfg.MaxBytes && !l.cfg.Now().Before(w.rotateAt) {
		l.rotate()
	}
	return err
}

// takeUp chains all that is queued.
func (l *Log) takeUp() *batch {
	w := l.w
	l.mu.Lock()
	queued, n, mine, lost := l.queue.b, l.queue.n, l.waiting, l.lost
	l.queue.b, l.queue.n, l.waiting, l.lost = w.spare, 0, newBatch(), 0
	l.mu.Unlock()
	frames(queued, func(code byte, micros int64, middle []byte) {
		start := len(w.out)
		w.out = append(w.begin(append(w.out, headOf[code]...), micros), middle...)
		w.end(start)
	})
	l.records.Add(uint64(n))
	if w.spare = nil; cap(queued) <= keptBuffer {
		w.spare = queued[:0]
	}
	if lost > 0 {
		l.add(Lost, func(b []byte) []byte { return appendNumber(b, countKey, int64(lost)) })
	}
	if n > 0 && w.since.IsZero() {
		w.since = l.cfg.Now()
	}
	return mine
}

// tell says to those who wait what became of it, and to all others whether the disk takes anything.
func (l *Log) tell(mine *batch, err error) {
	failed := err
	if failed != nil {
		failed = fmt.Errorf("audit: %w", failed)
	}
	l.mu.Lock()
	also := l.waiting
	if failed != nil {
		l.waiting = newBatch() // for them it takes too long
	}
	before := l.failed
	l.failed = failed
	l.mu.Unlock()
	if mine != nil {
		mine.err = failed
		close(mine.done)
	}
	l.w.stuck = failed != nil
	l.failing.Store(failed != nil)
	now := l.cfg.Now()
	switch {
	case failed != nil:
		also.err = failed
		close(also.done)
		if before == nil || now.Sub(l.w.said) >= againDelay {
			l.w.said = now
			l.cfg.Log.Error("the audit log cannot be written", "file", l.cfg.Path, "error", err, "required", l.cfg.Required, "lost", l.lostEver.Load())
		}
	case before != nil:
		l.cfg.Log.Info("the audit log is written again", "file", l.cfg.Path, "lost", l.lostEver.Load())
	}
}

// save writes what is chained; with sure it returns when that is on disk.
func (l *Log) save(sure bool) error {
	w := l.w
	sure = sure || w.signed != "" // nobody may be told of a record that a power failure takes back
	if len(w.out) == 0 && !(sure && w.unsynced) {
		return nil
	}
	if err := w.file.append(w.out, sure); err != nil {
		return err
	}
	if w.signed != "" && l.elsewhere != nil {
		l.elsewhere.send(w.signed)
	}
	w.signed = ""
	w.file.seq, w.file.last = w.seq, w.last
	if cap(w.out) > keptBuffer {
		w.out = nil
	}
	w.out = w.out[:0]
	switch {
	case sure:
		w.unsynced = false
		w.syncing.Stop()
	case !w.unsynced:
		w.unsynced = true
		w.syncing.Reset(syncDelay)
	}
	return nil
}

// sync makes sure of what was written, while others go on: a disk takes its time.
func (l *Log) sync() {
	w := l.w
	w.unsynced = false
	f := w.file.f
	w.closing.Go(func() {
		if err := dataSync(f); err != nil && !errors.Is(err, os.ErrClosed) {
			l.cfg.Log.Error("the audit log was written, but may not be on disk", "file", l.cfg.Path, "error", err)
		}
	})
}

// beginFile is the first record of a file.
func (l *Log) beginFile() {
	w := l.w
	prev := w.last
	l.add(Begin, func(b []byte) []byte {
		b = appendText(b, `,"log":`, w.id)
		b = appendText(b, `,"prev":`, prev.String())
		return appendText(b, `,"key":`, l.cfg.Verifier)
	})
}

// add chains a record of the log's own. fill appends its members.
func (l *Log) add(kind Kind, fill func([]byte) []byte) { l.w.add(kind, l.cfg.Now().UnixMicro(), fill) }

func (w *writer) add(kind Kind, micros int64, fill func([]byte) []byte) {
	start := len(w.out)
	w.out = append(w.out, headStart...)
	w.out = append(w.out, kind...)
	w.out = w.begin(append(w.out, headEnd...), micros)
	if fill != nil {
		w.out = fill(w.out)
	}
	w.end(start)
}

// begin goes on behind a line's head.
func (w *writer) begin(b []byte, micros int64) []byte {
	b = strconv.AppendUint(b, w.seq, 10)
	b = append(b, `,"time":"`...)
	b = w.clock.append(b, micros)
	return append(b, '"')
}

// end hashes what was written since start onto the record before, and completes the line.
func (w *writer) end(start int) {
	w.sha.Reset()
	w.sha.Write(w.last[:])
	w.sha.Write(w.out[start:])
	w.sha.Sum(w.last[:0])
	w.out = append(w.out, hashField...)
	w.out = hashEncoding.AppendEncode(w.out, w.last[:])
	w.out = append(w.out, lineEnd...)
	w.seq++
}

// clock writes times of RFC 3339 with microseconds; most are of the same second, and many the same.
type clock struct {
	second, micros int64
	text           []byte
}

func (c *clock) append(b []byte, micros int64) []byte {
	second := micros / 1e6
	switch {
	case second != c.second || c.text == nil:
		c.second, c.text = second, time.Unix(second, 0).UTC().AppendFormat(c.text[:0], "2006-01-02T15:04:05.000000Z")
	case micros == c.micros:
		return append(b, c.text...)
	}
	c.micros = micros
	rest := uint32(micros - second*1e6)
	for i := len(c.text) - 2; i >= len(c.text)-7; i-- {
		c.text[i] = byte('0' + rest%10)
		rest /= 10
	}
	return append(b, c.text...)
}

// finish writes the end of the log. The writer has ended.
func (l *Log) finish() error {
	w := l.w
	w.syncing.Stop()
	err := l.save(true) // what the disk did not take
	var mine *batch
	if err == nil {
		mine = l.takeUp()
		l.add(End, nil)
		l.checkpoint()
		err = l.save(true)
	}
	l.tell(mine, err)
	w.closing.Wait()
	return errors.Join(err, w.file.close())
}
