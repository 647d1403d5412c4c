package app

import (
	"net/http"
	"os"
	"path/filepath"
)

type share struct {
	root *os.Root
}

func (s share) read(name string) ([]byte, error) {
	local, err := filepath.Localize(name)
	if err != nil {
		return nil, err
	}
	return s.root.ReadFile(local)
}

func (s share) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	data, err := s.read(r.PathValue("name"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Write(data)
}

func Handler(base string) http.Handler {
	root, err := os.OpenRoot(base)
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /f/{name...}", share{root})
	return mux
}
