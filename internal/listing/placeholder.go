// Package listing writes directory listings.
package listing

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/name"
)

type Link struct{ Text, Href string }

type Request struct {
	Dir         *rootbound.File
	Path        []string
	Query       string
	Accept      string
	Hide        []name.Glob
	RequestID   string
	Head        bool
	Extra       []Link
	CrossOrigin bool
	Private     bool
}

func Serve(w http.ResponseWriter, q Request) (int, int64, error) {
	body := ""
	for _, l := range q.Extra {
		body += l.Href + "\n"
	}
	if q.Dir != nil {
		for e, err := range q.Dir.Entries() {
			if err != nil {
				return 0, 0, err
			}
			body += "./" + name.Escape(e.Name.Last()) + "\n"
		}
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Request-Id", q.RequestID)
	if !q.CrossOrigin {
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
	}
	w.WriteHeader(200)
	if q.Head {
		return 200, 0, nil
	}
	n, err := fmt.Fprint(w, body)
	return 200, int64(n), err
}
