package probe

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
	"strings"
	"time"

	"github.com/rootbound/rootbound/internal/durable"
	"github.com/rootbound/rootbound/internal/readfile"
)

// journal is the list of what a run plants. It is on disk before anything else is.
type journal struct {
	Schema int       `json:"schema"` // 1
	Base   string    `json:"base"`
	Began  time.Time `json:"began"`
	// Planted are in the order of their making.
	Planted []item `json:"planted"`
	// Uploads begins the names of what the server stored on our behalf, as far as it keeps names; Marker is what it holds,
	// Size its length in bytes.
	Uploads string `json:"uploads,omitempty"`
	Marker  string `json:"marker,omitempty"`
	Size    int64  `json:"size,omitempty"`

	path string
	held *os.File // locked as long as the run lives
}

// Kinds of what is planted.
const (
	kindFile = "file"
	kindDir  = "dir"
	kindLink = "link"
)

// item is one thing that is planted. Path is absolute. Text is how a file begins, or what a link holds.
type item struct {
	Path string `json:"path"`
	Kind string `json:"kind"`
	Text string `json:"text,omitempty"`
}

// maxJournal bounds a journal that is read, in bytes.
const maxJournal = 1 << 20

// begin writes the journal and holds it.
func (j *journal) begin(dir, run string) error {
	j.Schema, j.Began = 1, time.Now().UTC()
	j.path = filepath.Join(dir, "probe-"+run+".json")
	text, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return err
	}
	if err := durable.WriteFile(j.path, append(text, '\n'), 0o600); err != nil {
		return &ConfigError{"journal " + quote(dir), durable.Bare(err).Error(), "Set XDG_STATE_HOME to a directory that this user may write to"}
	}
	j.held, err = hold(j.path)
	return err
}

