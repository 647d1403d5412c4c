package app

import (
	"net/http"
	"os"
)

// Handler serves the static files.
func Handler(base string) http.Handler {
	root, err := os.OpenRoot(base)
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/static/", http.StripPrefix("/static/", http.FileServerFS(root.FS())))
	return mux
}
