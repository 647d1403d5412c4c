package app

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
)

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file, header, err := r.FormFile("file")
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		defer file.Close()
		out, err := os.Create(filepath.Join(base, header.Filename))
		if err != nil {
			http.Error(w, "cannot store", http.StatusInternalServerError)
			return
		}
		defer out.Close()
		io.Copy(out, file)
	})
}
