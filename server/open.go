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
	asked    *asked
	file     *rootbound.File // to send
	dir      *rootbound.File // to list
	list     bool            // list dir, or the mounts where that is nil
	redirect bool            // to the directory's own address
	metrics  *metrics
}

func (o *opened) close() {
	for _, f := range []*rootbound.File{o.file, o.dir} {
		if f != nil {
			_ = f.Close() // only read from
			o.metrics.openFiles.Dec()
		}
	}
}

// open is the OPEN stage: one confined open of what is named, or of a directory's index.
func (s *Server) open(f *request.Facts, who request.Subject, may *request.Decision, a *asked) (opened, error) {
	o := opened{asked: a, metrics: s.metrics}
	if f.Method == "OPTIONS" {
		return o, nil
	}
	if a.top() {
		o.list = true
		if !s.cfg.Listing {
			return o, reason.New(reason.ListingOff, nil)
		}
		return o, nil
	}
	file, err := s.openName(f, who, may, a.mount, a.name)
	if err != nil {
		return o, err
	}
	if !file.IsDir() {
		o.file = file
		return o, nil
	}
	o.dir = file
	return o, s.openDirectory(f, who, may, &o)
}

// openName opens a name, and asks MAY again about the name that the opened file turned out to have.
func (s *Server) openName(f *request.Facts, who request.Subject, may *request.Decision, m *Mount, n rootbound.Name) (*rootbound.File, error) {
	file, err := m.Dir.OpenName(n)
	if err != nil {
		return nil, err
	}
	s.metrics.openFiles.Inc()
	if file.Name().String() == n.String() {
		return file, nil
	}
	d := s.stages.may(f, who, request.Read, m.Name, file.Name())
	may.Private = may.Private || d.Private
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

// openDirectory decides how o.dir is answered. It is only where it may be listed or has an index: elsewhere the
// client does not learn that there is a directory.
func (s *Server) openDirectory(f *request.Facts, who request.Subject, may *request.Decision, o *opened) error {
	a := o.asked
	if a.download {
		return reason.New(reason.Directory, nil)
	}
	if s.cfg.Site {
		index, err := s.openIndex(f, who, may, o)
		switch {
		case err == nil && a.name.WantsDir():
			o.file = index
			return nil
		case err == nil:
			s.closeFile(index)
			o.redirect = true
			return nil
		case errors.Is(err, rootbound.ErrUnavailable):
			return err
		}
	}
	if !s.cfg.Listing {
		return reason.New(reason.ListingOff, nil)
	}
	d := s.stages.may(f, who, request.List, a.mount.Name, o.dir.Name())
	may.Private = may.Private || d.Private
	if !d.Allowed {
		return reason.New(orNoGrant(d.Reason), nil)
	}
	o.list, o.redirect = a.name.WantsDir(), !a.name.WantsDir()
	return nil
}

func (s *Server) openIndex(f *request.Facts, who request.Subject, may *request.Decision, o *opened) (*rootbound.File, error) {
	m := o.asked.mount
	n, err := m.Dir.Child(o.dir.Name(), indexName, false)
	if err != nil {
		return nil, err
	}
	file, err := s.openName(f, who, may, m, n)
	if err != nil {
		return nil, err
	}
	if file.IsDir() {
		s.closeFile(file)
		return nil, reason.New(reason.Directory, nil)
	}
	return file, nil
}
