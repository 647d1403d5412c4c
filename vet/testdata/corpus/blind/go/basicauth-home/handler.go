package app

import (
	"net/http"
	"os"
	"path/filepath"
)

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _, ok := r.BasicAuth() // the proxy has checked the password
		if !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="files"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		home, err := os.OpenRoot(filepath.Join(base, user))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		defer home.Close()
		http.FileServerFS(home.FS()).ServeHTTP(w, r)
	})
}
