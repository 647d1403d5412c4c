package rootbound

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/rootbound/rootbound/internal/durable"
	"github.com/rootbound/rootbound/internal/name"
	"github.com/rootbound/rootbound/internal/reason"
)

// A left-over is the reserved name of an upload whose process died. Only two kinds of upload ever have a reserved
// name: one on a file system without O_TMPFILE, and for an instant one that replaces a file. It stands in the
// directory the upload goes into, because nothing else is sure to be on the same mount, and rename(2) does not
// cross mounts. It is never served or listed, so clearing it away is about space, not about safety.

const (
	// leftoverAge is how old a left-over must be where locks do not tell whether somebody still writes it.
	leftoverAge = 24 * time.Hour
	// leftoverScan bounds how many directory entries Open looks at: about a tenth of a second.
	leftoverScan = 100_000
)

// clearLeftovers removes left-overs when a base directory is opened for writing, the upper directories first. In a
// tree with more than leftoverScan entries the rest stays for ClearLeftovers.
func (d *Dir) clearLeftovers() { _, _ = d.sweep(context.Background(), leftoverScan) }

// ClearLeftovers removes what uploads of dead processes left behind anywhere beneath the base, and returns how
// many. Open does the same for the first hundred thousand entries, so this is for larger trees; it reads every
// directory. Uploads still on their way are recognised by their lock (flock(2)), whichever process they belong
// to; where locks do not reach every writer, as on network file systems, by being younger than a day.
//
// It stops early when ctx ends, and then returns its error. Config.Writable must be set.
func (d *Dir) ClearLeftovers(ctx context.Context) (removed int, err error) {
	if !d.cfg.Writable {
		return 0, reason.New(reason.ReadOnly, nil)
	}
	return d.sweep(ctx, -1)
}

// sweep walks breadth first. limit bounds the entries looked at; negative means all.
func (d *Dir) sweep(ctx context.Context, limit int) (removed int, err error) {
	todo := []string{"."}
	for len(todo) > 0 && limit != 0 {
		if err := ctx.Err(); err != nil {
			return removed, err
		}
		dir := todo[0]
		todo = todo[1:]
		more, n, err := d.sweepOne(ctx, dir, &limit)
		removed += n
		if errors.Is(err, fs.ErrClosed) || ctx.Err() != nil {
			return removed, errors.Join(err, ctx.Err())
		}
		todo = append(todo, more...) // any other error: a directory that went or cannot be read has nothing to clear
	}
	return removed, nil
}

// sweepOne clears one directory and returns those in it. It is opened by the confined open, like everything.
func (d *Dir) sweepOne(ctx context.Context, dir string, limit *int) (dirs []string, removed int, err error) {
	release, err := d.acquire()
	if err != nil {
		return nil, 0, err
	}
	f, err := d.openConfined(dir)
	if err != nil {
		release()
		return nil, 0, err
	}
	u, err := d.newUpdir(f, dir)
	release()
	if err != nil {
		return nil, 0, systemReason(err)
	}
	defer u.close()
	for *limit != 0 && ctx.Err() == nil {
		batch := entryBatch
		if *limit > 0 {
			batch = min(batch, *limit)
		}
		entries, err := u.f.ReadDir(batch)
		for _, e := range entries {
			switch elem := e.Name(); {
			case isReservedName(elem):
				if u.clear(elem) {
					removed++
				}
			case e.IsDir():
				dirs = append(dirs, strings.TrimPrefix(dir+"/"+elem, "./"))
			}
		}
		if *limit > 0 {
			*limit -= len(entries)
		}
		if err != nil { // io.EOF as a rule
			break
		}
	}
	return dirs, removed, nil
}

// isReservedName knows exactly the names that reservedName makes.
func isReservedName(elem string) bool {
	random, ok := strings.CutPrefix(elem, name.ReservedPrefix)
	return ok && len(random) == 26 && strings.Trim(random, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// clear removes a left-over unless somebody still writes it. The lock is held over the removal: who made the file
// and has not locked it yet then finds it locked or gone, and makes another.
func (u *updir) clear(elem string) bool {
	f, err := u.openLeftover(elem)
	if err != nil {
		return false
	}
	defer f.Close()
	if !abandoned(f) {
		return false
	}
	held, err := u.holds(elem, f)
	return err == nil && held && u.remove(elem) == nil
}

func abandoned(f *os.File) bool {
	fi, err := f.Stat()
	if err != nil || !fi.Mode().IsRegular() {
		return false
	}
	err = durable.Lock(f)
	if errors.Is(err, durable.ErrLocked) {
		return false
	}
	if err == nil && locksReach(f) {
		return true
	}
	return expired(fi.ModTime())
}

func expired(modTime time.Time) bool { return time.Since(modTime) > leftoverAge }
