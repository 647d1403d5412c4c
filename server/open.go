package server

import (
	"errors"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// indexName answers for a directory of a site, notFoundName for what is missing from it.
const (
	indexName    = "index.html"
	notFoundName = "404.html"
)

// opened is what the OPEN stage found to send. The zero value answers OPTIONS.
type opened struct {
	file     *rootbound.File // to send
	dir      *rootbound.File // to list
	list     bool            // list dir, or the mounts where that is nil
	redirect bool            // to the directory's own address
}

// closeOpened closes what OPEN opened, and the answer made of it.
func (s *Server) closeOpened(x *exchange) {
	if x.answer != nil {
		_ = x.answer.Close() // only read from
	}
	for _, f := range []*rootbound.File{x.opened.file, x.opened.dir} {
		if f != nil {
			s.closeFile(f)
		}
	}
	x.answer, x.opened = nil, opened{}
}

// open is the OPEN stage: one confined open of what is named, or of a directory's index.
func (s *Server) open(x *exchange) error {
	if x.f.Method == "OPTIONS" {
		return nil
	}
	if x.asked.top() {
		x.opened.list = true
		if !s.cfg.Listing {
			return reason.New(reason.ListingOff, nil)
		}
		return nil
	}
	file, err := s.openName(x, x.asked.name)
	if err != nil {
		return err
	}
	if !file.IsDir() {
		x.opened.file = file
		return nil
	}
	x.opened.dir = file
	return s.openDirectory(x)
}

// openName opens a name beneath the mount that was asked for, and asks MAY again about the name that the opened file
// turned out to have.
func (s *Server) openName(x *exchange, n rootbound.Name) (*rootbound.File, error) {
	m := x.asked.mount
	if x.quick {
		return nil, errWait
	}
	file, err := m.Dir.OpenName(n)
	if err != nil {
		return nil, err
	}
	s.metrics.openFiles.Inc()
	if file.Name().String() == n.String() {
		return file, nil
	}
	d := s.stages.may(x.f, x.who, request.Read, m.Name, file.Name())
	x.may.Private = x.may.Private || d.Private
	if !d.Allowed {
		s.closeFile(file)
		return nil, reason.New(reason.OpenedName, nil)
	}
	return file, nil
}

func (s *Server) closeFile(f *rootbound.File) {
	_ = f.Close() // only read from
	s.metrics.openFiles.Dec()
}

// openDirectory decides how the directory is answered. It is only where it may be listed or has an index: elsewhere
// the client does not learn that there is a directory.
func (s *Server) openDirectory(x *exchange) error {
	a, o := &x.asked, &x.opened
	if a.download {
		return reason.New(reason.Directory, nil)
	}
	if s.cfg.Site {
		index, err := s.openIndex(x)
		switch {
		case err == nil && a.name.WantsDir():
			o.file = index
			return nil
		case err == nil:
			s.closeFile(index)
			o.redirect = true
			return nil
		case errors.Is(err, rootbound.ErrUnavailable), errors.Is(err, errWait):
			return err
		}
	}
	if !s.cfg.Listing {
		return reason.New(reason.ListingOff, nil)
	}
	d := s.stages.may(x.f, x.who, request.List, a.mount.Name, o.dir.Name())
	x.may.Private = x.may.Private || d.Private
	if !d.Allowed {
		return reason.New(orNoGrant(d.Reason), nil)
	}
	o.list, o.redirect = a.name.WantsDir(), !a.name.WantsDir()
	return nil
}

func (s *Server) openIndex(x *exchange) (*rootbound.File, error) {
	n, err := x.asked.mount.Dir.Child(x.opened.dir.Name(), indexName, false)
	if err != nil {
		return nil, err
	}
	file, err := s.openName(x, n)
	if err != nil {
		return nil, err
	}
	if file.IsDir() {
		s.closeFile(file)
		return nil, reason.New(reason.Directory, nil)
	}
	return file, nil
}