// hold locks a journal. Where the system has no locks it is only opened.
func hold(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	err = durable.Lock(f)
	switch now, statErr := os.Stat(path); {
	case errors.Is(err, durable.ErrLocked):
	case statErr != nil: // somebody cleaned before the lock was ours
		err = statErr
	default:
		mine, fstatErr := f.Stat()
		if err = fstatErr; err == nil && !os.SameFile(mine, now) {
			err = fs.ErrNotExist
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// clean removes what the journal lists, as far as it is what was planted, then the journal.
func (j *journal) clean() (removed int, err error) {
	if j.Uploads != "" {
		n, uploadsErr := j.sweep()
		removed, err = n, uploadsErr
	}
	for _, it := range slices.Backward(j.Planted) {
		ok, itemErr := it.remove()
		if ok {
			removed++
		}
		err = errors.Join(err, itemErr)
	}
	if err == nil {
		err = os.Remove(j.path)
	}
	if j.held != nil {
		err = errors.Join(err, j.held.Close())
	}
	return removed, err
}

// remove takes the item away where it is still what was planted; anything else under its name is not ours.
func (it item) remove() (bool, error) {
	dir, name := filepath.Split(it.Path)
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer root.Close()
	fi, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	switch {
	case it.Kind == kindFile && fi.Mode().IsRegular():
		if !begins(root, name, it.Text) && !it.unfinished(root, name) {
			return false, nil
		}
	case it.Kind == kindLink && fi.Mode()&fs.ModeSymlink != 0:
		if text, err := root.Readlink(name); err != nil || text != it.Text {
			return false, err
		}
	case it.Kind == kindDir && fi.IsDir():
	default:
		return false, nil
	}
	return true, root.Remove(name)
}

// unfinished says whether the file holds less than was planned, and nothing else: whoever wrote it was killed meanwhile.
func (it item) unfinished(root *os.Root, name string) bool {
	fi, err := root.Lstat(name)
	return err == nil && fi.Size() < int64(len(it.Text)) && begins(root, name, it.Text[:fi.Size()])
}

// begins says whether the regular file of that name begins with text.
func begins(root *os.Root, name, text string) bool {
	f, err := root.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	head, _ := io.ReadAll(io.LimitReader(f, int64(len(text)))) // what cannot be read is not ours
	return bytes.Equal(head, []byte(text))
}

// maxSwept bounds how many entries are looked through for stored uploads.
const maxSwept = 500_000

// sweep removes what the server stored: within the base, and in the directories above it.
func (j *journal) sweep() (removed int, err error) {
	left := maxSwept
	look := func(dir string, deep bool) {
		root, openErr := os.OpenRoot(dir)
		if openErr != nil {
			return
		}
		defer root.Close()
		_ = fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, walkErr error) error {
			left--
			switch {
			case left < 0:
				return fs.SkipAll
			case walkErr != nil:
				return nil // what cannot be read holds nothing that the server was made to store, or cannot be cleaned
			case e.IsDir() && name != "." && !deep:
				return fs.SkipDir
			case e.Type().IsRegular() && j.mayBe(e):
				if begins(root, name, j.Marker) {
					err = errors.Join(err, root.Remove(name))
					removed++
				}
			}
			return nil
		})
	}
	look(j.Base, true)
	for dir := filepath.Dir(j.Base); ; dir = filepath.Dir(dir) {
		look(dir, false)
		if dir == filepath.Dir(dir) {
			break
		}
	}
	for _, it := range j.Planted {
		if it.Kind == kindDir {
			look(it.Path, false)
		}
	}
	return removed, err
}

// mayBe says whether an entry may be an upload of ours; its content says it then.
func (j *journal) mayBe(e fs.DirEntry) bool {
	if strings.Contains(e.Name(), j.Uploads) {
		return true
	}
	fi, err := e.Info()
	return err == nil && fi.Size() == j.Size
}

// Clean removes what earlier runs on this base directory left behind, because they were killed. A run that still lives is
// left alone, and is an error.
func Clean(journals, base string) (removed int, err error) {
	if journals == "" {
		return 0, &ConfigError{"--clean", "nothing says where the journals are", "Set XDG_STATE_HOME or HOME"}
	}
	resolved, notThere := realDir("--clean", base)
	if notThere != nil { // it may be gone, and what lies above it still there
		if resolved, err = filepath.Abs(base); err != nil {
			return 0, notThere
		}
	}
	entries, err := os.ReadDir(journals)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	known := false
	for _, e := range entries {
		if ok, _ := filepath.Match("probe-*.json", e.Name()); ok { // the pattern is right
			n, its, cleanErr := cleanOne(filepath.Join(journals, e.Name()), resolved)
			removed, known, err = removed+n, known || its, errors.Join(err, cleanErr)
		}
	}
	if !known && err == nil {
		err = notThere
	}
	return removed, err
}

// cleanOne also says whether the journal is of that base directory.
func cleanOne(path, base string) (removed int, its bool, err error) {
	j, err := readJournal(path)
	if err != nil || j.Base != base {
		return 0, false, nil // another's, or written by another version
	}
	j.held, err = hold(path)
	switch {
	case errors.Is(err, durable.ErrLocked):
		return 0, true, &ConfigError{"base directory " + quote(base), "a probe of it is still running (journal " + quote(path) + ")", "Wait for its end"}
	case errors.Is(err, fs.ErrNotExist):
		return 0, true, nil
	case err != nil && !errors.Is(err, errors.ErrUnsupported):
		return 0, true, err
	}
	removed, err = j.clean()
	return removed, true, err
}

func readJournal(path string) (*journal, error) {
	text, err := readfile.Read(path, maxJournal)
	if err != nil {
		return nil, err
	}
	j := &journal{path: path}
	if err := json.Unmarshal(text, j); err != nil || j.Schema != 1 {
		return nil, fmt.Errorf("%s is not a journal of this version", path)
	}
	return j, nil
}

// storedAnything says whether the server stored one of our uploads beneath the base.
func (g *garden) storedAnything() bool {
	root, err := os.OpenRoot(g.base)
	if err != nil {
		return false
	}
	defer root.Close()
	found, left := false, maxSwept
	_ = fs.WalkDir(root.FS(), ".", func(_ string, e fs.DirEntry, err error) error {
		if left--; left < 0 || found {
			return fs.SkipAll
		}
		found = err == nil && strings.Contains(e.Name(), g.names.uploads)
		return nil // what cannot be read is not looked at
	})
	return found
}
