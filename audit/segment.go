package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rootbound/rootbound/internal/durable"
)

// segment is the file that is written.
type segment struct {
	f    *os.File
	path string
	size int64  // bytes that are written
	seq  uint64 // of the record that follows them
	last hash   // of the last one of them
}

// ending is where a log's last file ends.
type ending struct {
	log  string // "" where there is no record yet
	seq  uint64 // of the next record
	hash hash
	torn int64 // bytes behind the last whole line
}

// maxLine bounds one line: a name of maxName bytes with every byte escaped, and the rest.
const maxLine = 6*maxName + 8192

// openSegment opens the file at path, or makes it, takes its lock, and takes off a torn last line.
func openSegment(path string) (*segment, ending, error) {
	f, created, err := openFile(path)
	if err != nil {
		return nil, ending{}, fmt.Errorf("audit: %w", err)
	}
	s, end, err := continueFile(f, path)
	if err == nil && created {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return nil, ending{}, errors.Join(fmt.Errorf("audit: %s: %w", path, err), f.Close())
	}
	return s, end, nil
}

func openFile(path string) (f *os.File, created bool, err error) {
	f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|noFollow, 0o600)
	if err == nil {
		return f, true, nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return nil, false, err
	}
	f, err = os.OpenFile(path, os.O_RDWR|noFollow, 0)
	return f, false, err
}

func continueFile(f *os.File, path string) (*segment, ending, error) {
	fi, err := f.Stat()
	if err != nil {
		return nil, ending{}, durable.Bare(err)
	}
	if !fi.Mode().IsRegular() {
		return nil, ending{}, errors.New("not a regular file")
	}
	s := &segment{f: f, path: path}
	if err := s.lock(); err != nil {
		return nil, ending{}, err
	}
	end, err := readEnd(f, fi.Size())
	if err != nil {
		return nil, ending{}, err
	}
	if end.torn > 0 {
		if err := f.Truncate(fi.Size() - end.torn); err != nil {
			return nil, ending{}, durable.Bare(err)
		}
	}
	s.size = fi.Size() - end.torn
	if s.size == 0 { // begun anew, or a crash came between two files
		torn := end.torn
		if end, err = previousEnd(path); err != nil {
			return nil, ending{}, err
		}
		end.torn = torn
	}
	s.seq, s.last = end.seq, end.hash
	return s, end, nil
}

// lock keeps other processes away, and makes sure that it was not too late for that: another may have given the file its
// number meanwhile.
func (s *segment) lock() error {
	switch err := durable.Lock(s.f); {
	case errors.Is(err, durable.ErrLocked):
		return errors.New("another process writes it; each needs a log of its own")
	case err != nil:
		return fmt.Errorf("it cannot be locked: %w", durable.Bare(err))
	case !s.isThere():
		return errors.New("another process is about to begin a new file")
	}
	return nil
}

// isThere says whether the path still names the file.
func (s *segment) isThere() bool {
	mine, err := s.f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(s.path)
	return err == nil && os.SameFile(mine, there)
}

// readEnd finds the last whole record of a file and checks that it follows from the one before.
func readEnd(f *os.File, size int64) (ending, error) {
	n := min(size, 2*maxLine)
	b := make([]byte, n)
	if _, err := f.ReadAt(b, size-n); err != nil && !errors.Is(err, io.EOF) {
		return ending{}, durable.Bare(err)
	}
	whole := b[:bytes.LastIndexByte(b, '\n')+1]
	end := ending{torn: int64(len(b) - len(whole))}
	if len(whole) == 0 {
		if size > n {
			return ending{}, errors.New("its last line is longer than any record: this is no audit log")
		}
		return end, nil
	}
	last, before := lastLine(whole)
	rec, body, h, err := parseLine(last)
	if err != nil {
		return ending{}, fmt.Errorf("this is no audit log, or its end was changed: %w", err)
	}
	prev, err := hashBefore(before, rec)
	if err != nil {
		return ending{}, fmt.Errorf("the record before its last: %w", err)
	}
	if chain(prev, body) != h {
		return ending{}, fmt.Errorf("record %d does not follow from the one before: the log was changed. Look with \"rootbound audit verify\", then move it away to begin a new one", rec.Seq)
	}
	head, err := readHead(f)
	if err != nil {
		return ending{}, err
	}
	end.log, end.seq, end.hash = head.Log, rec.Seq+1, h
	return end, nil
}

// lastLine splits off the last line, with its line feed.
func lastLine(b []byte) (last, before []byte) {
	i := bytes.LastIndexByte(b[:len(b)-1], '\n') + 1
	return b[i:], b[:i]
}

// hashBefore is the hash that a record was chained onto.
func hashBefore(before []byte, rec Record) (hash, error) {
	if rec.Kind == Begin {
		h, ok := parseHash(rec.Prev)
		if !ok {
			return hash{}, errors.New("the begin has no hash to go on from")
		}
		return h, nil
	}
	if len(before) == 0 {
		return hash{}, errors.New("there is none, and the file does not begin with a begin")
	}
	line, _ := lastLine(before)
	_, _, h, err := parseLine(line)
	return h, err
}

