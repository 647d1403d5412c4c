package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// Parsed is a configuration file that was read without a problem.
type Parsed struct {
	File File
	// places are the positions of keys, for problems that only show later.
	places map[string]place
}

type place struct{ line, column int }

// Parse reads a file. Keys must be known and written exactly as the schema has them, values of the right type. Where
// there is a problem nothing of the file is returned: half a configuration is another configuration.
func Parse(data []byte) (*Parsed, []Problem) {
	w := walker{places: map[string]place{}, tables: map[string]int{}}
	w.walk(data)
	parsed := &Parsed{places: w.places}
	err := toml.Unmarshal(data, &parsed.File)
	var de *toml.DecodeError
	switch {
	case err == nil:
	case errors.As(err, &de) && (w.syntax || len(w.problems) == 0):
		line, column := de.Position()
		w.problems = append(w.problems, Problem{
			Line: line, Column: column, Key: strings.Join(de.Key(), "."),
			Rule: strings.TrimPrefix(de.Error(), "toml: "), Remedy: "Correct this place",
		})
	case len(w.problems) == 0:
		w.problems = append(w.problems, Problem{Rule: strings.TrimPrefix(err.Error(), "toml: "), Remedy: "Correct the file"})
	}
	if len(w.problems) > 0 {
		return nil, w.problems
	}
	_, problems := parsed.File.Serve.Settings()
	problems = append(problems, checkMounts(parsed.File.Mount)...)
	_, gateProblems := parsed.File.Gate.Settings()
	problems = append(problems, gateProblems...)
	_, auditProblems := parsed.File.Audit.Settings()
	problems = append(problems, auditProblems...)
	for i := range parsed.File.Upstream {
		_, upProblems := parsed.File.Upstream[i].Settings(fmt.Sprintf("upstream[%d]", i))
		problems = append(problems, upProblems...)
	}
	for i, p := range problems {
		at := w.places[p.Key]
		problems[i].Line, problems[i].Column = at.line, at.column
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return parsed, nil
}

// Place says where a key stands in the file, from 1; zeros where it does not.
func (p *Parsed) Place(key string) (line, column int) {
	at := p.places[key]
	return at.line, at.column
}

// walker compares every key with the schema. The decoder would not do: it takes LISTEN for listen, and its messages
// about types speak of Go.
type walker struct {
	p        unstable.Parser
	places   map[string]place
	problems []Problem
	syntax   bool
	tables   map[string]int // how many of each [[table]] there were
}

func (w *walker) walk(data []byte) {
	w.p.Reset(data)
	t, path := reflect.TypeFor[File](), ""
	for w.p.NextExpression() {
		e := w.p.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			t, path = w.header(e)
		case unstable.KeyValue:
			if t != nil {
				w.keyValue(t, path, e)
			}
		}
	}
	w.syntax = w.p.Error() != nil
}

// header resolves [serve] or [[mount]]; what follows an unknown table is not looked at.
func (w *walker) header(e *unstable.Node) (reflect.Type, string) {
	t, path, key := w.descend(reflect.TypeFor[File](), "", e.Key())
	if t == nil {
		return nil, ""
	}
	switch isList := t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct; {
	case isList && e.Kind == unstable.ArrayTable:
		list := path
		path = fmt.Sprintf("%s[%d]", list, w.tables[list])
		w.tables[list]++
		w.places[path] = w.at(key)
		return t.Elem(), path
	case isList:
		w.problem(key, path, "it may stand several times", fmt.Sprintf("Write [[%s]]", path))
	case t.Kind() != reflect.Struct:
		w.problem(key, path, "it is a key, not a table", fmt.Sprintf("Write %s = ...", path))
	case e.Kind == unstable.ArrayTable:
		w.problem(key, path, "it may stand only once", fmt.Sprintf("Write [%s]", path))
	default:
		return t, path
	}
	return nil, ""
}

