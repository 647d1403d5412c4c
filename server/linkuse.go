package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rootbound/rootbound/internal/plan"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
	"github.com/rootbound/rootbound/internal/state"
	"github.com/rootbound/rootbound/link"
)

const (
	passwordField = "password"       // of that page
	linkPatience  = 10 * time.Second // for the state
	visitLasts    = 12 * time.Hour   // that a password was given is remembered
)

// counted says whether a link is more than its signature: its uses are counted, or it asks for a password.
func counted(l *link.Link) bool { return l != nil && (l.Uses > 0 || l.Password) }

// answersLink says whether the request is what the page of a link sends.
func (x *exchange) answersLink() bool { return x.f.Method == http.MethodPost && counted(x.link) }

// claim is what a link asks for that is more than its signature, when it is known that there is something to send and
// before anything is sent: a use is counted, a password is wanted. A browser is shown a page first, whose button does that:
// programs that look into mail fetch every link in it.
func (s *Server) claim(x *exchange) error {
	l := x.link
	if !counted(l) || x.f.Method == http.MethodOptions {
		return nil
	}
	if x.quick {
		return errWait
	}
	ctx, cancel := context.WithTimeout(context.Background(), linkPatience)
	defer cancel()
	hash := ""
	if l.Password {
		var err error
		if hash, err = s.cfg.LinkRegister.PasswordHash(ctx, l); err != nil {
			return err
		}
	}
	who, visiting := s.visitor(x, hash)
	switch {
	case x.f.Method == http.MethodPost:
		return s.answerLink(ctx, x, hash)
	case visiting && l.Uses == 0, visiting && x.f.Method == http.MethodHead:
		return nil
	case visiting:
		_, err := s.cfg.LinkRegister.Use(ctx, l, who, x.f.Received)
		return err
	}
	if l.Uses > 0 {
		if spent, err := s.cfg.LinkRegister.Spent(ctx, l); err != nil || spent && !x.resumes() {
			return orSpent(err)
		}
	}
	switch {
	case x.f.Method == http.MethodGet && browses(x.f):
		return s.linkPage(x, http.StatusOK, "")
	case l.Password:
		return reason.New(reason.LinkAsks, nil)
	case x.f.Method == http.MethodHead:
		return nil
	}
	return s.useByAddress(ctx, x)
}

func orSpent(err error) error {
	if err == nil {
		err = reason.New(reason.LinkSpent, nil)
	}
	return err
}

// browses says whether a person may look at the answer: a browser goes there, asks for a page, or is what the client says it
// is. Programs that look into mail say one of these, if anything, to be shown what a person would be. Who says that it is a
// browser and takes no page is a program that fetches.
func browses(f *request.Facts) bool {
	if f.FetchMode == "navigate" || plan.MediaWeight(f.Accept, "text/html") > 0 {
		return true
	}
	return strings.HasPrefix(f.Agent, "Mozilla/") &&
		(f.Accept == "" || plan.MediaWeight(f.Accept, "*/*") > 0 || plan.MediaWeight(f.Accept, "text/*") > 0)
}

// resumes says whether the client asks for a part of what it says it has the beginning of.
func (x *exchange) resumes() bool { return x.f.Plan.Range != "" && x.f.Plan.IfRange != "" }

// useByAddress counts a use by a program. It may go on with what broke off, from the same address and naming the same
// content; anything else is another use.
func (s *Server) useByAddress(ctx context.Context, x *exchange) error {
	if err := s.prepare(x); err != nil {
		return err
	}
	status := x.answer.Plan.Status
	if status != http.StatusOK && status != http.StatusPartialContent {
		return nil // nothing of it is sent
	}
	another, _ := s.cfg.Links.Pseudonym(x.link, rand.Text())
	if !x.f.Client.IsValid() { // the peer of a Unix socket
		_, err := s.cfg.LinkRegister.Use(ctx, x.link, another, x.f.Received)
		return err
	}
	who, ok := s.cfg.Links.Pseudonym(x.link, "address "+x.f.Client.Unmap().String())
	if !ok {
		return reason.New(reason.LinkInvalid, nil)
	}
	first, err := s.cfg.LinkRegister.Use(ctx, x.link, who, x.f.Received)
	if err != nil || first || x.resumes() && status == http.StatusPartialContent {
		return err
	}
	_, err = s.cfg.LinkRegister.Use(ctx, x.link, another, x.f.Received)
	return err
}

