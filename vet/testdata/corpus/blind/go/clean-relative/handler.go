package app

import (
	"net/http"
	"os"
	"path/filepath"
)

type plugin struct {
	id  string
	dir string
}

type registry map[string]plugin

func (reg registry) asset(w http.ResponseWriter, r *http.Request) {
	p, ok := reg[r.PathValue("id")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	requested := filepath.Clean(r.PathValue("rest"))
	f, err := os.Open(filepath.Join(p.dir, requested))
	if err != nil {
		if os.IsNotExist(err) {
			http.NotFound(w, r)
			return
		}
		http.Error(w, "could not open plugin file", http.StatusInternalServerError)
		return
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil || fi.IsDir() {
		http.NotFound(w, r)
		return
	}
	http.ServeContent(w, r, fi.Name(), fi.ModTime(), f)
}

// Handler serves the assets of plugins.
func Handler(base string) http.Handler {
	reg := registry{"graph": {id: "graph", dir: base}}
	mux := http.NewServeMux()
	mux.HandleFunc("/public/plugins/{id}/{rest...}", reg.asset)
	return mux
}
