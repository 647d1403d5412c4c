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
	mux := http.NewServeMux()
	mux.Handle("GET /static/", dir.Handler(rootbound.HandlerConfig{Prefix: "/static/"}))
	return mux
}
