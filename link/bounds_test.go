package link

import (
	"fmt"
	"testing"
	"time"
)

// However many links are shown, what is kept of them in memory has an end, and nobody waits for what is written down of them.
func TestMemoryOfLinksIsBounded(t *testing.T) {
	r := NewRegister(t.Context(), RegisterConfig{Store: openStore(t), now: func() time.Time { return now }})
	shown := 0
	show := func(n int) {
		for range n {
			shown++
			if err := r.Check(&Link{Key: "k1", ID: fmt.Sprint("id-", shown), Path: "a.txt", Expires: now.Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	show(3 * maxSights) // nobody writes them down: the register does not run
	if len(r.sights) != maxSights || len(r.seen) != maxSights {
		t.Errorf("%d wait to be recorded, %d are taken for recorded, want %d of both", len(r.sights), len(r.seen), maxSights)
	}
	for most := 0; shown < 2*maxSeen; {
		for len(r.sights) > 0 {
			<-r.sights
		}
		show(maxSights)
		if most = max(most, len(r.seen)); most > maxSeen {
			t.Fatalf("%d links in memory, want %d at most", most, maxSeen)
		}
	}
}
