package app

import (
	"io"
	"net/http"
	"os"
)

func Handler(base string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /files/{name...}", func(w http.ResponseWriter, r *http.Request) {
		f, err := os.OpenInRoot(base, r.PathValue("name"))
		if err != nil {
			http.Error(w, "not found", http.StatusNotFound)
			return
		}
		defer f.Close()
		io.Copy(w, f)
	})
	return mux
}
