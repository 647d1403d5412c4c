package app

import (
	"net/http"
	"os"
	"strings"
)

type fileServer struct {
	root string
}

func (s *fileServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/files/") {
		http.NotFound(w, r)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/files/")
	data, err := os.ReadFile(s.root + "/" + name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Write(data)
}

// Handler returns the file server.
func Handler(base string) http.Handler { return &fileServer{root: base} }
