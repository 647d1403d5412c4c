package rootbound

import (
	"os"
	"time"

	"github.com/rootbound/rootbound/internal/reason"
)

// How long a read waits while as many as may be are blocked in the file system: before the answer has begun, and
// between its bytes, where it could only be broken off.
const (
	readPatience = 5 * time.Second
	sendPatience = time.Minute
)

// waiting does something that may have to wait for the file system, on a descriptor that is open already, within the
// base's share of blocked reads. It is for the library's own reading; Read and ReadAt are as os.File's.
func (f *File) waiting(patience time.Duration, do func() error) error {
	slots := f.dir.reads
	select {
	case slots <- struct{}{}:
	default:
		t := time.NewTimer(patience)
		defer t.Stop()
		select {
		case slots <- struct{}{}:
		case <-t.C:
			return reason.New(reason.ShortOpens, nil)
		}
	}
	defer func() { <-slots }()
	return do()
}

// readAt is os.File.ReadAt within the base's share of blocked reads.
func (f *File) readAt(patience time.Duration, p []byte, off int64) (n int, err error) {
	err = f.waiting(patience, func() (err error) {
		n, err = f.f.ReadAt(p, off)
		return err
	})
	return n, err
}

// closeWithin closes a descriptor within the base's share of blocked opens: close(2) may wait too, for a file system
// that flushes. Where all of it is blocked the descriptor is closed later, and nobody waits for that; as no open gets
// through either, those that are left open are bounded.
func (d *Dir) closeWithin(f *os.File) error {
	select {
	case d.opens <- struct{}{}:
		defer func() { <-d.opens }()
		return f.Close()
	default:
	}
	go func() {
		d.opens <- struct{}{}
		defer func() { <-d.opens }()
		_ = f.Close() // only read from
	}()
	return nil
}
