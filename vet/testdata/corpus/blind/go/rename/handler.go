package app

import (
	"net/http"
	"os"
	"path/filepath"
)

type files struct{ base string }

func (f files) at(name string) string { return filepath.Join(f.base, filepath.Clean(name)) }

func (f files) rename(from, to string) error {
	return os.Rename(f.at(filepath.Base(from)), f.at(to))
}

func Handler(base string) http.Handler {
	store := files{base}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := store.rename(r.PostFormValue("from"), r.PostFormValue("to")); err != nil {
			http.Error(w, "rename failed", http.StatusConflict)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
}
