package app

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
)

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mr, err := r.MultipartReader()
		if err != nil {
			http.Error(w, "multipart, please", http.StatusUnsupportedMediaType)
			return
		}
		part, err := mr.NextPart()
		if err != nil {
			http.Error(w, "empty", http.StatusBadRequest)
			return
		}
		f, err := os.CreateTemp(base, "upload-*")
		if err != nil {
			http.Error(w, "storage", http.StatusInsufficientStorage)
			return
		}
		defer f.Close()
		if _, err := io.Copy(f, part); err != nil {
			http.Error(w, "broken off", http.StatusBadRequest)
			return
		}
		json.NewEncoder(w).Encode(map[string]string{"id": filepath.Base(f.Name()), "name": part.FileName()})
	})
}
