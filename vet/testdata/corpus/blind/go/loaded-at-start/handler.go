package app

import (
	"net/http"
	"os"
	"path/filepath"
)

func load(base string, names ...string) map[string][]byte {
	files := map[string][]byte{}
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(base, name))
		if err != nil {
			panic(err)
		}
		files["/"+name] = data
	}
	return files
}

func Handler(base string) http.Handler {
	files := load(base, "hello.txt", "report.txt")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Write(data)
	})
}
