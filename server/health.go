package server

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rootbound/rootbound/internal/plan"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// The server's own pages.
const (
	pageHealth  = ownPrefix + "healthz"
	pageReady   = ownPrefix + "readyz"
	pageMetrics = ownPrefix + "metrics"

	pageProfiles = ownPrefix + "debug/pprof/" // and the name of one
)

// health is what /-/healthz shows where only the operator can see it.
type health struct {
	Status  string          `json:"status"`
	Version string          `json:"version"`
	Uptime  float64         `json:"uptime_seconds"`
	Mounts  []mountHealth   `json:"mounts"`
	Sandbox map[string]bool `json:"sandbox"`
}

type mountHealth struct {
	Name      string `json:"name"`
	Mechanism string `json:"mechanism"`
	Proven    bool   `json:"proven"`
	Detail    string `json:"detail"`
}

// own answers the server's own pages; handled is false where the request is about files. On addresses that others
// can reach, health and readiness say one word and there is nothing else.
func (s *Server) own(x *exchange) (handled bool) {
	f, at := x.f, x.at
	path, _ := request.SplitTarget(f.Target)
	if !strings.HasPrefix(path, ownPrefix) && !at.admin {
		return false
	}
	if s.cfg.Sessions != nil && !at.admin && (path == pageLogin || path == pageLogout) {
		s.signing(x, path)
		return true
	}
	if s.cfg.OIDC != nil && !at.admin && (path == pageOIDCStart || path == pageOIDCCallback) {
		s.signingElsewhere(x, path)
		return true
	}
	if s.makesLinks() && !at.admin && (path == pageLinks || strings.HasPrefix(path, pageLinks+"/")) {
		s.linkAPI(x, strings.TrimPrefix(path, pageLinks))
		return true
	}
	full := at.local || at.admin
	profile, isProfile := strings.CutPrefix(path, pageProfiles)
	known := path == pageHealth || path == pageReady || path == pageMetrics && full || isProfile && full && s.cfg.Profiles && isProfileName(profile)
	if !known && !at.admin && (full || s.cfg.App != nil) {
		return false // a reserved name, which the NAME stage refuses, or a page of the application's
	}
	f.Own = true
	err := s.admit(f, at)
	if ok, code := plan.Method(f.Method); err == nil && !ok {
		err = reason.New(code, nil)
	}
	if err == nil && !known {
		err = reason.New(reason.Missing, nil)
	}
	if err == nil && path == pageReady && s.draining.Load() {
		err = reason.New(reason.Closed, nil)
	}
	x.err = err
	s.decided(x)
	if err == nil {
		p := s.ownPage(f, path, full)
		x.out, x.err = s.sendPlan(x, &p)
	}
	if x.err != nil {
		x.out = s.refuse(x)
	}
	s.recordDone(x)
	return true
}

func (s *Server) ownPage(f *request.Facts, path string, full bool) plan.Plan {
	switch {
	case f.Method == "OPTIONS":
		return plan.OptionsPlan()
	case path == pageMetrics:
		return s.metricsPage()
	case strings.HasPrefix(path, pageProfiles):
		_, query := request.SplitTarget(f.Target)
		return profilePage(strings.TrimPrefix(path, pageProfiles), query)
	case path == pageHealth && full:
		return s.healthPage()
	}
	return page("text/plain; charset=utf-8", "ok\n")
}

func page(ctype, body string) plan.Plan {
	return plan.Plan{
		Status: http.StatusOK, Length: int64(len(body)), Segments: []plan.Segment{{Text: body}},
		Fields: []plan.Field{
			{Name: "Content-Type", Value: ctype},
			{Name: "Content-Length", Value: strconv.Itoa(len(body))},
			{Name: "Cache-Control", Value: "no-store"},
			{Name: "X-Content-Type-Options", Value: "nosniff"},
		},
	}
}

func (s *Server) healthPage() plan.Plan {
	h := health{Status: "ok", Sandbox: s.cfg.Enforced, Version: s.cfg.Version, Uptime: time.Since(s.begun).Seconds()}
	for _, m := range s.cfg.Mounts {
		c := m.Dir.Containment()
		h.Mounts = append(h.Mounts, mountHealth{Name: m.Name, Mechanism: c.Mechanism, Proven: c.Proven, Detail: c.Detail})
	}
	b, err := json.Marshal(h)
	if err != nil { // nothing in it can fail to be written
		return page("text/plain; charset=utf-8", "ok\n")
	}
	return page("application/json", string(b)+"\n")
}

// metricsPage gathers into memory: some kilobytes, whatever is served.
func (s *Server) metricsPage() plan.Plan {
	s.metrics.setContainment(s.cfg.Mounts)
	w := &pageBuffer{header: http.Header{}}
	s.metrics.handler().ServeHTTP(w, &http.Request{Method: http.MethodGet, Header: http.Header{}})
	return page(w.header.Get("Content-Type"), w.body.String())
}

// pageBuffer holds a page until it is sent.
type pageBuffer struct {
	header http.Header
	body   bytes.Buffer
}

func (p *pageBuffer) Header() http.Header         { return p.header }
func (p *pageBuffer) WriteHeader(int)             {}
func (p *pageBuffer) Write(b []byte) (int, error) { return p.body.Write(b) }