func (w *walker) keyValue(t reflect.Type, path string, e *unstable.Node) {
	t, path, key := w.descend(t, path, e.Key())
	if t == nil {
		return
	}
	v := e.Value()
	if t.Kind() == reflect.Struct && v.Kind == unstable.InlineTable {
		for it := v.Children(); it.Next(); {
			w.keyValue(t, path, it.Node())
		}
		return
	}
	if want := wanted(t); !fits(t, v) {
		w.problem(key, path, fmt.Sprintf("%s is wanted, not %s", want, article(v.Kind)), "Write "+example(t, path))
	}
}

// descend follows a dotted key from t. The type is nil where a part is unknown; the problem is noted then.
func (w *walker) descend(t reflect.Type, path string, key unstable.Iterator) (reflect.Type, string, *unstable.Node) {
	var last *unstable.Node
	for key.Next() {
		last = key.Node()
		name := string(last.Data)
		next := field(t, name)
		full := join(path, name)
		if next == nil {
			w.problem(last, full, "unknown key", suggest(path, name))
			return nil, "", nil
		}
		path, t = full, next
		w.places[path] = w.at(last)
	}
	return t, path, last
}

func (w *walker) at(n *unstable.Node) place {
	s := w.p.Shape(n.Raw).Start
	return place{line: s.Line, column: s.Column}
}

func (w *walker) problem(n *unstable.Node, key, rule, remedy string) {
	at := w.at(n)
	w.problems = append(w.problems, Problem{Line: at.line, Column: at.column, Key: key, Rule: rule, Remedy: remedy})
}

func field(t reflect.Type, name string) reflect.Type {
	if t.Kind() != reflect.Struct {
		return nil
	}
	for _, f := range fields(t) {
		if f.Tag.Get("toml") == name {
			return f.Type
		}
	}
	return nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// fits says whether a value is of the kind that the field takes.
func fits(t reflect.Type, v *unstable.Node) bool {
	if t.Kind() == reflect.Slice {
		if v.Kind != unstable.Array {
			return false
		}
		for it := v.Children(); it.Next(); {
			if it.Node().Kind != unstable.Comment && !fits(t.Elem(), it.Node()) {
				return false
			}
		}
		return true
	}
	return v.Kind == kindOf(t)
}

func kindOf(t reflect.Type) unstable.Kind {
	switch t {
	case reflect.TypeFor[string](), reflect.TypeFor[*Duration](), reflect.TypeFor[*Size]():
		return unstable.String
	case reflect.TypeFor[*bool]():
		return unstable.Bool
	case reflect.TypeFor[*int](), reflect.TypeFor[*int64]():
		return unstable.Integer
	}
	return unstable.Invalid
}

func wanted(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[[]string]():
		return "a list of strings"
	case t.Kind() == reflect.Slice || t.Kind() == reflect.Struct:
		return "a table"
	case t == reflect.TypeFor[*Duration]():
		return "a duration in quotes"
	}
	return article(kindOf(t))
}

func article(k unstable.Kind) string {
	switch k {
	case unstable.String:
		return "a string"
	case unstable.Bool:
		return "true or false"
	case unstable.Integer:
		return "a whole number"
	case unstable.Float:
		return "a fraction"
	case unstable.Array:
		return "this list"
	case unstable.InlineTable:
		return "a table"
	}
	return "a date or time"
}

func example(t reflect.Type, path string) string {
	key := path[strings.LastIndex(path, ".")+1:]
	switch {
	case t == reflect.TypeFor[[]string]():
		return key + ` = ["..."]`
	case t.Kind() == reflect.Slice:
		return "[[" + path + "]]"
	case t.Kind() == reflect.Struct:
		return "[" + path + "]"
	case t == reflect.TypeFor[*Duration]():
		return key + ` = "30s"`
	case t == reflect.TypeFor[*bool]():
		return key + " = true"
	case kindOf(t) == unstable.Integer:
		return key + " = 1000"
	}
	if c := Choices(key); c != nil {
		return fmt.Sprintf("%s = %q", key, c[0])
	}
	return key + ` = "..."`
}
