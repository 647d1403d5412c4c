package app

import (
	"context"
	"net/http"
	"path/filepath"
)

type key struct{}

func withFile(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithValue(r.Context(), key{}, r.URL.Query().Get("file"))
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func fileOf(ctx context.Context) string {
	name, _ := ctx.Value(key{}).(string)
	return name
}

func Handler(base string) http.Handler {
	return withFile(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join(base, fileOf(r.Context())))
	}))
}
