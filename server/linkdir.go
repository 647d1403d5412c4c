package server

import (
	"strings"

	"github.com/rootbound/rootbound/internal/reason"
)

// enterLink has the rest of the exchange go on in the directory that its link is to, as a base of its own: a descriptor,
// which nothing beneath it can lead out of, be it to elsewhere in the mount. From then on that is the mount, called by the
// link's path.
func (s *Server) enterLink(x *exchange) error {
	beneath, ok := x.linkBeneath()
	if !ok {
		return nil
	}
	if x.quick {
		return errWait
	}
	m := x.asked.mount
	n, err := m.Dir.DirName(beneath)
	if err != nil {
		return err
	}
	dir, err := m.Dir.OpenName(n)
	if err != nil {
		return err
	}
	s.metrics.openFiles.Inc()
	defer s.closeFile(dir)
	if dir.Name().String() != beneath { // led elsewhere by a symbolic link, or spelt otherwise: nothing was signed for that
		return reason.New(reason.OpenedName, nil)
	}
	base, err := dir.Sub()
	if err != nil {
		return err
	}
	s.metrics.openFiles.Inc()
	x.subBase = base
	rest := strings.TrimPrefix(strings.TrimPrefix(x.asked.name.String(), beneath), "/")
	wants := x.asked.name.WantsDir()
	x.asked.mount, x.asked.beneath = &Mount{Name: x.link.Path, Dir: base}, beneath+"/"
	switch {
	case rest == "":
		n, err = base.DirName(".")
	case wants:
		n, err = base.DirName(rest)
	default:
		n, err = base.Name(rest)
	}
	if err != nil {
		return err
	}
	if !wants {
		n = n.File()
	}
	x.asked.name = n
	return nil
}

// linkBeneath is what the directory that the link is to is called beneath its mount; ok is false where it is that itself,
// or above, or where the link is to no directory.
func (x *exchange) linkBeneath() (beneath string, ok bool) {
	m := x.asked.mount
	if x.link == nil || !x.link.Dir || m == nil || x.link.Path == m.Name {
		return "", false
	}
	if m.Name == "" {
		return x.link.Path, true
	}
	return strings.CutPrefix(x.link.Path, m.Name+"/")
}

// leaveLink lets go of the base that enterLink opened.
func (s *Server) leaveLink(x *exchange) {
	if x.subBase == nil {
		return
	}
	s.metrics.openFiles.Dec()
	_ = x.subBase.Close() // files that are open stay usable
	x.subBase = nil
}
