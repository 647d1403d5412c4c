package vet

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/testenv"
)

// BenchmarkPython reviews Django, as Debian installs it.
func BenchmarkPython(b *testing.B) {
	benchmark(b, "lines of python", filepath.Dir(testenv.Need(b, "django")))
}

// BenchmarkGo reviews the part of the standard library and of the go command that has to do with names and networks.
func BenchmarkGo(b *testing.B) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		b.Fatalf("go env GOROOT: %v", err)
	}
	src := filepath.Join(strings.TrimSpace(string(out)), "src")
	var paths []string
	for _, dir := range []string{"archive", "net", "os", "io", "path", "mime", "html", "encoding", "cmd/go"} {
		paths = append(paths, filepath.Join(src, filepath.FromSlash(dir)))
	}
	benchmark(b, "lines of go", paths...)
}

func benchmark(b *testing.B, count string, paths ...string) {
	lines := int64(0)
	for b.Loop() {
		r, err := Run(context.Background(), Config{Paths: paths})
		if err != nil {
			b.Fatal(err)
		}
		for _, looked := range r.Looked {
			if looked.What == count {
				lines += looked.Count
			}
		}
	}
	rate := float64(lines) / b.Elapsed().Seconds()
	b.ReportMetric(rate, "lines/s")
	b.ReportMetric(100_000/rate, "s/100klines")
}
