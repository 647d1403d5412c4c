package rootbound

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rootbound/rootbound/internal/reason"
)

// Of many uploads to one name exactly one wins, and what it wrote is what stands there.
func TestCreateConcurrent(t *testing.T) {
	eachUploadWay(t, func(t *testing.T, cfg Config) {
		d, path := uploadBase(t, cfg)
		const n = 16
		var pending [n]*Pending
		for i := range pending {
			p, err := d.Create("sub/file", CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Write(bytes.Repeat([]byte{byte('a' + i)}, 1000)); err != nil {
				t.Fatal(err)
			}
			pending[i] = p
		}
		var errs [n]error
		var wg sync.WaitGroup
		for i, p := range pending {
			wg.Go(func() { errs[i] = p.Commit() })
		}
		wg.Wait()
		won := -1
		for i, err := range errs {
			switch {
			case err == nil && won < 0:
				won = i
			case err == nil:
				t.Errorf("both %d and %d were committed", won, i)
			default:
				wantReason(t, "Commit", err, reason.Exists)
			}
		}
		if won < 0 {
			t.Fatal("none was committed")
		}
		wantContent(t, filepath.Join(path, "sub", "file"), strings.Repeat(string(rune('a'+won)), 1000))
		wantOnly(t, filepath.Join(path, "sub"), "file")
	})
}

// With Overwrite all win, one after the other, and a reader meets one of them, whole.
func TestCreateConcurrentOverwrite(t *testing.T) {
	eachUploadWay(t, func(t *testing.T, cfg Config) {
		d, path := uploadBase(t, cfg)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				content := strings.Repeat(string(rune('a'+i)), 1000)
				if err := upload(d, "file", content, CreateOptions{Overwrite: true}); err != nil {
					t.Errorf("upload: %v", err)
				}
			})
		}
		wg.Wait()
		got, err := os.ReadFile(filepath.Join(path, "file"))
		if err != nil || len(got) != 1000 || len(bytes.Trim(got, string(got[:1]))) != 0 {
			t.Errorf("the file holds %d bytes of several uploads, %v", len(got), err)
		}
		wantOnly(t, path, "file", "sub")
	})
}
