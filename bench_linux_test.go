package rootbound

import (
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkOpen opens and closes a small file three elements deep: here on each containment, by os.Root, and by os.Open,
// which confines nothing.
func BenchmarkOpen(b *testing.B) {
	const name = "a/b/file.txt"
	base := world(b, name+"="+inside)
	for _, cfg := range []Config{{}, {Symlinks: SymlinksWithin}, {noOpenat2: true}, {noOpenat2: true, Symlinks: SymlinksWithin}} {
		b.Run(mechanism(useOpenat2(cfg.noOpenat2))+"/"+cfg.Symlinks.String(), func(b *testing.B) {
			d := openBaseDir(b, base, cfg)
			b.ReportAllocs()
			for b.Loop() {
				f, err := d.Open(name)
				if err != nil {
					b.Fatal(err)
				}
				_ = f.Close()
			}
		})
	}
	root, err := os.OpenRoot(base)
	if err != nil {
		b.Fatal(err)
	}
	defer root.Close()
	b.Run("control/os.Root", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f, err := root.Open(name)
			if err != nil {
				b.Fatal(err)
			}
			_ = f.Close()
		}
	})
	b.Run("control/os.Open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f, err := os.Open(filepath.Join(base, name))
			if err != nil {
				b.Fatal(err)
			}
			_ = f.Close()
		}
	})
}
