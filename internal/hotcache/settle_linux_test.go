package hotcache

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/rootbound/rootbound"
)

// TestSettles: a file that was just written is read again at each look, its entity tag weak; when that is old enough it
// is kept as it is, and the tag is strong. Only time makes a file old: the test waits for it.
func TestSettles(t *testing.T) {
	t.Parallel()
	b := newBench(t, Config{})
	b.write("f", "content")
	look := func() *rootbound.Loaded {
		b.advance(DefaultCheck)
		l, _, err := b.Open(context.Background(), b.dir, b.name("f"))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	first := look()
	if tag := first.ETag(); !strings.HasPrefix(tag, "W/") || look() == first {
		t.Errorf("a young file with tag %s was kept", tag)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	l := look()
	for again := look(); again != l; again = look() {
		l = again
		<-tick.C
	}
	if tag := l.ETag(); "W/"+tag != first.ETag() {
		t.Errorf("tag %s, at first %s", tag, first.ETag())
	}
}
