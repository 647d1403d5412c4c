package server

import (
	"context"
	"errors"
	"strings"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/authn"
	"github.com/rootbound/rootbound/internal/listing"
	"github.com/rootbound/rootbound/internal/name"
	"github.com/rootbound/rootbound/internal/plan"
	"github.com/rootbound/rootbound/internal/request"
)

// reply carries an answer out. Each lane has its own.
type reply interface {
	// plan sends status, headers and literal segments, and returns how many body bytes it handed over.
	plan(p *plan.Plan) (int64, error)
	// file sends the answer for an open file. errLater says that it was begun, and that the reply needs the answer until
	// it has ended.
	file(a *rootbound.Answer) (int64, error)
	// list sends the listing of a directory.
	list(q listing.Request) (status int, n int64, err error)
	// started says whether the header was handed over, after which no other answer can be given.
	started() bool
	// setCookie adds a Set-Cookie field to whatever the answer is.
	setCookie(field string)
}

// errLater is what a reply says of an answer that it goes on sending by itself.
var errLater = errors.New("still being sent")

// beginner is a reply that can go on from the start of a rendered answer.
type beginner interface {
	begun(head []byte, status int, x *exchange) (int64, error)
}

// send is the SEND stage. An error before the answer started is the refusal to send; one after it is in the outcome.
func (s *Server) send(x *exchange) (request.Outcome, error) {
	switch {
	case x.f.Method == "OPTIONS":
		p := plan.OptionsPlan()
		p.Fields = append(p.Fields, plan.Field{Name: "Cache-Control", Value: "no-store"})
		return s.sendPlan(x, &p)
	case x.opened.redirect:
		p := plan.SlashPlan(name.Escape(x.asked.last()))
		if x.link != nil {
			p.Fields[0].Value += "?" + linkStart + x.link.Token
		}
		return s.sendPlan(x, &p)
	case x.opened.list:
		status, n, err := x.to.list(s.listingRequest(x))
		return x.outcome(status, n, err)
	}
	return s.sendFile(x)
}

// outcome is that of an answer which was sent, broken off, or is still on its way.
func (x *exchange) outcome(status int, n int64, err error) (request.Outcome, error) {
	out := request.Outcome{Status: status, Bytes: n, Result: request.Sent}
	switch {
	case err == nil:
	case err == errLater:
		x.later = true
	case !x.to.started() && !errors.Is(err, context.Canceled): // nobody is left to be told
		return out, err
	default:
		out.Result, out.Cause, out.Reason = request.Aborted, err, abortReason(err)
	}
	return out, nil
}

func (s *Server) sendFile(x *exchange) (request.Outcome, error) {
	req := x.f.Plan
	if x.quick {
		if to, ok := x.to.(beginner); ok {
			if head, status := s.renderedOf(x).begin(&req); status != 0 {
				n, err := to.begun(head, status, x)
				return x.outcome(status, n, err)
			}
		}
		req.AcceptEncoding, req.HasAcceptEncoding = "", true // there are none, see mustWait
		if x.answer == nil {
			if err := s.makeAnswer(x, &req); err != nil {
				return request.Outcome{}, err
			}
		}
	} else if err := s.prepare(x); err != nil {
		return request.Outcome{}, err
	}
	a := x.answer
	if a.Plan.Reason != "" {
		return request.Outcome{}, refusedByPlan(&a.Plan)
	}
	n, err := x.to.file(a)
	return x.outcome(a.Plan.Status, n, err)
}

// prepare makes the answer for what was found, unless it was made.
func (s *Server) prepare(x *exchange) error {
	if x.opened.file.loaded != nil {
		s.learnSiblings(x)
	}
	if x.answer != nil {
		return nil
	}
	return s.makeAnswer(x, &x.f.Plan)
}

// makeAnswer decides what HTTP says for the file that was found.
func (s *Server) makeAnswer(x *exchange, req *plan.Request) (err error) {
	o, h := s.sendOptions(x), x.opened.file.handle
	if h != nil {
		o.ContentType = s.handles.typeOf(h) // known already, it need not be read for
	}
	x.answer, err = x.opened.file.answer(req, o)
	if err != nil || h == nil || o.ContentType != "" || len(x.answer.Plan.Segments) != 1 || x.answer.Body() != h.file {
		return err
	}
	for _, f := range x.answer.Plan.Fields {
		if f.Name == "Content-Type" {
			s.handles.learn(h, f.Value)
		}
	}
	return nil
}

// fetcher is a reply that can read a short body without waiting.
type fetcher interface {
	fetch(a *rootbound.Answer, h *handle) bool
}

