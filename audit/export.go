package audit

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/rootbound/rootbound/internal/durable"
	"github.com/rootbound/rootbound/internal/readfile"
)

// Exported is one record on its way to a collector.
type Exported struct {
	Record
	// Line is the record as it stands in the log, without its line feed: with it the receiver can verify the chain.
	Line string
}

// Sink takes records. Send returns when the receiver has them, as far as its protocol says so, or with an error; what it was
// given is then sent again. It is called by one goroutine.
type Sink interface {
	Send(ctx context.Context, batch []Exported) error
	Close() error
}

// permanentError is one that trying again does not mend.
type permanentError struct{ error }

func (e *permanentError) Unwrap() error { return e.error }

// ExportConfig says what Export does.
type ExportConfig struct {
	// Log is the path of the log.
	Log string
	// Cursor is a file that keeps how far the receiver has come. It is made where it does not exist.
	Cursor string
	// To takes the records.
	To Sink
	// Follow goes on with what is written later, until the context ends. Without it Export ends with the log.
	Follow bool
	// Tries is how often a batch is tried that does not arrive; default DefaultTries. With Follow there is no limit.
	Tries int
	// Failing, where set, is told of each attempt that did.
	Failing func(err error, again time.Duration)
}

// DefaultTries is how often Export tries to send the same records.
const DefaultTries = 5

// Bounds of one batch, how often a log is looked at, and how long a receiver is left alone.
const (
	maxBatch      = 500
	maxBatchBytes = 1 << 20
	followEvery   = time.Second
	firstPause    = 250 * time.Millisecond
	longestPause  = time.Minute
)

// cursor is how far a receiver has come.
type cursor struct {
	Log  string `json:"log"`  // the log's own id
	Next uint64 `json:"next"` // number of the first record that it does not have
	Hash string `json:"hash"` // of the record before
}

// Export sends every record of a log once and in order, verifying the chain as it goes, and keeps in the cursor how far it has
// come: whatever ends it, the next Export goes on there. A record may arrive twice, where it is not known whether it did, and
// never not at all: where records are missing or were changed the error is a *Fault and nothing behind them is sent.
//
// The log may be written meanwhile. Two exports with one cursor are refused.
func Export(ctx context.Context, cfg ExportConfig) (sent uint64, err error) {
	if cfg.Tries == 0 {
		cfg.Tries = DefaultTries
	}
	lock, err := lockCursor(cfg.Cursor)
	if err != nil {
		return 0, err
	}
	defer lock.Close()
	e := &exporter{cfg: cfg, v: &verifier{open: map[string]uint64{}}}
	if err := e.resume(); err != nil {
		return 0, err
	}
	for {
		if err := e.pass(ctx); err != nil {
			return e.sent, err
		}
		if !cfg.Follow {
			return e.sent, nil
		}
		select {
		case <-ctx.Done():
			return e.sent, nil
		case <-time.After(followEvery):
		}
	}
}

// lockCursor keeps other exports away from a cursor. The file beside it stays: removing it would let two in.
func lockCursor(path string) (io.Closer, error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE|noFollow, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cursor %s: %w", path, durable.Bare(err))
	}
	if err := durable.Lock(f); err != nil {
		if errors.Is(err, durable.ErrLocked) {
			err = errors.New("another export uses it; each needs a cursor of its own")
		}
		return nil, errors.Join(fmt.Errorf("cursor %s: %w", path, durable.Bare(err)), f.Close())
	}
	return f, nil
}

// exporter is an export under way.
type exporter struct {
	cfg   ExportConfig
	v     *verifier
	sent  uint64
	batch []Exported
	bytes int

	// Where the last pass ended: offset in the file that begins with record first. Files up to the one that begins with
	// record past were read to their end.
	first  uint64
	offset int64
	past   uint64
	isPast bool
}

// maxCursor bounds a cursor file, in bytes.
const maxCursor = 4 << 10

// resume goes on where the cursor says.
func (e *exporter) resume() error {
	b, err := readfile.Read(e.cfg.Cursor, maxCursor)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cursor %s: %w", e.cfg.Cursor, durable.Bare(err))
	}
	var c cursor
	h, ok := hash{}, false
	if err := json.Unmarshal(b, &c); err == nil {
		h, ok = parseHash(c.Hash)
	}
	if !ok || c.Log == "" {
		return fmt.Errorf("cursor %s: it is none", e.cfg.Cursor)
	}
	e.v.began, e.v.report.Log, e.v.next, e.v.last = true, c.Log, c.Next, h
	return nil
}

