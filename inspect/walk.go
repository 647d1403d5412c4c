package inspect

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/rootbound/rootbound/internal/finding"
)

// batch is how many names of a directory are taken at once. What is remembered of a tree is bounded by it and by the depth,
// not by how wide the tree is.
const batch = 1024

// walk is one look at a tree.
type walk struct {
	cfg    Config
	report *finding.Report
	base   *directory
	abs    string // where the base is, links resolved where the system tells
	links  resolver
	hard   hardLinks
	owners owners
	mounts map[string]bool // paths beneath the base that are mount points
	counters

	mu     sync.Mutex
	wake   *sync.Cond
	stack  []task
	active int
	over   error // why the walk ends before its end
	ending atomic.Bool
}

// directory is one that is being walked. Its descriptor stays open while anything beneath it is waiting.
type directory struct {
	*handle
	facts
	parent *directory
	elem   string
	depth  int
	// quiet: it is the inside of something that was reported as a whole.
	quiet bool
	refs  atomic.Int32

	mu      sync.Mutex
	batches int // that are being looked at, and one while names are left
	hashes  []uint64
	guess   *guesses
}

// task is a directory to open, or where elem is "", one to read on.
type task struct {
	d    *directory
	elem string
}

var (
	errEntries = errors.New("the bound on files and directories was reached")
	errTime    = errors.New("the time for it was over")
	errStopped = errors.New("it was interrupted")
)

func newWalk(c Config, r *finding.Report) *walk {
	w := &walk{cfg: c, report: r}
	w.wake = sync.NewCond(&w.mu)
	return w
}

// begin takes the base directory over and reports what is to be said of its place.
func (w *walk) begin(h *handle, abs, given string) error {
	w.base = &directory{handle: h, batches: 1}
	if err := h.stat(&w.base.facts); err != nil {
		return err
	}
	if w.abs = h.systemPath(); w.abs == "" {
		w.abs = resolved(abs)
	}
	w.links.open(w.base, given)
	w.place(abs)
	w.mountPoints()
	w.base.refs.Store(2) // one to read it, one for end
	w.stack = append(w.stack, task{d: w.base})
	w.rights(w.base, "", &w.base.facts)
	return nil
}

func (w *walk) run(ctx context.Context) {
	if w.cfg.MaxTime > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, w.cfg.MaxTime, errTime)
		defer cancel()
		ctx = limited
	}
	ended := make(chan struct{})
	undo := context.AfterFunc(ctx, func() {
		defer close(ended)
		if why := context.Cause(ctx); why == errTime {
			w.stop(why)
		}
		w.stop(errStopped)
	})
	var workers sync.WaitGroup
	for range w.cfg.Workers {
		workers.Go(w.work)
	}
	workers.Wait()
	if !undo() {
		<-ended // whether all was looked at is asked next
	}
}

// stop has the workers come to an end.
func (w *walk) stop(why error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over == nil {
		w.over = why
	}
	w.ending.Store(true)
	w.wake.Broadcast()
}

// work takes tasks until there are none and nobody can make more.
func (w *walk) work() {
	b := newReader(w)
	for {
		t, ok := w.take()
		if !ok {
			return
		}
		if t.elem == "" {
			w.read(t.d, b)
		} else {
			w.enter(t.d, t.elem, b)
			w.release(t.d)
		}
		w.mu.Lock()
		w.active--
		if w.active == 0 && len(w.stack) == 0 {
			w.wake.Broadcast()
		}
		w.mu.Unlock()
	}
}

func (w *walk) take() (task, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.over == nil {
		if n := len(w.stack); n > 0 {
			t := w.stack[n-1]
			w.stack = w.stack[:n-1]
			w.active++
			return t, true
		}
		if w.active == 0 {
			break
		}
		w.wake.Wait()
	}
	return task{}, false
}

// push puts tasks where the next is taken from: deep before wide.
func (w *walk) push(d *directory, elems ...string) {
	d.refs.Add(int32(len(elems)))
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range elems {
		w.stack = append(w.stack, task{d, e})
	}
	w.wake.Broadcast()
}

