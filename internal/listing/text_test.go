package listing

import (
	"math"
	"testing"
)

func TestHumanSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 9949: "9.9 kB", 9950: "10 kB", 9951: "10 kB", 999_499: "999 kB", 999_500: "1.0 MB",
		1_234_567: "1.2 MB", 5_120_448_911: "5.1 GB", math.MaxInt64: "9.2 EB",
	} {
		if got := humanSize(n); got != want {
			t.Errorf("humanSize(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1_234_567: "1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestExtension(t *testing.T) {
	for n, want := range map[string]string{
		"a.jpg": "jpg", "a.JPG": "jpg", "a.tar.gz": "gz", "a": "", ".profile": "", "a.": "", "a.jpeg2": "", "a.é": "", `a."><`: "", "a.b c": "",
	} {
		if got := extension(n); got != want {
			t.Errorf("extension(%q) = %q, want %q", n, got, want)
		}
	}
}
