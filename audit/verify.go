package audit

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"golang.org/x/mod/sumdb/note"
)

// A Fault is the first record of a log that is not what was written, or what is missing.
type Fault struct {
	File string `json:"file"`
	Line int    `json:"line"` // from 1; 0 for what is about no line
	Seq  uint64 `json:"seq"`  // the number that the record has, or should have
	Why  string `json:"why"`
}

func (f *Fault) Error() string {
	if f.Line == 0 {
		return fmt.Sprintf("%s: record %d: %s", f.File, f.Seq, f.Why)
	}
	return fmt.Sprintf("%s:%d: record %d: %s", f.File, f.Line, f.Seq, f.Why)
}

// Report is what Verify found.
type Report struct {
	Log         string   `json:"log"`
	Files       []string `json:"files"`
	First       uint64   `json:"first"`   // number of the first record that is there; more than 0 where older files were removed
	Records     uint64   `json:"records"` // that are there and in order
	Removed     uint64   `json:"removed"` // the log itself says that it removed, by its rules, what stood before this number
	Lost        uint64   `json:"lost"`    // that the log itself says it could not keep
	Checkpoints int      `json:"checkpoints"`
	Covered     uint64   `json:"covered"` // records that a good checkpoint speaks for
	Elsewhere   int      `json:"elsewhere"`
	Torn        int64    `json:"torn"`            // bytes of a last line that a crash tore
	Open        []string `json:"open"`            // request ids of decisions without an end, oldest first
	Fault       *Fault   `json:"fault,omitempty"` // nil: every record is what was written
}

// VerifyOptions say what else a log is compared with.
type VerifyOptions struct {
	// Key checks the signatures of checkpoints. Without it they are counted, not believed.
	Key note.Verifier
	// Elsewhere are signed checkpoints that were kept apart from the log. They need Key.
	Elsewhere []string
}

// maxOpen bounds how many decisions without an end are held and listed.
const maxOpen = 100_000

// verifier walks a log in order.
type verifier struct {
	o      VerifyOptions
	report Report
	began  bool
	last   hash
	next   uint64
	open   map[string]uint64
	want   map[uint64][]Statement // by number of records: what checkpoints elsewhere say
}

// Verify reads the log at path, all its files in order, and stops at the first fault. Its error is about reading;
// what is wrong with the log is in the report. Memory is bounded whatever the log's size.
func Verify(path string, o VerifyOptions) (*Report, error) {
	files, err := openFiles(path)
	if err != nil {
		return nil, err
	}
	defer files.close()
	v := &verifier{o: o, open: map[string]uint64{}, want: map[uint64][]Statement{}}
	v.report.Files, v.report.Open = files.names, []string{}
	if err := v.elsewhere(); err != nil {
		return nil, err
	}
	err = files.each(func(name string, f io.Reader, last bool) (bool, error) {
		v.report.Fault, err = v.file(name, f, last)
		return v.report.Fault == nil, err
	})
	if err != nil {
		return nil, err
	}
	v.finish(files.names[len(files.names)-1])
	return &v.report, nil
}

func (v *verifier) elsewhere() error {
	if len(v.o.Elsewhere) > 0 && v.o.Key == nil {
		return errors.New("checkpoints kept elsewhere cannot be checked without the key")
	}
	for i, signed := range v.o.Elsewhere {
		s, err := OpenCheckpoint(signed, v.o.Key)
		if err != nil {
			return fmt.Errorf("checkpoint %d that was kept elsewhere: %w", i+1, err)
		}
		v.want[s.Count] = append(v.want[s.Count], s)
	}
	return nil
}

func (v *verifier) file(path string, f io.Reader, last bool) (*Fault, error) {
	r := bufio.NewReaderSize(f, maxLine)
	for n := 1; ; n++ {
		b, err := r.ReadSlice('\n')
		fault := func(why string) *Fault { return &Fault{path, n, v.next, why} }
		switch {
		case errors.Is(err, io.EOF):
			if len(b) > 0 && !last {
				return fault("the file ends in the middle of a line"), nil
			}
			v.report.Torn = int64(len(b))
			return nil, nil
		case errors.Is(err, bufio.ErrBufferFull):
			return fault("the line is longer than any record"), nil
		case err != nil:
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if why := v.line(b); why != "" {
			return fault(why), nil
		}
	}
}

// line checks the next record and says what is wrong with it.
func (v *verifier) line(b []byte) string {
	rec, body, h, err := parseLine(b)
	if err != nil {
		return err.Error()
	}
	if !v.began {
		prev, ok := parseHash(rec.Prev)
		if rec.Kind != Begin || !ok {
			return "the first file does not begin with a begin"
		}
		v.began, v.last, v.next = true, prev, rec.Seq
		v.report.First, v.report.Log = rec.Seq, rec.Log
	}
	switch {
	case rec.Seq != v.next:
		return fmt.Sprintf("it has the number %d: a record was removed, inserted or moved", rec.Seq)
	case rec.Kind == Begin && rec.Prev != v.last.String():
		return "a file before it was removed or is another's"
	case rec.Kind == Begin && rec.Log != v.report.Log:
		return "it is of another log"
	case chain(v.last, body) != h:
		return "it was changed, or what stands before it was"
	}
	if why := v.content(rec); why != "" {
		return why
	}
	v.last, v.next = h, v.next+1
	v.report.Records++
	return v.compare()
}

// content looks at what a record of each kind means for the log.
func (v *verifier) content(rec Record) string {
	switch rec.Kind {
	case Decided:
		if len(v.open) < maxOpen {
			v.open[rec.ID] = rec.Seq
		}
	case Done:
		delete(v.open, rec.ID)
	case Removed:
		v.report.Removed = max(v.report.Removed, rec.Count)
	case Lost:
		v.report.Lost += rec.Count
	case Checkpoint:
		return v.checkpoint(rec)
	}
	return ""
}

func (v *verifier) checkpoint(rec Record) string {
	v.report.Checkpoints++
	if v.o.Key == nil {
		return ""
	}
	s, err := OpenCheckpoint(rec.Note, v.o.Key)
	switch {
	case err != nil:
		return err.Error()
	case s.Log != v.report.Log || s.Count != rec.Seq || s.Hash != v.last.String():
		return "the checkpoint speaks of other records than those before it: the log was written anew"
	}
	v.report.Covered = s.Count
	return ""
}

// compare holds the log against what was kept elsewhere about this many records.
func (v *verifier) compare() string {
	for _, s := range v.want[v.next] {
		if s.Log != v.report.Log || s.Hash != v.last.String() {
			return "a checkpoint kept elsewhere says otherwise: the log was written anew"
		}
		v.report.Elsewhere++
		v.report.Covered = max(v.report.Covered, s.Count)
	}
	delete(v.want, v.next)
	return ""
}

// finish says what is left over.
func (v *verifier) finish(file string) {
	v.report.Open = slices.SortedFunc(maps.Keys(v.open), func(a, b string) int { return cmp.Compare(v.open[a], v.open[b]) })
	if v.report.Fault != nil {
		return
	}
	for count, statements := range v.want {
		if count > v.next {
			v.report.Fault = &Fault{file, 0, v.next, fmt.Sprintf(
				"the log ends here, but a checkpoint kept elsewhere speaks of %d records (%s): its end was cut off", count, statements[0].Time.UTC().Format("2006-01-02 15:04:05Z"))}
		}
	}
}