// pass sends what the log has now.
func (e *exporter) pass(ctx context.Context) error {
	files, err := openFiles(e.cfg.Log)
	if err != nil {
		return err
	}
	defer files.close()
	err = files.each(func(name string, f io.Reader, last bool) (bool, error) {
		err := e.file(ctx, name, f.(*os.File), last)
		return err == nil, err
	})
	if err != nil {
		return err
	}
	return e.flush(ctx)
}

// file sends what one file has that was not sent.
func (e *exporter) file(ctx context.Context, name string, f *os.File, last bool) error {
	head, err := readHead(f)
	if err != nil {
		if size, errSize := f.Seek(0, io.SeekEnd); last && errSize == nil && size < maxLine {
			return nil // its first line is being written
		}
		return fmt.Errorf("%s: %w", name, err)
	}
	if e.v.began && head.Log != e.v.report.Log {
		return &Fault{name, 1, e.v.next, "it is another log than the cursor's. Take another cursor for it"}
	}
	if e.isPast && head.Seq <= e.past {
		return nil
	}
	if head.Seq != e.first {
		e.first, e.offset = head.Seq, 0
	}
	if _, err := f.Seek(e.offset, io.SeekStart); err != nil {
		return fmt.Errorf("%s: %w", name, durable.Bare(err))
	}
	r := bufio.NewReaderSize(f, maxLine)
	for {
		b, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF) && last:
			return nil // what is torn is being written, or is no record
		case errors.Is(err, io.EOF) && len(b) == 0:
			e.past, e.isPast = head.Seq, true
			return nil
		case errors.Is(err, io.EOF):
			return &Fault{name, 0, e.v.next, "the file ends in the middle of a line"}
		case err != nil:
			return &Fault{name, 0, e.v.next, "a line cannot be read: " + durable.Bare(err).Error()}
		}
		if err := e.line(ctx, name, b); err != nil {
			return err
		}
		e.offset += int64(len(b))
	}
}

func (e *exporter) line(ctx context.Context, name string, b []byte) error {
	rec, _, _, err := parseLine(b)
	if err != nil {
		return &Fault{name, 0, e.v.next, err.Error()}
	}
	switch {
	case e.v.began && rec.Seq < e.v.next:
		return nil // the receiver has it
	case e.v.began && rec.Seq > e.v.next:
		return &Fault{name, 0, e.v.next, fmt.Sprintf("the next record that is there is %d: those before it went before they were exported", rec.Seq)}
	}
	if why := e.v.line(b); why != "" {
		return &Fault{name, 0, e.v.next, why}
	}
	e.batch = append(e.batch, Exported{rec, string(b[:len(b)-1])})
	if e.bytes += len(b); len(e.batch) >= maxBatch || e.bytes >= maxBatchBytes {
		return e.flush(ctx)
	}
	return nil
}

// flush sends what was gathered, and keeps that it was.
func (e *exporter) flush(ctx context.Context) error {
	if len(e.batch) == 0 {
		return nil
	}
	if err := e.deliver(ctx); err != nil {
		return err
	}
	b, err := json.Marshal(cursor{e.v.report.Log, e.v.next, e.v.last.String()})
	if err == nil {
		err = durable.WriteFile(e.cfg.Cursor, append(b, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("the cursor cannot be kept, so that the last %d records will be sent again: %w", len(e.batch), err)
	}
	e.sent += uint64(len(e.batch))
	e.batch, e.bytes = e.batch[:0], 0
	return nil
}

// deliver tries until the receiver has the batch, waiting longer each time.
func (e *exporter) deliver(ctx context.Context) error {
	pause := firstPause
	for try := 1; ; try++ {
		err := e.cfg.To.Send(ctx, e.batch)
		if err == nil {
			return nil
		}
		var permanent *permanentError
		if errors.As(err, &permanent) || ctx.Err() != nil || !e.cfg.Follow && try >= e.cfg.Tries {
			return fmt.Errorf("records %d to %d did not arrive: %w", e.batch[0].Seq, e.batch[len(e.batch)-1].Seq, err)
		}
		var later *laterError
		if errors.As(err, &later) {
			pause = max(pause, later.after)
		}
		pause = min(pause, longestPause)
		if e.cfg.Failing != nil {
			e.cfg.Failing(err, pause)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("records %d to %d did not arrive: %w", e.batch[0].Seq, e.batch[len(e.batch)-1].Seq, err)
		case <-time.After(pause):
		}
		pause *= 2
	}
}

// laterError says when the receiver wants to be asked again.
type laterError struct {
	error
	after time.Duration
}

func (e *laterError) Unwrap() error { return e.error }
