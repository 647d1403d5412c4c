package app

import (
	"net/http"
	"path/filepath"
)

type server struct{ base string }

func (s *server) path(name string) string { return filepath.Join(s.base, name) }

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	http.ServeFile(w, r, s.path(r.FormValue("name")))
}

func Handler(base string) http.Handler {
	return &server{base}
}
