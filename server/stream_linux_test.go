package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/plan"
)

// TestStreamToLoop: a worker gives a stream back to the loop where the next bytes are in memory, and only there.
func TestStreamToLoop(t *testing.T) {
	base := t.TempDir()
	if err := os.WriteFile(filepath.Join(base, "f"), []byte(strings.Repeat("x", 1<<20)), 0o644); err != nil {
		t.Fatal(err)
	}
	d, err := rootbound.Open(base, rootbound.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	f, err := d.Open("f")
	if err != nil {
		t.Fatal(err)
	}
	closed, err := d.Open("f")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	defer f.Close()
	for name, tt := range map[string]struct {
		st   *stream
		want bool
	}{
		"in memory":         {&stream{file: f, segs: []plan.Segment{{Off: 5, Len: 10}}}, true},
		"none":              {nil, false},
		"at its end":        {&stream{file: f}, false},
		"text":              {&stream{file: f, segs: []plan.Segment{{Text: "a"}}}, false},
		"memory's own":      {memoryStream([][]byte{[]byte("abc")}), false},
		"beyond the file":   {&stream{file: f, segs: []plan.Segment{{Off: 2 << 20, Len: 10}}}, false},
		"file that is shut": {&stream{file: closed, segs: []plan.Segment{{Off: 0, Len: 10}}}, false},
	} {
		if got := tt.st.toLoop(); got != tt.want || tt.st != nil && tt.st.loop != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}
