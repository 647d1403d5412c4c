//go:build unix

package readfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rootbound/rootbound/internal/readfile"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(at("ten"), []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(at("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("fifo", at("link")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want, err string
		most            int64
	}{
		{at("ten"), "0123456789", "", 10},
		{at("ten"), "", "it is over 9 bytes", 9},
		{at("none"), "", "no such file", 10},
		{dir, "", "is a directory", 10},
		{at("fifo"), "", "it is a FIFO, and not a regular file", 10},
		{at("link"), "", "it is a FIFO, and not a regular file", 10},
		{"/dev/zero", "", "it is a device, and not a regular file", 10},
		{os.DevNull, "", "", 10},
	} {
		got, err := readfile.Read(c.name, c.most)
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("Read(%s, %d): %v, want %q", c.name, c.most, err, c.err)
		}
		if err == nil && string(got) != c.want {
			t.Errorf("Read(%s, %d) = %q, want %q", c.name, c.most, got, c.want)
		}
		var pe *fs.PathError
		if err != nil && !errors.As(err, &pe) {
			t.Errorf("Read(%s, %d): %T", c.name, c.most, err)
		}
	}
	refuse := errors.New("refused")
	if _, err := readfile.Read(at("ten"), 10, func(fs.FileInfo) error { return refuse }); !errors.Is(err, refuse) {
		t.Errorf("a check that refuses: %v", err)
	}

	// The control: who opens a FIFO as os.Open does waits for somebody to write to it.
	opened := make(chan error, 1)
	go func() {
		f, err := os.Open(at("fifo"))
		if err == nil {
			err = f.Close()
		}
		opened <- err
	}()
	select {
	case err := <-opened:
		t.Errorf("control: os.Open did not wait (%v)", err)
	case <-time.After(50 * time.Millisecond):
	}
	w, err := os.OpenFile(at("fifo"), os.O_WRONLY, 0) // and so lets it go
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := <-opened; err != nil {
		t.Error(err)
	}
}
