package probe_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rootbound/rootbound/internal/testenv"
	"github.com/rootbound/rootbound/probe"
)

// BenchmarkCorpus is the whole corpus with everything else that a probe tries, in path mode: against rootbound, and against
// nginx. One run of each may take 30 seconds.
func BenchmarkCorpus(b *testing.B) {
	for name, start := range map[string]func(base string) string{
		"rootbound": func(base string) string { return rootbound(b, base) + "/" },
		"nginx":     func(base string) string { return testenv.Nginx(b, testenv.NginxConfig{Root: base}) + "/" },
	} {
		b.Run(name, func(b *testing.B) {
			base := filepath.Join(plot(b), "8", "7", "6", "5", "4", "files") // eight levels may be climbed
			if err := os.MkdirAll(base, 0o755); err != nil {
				b.Fatal(err)
			}
			url := start(base)
			requests := int64(0)
			for b.Loop() {
				r := attackOn(b, url, base, func(c *probe.Config) { c.Sample, c.Depth, c.HTTP = 0, 8, "auto" })
				if got := rules(r); len(got) > 0 {
					b.Errorf("found %v", got)
				}
				for _, t := range r.Looked {
					requests += t.Count
				}
			}
			b.ReportMetric(float64(requests)/float64(b.N), "requests/op")
		})
	}
}
