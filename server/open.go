package server

import (
	"context"
	"errors"
	"time"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/hotcache"
	"github.com/rootbound/rootbound/internal/plan"
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
	file     found           // to send
	dir      *rootbound.File // to list
	list     bool            // list dir, or the mounts where that is nil
	redirect bool            // to the directory's own address
}

// found is an open file or directory, or a file in memory.
type found struct {
	file   *rootbound.File
	loaded *rootbound.Loaded
	handle *handle // of file, where others use it too
}

func (f found) name() rootbound.Name {
	if f.loaded != nil {
		return f.loaded.Name()
	}
	return f.file.Name()
}

func (f found) isDir() bool { return f.file != nil && f.file.IsDir() }

// answer decides what HTTP says.
func (f found) answer(req *plan.Request, o *rootbound.SendOptions) (*rootbound.Answer, error) {
	if f.loaded != nil {
		return f.loaded.Answer(req, o)
	}
	return f.file.Answer(req, o)
}

func (s *Server) close(f found) {
	switch {
	case f.handle != nil:
		s.handles.release(f.handle)
	case f.file != nil:
		s.closeFile(f.file)
	}
}

func (s *Server) closeFile(f *rootbound.File) {
	s.metrics.openFiles.Dec() // first: a close may take its time
	_ = f.Close()             // only read from
}

// closeOpened closes what OPEN opened, and the answer made of it.
func (s *Server) closeOpened(x *exchange) {
	if x.answer != nil {
		_ = x.answer.Close() // only read from
	}
	s.close(x.opened.file)
	s.close(found{file: x.opened.dir})
	x.answer, x.opened, x.fetched = nil, opened{}, false
}

// open is the OPEN stage: one confined open of what is named, or of a directory's index.
func (s *Server) open(x *exchange) error {
	if x.f.Method == "OPTIONS" {
		return nil
	}
	if err := s.enterLink(x); err != nil {
		return err
	}
	if x.asked.top() {
		x.opened.list = true
		if !s.cfg.Listing {
			return reason.New(reason.ListingOff, nil)
		}
		return nil
	}
	file, err := s.openName(x, x.asked.name, x.mayRead)
	if err != nil {
		return err
	}
	if !file.isDir() {
		x.opened.file = file
		return nil
	}
	x.opened.dir = file.file
	return s.openDirectory(x)
}

// openName opens a name beneath the mount that was asked for, and asks MAY about the name that the opened file turned out
// to have, unless it is the one that may be read already. Of a directory nothing is read yet.
func (s *Server) openName(x *exchange, n rootbound.Name, mayRead bool) (found, error) {
	f, err := s.find(x, x.asked.mount, n)
	if err != nil || f.isDir() {
		return f, err
	}
	another := f.name().String() != n.String()
	if mayRead && !another {
		return f, nil
	}
	if s.mayAlso(x, request.Read, f.name()) {
		return f, nil
	}
	s.close(f)
	if another {
		return found{}, reason.New(reason.OpenedName, nil)
	}
	return found{}, reason.New(orNoGrant(x.may.Reason), nil)
}

// patienceForOthers bounds how long a request waits for an open of the same name that another began.
const patienceForOthers = time.Second

// find asks the cache, and opens what that does not have.
func (s *Server) find(x *exchange, m *Mount, n rootbound.Name) (f found, err error) {
	if x.subBase != nil { // it is this request's alone, and so is what is opened through it
		if f.file, err = m.Dir.OpenName(n); err == nil {
			s.metrics.openFiles.Inc()
		}
		return f, err
	}
	l, state, err := s.cache.Get(m.Dir, n, x.f.Received)
	if state == hotcache.Hit || state == hotcache.Missing {
		return found{loaded: l}, err
	}
	if h := s.shared(x, m, n); h != nil {
		return found{file: h.file, handle: h}, nil
	}
	if x.quick {
		if l, sure, err := s.cache.Now(m.Dir, n); sure {
			return found{loaded: l}, err
		}
	}
	if state == hotcache.Due {
		own := n.Clone()
		s.background(x, func() { s.cache.Refresh(m.Dir, own) })
		return found{loaded: l}, nil
	}
	if x.quick {
		return found{}, errWait
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), patienceForOthers)
	defer cancel()
	f.loaded, f.file, err = s.cache.Open(ctx, m.Dir, n)
	if f.file != nil {
		s.metrics.openFiles.Inc()
		if x.shares {
			f.handle = s.handles.keep(m.Dir, n, f.file, began)
		}
	}
	return f, err
}

// shared returns a file that another request opened a moment ago and nobody changed since. A quick exchange asks about
// changes when it has read.
func (s *Server) shared(x *exchange, m *Mount, n rootbound.Name) *handle {
	if !x.shares {
		return nil
	}
	h := s.handles.get(m.Dir, n, x.f.Received)
	if h == nil || x.quick {
		return h
	}
	if changed, err := h.file.Changed(); changed || err != nil {
		s.handles.forget(h)
		s.handles.release(h)
		return nil
	}
	return h
}

// background has something done that may block.
func (s *Server) background(x *exchange, f func()) {
	if x.aside != nil {
		x.aside(f)
		return
	}
	s.running.begin()
	go func() { // what is in memory need not wait for it
		defer s.running.end()
		f()
	}()
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
			s.close(index)
			o.redirect = true
			return nil
		case errors.Is(err, rootbound.ErrUnavailable), errors.Is(err, errWait):
			return err
		}
	}
	if !s.cfg.Listing {
		return reason.New(reason.ListingOff, nil)
	}
	if !s.mayAlso(x, request.List, o.dir.Name()) {
		return reason.New(orNoGrant(x.may.Reason), nil)
	}
	o.list, o.redirect = a.name.WantsDir(), !a.name.WantsDir()
	return nil
}

func (s *Server) openIndex(x *exchange) (found, error) {
	n, err := x.asked.mount.Dir.Child(x.opened.dir.Name(), indexName, false)
	if err != nil {
		return found{}, err
	}
	file, err := s.openName(x, n, false)
	if err != nil {
		return found{}, err
	}
	if file.isDir() {
		s.close(file)
		return found{}, reason.New(reason.Directory, nil)
	}
	return file, nil
}
