package app

import (
	"io"
	"net/http"
	"os"
)

type server struct{ root *os.Root }

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, err := s.root.Open(r.FormValue("name"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer f.Close()
	io.Copy(w, f)
}

func Handler(base string) http.Handler {
	root, err := os.OpenRoot(base)
	if err != nil {
		panic(err)
	}
	return &server{root}
}
