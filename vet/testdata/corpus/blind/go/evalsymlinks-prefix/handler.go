package app

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

type vault struct{ root string }

func newVault(base string) (*vault, error) {
	root, err := filepath.EvalSymlinks(base)
	if err != nil {
		return nil, err
	}
	return &vault{root}, nil
}

func (v *vault) locate(name string) (string, bool) {
	real, err := filepath.EvalSymlinks(filepath.Join(v.root, name))
	if err != nil || !strings.HasPrefix(real, v.root+string(filepath.Separator)) {
		return "", false
	}
	return real, true
}

func Handler(base string) http.Handler {
	v, err := newVault(base)
	if err != nil {
		panic(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, ok := v.locate(r.URL.Query().Get("name"))
		if !ok {
			http.NotFound(w, r)
			return
		}
		data, err := os.ReadFile(p)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Write(data)
	})
}