// fetch makes the answer of a quick exchange for an open file, and reads what it needs of the file; false where that
// might wait.
func (s *Server) fetch(x *exchange) bool {
	h, to := x.opened.file.handle, x.to
	if h == nil || s.handles.typeOf(h) == "" || s.cfg.Precompressed && x.f.Plan.AcceptEncoding != "" {
		return false
	}
	f, ok := to.(fetcher)
	if !ok || s.makeAnswer(x, &x.f.Plan) != nil {
		return false
	}
	x.fetched = x.answer.Plan.Reason != "" || f.fetch(x.answer, h)
	return x.fetched
}

func (s *Server) sendOptions(x *exchange) *rootbound.SendOptions {
	return &rootbound.SendOptions{
		AsAttachment:  x.asked.download || x.link != nil && x.link.Attachment,
		Sibling:       s.maySibling(x),
		MaxAge:        s.cfg.MaxAge,
		Precompressed: s.cfg.Precompressed,
		Site:          s.cfg.Site,
		Private:       x.may.Private,
		CrossOrigin:   s.cfg.CrossOrigin,
		RequestID:     x.f.ID,
	}
}

// sendPlan sends a plan of the server's own, with the fields that all answers have.
func (s *Server) sendPlan(x *exchange, p *plan.Plan) (request.Outcome, error) {
	if !s.cfg.CrossOrigin {
		p.Fields = append(p.Fields, plan.Field{Name: "Cross-Origin-Resource-Policy", Value: "same-origin"})
	}
	p.Fields = append(p.Fields, plan.Field{Name: "Request-Id", Value: x.f.ID})
	n, err := x.to.plan(p)
	return x.outcome(p.Status, n, err)
}

func (s *Server) listingRequest(x *exchange) listing.Request {
	q := listing.Request{
		Dir:         x.opened.dir,
		Path:        x.asked.path(),
		Query:       x.asked.query,
		Accept:      x.f.Accept,
		Hide:        s.cfg.Hide,
		RequestID:   x.f.ID,
		Head:        x.f.Method == "HEAD",
		CrossOrigin: s.cfg.CrossOrigin,
		Private:     x.may.Private,
		Beneath:     x.asked.beneath,
	}
	if len(q.Path) == 0 && len(s.mountNames) > 0 {
		q.Hide = append(q.Hide[:len(q.Hide):len(q.Hide)], s.hiddenByMounts...)
		for _, n := range s.mountNames {
			if s.mayListMount(x, n) {
				q.Extra = append(q.Extra, listing.Link{Name: n})
			}
		}
	}
	q.Shows = s.mayShow(x)
	if x.link == nil && (x.who.Anonymous() || x.who.Method == authn.MethodSession) && s.cfg.Sessions != nil {
		q.SignInAt, q.Account = signInFrom(x.f), x.who.ID
	}
	if x.link != nil {
		q.Carry = linkStart + x.link.Token
	}
	return q
}

// hasNotFoundPage says whether a site's own page may have to answer a refusal.
func (s *Server) hasNotFoundPage(x *exchange) bool {
	return s.cfg.Site && x.asked.mount != nil && x.f.Method != "OPTIONS" && rootbound.Status(x.err) == 404
}

// sendNotFoundPage answers with the site's own page for what is missing, whatever the reason. done says that it did;
// the general page serves where there is none.
func (s *Server) sendNotFoundPage(x *exchange) (n int64, done bool, err error) {
	name, err := x.asked.mount.Dir.Name(notFoundName)
	if err != nil {
		return 0, false, nil
	}
	page, err := s.find(x, x.asked.mount, name)
	if err != nil {
		return 0, false, nil
	}
	if !s.mayShowPage(x, page) {
		s.close(page)
		return 0, false, nil
	}
	req := plan.Request{Method: x.f.Method}
	a, err := page.answer(&req, &rootbound.SendOptions{
		NoConditional: true, NoETag: true, NoLastModified: true, Site: true,
		Private: s.private(x), CrossOrigin: s.cfg.CrossOrigin, RequestID: x.f.ID,
	})
	if err != nil || a.Plan.Status != 200 {
		s.close(page)
		return 0, false, nil
	}
	s.closeOpened(x)
	x.opened.file, x.answer = page, a
	a.Plan.Status = 404
	a.Plan.Fields = notFoundFields(a.Plan.Fields)
	n, err = x.to.file(a)
	if err == errLater {
		x.later = true
		return n, true, nil
	}
	return n, err == nil || x.to.started(), err
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
