package server

import (
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rootbound/rootbound"
)

// maxHandles bounds the descriptors that are kept for the next request.
const maxHandles = 256

// handles keeps files that are too large for the cache open for as long as the cache would believe them. Their readers
// share one descriptor, and so never move its offset. The zero value keeps nothing.
type handles struct {
	check  time.Duration
	closed func(*rootbound.File) // closes a file and counts it

	// closing counts the files on their way: close(2) may wait for the file system, and neither a loop nor the lock may.
	closing running

	mu     sync.Mutex
	byName map[handleKey]*handle
}

type handleKey struct {
	dir  *rootbound.Dir
	name string
}

// handle is one open file. What it says of itself is checked against the descriptor when it is used again.
type handle struct {
	key   handleKey
	file  *rootbound.File
	raw   syscall.RawConn
	ctype string // "" until an answer worked it out
	until time.Time
	users int
	kept  bool // in byName
}

func newHandles(check time.Duration, closed func(*rootbound.File)) *handles {
	return &handles{check: check, closed: closed, byName: map[handleKey]*handle{}}
}

// get returns a file that was opened a moment ago; nil where there is none. Release it.
func (hs *handles) get(dir *rootbound.Dir, n rootbound.Name, now time.Time) *handle {
	if hs == nil || n.WantsDir() {
		return nil
	}
	hs.mu.Lock()
	defer hs.mu.Unlock()
	h := hs.byName[handleKey{dir, n.String()}]
	if h == nil || !now.Before(h.until) {
		return nil
	}
	h.users++
	return h
}

// keep takes over an open file. began is from before it was opened. Release the handle.
func (hs *handles) keep(dir *rootbound.Dir, n rootbound.Name, f *rootbound.File, began time.Time) *handle {
	raw, err := f.SyscallConn()
	if hs == nil || err != nil || f.IsDir() {
		return nil
	}
	h := &handle{key: handleKey{dir, strings.Clone(n.String())}, file: f, raw: raw, until: began.Add(hs.check), users: 1}
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if old := hs.byName[h.key]; old != nil {
		hs.drop(old)
	}
	if len(hs.byName) < maxHandles && hs.byName != nil {
		h.kept = true
		hs.byName[h.key] = h
		time.AfterFunc(time.Until(h.until), func() { hs.forget(h) })
	}
	return h
}

// forget has a handle closed when nobody uses it.
func (hs *handles) forget(h *handle) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	hs.drop(h)
}

func (hs *handles) drop(h *handle) {
	if !h.kept {
		return
	}
	h.kept = false
	delete(hs.byName, h.key)
	if h.users == 0 {
		hs.closeAside(h)
	}
}

func (hs *handles) closeAside(h *handle) {
	hs.closing.begin()
	go func() {
		defer hs.closing.end()
		hs.closed(h.file)
	}()
}

func (hs *handles) release(h *handle) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if h.users--; h.users == 0 && !h.kept {
		hs.closeAside(h)
	}
}

// typeOf is the content type, once an answer has worked it out; learn is told of it.
func (hs *handles) typeOf(h *handle) string {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	return h.ctype
}

func (hs *handles) learn(h *handle, ctype string) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	h.ctype = strings.Clone(ctype)
}

// close forgets all, and keeps nothing from now on. It waits for the files to be closed, but not for ever: a close that
// hangs in the system cannot be ended.
func (hs *handles) close() {
	if hs == nil {
		return
	}
	hs.mu.Lock()
	for _, h := range hs.byName {
		hs.drop(h)
	}
	hs.byName = nil
	hs.mu.Unlock()
	hs.closing.wait(cutTime)
}
