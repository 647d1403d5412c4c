package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rootbound/rootbound/audit"
	"github.com/rootbound/rootbound/internal/attack"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// recording is a server with an audit log.
type recording struct {
	*served
	path string
	log  *audit.Log
}

func record(t *testing.T, cfg audit.Config, change func(*setup)) *recording {
	t.Helper()
	if cfg.Path == "" {
		cfg.Path = filepath.Join(t.TempDir(), "audit.log")
	}
	cfg.Containment = func() string { return "some" }
	r := &recording{path: cfg.Path}
	var err error
	if r.log, err = audit.Open(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.log.Close() }) // end has done it
	r.served = serve(t, smallTree, func(u *setup) {
		u.cfg.Recorder, u.cfg.DownloadRoute, u.cfg.Listing = r.log, "/download", true
		if change != nil {
			change(u)
		}
	})
	return r
}

// end stops everything, and returns what was recorded by request id.
func (r *recording) end(t *testing.T) map[string][]audit.Record {
	t.Helper()
	r.stop()
	if err := r.log.Close(); err != nil {
		t.Fatal(err)
	}
	report, err := audit.Verify(r.path, audit.VerifyOptions{})
	if err != nil || report.Fault != nil || len(report.Open) != 0 {
		t.Fatalf("verify: %+v, %v", report, err)
	}
	all := map[string][]audit.Record{}
	err = audit.Search(r.path, audit.Query{}, func(rec audit.Record) error {
		all[rec.ID] = append(all[rec.ID], rec)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// eachRecord runs a test on both lanes, with a record that is required and one that is not.
func eachRecord(t *testing.T, f func(t *testing.T, required bool, lane func(*setup))) {
	for _, lane := range []string{"fast", "net/http"} {
		for _, required := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, required=%v", lane, required), func(t *testing.T) {
				f(t, required, func(u *setup) { u.cfg.NoFastLane = lane != "fast" })
			})
		}
	}
}

