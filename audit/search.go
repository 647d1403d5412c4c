package audit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Query says which records Search wants. Empty fields want all; several must all hold.
type Query struct {
	Name    string // the name, or a directory above it
	Subject string
	Client  string
	ID      string
	Reason  string
	Since   time.Time
	Until   time.Time
}

func (q *Query) wants(r *Record) bool {
	switch {
	case r.Kind != Decided && r.Kind != Done:
		return false
	case q.Name != "" && !within(r.Name, q.Name) && !within(r.File, q.Name):
		return false
	case q.Subject != "" && r.Subject != q.Subject, q.Client != "" && r.Client != q.Client, q.ID != "" && r.ID != q.ID:
		return false
	case q.Reason != "" && string(r.Reason) != q.Reason:
		return false
	case !q.Since.IsZero() && r.Time.Before(q.Since), !q.Until.IsZero() && !r.Time.Before(q.Until):
		return false
	}
	return true
}

// within says whether a name is the one that is looked for, or beneath it.
func within(name, wanted string) bool {
	return name == wanted || strings.HasPrefix(name, strings.TrimSuffix(wanted, "/")+"/")
}

// Search calls found for each decided and done record of the log at path that the query wants, oldest first, until
// found returns an error. A done is given what its decided says. It does not check the chain: Verify does.
func Search(path string, q Query, found func(Record) error) error {
	files, err := openFiles(path)
	if err != nil {
		return err
	}
	defer files.close()
	s := searcher{&q, map[string]Record{}, found}
	return files.each(func(name string, f io.Reader, _ bool) (bool, error) { return true, s.file(name, f) })
}

// searcher remembers decisions until it has seen their end, as many as maxOpen.
type searcher struct {
	q     *Query
	open  map[string]Record
	found func(Record) error
}

func (s *searcher) file(name string, f io.Reader) error {
	r := bufio.NewReaderSize(f, maxLine)
	for n := 1; ; n++ {
		b, err := r.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return nil // what is torn is no record
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
		rec, _, _, err := parseLine(b)
		if err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
		s.join(&rec)
		if s.q.wants(&rec) {
			if err := s.found(rec); err != nil {
				return err
			}
		}
	}
}

// join gives a done what its decided says.
func (s *searcher) join(rec *Record) {
	switch rec.Kind {
	case Decided:
		if len(s.open) < maxOpen {
			s.open[rec.ID] = *rec
		}
	case Done:
		d := s.open[rec.ID]
		delete(s.open, rec.ID)
		rec.Subject, rec.Method, rec.Client, rec.Action, rec.Name, rec.File = d.Subject, d.Method, d.Client, d.Action, d.Name, d.File
	}
}
