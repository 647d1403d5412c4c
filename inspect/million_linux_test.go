package inspect

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rootbound/rootbound/internal/finding"
	"github.com/rootbound/rootbound/internal/tree"
)

// large makes a tree of n files of half a KiB to a KiB of text, a thousand in each directory.
func large(tb testing.TB, n int) string {
	tb.Helper()
	base := tb.TempDir()
	text := []byte(strings.Repeat("The quick brown fox jumps over the lazy dog.\n", 24))
	for i := range n {
		dir := fmt.Sprintf("%s/%02x/%02x", base, i/64_000, i/1000%64)
		if i%1000 == 0 {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				tb.Fatal(err)
			}
		}
		if err := os.WriteFile(fmt.Sprintf("%s/%x.txt", dir, uint32(i)*2654435769), text[:512+i*13%512], 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	return base
}

// TestLargeTree looks at 5,000 files; with ROOTBOUND_SOAK=1 it is a million. Memory does not grow with it.
func TestLargeTree(t *testing.T) {
	n := 5_000
	if os.Getenv("ROOTBOUND_SOAK") == "1" {
		n = 1_000_000
	}
	base := large(t, n)
	tree.Make(t, base, "00/00/out => /etc/passwd", "00/04/deploy.sh="+token, "00/03/pipe |")
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	most := uint64(0)
	r := run(t, base, Config{Progress: func(Progress) {
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		most = max(most, now.HeapAlloc)
	}})
	if got := r.Looked[0].Count; got != int64(n)+1 {
		t.Errorf("looked at %d files, want %d", got, n+1)
	}
	want := []string{"high credential 00/04/deploy.sh:1:1", "high link-escape 00/00/out", "medium special-file 00/03/pipe"}
	if got := slices.DeleteFunc(found(r), func(s string) bool { return strings.Contains(s, string(finding.PredictableName)) }); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	if grown := int64(most) - int64(before.HeapAlloc); grown > 64<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
	if len(r.Notes) > 0 {
		t.Errorf("notes %q", notes(r))
	}
}

// BenchmarkMillion looks at a million files. At most 60 s on two processors is what is promised.
func BenchmarkMillion(b *testing.B) {
	const n = 1_000_000
	base := large(b, n)
	for b.Loop() {
		r, err := Run(context.Background(), base, Config{})
		if err != nil {
			b.Fatal(err)
		}
		if r.Looked[0].Count != n {
			b.Fatalf("looked at %d files", r.Looked[0].Count)
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/million-files")
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err == nil {
		b.ReportMetric(float64(usage.Maxrss)/1024, "MiB-peak")
	}
}
