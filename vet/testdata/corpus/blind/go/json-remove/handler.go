package app

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
)

type removeRequest struct {
	Path  string `json:"path"`
	Force bool   `json:"force,omitempty"`
}

func Handler(base string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/rm", func(w http.ResponseWriter, r *http.Request) {
		var req removeRequest
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
			http.Error(w, "bad JSON", http.StatusBadRequest)
			return
		}
		if err := os.Remove(filepath.Join(base, req.Path)); err != nil && !req.Force {
			http.Error(w, "could not remove", http.StatusConflict)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}
