package app

import (
	"log/slog"
	"net/http"
	"os"
	"path"
)

type docs struct {
	base string
	log  *slog.Logger
}

func (d docs) get(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	content, err := d.read(name)
	if err != nil {
		d.log.Debug("read", "name", name, "err", err)
		http.Error(w, http.StatusText(http.StatusNotFound), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write(content)
}

func (d docs) read(name string) ([]byte, error) {
	return os.ReadFile(path.Join(d.base, name))
}

func Handler(base string) http.Handler {
	d := docs{base: base, log: slog.New(slog.DiscardHandler)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /docs/{name}", d.get)
	return mux
}
