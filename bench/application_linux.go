package main

import (
	"bytes"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// protected is the internal location that the application names files under.
const protected = "/protected/"

// plainPath is what the application answers itself, with a body of plainSize.
const (
	plainPath = "/application/plain"
	plainSize = 10 * kib
)

// application is what stands behind a gate: the least that can. It runs beside the load, so that its time is nobody's.
type application struct {
	addr   string
	server *http.Server
}

func startApplication() (*application, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	body := bytes.Repeat([]byte("x"), plainSize)
	a := &application{addr: l.Addr().String(), server: &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			if r.URL.Path == plainPath {
				h.Set("Content-Length", strconv.Itoa(plainSize))
				_, _ = w.Write(body)
				return
			}
			h.Set("X-Accel-Redirect", protected+strings.TrimPrefix(r.URL.Path, "/"))
			h.Set("Content-Type", "application/octet-stream")
		}),
	}}
	go func() { _ = a.server.Serve(l) }()
	return a, nil
}

func (a *application) stop() { _ = a.server.Close() }

// nginxUpstream and nginxRoutes are nginx in front of the application, as its manual has it for many requests.
func (b *bench) nginxUpstream(s *server) string {
	if !s.variant.gate {
		return ""
	}
	return "upstream application { server " + b.application.addr + "; keepalive 256; keepalive_requests 1000000000; }"
}

func (b *bench) nginxRoutes(s *server) string {
	if !s.variant.gate {
		return ""
	}
	return "location / { proxy_pass http://application; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host $host; }\n" +
		"location " + protected + " { internal; alias " + b.files.base + "/; }"
}

func plain(b *bench, s *server) (job, error) {
	return job{[][]byte{request(s, plainPath)}, expectation{[]int{200}, plainSize}, ""}, nil
}
