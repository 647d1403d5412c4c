package app

import "net/http"

// Handler takes archives.
func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file, header, err := r.FormFile("archive")
		if err != nil {
			http.Error(w, "archive missing", http.StatusBadRequest)
			return
		}
		defer file.Close()
		if err := unzip(file, header.Size, base); err != nil {
			http.Error(w, "bad archive", http.StatusUnprocessableEntity)
			return
		}
		w.WriteHeader(http.StatusCreated)
	})
}
