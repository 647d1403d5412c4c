package corpustest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Labels of cases.
const (
	Vulnerable = "vulnerable"
	Guarded    = "guarded"
	Safe       = "safe"
)

// Case is one labelled example.
type Case struct {
	// Half is the part of the corpus, Name the case's own directory in it, Dir where its files are.
	Half string `json:"-"`
	Name string `json:"-"`
	Dir  string `json:"-"`

	// Lang is python, go, nginx or apache.
	Lang      string `json:"lang"`
	Framework string `json:"framework"`
	// Label is Vulnerable, Guarded or Safe; Class is what kind of fault it has, remains or is avoided.
	Label string `json:"label"`
	Class string `json:"class"`
	About string `json:"about"`
	// File, relative to Dir and slash separated, and Line say where the fault is. Line is 0 in a safe case.
	File string `json:"file"`
	Line int    `json:"line,omitempty"`
	// Exploit is the request that leaks from a vulnerable case, and must not from the others.
	Exploit *Request `json:"exploit"`
	// Benign is a request that the case serves from beneath its base, which shows that it works at all.
	Benign *Request `json:"benign,omitempty"`
	// Link asks for a link out of the base. A safe case refuses it; a guarded one of the class link or newline follows it.
	Link *Request `json:"link,omitempty"`
	// Evidence is a text in the answer that counts as a leak beside what lies outside of the base.
	Evidence string `json:"evidence,omitempty"`
	// Run is "main" where the case is run as a program is, and not imported.
	Run string `json:"run,omitempty"`
}

// Request is one request to a case. {ROOT} in a target, header or form value stands for the directory above the base.
type Request struct {
	Method  string            `json:"method"`
	Target  string            `json:"target"`
	Headers map[string]string `json:"headers,omitempty"`
	Form    map[string]string `json:"form,omitempty"`
	JSON    json.RawMessage   `json:"json,omitempty"`
	Upload  *Upload           `json:"upload,omitempty"`
}

// Upload is a file of a multipart form: with Content, or an archive ("zip", "tar") with Entries, name to content.
type Upload struct {
	Field    string            `json:"field"`
	Filename string            `json:"filename"`
	Content  string            `json:"content,omitempty"`
	Archive  string            `json:"archive,omitempty"`
	Entries  map[string]string `json:"entries,omitempty"`
}

// Load reads all cases beneath corpus, a directory with one directory for each half, sorted by name.
func Load(corpus string) ([]Case, error) {
	files, err := filepath.Glob(filepath.Join(corpus, "*", "*", "*", "case.json"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no case.json beneath %s", corpus)
	}
	var cases []Case
	for _, file := range files {
		c, err := load(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		cases = append(cases, c)
	}
	return cases, nil
}

func load(file string) (Case, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Case{}, err
	}
	var c Case
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return Case{}, err
	}
	c.Dir = filepath.Dir(file)
	c.Name = filepath.Base(c.Dir)
	c.Half = filepath.Base(filepath.Dir(filepath.Dir(c.Dir)))
	return c, c.check()
}

// check finds what would make a label meaningless.
func (c Case) check() error {
	if lang := filepath.Base(filepath.Dir(c.Dir)); lang != c.Lang {
		return fmt.Errorf("lang %q in the directory of %q", c.Lang, lang)
	}
	if !slices.Contains([]string{Vulnerable, Guarded, Safe}, c.Label) {
		return fmt.Errorf("label %q", c.Label)
	}
	if c.Framework == "" || c.Class == "" || c.About == "" || c.Exploit == nil {
		return fmt.Errorf("framework, class, about and exploit are required")
	}
	data, err := os.ReadFile(filepath.Join(c.Dir, filepath.FromSlash(c.File)))
	if err != nil {
		return err
	}
	if lines := strings.Count(string(data), "\n"); c.Line < 0 || c.Line > lines || c.Line == 0 && c.Label != Safe {
		return fmt.Errorf("line %d of %s, which has %d", c.Line, c.File, lines)
	}
	return nil
}
