package server

import (
	"io/fs"
	"net/url"
	"path"
	"strings"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/name"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// ownPrefix starts the paths of the server's own pages. They are matched on the path as it was sent; any other
// spelling is the name of a file, and refused as a reserved one.
const ownPrefix = "/-/"

// downloadField is the field of the query that holds the name on the download route.
const downloadField = "file"

// asked is what a request names.
type asked struct {
	mount    *Mount // nil: the list of mounts, or nothing where err is set
	name     rootbound.Name
	text     string // of the query that was to be the name, where that is no name
	download bool   // through the download route: answered as an attachment, never a directory
	query    string // as it was sent; it sorts listings and never changes which file is meant
	beneath  string // what the mount is called beneath the configured one, with a slash at its end; "" is that one itself
	err      error
}

// top says whether the list of mounts was asked for.
func (a *asked) top() bool { return a.mount == nil && a.err == nil }

// last is the last element of what the client sees as the path.
func (a *asked) last() string {
	if a.name.IsBase() {
		return path.Base(a.mount.Name)
	}
	return a.name.Last()
}

// path is what the client sees, element by element.
func (a *asked) path() []string {
	if a.mount == nil {
		return nil
	}
	elems := a.name.Elements()
	if a.mount.Name == "" {
		return elems
	}
	return append(strings.Split(a.mount.Name, "/"), elems...)
}

// name is the NAME stage: text alone.
func (s *Server) name(f *request.Facts) asked {
	path, query := request.SplitTarget(f.Target)
	var a asked
	switch {
	case strings.Contains(f.Target, "#"): // never sent by an honest client (RFC 9112 3.2), and read in many ways
		a.err = reason.New(reason.NameFragment, nil)
	case f.Target == "*" && f.Method == "OPTIONS": // asks about the server as a whole (RFC 9110 9.3.7)
		a = asked{mount: s.base, query: query}
	case s.cfg.DownloadRoute != "" && path == s.cfg.DownloadRoute:
		a = s.nameFromQuery(query)
	default:
		a = s.nameFromPath(path)
		a.query = query
	}
	if a.err != nil {
		a.err = &fs.PathError{Op: "name", Path: f.Target, Err: causeOf(a.err)}
	}
	return a
}

// causeOf takes off the wrapping that names only a part of the target.
func causeOf(err error) error {
	if pe, ok := err.(*fs.PathError); ok {
		return pe.Err
	}
	return err
}

func (s *Server) nameFromPath(path string) asked {
	if m, rest := s.mountOf(path); m != nil {
		if rest == "" { // the mount without its slash
			n, err := m.Dir.DirName(".")
			return asked{mount: m, name: n.File(), err: err}
		}
		n, err := m.Dir.NameFromPath(rest)
		return asked{mount: m, name: n, err: err}
	}
	if s.base != nil {
		n, err := s.base.Dir.NameFromPath(path)
		return asked{mount: s.base, name: n, err: err}
	}
	n, err := strictRules.FromPath(path)
	if err == nil && !n.IsBase() {
		err = reason.New(reason.Missing, nil)
	}
	return asked{name: n, err: err}
}

// mountOf finds the mount that the first element of a path names, and the path beneath it. The element is decoded
// once, as the rest will be.
func (s *Server) mountOf(path string) (*Mount, string) {
	rest, ok := strings.CutPrefix(path, "/")
	if !ok || len(s.mounts) == 0 {
		return nil, ""
	}
	first, beneath, slash := strings.Cut(rest, "/")
	elem, err := url.PathUnescape(first)
	if err != nil {
		return nil, ""
	}
	m := s.mounts[elem]
	if m == nil || !slash {
		return m, ""
	}
	return m, "/" + beneath
}

func (s *Server) nameFromQuery(query string) asked {
	a := asked{download: true}
	n, err := looseRules.FromQuery(query, downloadField)
	if err != nil {
		a.err, a.text = err, request.QueryText(query, downloadField)
		return a
	}
	a.text = n.String()
	text := a.text
	first, rest, more := strings.Cut(text, "/")
	switch m := s.mounts[first]; {
	case m != nil && more:
		a.mount = m
		a.name, a.err = m.Dir.Name(rest)
	case m != nil:
		a.err = reason.New(reason.Directory, nil)
	case s.base != nil:
		a.mount = s.base
		a.name, a.err = s.base.Dir.Name(text)
	default:
		a.err = reason.New(reason.Missing, nil)
	}
	return a
}

// What is beneath no mount yet is judged by strictRules. looseRules are what holds for every mount: each Dir judges
// the names beneath it by its own rules.
var (
	strictRules = &name.Rules{}
	looseRules  = &name.Rules{AllowHidden: true}
)