// answerLink takes what the page of a link sent: the use is counted, and the browser is sent to the same address with a
// cookie by which it has what it asked for.
func (s *Server) answerLink(ctx context.Context, x *exchange, hash string) error {
	l := x.link
	if x.f.FetchSite == "cross-site" {
		return reason.New(reason.LinkInvalid, errors.New("another site's page sent the form"))
	}
	if l.Password {
		good, err := s.givesPassword(ctx, x, hash)
		if err != nil {
			return err
		}
		if !good {
			return s.linkPage(x, http.StatusForbidden, "That is not the password.")
		}
	}
	until := x.f.Received.Add(state.ResumeFor)
	if l.Uses == 0 {
		until = x.f.Received.Add(visitLasts)
	}
	if l.Expires.Before(until) {
		until = l.Expires
	}
	value, ok := s.cfg.Links.Visit(l, hash, until)
	who, ok2 := s.cfg.Links.Visitor(l, value, hash, x.f.Received)
	if !ok || !ok2 {
		return reason.New(reason.LinkInvalid, nil)
	}
	if l.Uses > 0 {
		if _, err := s.cfg.LinkRegister.Use(ctx, l, who, x.f.Received); err != nil {
			return err
		}
	}
	return s.linkEntered(x, value, int(until.Sub(x.f.Received)/time.Second))
}

// visitor says who comes by a link, from the cookie that answerLink gave. Two of the name are none: one may be planted.
func (s *Server) visitor(x *exchange, hash string) (who string, ok bool) {
	value, n := "", 0
	name := s.visitCookie(x)
	for pair := range strings.SplitSeq(x.f.Cookie, ";") {
		if v, is := strings.CutPrefix(strings.TrimLeft(pair, " "), name+"="); is {
			value, n = v, n+1
		}
	}
	if n != 1 {
		return "", false
	}
	return s.cfg.Links.Visitor(x.link, value, hash, x.f.Received)
}

// visitCookie is each link's own.
func (s *Server) visitCookie(x *exchange) string {
	sum := sha256.Sum256([]byte(x.link.Key + "/" + x.link.ID))
	name := "rootbound-link-" + hex.EncodeToString(sum[:8])
	if s.secure(x) {
		name = "__Host-" + name
	}
	return name
}

// secure says whether the client reached us by https.
func (s *Server) secure(x *exchange) bool {
	return x.f.TLS || strings.HasPrefix(s.cfg.BaseURL, "https://")
}

// linkAsks is what is answered in a file's place. The record tells it as a refusal.
type linkAsks struct {
	error
	plan plan.Plan
}

func (e *linkAsks) Unwrap() error { return e.error }

func (s *Server) sendAsks(x *exchange, asks *linkAsks) request.Outcome {
	s.closeOpened(x)
	x.status = asks.plan.Status
	out := request.Outcome{Status: x.status, Reason: reason.Of(asks.error), Cause: asks.error, Result: request.Sent}
	sent, err := s.sendPlan(x, &asks.plan)
	if out.Bytes = sent.Bytes; err != nil || sent.Result == request.Aborted {
		out.Result = request.Aborted
	}
	return out
}

// linkEntered sends a browser on to what the link is to.
func (s *Server) linkEntered(x *exchange, value string, seconds int) error {
	path, query := request.SplitTarget(x.f.Target)
	cookie := s.visitCookie(x) + "=" + value + "; Path=/; Max-Age=" + strconv.Itoa(seconds) + "; HttpOnly; SameSite=Lax"
	if s.secure(x) {
		cookie += "; Secure"
	}
	x.to.setCookie(cookie)
	return &linkAsks{reason.New(reason.LinkAsks, nil), plan.Plan{Status: http.StatusSeeOther, Fields: append([]plan.Field{
		{Name: "Location", Value: path + "?" + query},
		{Name: "Content-Length", Value: "0"},
	}, linkFields...)}}
}

var linkFields = []plan.Field{
	{Name: "Cache-Control", Value: "no-store"},
	{Name: "Vary", Value: "Accept, Authorization, Cookie"},
	{Name: "X-Content-Type-Options", Value: "nosniff"},
	{Name: "Referrer-Policy", Value: "no-referrer"},
}
