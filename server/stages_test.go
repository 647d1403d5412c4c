package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// watcher records what the stages were told.
type watcher struct {
	refuse  error
	decided atomic.Int32
	out     chan request.Outcome
}

func (w *watcher) Decided(_ time.Time, _ *request.Facts, _ request.Subject, _ request.Decision, _ error) error {
	w.decided.Add(1)
	return w.refuse
}

func (w *watcher) Done(_ time.Time, f *request.Facts, _ request.Subject, out request.Outcome) {
	if !f.Own { // nobody waits for those
		w.out <- out
	}
}
func (w *watcher) Waits() bool                { return false }
func (w *watcher) Gather() request.Gatherer   { return nil }
func (w *watcher) Stats() request.RecordStats { return request.RecordStats{} }

// The stages are asked in their order, and each can stop the request.
func TestStagesInOrder(t *testing.T) {
	for _, tt := range []struct {
		name   string
		target string
		change func(*Server, *watcher)
		status int
		code   reason.Code
	}{
		{"all agree", "/a.txt", nil, 200, ""},
		{"nobody may ask, and learns nothing of names", "/../x", func(s *Server, _ *watcher) {
			s.stages.who = func(*request.Facts, bool) (request.Subject, error) {
				return request.Subject{}, reason.New(reason.CredentialMissing, nil)
			}
		}, 401, reason.CredentialMissing},
		{"no grant", "/a.txt", func(s *Server, _ *watcher) {
			s.stages.may = func(*request.Facts, request.Subject, request.Right, string, rootbound.Name) request.Decision {
				return request.Decision{}
			}
		}, 404, reason.NoGrant},
		{"a policy that says so", "/a.txt", func(s *Server, _ *watcher) {
			s.stages.may = func(*request.Facts, request.Subject, request.Right, string, rootbound.Name) request.Decision {
				return request.Decision{Reason: reason.Forbidden}
			}
		}, 403, reason.Forbidden},
		{"the record fails", "/a.txt", func(_ *Server, w *watcher) { w.refuse = reason.New(reason.NotDurable, nil) }, 503, reason.NotDurable},
		{"a refusal stays the one it was", "/missing", func(_ *Server, w *watcher) { w.refuse = reason.New(reason.NotDurable, nil) }, 404, reason.Missing},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &watcher{out: make(chan request.Outcome, 1)}
			s := serve(t, smallTree, func(u *setup) {
				u.before = func(s *Server) {
					s.stages.record = w
					if tt.change != nil {
						tt.change(s, w)
					}
				}
			})
			a := s.get(t, tt.target)
			out := <-w.out
			if a.Status != tt.status || out.Status != tt.status || out.Reason != tt.code || out.Result != request.Sent {
				t.Errorf("answered %d, recorded %+v; want %d %q", a.Status, out, tt.status, tt.code)
			}
			if n := w.decided.Load(); n != 1 {
				t.Errorf("Decided was called %d times", n)
			}
		})
	}
}

// MAY is asked again about the file that a link led to.
func TestOpenedNameIsAskedAgain(t *testing.T) {
	s := serve(t, smallTree, func(u *setup) {
		u.dir.Symlinks = rootbound.SymlinksWithin
		u.before = func(s *Server) {
			s.stages.may = func(_ *request.Facts, _ request.Subject, _ request.Right, _ string, n rootbound.Name) request.Decision {
				return request.Decision{Allowed: !strings.HasPrefix(n.String(), "sub/"), Reason: reason.NoGrant, Private: true}
			}
		}
	})
	if err := errors.Join(os.Symlink("sub/b.txt", filepath.Join(s.base, "link")), os.Symlink("a.txt", filepath.Join(s.base, "good"))); err != nil {
		t.Fatal(err)
	}
	if a := s.get(t, "/link"); a.Status != 404 || !s.logs(t, string(reason.OpenedName)) {
		t.Errorf("GET /link = %d", a.Status)
	}
	a := s.get(t, "/good")
	if a.Status != 200 || !strings.HasPrefix(a.Header.Get("Cache-Control"), "private") || a.Header.Get("Vary") != "Authorization, Cookie" {
		t.Errorf("GET /good = %d %v", a.Status, a.Header)
	}
	if a := s.get(t, "/missing"); !strings.Contains(a.Header.Get("Vary"), "Authorization") {
		t.Errorf("refusal by subject has Vary %q", a.Header.Get("Vary"))
	}
}

// A panic in a stage is the 404, and an error in the log.
func TestPanicIsTheUnforeseen(t *testing.T) {
	w := &watcher{out: make(chan request.Outcome, 1)}
	s := serve(t, smallTree, func(u *setup) {
		u.before = func(s *Server) {
			s.stages.record = w
			s.stages.who = func(*request.Facts, bool) (request.Subject, error) { panic("a bug\nof ours") }
		}
	})
	if a := s.get(t, "/a.txt"); a.Status != 404 || strings.Contains(string(a.Body), "bug") {
		t.Errorf("GET /a.txt = %d %q", a.Status, a.Body)
	}
	if out := <-w.out; out.Status != 404 || out.Reason != reason.Unforeseen {
		t.Errorf("recorded: %+v", out)
	}
	s.stop()
	if log := s.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "a bug") || strings.Contains(log, "\nof ours") {
		t.Errorf("log: %s", log)
	}
}

// A client that goes away ends the listing that was being read for it, and that is no error of ours.
func TestListingEndsWithItsClient(t *testing.T) {
	w := &watcher{out: make(chan request.Outcome, 1)}
	large := map[string]string{}
	for i := range 3000 {
		large[fmt.Sprintf("%04d", i)] = ""
	}
	s := serve(t, large, func(u *setup) {
		u.cfg.Listing = true
		u.before = func(s *Server) { s.stages.record = w }
	})
	gone, cancel := context.WithCancel(context.WithValue(t.Context(), connKey{}, &conn{at: s.endpoints[0]}))
	cancel()
	r := httptest.NewRequestWithContext(gone, "GET", "/", nil)
	r.Host = s.addr
	func() {
		defer func() {
			if v := recover(); v != http.ErrAbortHandler {
				t.Errorf("the handler ended with %v", v)
			}
		}()
		s.Server.serve(httptest.NewRecorder(), r)
	}()
	if out := <-w.out; out.Result != request.Aborted || abortCause(out.Cause) != causeClient || out.Reason != "" {
		t.Errorf("recorded: %+v", out)
	}
	if strings.Contains(s.log.String(), string(reason.Unforeseen)) {
		t.Errorf("log: %s", s.log)
	}
	// The control: the same request with its client still there is answered.
	there := httptest.NewRecorder()
	s.Server.serve(there, r.WithContext(context.WithValue(t.Context(), connKey{}, &conn{at: s.endpoints[0]})))
	if out := <-w.out; there.Code != 200 || out.Result != request.Sent {
		t.Errorf("with its client there: %d, %+v", there.Code, out)
	}
}
