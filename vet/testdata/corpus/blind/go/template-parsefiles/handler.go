package app

import (
	"html/template"
	"net/http"
	"path/filepath"
)

func Handler(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, err := template.ParseFiles(filepath.Join(base, r.URL.Query().Get("t")))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		t.Execute(w, map[string]string{"Title": "page"})
	})
}