func readHead(f io.ReaderAt) (Record, error) {
	b := make([]byte, maxLine)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return Record{}, durable.Bare(err)
	}
	i := bytes.IndexByte(b[:n], '\n')
	if i < 0 {
		return Record{}, errors.New("it has no first line: this is no audit log")
	}
	rec, _, _, err := parseLine(b[:i+1])
	if err != nil {
		return Record{}, fmt.Errorf("its first record: %w", err)
	}
	if rec.Kind != Begin || rec.Log == "" {
		return Record{}, errors.New("it does not begin with a begin: this is no audit log")
	}
	return rec, nil
}

// parseLine takes one line apart: what it says, the bytes that were hashed, and the hash.
func parseLine(b []byte) (rec Record, body []byte, h hash, err error) {
	if len(b) < tailLen || !bytes.HasPrefix(b[len(b)-tailLen:], []byte(hashField)) || !bytes.HasSuffix(b, []byte(lineEnd)) {
		return rec, nil, h, errors.New("the line does not end with its hash")
	}
	body = b[:len(b)-tailLen]
	h, ok := parseHash(string(b[len(body)+len(hashField) : len(b)-len(lineEnd)]))
	if !ok {
		return rec, nil, h, errors.New("its hash is malformed")
	}
	if err := json.Unmarshal(b, &rec); err != nil {
		return rec, nil, h, fmt.Errorf("not JSON: %w", err)
	}
	return rec, body, h, nil
}

// append writes behind what is there; with sure it returns when all of the file is on disk. After an error the same
// bytes are to be appended again: what a failed sync dropped is then written anew.
func (s *segment) append(b []byte, sure bool) error {
	if _, err := s.f.WriteAt(b, s.size); err != nil {
		return durable.Bare(err)
	}
	if sure {
		if err := dataSync(s.f); err != nil {
			return durable.Bare(err)
		}
	}
	s.size += int64(len(b))
	return nil
}

// next gives this file its number and makes a new one of its name. Where it fails, this file keeps its name.
func (s *segment) next() (*segment, error) {
	head, err := readHead(s.f)
	if err != nil {
		return nil, err
	}
	numbered := numberedName(s.path, head.Seq)
	if _, err := os.Lstat(numbered); err == nil {
		return nil, fmt.Errorf("%s exists already", numbered)
	}
	if err := os.Rename(s.path, numbered); err != nil {
		return nil, err
	}
	next, err := newSegment(s.path)
	if err != nil {
		return nil, errors.Join(err, os.Rename(numbered, s.path))
	}
	return next, nil
}

// newSegment makes an empty file, which must not be there, and takes its lock.
func newSegment(path string) (*segment, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|noFollow, 0o600)
	if err != nil {
		return nil, err
	}
	s := &segment{f: f, path: path}
	if err := errors.Join(s.lock(), syncDir(filepath.Dir(path))); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	return s, nil
}

func (s *segment) close() error { return s.f.Close() }

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return durable.SyncDir(d)
}

// numberWidth makes the names of full files sort as their numbers do.
const numberWidth = 20

func numberedName(path string, first uint64) string {
	return fmt.Sprintf("%s.%0*d", path, numberWidth, first)
}

// Files returns the files of the log at path, oldest first; the one being written is the last. What is not there is
// left out.
func Files(path string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var files []string
	current := false
	for _, e := range entries {
		number, ok := strings.CutPrefix(e.Name(), filepath.Base(path)+".")
		if _, err := strconv.ParseUint(number, 10, 64); ok && err == nil && len(number) == numberWidth {
			files = append(files, filepath.Join(filepath.Dir(path), e.Name()))
		}
		current = current || e.Name() == filepath.Base(path)
	}
	slices.Sort(files)
	if current {
		files = append(files, path)
	}
	return files, nil
}

// previousEnd is the end of the last full file, for one that is just begun.
func previousEnd(path string) (ending, error) {
	files, err := Files(path)
	if err != nil {
		return ending{}, err
	}
	files = slices.DeleteFunc(files, func(f string) bool { return f == path })
	if len(files) == 0 {
		return ending{}, nil
	}
	last := files[len(files)-1]
	f, err := os.Open(last)
	if err != nil {
		return ending{}, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return ending{}, err
	}
	end, err := readEnd(f, fi.Size())
	if err != nil {
		return ending{}, fmt.Errorf("%s: %w", last, err)
	}
	if end.torn > 0 {
		return ending{}, fmt.Errorf("%s: a full file ends in the middle of a line", last)
	}
	return end, nil
}

// prune removes full files beyond those that are kept, the oldest first. say is told the number of the first record that
// stays, before anything is removed.
func prune(path string, keepFiles int, keepFor time.Duration, now time.Time, say func(kept uint64) error) error {
	files, err := Files(path)
	if err != nil {
		return err
	}
	files = slices.DeleteFunc(files, func(f string) bool { return f == path })
	n := 0
	for n < len(files)-1 { // the newest of them stays: the current one may be empty yet
		fi, err := os.Lstat(files[n])
		old := err == nil && keepFor > 0 && now.Sub(fi.ModTime()) > keepFor
		if !old && (keepFiles == 0 || len(files)-n <= keepFiles) {
			break
		}
		n++
	}
	if n == 0 {
		return nil
	}
	kept, err := strconv.ParseUint(files[n][len(files[n])-numberWidth:], 10, 64)
	if err != nil {
		return err
	}
	if err := say(kept); err != nil {
		return err
	}
	var errs []error
	for _, f := range files[:n] {
		errs = append(errs, os.Remove(f))
	}
	return errors.Join(errs...)
}
