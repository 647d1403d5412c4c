package app

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
)

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.Sum256([]byte(r.FormValue("src")))
		path := filepath.Join(base, "cache-"+hex.EncodeToString(sum[:]))
		if _, err := os.Stat(path); err != nil {
			if err := os.WriteFile(path, []byte("rendered"), 0o600); err != nil {
				http.Error(w, "cache", http.StatusInternalServerError)
				return
			}
		}
		http.ServeFile(w, r, path)
	})
}