// Every request has two records, whatever it asks and whoever answers it, and no secret of it is in them.
func TestEveryRequestIsRecorded(t *testing.T) {
	eachRecord(t, func(t *testing.T, required bool, lane func(*setup)) {
		s := record(t, audit.Config{Required: required}, func(u *setup) {
			lane(u)
			other := t.TempDir()
			plantFiles(t, other, map[string]string{"x.txt": "other"})
			plantFiles(t, u.base, map[string]string{"large": strings.Repeat("x", 1<<20)})
			u.cfg.Mounts = []Mount{{Dir: openDir(t, u.base, u.dir)}, {Name: "other", Dir: openDir(t, other, u.dir)}}
		})
		etag := s.get(t, "/a.txt").Header.Get("ETag")
		ids := map[string]bool{}
		want := map[string]audit.Record{}
		for _, tt := range []struct {
			method, target, header string
			action, name           string
			status                 int
			reason                 reason.Code
		}{
			{"GET", "/a.txt?token=hush", "", "read", "a.txt", 200, ""},
			{"GET", "/a.txt", "", "read", "a.txt", 200, ""},
			{"HEAD", "/a.txt", "", "read", "a.txt", 200, ""},
			{"GET", "/large", "", "read", "large", 200, ""},
			{"GET", "/large", "Range: bytes=5-9", "read", "large", 206, ""},
			{"GET", "/large", "Range: bytes=99999999-", "read", "large", 416, reason.RangeUnsatisfiable},
			{"GET", "/a.txt", "If-None-Match: " + etag, "read", "a.txt", 304, ""},
			{"GET", "/a.txt", `If-Match: "x"`, "read", "a.txt", 412, reason.PreconditionFailed},
			{"GET", "/", "", "list", ".", 200, ""},
			{"GET", "/sub/", "", "list", "sub", 200, ""},
			{"GET", "/sub", "", "list", "sub", 308, ""},
			{"OPTIONS", "/a.txt", "", "options", "a.txt", 204, ""},
			{"GET", "/other/x.txt", "", "read", "other/x.txt", 200, ""},
			{"GET", "/other/", "", "list", "other", 200, ""},
			{"GET", "/download?file=sub/b.txt&sig=hush", "", "read", "sub/b.txt", 200, ""},
			{"GET", "/download?file=../etc/passwd&sig=hush", "", "read", "../etc/passwd", 403, reason.NameTraversal},
			{"GET", "/download?sig=hush", "", "read", "/download", 400, reason.NameEmpty},
			{"GET", "/missing", "", "read", "missing", 404, reason.Missing},
			{"GET", "/../x?hush", "", "read", "/../x", 403, reason.NameTraversal},
			{"GET", "/.env", "", "read", "/.env", 403, reason.NameHidden},
			{"GET", "/%ff?hush", "", "read", "/%ff", 400, reason.NameUTF8},
			{"GET", "/a#hush", "", "read", "/a", 400, reason.NameFragment},
			{"GET", "http://user:hush@" + s.addr + "/a.txt", "", "read", "a.txt", 200, ""},
			{"POST", "/a.txt", "", "create", "a.txt", 405, reason.MethodNotAllowed},
			{"BREW", "/a.txt", "", "BREW", "a.txt", 501, reason.MethodUnknown},
			{"GET", "/a.txt", "Host: elsewhere.example", "read", "a.txt", 421, reason.HostMisdirected},
			{"GET", "/-/healthz", "", "read", "/-/healthz", 200, ""},
			{"GET", "/-/metrics", "", "read", "/-/metrics", 200, ""},
			{"POST", "/-/readyz", "", "create", "/-/readyz", 405, reason.MethodNotAllowed},
		} {
			headers := []string{"Authorization: Basic aHVzaA==hush", "Cookie: session=hush"}
			if tt.header != "" {
				headers = append(headers, tt.header)
			}
			a := s.request(t, tt.method, tt.target, headers...)
			id := a.Header.Get("Request-Id")
			if a.Status != tt.status || id == "" || ids[id] {
				t.Errorf("%s %s %s = %d, id %q, want %d", tt.method, tt.target, tt.header, a.Status, id, tt.status)
				continue
			}
			ids[id] = true
			rec := audit.Record{ID: id, Client: "127.0.0.1", Action: tt.action, Name: tt.name, Reason: tt.reason, Status: tt.status, Bytes: int64(len(a.Body)), Result: request.Sent}
			want[id] = rec
		}
		all := s.end(t)
		for id, w := range want {
			recs := all[id]
			if len(recs) != 2 || recs[0].Kind != audit.Decided || recs[1].Kind != audit.Done {
				t.Errorf("%s %s: records %+v", w.Action, w.Name, recs)
				continue
			}
			decided, done := recs[0], recs[1]
			onlyAtSend := w.Status == 412 || w.Status == 416 // the file was allowed; HTTP says no
			if decided.Allowed != (w.Reason == "" || onlyAtSend) || decided.Contains != "some" || decided.Name != w.Name || decided.Action != w.Action {
				t.Errorf("decided %+v, want %+v", decided, w)
			}
			if !onlyAtSend && decided.Reason != w.Reason {
				t.Errorf("decided %+v, want the reason %q", decided, w.Reason)
			}
			done.Kind, done.Seq, done.Time, done.Hash = "", 0, time.Time{}, ""
			if diff := cmp.Diff(w, done); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", w.Action, w.Name, diff)
			}
		}
		b, err := os.ReadFile(s.path)
		if err != nil || strings.Contains(string(b), "hush") || strings.Contains(string(b), "aHVzaA") {
			t.Errorf("a secret is in the record, %v", err)
		}
	})
}

// holder keeps who asks for "hang" from being answered, as a disk that takes its time does.
type holder struct {
	waits         bool
	on            atomic.Bool
	held, release chan struct{}
}

func (h *holder) Decided(_ time.Time, f *request.Facts, _ request.Subject, _ request.Decision, refusal error) error {
	if h.on.Load() && refusal == nil && strings.Contains(f.Target, "hang") {
		h.held <- struct{}{}
		<-h.release
	}
	return nil
}
func (h *holder) Done(time.Time, *request.Facts, request.Subject, request.Outcome) {}
func (h *holder) Waits() bool                                                      { return h.waits }
func (h *holder) Gather() request.Gatherer                                         { return nil }

func (h *holder) Stats() request.RecordStats { return request.RecordStats{} }

