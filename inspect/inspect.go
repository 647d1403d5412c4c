// Package inspect looks at a directory as an attacker would and says whether it is fit to be a base directory: links that
// leave it, files with other names outside, what is no file at all, who can write where, secrets by name and by content, and
// names that can be guessed or are read differently elsewhere.
//
// It walks by descriptors alone and follows nothing, so that a tree which is changed while it is looked at leads it nowhere;
// it opens no file but regular ones, and reads a bounded part of them. What it could not look at is a note in the report.
package inspect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rootbound/rootbound/internal/finding"
)

// Defaults of Config.
const (
	DefaultContentBytes = 64 << 10
	maxWorkers          = 8
	// maxDepth bounds the descriptors that are open at once. A request for a name that is deeper than that is longer than
	// most servers take.
	maxDepth = 200
)

var errSwapped = errors.New("it became something else while it was looked at")

// Config says how a directory is looked at. The zero value looks at all of it.
type Config struct {
	// Version is that of the program, for the report.
	Version string
	// Report says what is kept and accepted.
	Report finding.Options
	// Quick leaves out what takes time: the content of files, where links lead outside, which other programs run.
	Quick bool
	// MaxEntries ends the walk after so many files and directories, with a note; 0 is no bound.
	MaxEntries int64
	// MaxTime ends the walk after that time, with a note; 0 is no bound.
	MaxTime time.Duration
	// ContentBytes is how much of a file is read; 0 is DefaultContentBytes.
	ContentBytes int
	// Workers is how many walk at once; 0 is one for each processor, and eight at most.
	Workers int
	// Home is the home directory of the operator, "" where there is none.
	Home string
	// Progress is called about five times a second, from a goroutine of its own; nil is nobody.
	Progress func(Progress)
}

// Progress says how far a walk is.
type Progress struct {
	Entries int64 // files and directories that were looked at
	Bytes   int64 // that were read
	Found   int64 // findings
}

func (c Config) withDefaults() Config {
	if c.ContentBytes <= 0 {
		c.ContentBytes = DefaultContentBytes
	}
	if c.Workers <= 0 {
		c.Workers = max(2, min(runtime.GOMAXPROCS(0), maxWorkers))
	}
	return c
}

// Run looks at a directory and returns a finished report. It fails only where the directory itself cannot be opened: everything
// else that cannot be looked at is a note. Where ctx ends, the report holds what was found until then, and says so.
func Run(ctx context.Context, path string, c Config) (*finding.Report, error) {
	c = c.withDefaults()
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	h, err := openBase(path)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	w := newWalk(c, finding.NewReport("inspect", c.Version, abs, c.Report))
	defer w.links.close()
	if err := w.begin(h, abs, path); err != nil {
		h.close()
		return nil, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	stop := w.tell()
	w.run(ctx)
	stop()
	w.end()
	w.report.Finish()
	return w.report, nil
}

// tell calls Progress until stop, and then once more.
func (w *walk) tell() (stop func()) {
	if w.cfg.Progress == nil {
		return func() {}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				w.cfg.Progress(w.progress())
			case <-quit:
				w.cfg.Progress(w.progress())
				return
			}
		}
	}()
	return func() { close(quit); <-done }
}

func (w *walk) progress() Progress {
	return Progress{Entries: w.files.Load() + w.dirs.Load() + w.others.Load(), Bytes: w.bytes.Load(), Found: w.found.Load()}
}

// counters are what a walk has seen.
type counters struct {
	files, dirs, others, bytes, found atomic.Int64
	changed, unreadable               tally
}

// tally counts, and remembers the first place by name.
type tally struct {
	mu    sync.Mutex
	n     int64
	first string
}

func (t *tally) add(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n++; t.n == 1 || path < t.first {
		t.first = path
	}
}

func (t *tally) note(r *finding.Report, text string) {
	if t.n > 1 {
		text = fmt.Sprintf("%s, and so %d more", text, t.n-1)
	}
	if t.n > 0 {
		r.Note(finding.Place{Path: t.first}, text)
	}
}
