package app

import (
	"net/http"

	"github.com/rootbound/rootbound"
)

func Handler(base string) http.Handler {
	dir, err := rootbound.Open(base, rootbound.Config{})
	if err != nil {
		panic(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		dir.Send(w, r, r.URL.Query().Get("name"), rootbound.SendOptions{})
	})
}
