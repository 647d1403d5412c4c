package server

import (
	"context"
	"errors"
	"strings"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/listing"
	"github.com/rootbound/rootbound/internal/name"
	"github.com/rootbound/rootbound/internal/plan"
	"github.com/rootbound/rootbound/internal/request"
)

// reply carries an answer out. Each lane has its own.
type reply interface {
	// plan sends status, headers and literal segments, and returns how many body bytes it handed over.
	plan(p *plan.Plan) (int64, error)
	// file sends the answer for an open file.
	file(a *rootbound.Answer) (int64, error)
	// list sends the listing of a directory.
	list(q listing.Request) (status int, n int64, err error)
	// started says whether the header was handed over, after which no other answer can be given.
	started() bool
}

// send is the SEND stage. An error before the answer started is the refusal to send; one after it is in the outcome.
func (s *Server) send(f *request.Facts, may request.Decision, o *opened, to reply) (request.Outcome, error) {
	switch {
	case f.Method == "OPTIONS":
		p := plan.OptionsPlan()
		p.Fields = append(p.Fields, plan.Field{Name: "Cache-Control", Value: "no-store"})
		return s.sendPlan(f, &p, to)
	case o.redirect:
		p := plan.SlashPlan(name.Escape(o.asked.last()))
		return s.sendPlan(f, &p, to)
	case o.list:
		q := s.listingRequest(f, may, o)
		status, n, err := to.list(q)
		return outcome(status, n, err, to)
	}
	return s.sendFile(f, may, o, to)
}

// outcome is that of an answer which was sent, or broken off.
func outcome(status int, n int64, err error, to reply) (request.Outcome, error) {
	out := request.Outcome{Status: status, Bytes: n, Result: request.Sent}
	if err == nil {
		return out, nil
	}
	if !to.started() && !errors.Is(err, context.Canceled) { // nobody is left to be told
		return out, err
	}
	out.Result, out.Cause, out.Reason = request.Aborted, err, abortReason(err)
	return out, nil
}

func (s *Server) sendFile(f *request.Facts, may request.Decision, o *opened, to reply) (request.Outcome, error) {
	a, err := o.file.Answer(&f.Plan, &rootbound.SendOptions{
		AsAttachment:  o.asked.download,
		MaxAge:        s.cfg.MaxAge,
		Precompressed: s.cfg.Precompressed,
		Site:          s.cfg.Site,
		Private:       may.Private,
		CrossOrigin:   s.cfg.CrossOrigin,
		RequestID:     f.ID,
	})
	if err != nil {
		return request.Outcome{}, err
	}
	defer func() { _ = a.Close() }()
	if a.Plan.Reason != "" {
		return request.Outcome{}, refusedByPlan(&a.Plan)
	}
	n, err := to.file(a)
	return outcome(a.Plan.Status, n, err, to)
}

// sendPlan sends a plan of the server's own, with the fields that all answers have.
func (s *Server) sendPlan(f *request.Facts, p *plan.Plan, to reply) (request.Outcome, error) {
	if !s.cfg.CrossOrigin {
		p.Fields = append(p.Fields, plan.Field{Name: "Cross-Origin-Resource-Policy", Value: "same-origin"})
	}
	p.Fields = append(p.Fields, plan.Field{Name: "Request-Id", Value: f.ID})
	n, err := to.plan(p)
	return outcome(p.Status, n, err, to)
}

func (s *Server) listingRequest(f *request.Facts, may request.Decision, o *opened) listing.Request {
	q := listing.Request{
		Dir:         o.dir,
		Path:        o.asked.path(),
		Query:       o.asked.query,
		Accept:      f.Accept,
		Hide:        s.cfg.Hide,
		RequestID:   f.ID,
		Head:        f.Method == "HEAD",
		CrossOrigin: s.cfg.CrossOrigin,
		Private:     may.Private,
	}
	if len(q.Path) == 0 && len(s.mountNames) > 0 {
		q.Hide = append(q.Hide[:len(q.Hide):len(q.Hide)], s.hiddenByMounts...)
		for _, n := range s.mountNames {
			q.Extra = append(q.Extra, listing.Link{Name: n})
		}
	}
	return q
}

// sendNotFoundPage answers with the site's own page for what is missing, whatever the reason. done says that it did;
// the general page serves where there is none.
func (s *Server) sendNotFoundPage(f *request.Facts, may request.Decision, m *Mount, to reply) (n int64, done bool, err error) {
	if m == nil || f.Method == "OPTIONS" {
		return 0, false, nil
	}
	page, err := m.Dir.Open(notFoundName)
	if err != nil {
		return 0, false, nil
	}
	defer func() { _ = page.Close() }()
	req := plan.Request{Method: f.Method}
	a, err := page.Answer(&req, &rootbound.SendOptions{
		NoConditional: true, NoETag: true, NoLastModified: true, Site: true,
		Private: may.Private, CrossOrigin: s.cfg.CrossOrigin, RequestID: f.ID,
	})
	if err != nil || a.Plan.Status != 200 {
		return 0, false, nil
	}
	defer func() { _ = a.Close() }()
	a.Plan.Status = 404
	a.Plan.Fields = notFoundFields(a.Plan.Fields)
	n, err = to.file(a)
	return n, err == nil || to.started(), err
}

// notFoundFields makes the header of a file that of a refusal.
func notFoundFields(fields []plan.Field) []plan.Field {
	var out []plan.Field
	for _, f := range fields {
		switch {
		case strings.EqualFold(f.Name, "Content-Disposition"), strings.EqualFold(f.Name, "Cache-Control"):
		default:
			out = append(out, f)
		}
	}
	return append(out, plan.Field{Name: "Cache-Control", Value: "no-store"})
}
