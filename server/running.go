package server

import (
	"sync"
	"time"
)

// running counts requests in handlers, so that Shutdown can wait for their records. Unlike a sync.WaitGroup it may
// grow while somebody waits.
type running struct {
	mu   sync.Mutex
	n    int
	idle chan struct{} // closed when n falls to zero; nil where nobody waits
}

func (r *running) begin() {
	r.mu.Lock()
	r.n++
	r.mu.Unlock()
}

func (r *running) end() {
	r.mu.Lock()
	r.n--
	if r.n == 0 && r.idle != nil {
		close(r.idle)
		r.idle = nil
	}
	r.mu.Unlock()
}

// wait returns when nothing runs, or after the bound: an open that hangs in the system cannot be ended.
func (r *running) wait(bound time.Duration) {
	r.mu.Lock()
	if r.n == 0 {
		r.mu.Unlock()
		return
	}
	idle := make(chan struct{})
	r.idle = idle
	r.mu.Unlock()
	t := time.NewTimer(bound)
	defer t.Stop()
	select {
	case <-idle:
	case <-t.C:
	}
}