// Whoever waits for a record holds up nobody else, though the file is hot. The control says that it does not wait, and
// does: then a loop stands still, with all of its connections.
func TestWaitingForTheRecord(t *testing.T) {
	const others = 20
	for _, waits := range []bool{true, false} {
		h := &holder{waits: waits, held: make(chan struct{}, 1), release: make(chan struct{})}
		s := serve(t, map[string]string{"hang": "x", "a.txt": "y"}, func(u *setup) {
			u.before = func(s *Server) { s.stages.record = h }
		})
		if !s.quick() {
			t.Log("note: there is no fast lane here: nothing can stand still")
			return
		}
		s.get(t, "/hang") // hot from now on
		h.on.Store(true)
		ask := func(target string, status chan<- int) {
			c := &attack.Client{Addr: s.addr, Timeout: patience}
			defer func() { _ = c.Close() }()
			a, err := c.Do("GET", target)
			if err != nil {
				status <- 0
				return
			}
			status <- a.Status
		}
		held, free := make(chan int, 1), make(chan int, others)
		go ask("/hang", held)
		<-h.held
		for i := range others {
			go ask([]string{"/a.txt", "/../x"}[i%2], free)
		}
		limit, answered := patience, 0
		if !waits {
			limit = 2 * time.Second // for those of other loops
		}
		for timeout := time.After(limit); answered < others; answered++ {
			select {
			case <-free:
				continue
			case <-timeout:
			}
			break
		}
		if waits != (answered == others) {
			t.Errorf("waits=%v: while one waits for the record %d of %d others are answered", waits, answered, others)
		}
		close(h.release)
		if status := <-held; status != 200 {
			t.Errorf("who waited for the record was answered %d", status)
		}
		for ; answered < others; answered++ {
			<-free
		}
	}
}

// noDisk keeps no record.
type noDisk struct{ err error }

func (n *noDisk) Decided(_ time.Time, f *request.Facts, _ request.Subject, _ request.Decision, refusal error) error {
	if refusal != nil {
		return nil
	}
	return n.err
}
func (*noDisk) Done(time.Time, *request.Facts, request.Subject, request.Outcome) {}
func (*noDisk) Waits() bool                                                      { return true }
func (*noDisk) Gather() request.Gatherer                                         { return nil }
func (*noDisk) Stats() request.RecordStats                                       { return request.RecordStats{Failing: true, Lost: 7} }

// No record, no file: but refusals and the server's own pages are answered as ever, and the numbers say what is wrong.
func TestNoRecordNoFile(t *testing.T) {
	for _, fast := range []bool{true, false} {
		s := serve(t, smallTree, func(u *setup) {
			u.cfg.NoFastLane = !fast
			u.cfg.Listing, u.cfg.DownloadRoute = true, "/download"
			u.cfg.Recorder = &noDisk{reason.New(reason.NotRecorded, errors.New("no disk"))}
		})
		for range 3 { // hot then
			for target, want := range map[string]int{
				"/a.txt": 503, "/": 503, "/sub": 503, "/download?file=a.txt": 503, "/missing": 404, "/../x": 403, "/-/healthz": 200, "/-/metrics": 200,
			} {
				a := s.get(t, target)
				if a.Status != want || want == 503 && a.Header.Get("Retry-After") == "" {
					t.Errorf("GET %s = %d, want %d", target, a.Status, want)
				}
			}
		}
		if !s.logs(t, "reason=not-recorded") {
			t.Error("the log does not say why")
		}
		if s.metric(t, "rootbound_audit_failing") != "1" || s.metric(t, "rootbound_audit_lost_total") != "7" {
			t.Error("the numbers do not say so")
		}
	}
}

// A panic in a stage is answered and recorded like any other refusal.
func TestPanicIsRecorded(t *testing.T) {
	s := record(t, audit.Config{}, func(u *setup) {
		u.before = func(s *Server) { s.stages.who = func(*request.Facts, bool) (request.Subject, error) { panic("oops") } }
	})
	id := s.get(t, "/a.txt").Header.Get("Request-Id")
	recs := s.end(t)[id]
	if len(recs) != 2 || recs[0].Allowed || recs[0].Reason != reason.Unforeseen || recs[1].Status != 404 {
		t.Errorf("%+v", recs)
	}
}
