// Package vet reviews source: it follows names from where a request gives them to where a file is opened, sent, written
// or removed, in Python (Flask, Django, FastAPI, Starlette, aiohttp, plain) and Go, and reads nginx's and Apache's
// configuration. It runs nothing of what it reads.
//
// What it follows and what it cannot see is in docs/vet.md.
package vet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/rootbound/rootbound/internal/finding"
	"github.com/rootbound/rootbound/internal/readfile"
	"github.com/rootbound/rootbound/internal/vet/flow"
	"github.com/rootbound/rootbound/internal/vet/golang"
	"github.com/rootbound/rootbound/internal/vet/ir"
	"github.com/rootbound/rootbound/internal/vet/python"
	"github.com/rootbound/rootbound/internal/vet/webconf"
)

// Config says what to review.
type Config struct {
	// Paths are files and directories. Each is a project of its own: names are followed from file to file within it.
	Paths []string
	// Version is rootbound's own, for the report.
	Version string
	// Options are those of the report.
	Options finding.Options
}

// maxFile is how much of a file is read, in bytes. What is longer is noted and left out.
const maxFile = 4 << 20

// Run reviews, and returns a finished report. An error is only a path that cannot be read at all, or the end of ctx.
func Run(ctx context.Context, c Config) (*finding.Report, error) {
	r := finding.NewReport("vet", c.Version, strings.Join(c.Paths, " "), c.Options)
	for _, path := range c.Paths {
		if err := review(ctx, r, path); err != nil {
			return nil, err
		}
	}
	r.Finish()
	return r, nil
}

// source is a file that was read.
type source struct {
	path  string // as it is shown
	lang  string
	text  []byte
	count int64 // of lines
	mod   *ir.Module
	split []string // text, line by line, once somebody asks
}

// lines are split once: a file may give as many findings as it has lines.
func (f *source) lines() []string {
	if f.split == nil {
		f.split = strings.Split(string(f.text), "\n")
	}
	return f.split
}

func review(ctx context.Context, r *finding.Report, root string) error {
	files, err := list(r, root)
	if err != nil {
		return err
	}
	read(ctx, r, root, files)
	if err := ctx.Err(); err != nil {
		return err
	}
	byPath := map[string]*source{}
	modules := map[string][]*ir.Module{}
	for _, f := range files {
		byPath[f.path] = f
		if f.mod != nil {
			modules[f.lang] = append(modules[f.lang], f.mod)
		}
		if f.lang != "" { // a .conf of something else
			r.Count("lines of "+f.lang, f.count)
		}
	}
	for _, lang := range []string{"python", "go"} {
		if len(modules[lang]) == 0 {
			continue
		}
		report := flow.Run(modules[lang], lang)
		for _, one := range report.Results {
			r.Add(found(one, lang, byPath[one.File]))
		}
		if report.Cut > 0 {
			r.Note(finding.Place{Path: root}, fmt.Sprintf("%d functions or statements were too long to be followed to their end", report.Cut))
		}
	}
	for _, f := range files {
		if f.lang == "nginx" || f.lang == "apache" {
			results, deep := webconf.Read(f.lang, f.path, string(f.text))
			for _, one := range results {
				r.Add(found(one, f.lang, f))
			}
			if deep > 0 {
				r.Note(finding.Place{Path: f.path, Line: deep}, "is nested too deep to be looked at")
			}
		}
	}
	return nil
}

// skipped are directories that hold nobody's own source.
var skipped = []string{".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", "venv", ".tox", ".mypy_cache", "vendor", "testdata"}

// list finds what there is to read beneath root, in order.
func list(r *finding.Report, root string) ([]*source, error) {
	info, err := os.Stat(root)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		lang := language(root)
		if lang == "" {
			lang = "nginx"
		}
		if _, err := readFile(root); err != nil {
			return nil, err
		}
		return []*source{{path: root, lang: lang}}, nil
	}
	var out []*source
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && path == root:
			return err
		case err != nil:
			r.Note(finding.Place{Path: path}, "cannot be read: "+reasonOf(err))
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
		case d.IsDir():
			if path != root && (slices.Contains(skipped, d.Name()) || strings.HasPrefix(d.Name(), "_")) && !strings.HasPrefix(d.Name(), "__") {
				return fs.SkipDir
			}
		case d.Type().IsRegular():
			if lang := language(path); lang != "" {
				out = append(out, &source{path: path, lang: lang})
			}
		}
		return nil
	})
	return out, err
}

