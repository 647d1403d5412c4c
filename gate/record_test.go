package gate_test

import (
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rootbound/rootbound/audit"
	"github.com/rootbound/rootbound/internal/attack"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// Everything that the gate answers has two records, which say who let the client have it and which file that was. Where
// no record can be kept nothing goes out, be it the application's own.
func TestGateIsRecorded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	log, err := audit.Open(audit.Config{Path: path, Required: true})
	if err != nil {
		t.Fatal(err)
	}
	rec := &breakable{Log: log}
	var base string
	url := app(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ask":
			if r.Header.Get("Cookie") == "" {
				w.WriteHeader(http.StatusForbidden)
			}
		case "/named":
			w.Header().Set("X-Sendfile", base+"/ok.txt")
		case "/outside":
			w.Header().Set("X-Sendfile", "/etc/passwd")
		default:
			_, _ = w.Write([]byte("page"))
		}
	})
	g := start(t, url, func(u *setup) {
		base = u.layout.Base
		u.up.Take, u.up.Ask = []string{"GET /download?file={name}"}, "/ask"
		u.server.Recorder = rec
	})
	get := func(target string, headers ...string) (id string, status int) {
		c := &attack.Client{Addr: g.addr, Timeout: patience}
		defer func() { _ = c.Close() }()
		a, err := c.Do("GET", target, headers...)
		if err != nil {
			t.Fatal(err)
		}
		return a.Header.Get("Request-Id"), a.Status
	}
	const cookie = "Cookie: session=hush"
	want := map[string]audit.Record{}
	for _, tt := range []struct {
		target, header string
		status         int
		rec            audit.Record
	}{
		{"/page?token=hush", "", 200, audit.Record{Name: "/page", Allowed: true, Policy: "application"}},
		{"/named", "", 200, audit.Record{Name: "/named", Allowed: true, Policy: "application", File: filepath.Join(base, "ok.txt")}},
		{"/outside", "", 404, audit.Record{Name: "/outside", Reason: reason.FileOutside}},
		{"/download?file=ok.txt", cookie, 200, audit.Record{Name: "/download", Allowed: true, Policy: "asked", File: filepath.Join(base, "ok.txt")}},
		{"/download?file=ok.txt", "", 403, audit.Record{Name: "/download", Reason: reason.AskRefused, File: filepath.Join(base, "ok.txt")}},
		{"/download?file=../x&sig=hush", cookie, 403, audit.Record{Name: "../x", Reason: reason.NameTraversal}},
		{"/-/readyz", "", 200, audit.Record{Name: "/-/readyz", Allowed: true}},
	} {
		var headers []string
		if tt.header != "" {
			headers = append(headers, tt.header)
		}
		id, status := get(tt.target, headers...)
		if status != tt.status {
			t.Errorf("GET %s = %d, want %d", tt.target, status, tt.status)
		}
		want[id] = tt.rec
	}
	rec.broken.Store(true)
	for target, status := range map[string]int{"/page": 503, "/named": 503, "/outside": 404, "/-/readyz": 200} {
		if _, got := get(target); got != status {
			t.Errorf("without a record GET %s = %d, want %d", target, got, status)
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	found := 0
	err = audit.Search(path, audit.Query{}, func(r audit.Record) error {
		w, ok := want[r.ID]
		if !ok {
			return nil
		}
		found++
		if r.Kind == audit.Decided && (r.Name != w.Name || r.Allowed != w.Allowed || r.Policy != w.Policy || r.File != w.File || r.Reason != w.Reason) {
			t.Errorf("recorded %+v, want %+v", r, w)
		}
		if strings.Contains(r.Name+r.File, "hush") {
			t.Errorf("a secret is in the record: %+v", r)
		}
		return nil
	})
	if err != nil || found != 2*len(want) {
		t.Errorf("%d records of %d requests, %v", found, len(want), err)
	}
}

// breakable is a log whose disk can be taken away.
type breakable struct {
	*audit.Log
	broken atomic.Bool
}

func (b *breakable) Decided(at time.Time, f *request.Facts, who request.Subject, d request.Decision, refusal error) error {
	if b.broken.Load() && refusal == nil {
		return reason.New(reason.NotRecorded, errors.New("no disk"))
	}
	return b.Log.Decided(at, f, who, d, refusal)
}