// release closes the descriptor once nothing beneath needs it.
func (w *walk) release(d *directory) {
	if d.refs.Add(-1) == 0 {
		d.close()
	}
}

// enter opens a directory and reads its first names.
func (w *walk) enter(parent *directory, elem string, b *reader) {
	path := parent.join(elem)
	if parent.depth+1 > maxDepth {
		w.report.Note(finding.Place{Path: path}, "deeper than "+strconv.Itoa(maxDepth)+" directories: not looked into")
		return
	}
	h, err := parent.child(elem)
	if err != nil {
		w.failed(path, err, "not looked into")
		return
	}
	d := &directory{handle: h, parent: parent, elem: strings.Clone(elem), depth: parent.depth + 1, batches: 1}
	if err := h.stat(&d.facts); err != nil {
		h.close()
		w.failed(path, err, "not looked into")
		return
	}
	d.quiet = parent.quiet || isWhole(elem)
	if d.dev != parent.dev && w.mounted(d, path) {
		h.close()
		return
	}
	d.refs.Store(1)
	w.read(d, b)
}

// read looks at the next names of a directory. Before it does so it lets others go on with those behind.
func (w *walk) read(d *directory, b *reader) {
	names, err := d.next(batch)
	if err != nil && err != io.EOF {
		w.failed(d.path(), err, "not read to its end")
	}
	if err == nil && len(names) == batch {
		d.mu.Lock()
		d.batches++
		d.mu.Unlock()
		w.push(d, "")
	}
	if subdirs := b.look(d, names); len(subdirs) > 0 {
		w.push(d, subdirs...)
	}
	d.mu.Lock()
	d.batches--
	all := d.batches == 0
	d.mu.Unlock()
	if all {
		w.collisions(d)
		w.guessable(d)
	}
	w.release(d)
}

// failed says what could not be looked at, and why.
func (w *walk) failed(path string, err error, what string) {
	switch {
	case plainlyGone(err):
		w.changed.add(path)
	case errors.Is(err, fs.ErrPermission):
		w.report.Note(finding.Place{Path: path}, "this user may not read it: "+what)
	default:
		w.report.Note(finding.Place{Path: path}, plain(err)+": "+what)
	}
}

// plainlyGone says whether an error is that of a file which is not what it was.
func plainlyGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, errSwapped) || errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.ENOTDIR)
}

// plain is an error of the system without the path that it repeats.
func plain(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}

// end reports what only the whole walk tells.
func (w *walk) end() {
	w.hard.report(w)
	w.owners.report(w)
	w.programs()
	w.changed.note(w.report, "it went away or became something else while it was looked at")
	w.unreadable.note(w.report, "its content could not be read")
	if w.over != nil {
		w.report.Note(finding.Place{}, "not all of it was looked at: "+plain(w.over))
	}
	w.report.Count("files", w.files.Load())
	w.report.Count("directories", w.dirs.Load())
	w.report.Count("others", w.others.Load())
	w.report.Count("bytes", w.bytes.Load())
	for _, t := range w.stack { // of a walk that was stopped
		w.release(t.d)
	}
	w.release(w.base)
}

// path is where the directory is beneath the base; "" is the base itself.
func (d *directory) path() string {
	if d.parent == nil {
		return ""
	}
	return d.parent.join(d.elem)
}

// join is where an element of it is; "" is the directory itself.
func (d *directory) join(elem string) string {
	p := d.path()
	if p == "" || elem == "" {
		return p + elem
	}
	return p + "/" + elem
}

// add reports a finding.
func (w *walk) add(rule finding.ID, path, evidence string) {
	w.addFinding(finding.Finding{Rule: rule, Place: finding.Place{Path: path}, Evidence: evidence})
}

func (w *walk) addFinding(f finding.Finding) {
	w.found.Add(1)
	w.report.Add(f)
}