func reasonOf(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// language tells by the name what a file is written in; configuration only where its name says so.
func language(path string) string {
	base := filepath.Base(path)
	dir := filepath.Base(filepath.Dir(path))
	switch ext := filepath.Ext(base); {
	case ext == ".py" || ext == ".wsgi":
		return "python"
	case ext == ".go":
		if strings.HasSuffix(base, "_test.go") {
			return ""
		}
		return "go"
	case base == ".htaccess":
		return "apache"
	case ext == ".conf" || ext == ".nginx" || ext == ".vhost" || dir == "sites-enabled" || dir == "sites-available":
		return "conf"
	}
	return ""
}

// read reads and parses files, on all processors.
func read(ctx context.Context, r *finding.Report, root string, files []*source) {
	work := make(chan *source)
	var wg sync.WaitGroup
	names := newNames(root)
	for range min(runtime.GOMAXPROCS(0), max(1, len(files)), 8) {
		wg.Go(func() {
			var parser *python.Parser
			for f := range work {
				if ctx.Err() == nil {
					parser = parseOne(r, f, names, parser)
				}
			}
			if parser != nil {
				_ = parser.Close() // memory alone
			}
		})
	}
	for _, f := range files {
		work <- f
	}
	close(work)
	wg.Wait()
}

func parseOne(r *finding.Report, f *source, names *names, parser *python.Parser) *python.Parser {
	at := finding.Place{Path: f.path}
	text, err := readFile(f.path)
	if err != nil {
		r.Note(at, "cannot be read: "+reasonOf(err))
		return parser
	}
	f.text = text
	f.count = int64(strings.Count(string(text), "\n"))
	switch f.lang {
	case "python":
		if parser == nil {
			if parser, err = python.NewParser(); err != nil {
				r.Note(at, err.Error())
				return nil
			}
		}
		f.mod, err = parser.Module(f.path, names.python(f.path), text)
	case "go":
		f.mod, err = golang.Module(f.path, names.golang(f.path), text)
	case "conf":
		f.lang = webconf.Kind(string(text))
	}
	switch {
	case err != nil:
		r.Note(at, "cannot be parsed: "+err.Error())
	case f.mod != nil && f.mod.Broken > 0:
		r.Note(finding.Place{Path: f.path, Line: f.mod.Broken}, "cannot be parsed here: what is found in this file is found in what can be read of it")
	}
	return parser
}

// readFile reads a regular file. What became a FIFO since it was listed is opened without waiting, and not read.
func readFile(path string) ([]byte, error) {
	return readfile.Read(path, maxFile, func(info fs.FileInfo) error {
		if !info.Mode().IsRegular() {
			return errors.New("neither a regular file nor a directory")
		}
		return nil
	})
}

// found makes a finding of what was found at a line of a file.
func found(one *flow.Result, lang string, at *source) finding.Finding {
	f := finding.Finding{
		Rule: finding.ID(one.Rule), Reason: one.Reason, Evidence: excerpt(at.lines(), one.Line, one.End),
		Place: finding.Place{Path: filepath.ToSlash(one.File), Line: one.Line}, Remedy: remedy(one, lang), Repeat: one.Request,
		Extra: map[string]string{"level": levelWord(one.Level)},
	}
	switch one.Level {
	case flow.Info:
		f.Severity = finding.Info
	case flow.Guarded:
		if rule, ok := finding.Lookup(f.Rule); ok && rule.Severity == finding.High {
			f.Severity = finding.Low
		}
	}
	if one.Function != "" {
		f.Extra["function"] = one.Function
	}
	if len(one.Remains) > 0 {
		f.Extra["remains"] = strings.Join(one.Remains, " ")
	}
	if one.Given && one.Level == flow.Unsafe {
		f.Extra["directory"] = "may be from the request"
	}
	if one.Syntactic {
		f.Extra["syntactic"] = "the file could not be parsed to its end"
	}
	return f
}

func levelWord(l flow.Level) string {
	return map[flow.Level]string{flow.Info: "information", flow.Guarded: "guarded", flow.Unsafe: "unsafe"}[l]
}

// excerpt is the source of a finding, at most three lines of it.
func excerpt(lines []string, from, to int) string {
	from = max(1, min(from, len(lines)))
	to = max(from, min(to, from+2, len(lines)))
	var out []string
	for _, l := range lines[from-1 : to] {
		out = append(out, strings.TrimSpace(l))
	}
	return strings.Join(out, "\n")
}

// remedy says what to write instead, in the language at hand; "" leaves it to the rule.
func remedy(one *flow.Result, lang string) string {
	if one.Level != flow.Unsafe || one.Rule == "archive-escape" {
		return ""
	}
	return cmp.Or(map[string]string{
		"go":     "Open the directory once with rootbound.Open, and the name with Dir.Open or Dir.Send (or os.OpenRoot): the kernel keeps it beneath.",
		"python": "Give the name to send_from_directory(BASE, name), or to safe_join and check for None; links need rootbound gate or serve in front.",
	}[lang], "")
}
