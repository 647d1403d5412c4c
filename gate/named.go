package gate

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/reason"
)

// named is the file that an application's answer names.
type named struct {
	header string // by which it was named
	value  string
	dir    *rootbound.Dir
	name   rootbound.Name
	path   string // both, as the application calls them, for the record
	remove bool   // after sending
}

// fileHeaders are those by which an application names a file, in all spellings that reach us.
var fileHeaders = []string{headerSendfile, headerLighttpd, headerTemporary, headerAccel}

// namesFile says whether an answer names a file, well or badly.
func namesFile(h http.Header) bool {
	for key := range h {
		if fileHeaderOf(key) != "" {
			return true
		}
	}
	return false
}

func fileHeaderOf(key string) string {
	if !isSendfileHeader(key) {
		return ""
	}
	for _, known := range fileHeaders {
		if len(key) == len(known) && hasPrefix(key, strings.ToLower(known)) {
			return known
		}
	}
	return ""
}

// named finds out which file an answer names. An error is why none will be sent; the first result then has what the
// application said, for the log.
func (up *upstream) named(h http.Header) (n named, err error) {
	for key, values := range h {
		known := fileHeaderOf(key)
		if known == "" {
			continue
		}
		if n.header != "" || len(values) != 1 {
			n.header, n.value = known, values[0]
			return n, reason.New(reason.FileMalformed, fmt.Errorf("more than one header names a file"))
		}
		n.header, n.value = known, values[0]
	}
	n.remove = n.header == headerTemporary
	places, value := up.roots, n.value
	switch {
	case n.header == headerAccel:
		places = up.accel
		value, _, _ = strings.Cut(value, "?")
		value, err = url.PathUnescape(value)
	case up.cfg.Encoded:
		value, err = url.PathUnescape(value)
	default:
		value, err = plainPath(value)
	}
	if err != nil {
		return n, reason.New(reason.FileMalformed, err)
	}
	if len(places) == 0 || n.remove && !up.cfg.Temporary {
		return n, reason.New(reason.FileUnexpected, nil)
	}
	return n, n.find(places, value)
}

// find looks for the place that the path is beneath, by whole elements.
func (n *named) find(places []place, path string) error {
	elems, ok := elementsOf(path)
	if !ok || strings.HasSuffix(path, "/") {
		return reason.New(reason.FileOutside, nil)
	}
	for i := range places {
		rest, ok := beneath(elems, places[i].elems)
		if !ok || len(rest) == 0 {
			continue
		}
		var err error
		n.dir = places[i].dir
		if n.name, err = n.dir.Name(strings.Join(rest, "/")); err != nil {
			return reason.New(reason.FileOutside, err)
		}
		n.path = places[i].path(n.name)
		return nil
	}
	return reason.New(reason.FileOutside, nil)
}

// path is what the application calls a name.
func (p *place) path(n rootbound.Name) string {
	return "/" + strings.Join(append(p.elems[:len(p.elems):len(p.elems)], n.String()), "/")
}

// plainPath reads a path as frameworks put one into a header without saying how: as UTF-8; as Latin-1, which is what
// WSGI makes of a text (PEP 3333); or as an encoded word (RFC 2047), which is Django's way. Each is told by its form: a
// path begins with '/', and one that is no UTF-8 is served by nobody.
func plainPath(value string) (string, error) {
	if strings.HasPrefix(value, "=?") {
		return new(mime.WordDecoder).DecodeHeader(value)
	}
	if utf8.ValidString(value) {
		return value, nil
	}
	runes := make([]rune, len(value))
	for i := range len(value) {
		runes[i] = rune(value[i])
	}
	return string(runes), nil
}
