package app

import (
	"net/http"
	"os"
	"path/filepath"
)

func Handler(base string) http.Handler {
	root, err := os.OpenRoot(base)
	if err != nil {
		panic(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Query().Get("name")
		if _, err := os.Stat(filepath.Join(base, name)); os.IsNotExist(err) {
			http.Error(w, "no such file", http.StatusNotFound)
			return
		}
		if !filepath.IsLocal(name) {
			http.Error(w, "not yours", http.StatusForbidden)
			return
		}
		http.ServeFileFS(w, r, root.FS(), name)
	})
}
