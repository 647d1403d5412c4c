package lane

import (
	"testing"
	"time"
)

// TestPool: no more run at once than may, the others in their order, and what waits can be taken back only where nothing
// moves.
func TestPool(t *testing.T) {
	p := NewPool(1)
	hang, ran := make(chan struct{}), make(chan int, 3)
	if e := p.put(func() { <-hang }); e != nil {
		t.Fatal("the first one waits")
	}
	first := p.put(func() { ran <- 1 })
	second := p.put(func() { ran <- 2 })
	p.Go(func() { ran <- 3 })
	if first == nil || second == nil || !p.crowded() {
		t.Fatal("more than one runs")
	}
	if out, waits := p.takeBack(second, time.Hour); !out || waits {
		t.Errorf("taken back where nothing ever moved: %v, it waits on: %v", out, waits)
	}
	if out, waits := p.takeBack(second, 0); out || waits {
		t.Errorf("taken back twice: %v, %v", out, waits)
	}
	close(hang)
	for _, want := range []int{1, 3} {
		if got := <-ran; got != want {
			t.Errorf("%d ran, want %d", got, want)
		}
	}
	if out, waits := p.takeBack(first, 0); out || waits {
		t.Errorf("taken back after it ran: %v, %v", out, waits)
	}
	more, hang2 := make(chan struct{}), make(chan struct{})
	p.Go(func() { close(more); <-hang2 })
	<-more
	last := p.put(func() {})
	if last == nil {
		t.Fatal("more than one runs")
	}
	p.mu.Lock()
	p.moved = time.Now()
	p.mu.Unlock()
	if out, waits := p.takeBack(last, time.Hour); out || !waits {
		t.Errorf("taken back though the pool moves: %v, it waits on: %v", out, waits)
	}
	close(hang2)
}
