package server

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/authn"
	"github.com/rootbound/rootbound/internal/plan"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
	"github.com/rootbound/rootbound/link"
)

// maxLinkTime is how long a link can be asked to hold.
const maxLinkTime = 10 * 365 * 24 * time.Hour

// linkRequest is what a program sends to have a link made.
type linkRequest struct {
	Name       string `json:"name"`    // as clients see it; a directory has a slash at the end
	Expires    string `json:"expires"` // how long it holds, such as "24h"
	Uses       int    `json:"uses"`
	To         string `json:"to"`
	From       string `json:"from"`
	Password   string `json:"password"`
	Attachment bool   `json:"attachment"`
}

// makeLink makes a link by the right of whoever asks, with which it ends. Whether there is such a file is not looked at.
func (s *Server) makeLink(ctx context.Context, x *exchange) (plan.Plan, error) {
	q, err := x.readLinkRequest()
	if err != nil {
		return plan.Plan{}, err
	}
	l, err := s.wantedLink(q, x.f.Received)
	if err != nil {
		return plan.Plan{}, err
	}
	if err := s.mayMakeLink(x, &l); err != nil {
		return plan.Plan{}, err
	}
	l.Owner = x.who.ID
	signed, err := s.cfg.Links.Sign(l)
	if err != nil {
		return plan.Plan{}, badLink(err.Error())
	}
	if s.cfg.LinkRegister != nil {
		hash, err := hashOf(ctx, q.Password)
		if err == nil {
			err = s.cfg.LinkRegister.Keep(ctx, &signed, hash)
		}
		if errors.Is(err, link.ErrTooMany) {
			text := "you have as many links as one may have; take some back, and wait until they are over"
			err = &apiError{reason.New(reason.Forbidden, errors.New(text)), http.StatusForbidden, text}
		}
		if err != nil {
			return plan.Plan{}, err
		}
	}
	return jsonPlan(http.StatusCreated, link.Made{URL: signed.URL(s.cfg.BaseURL), ID: signed.ID, Key: signed.Key, Name: q.Name, Expires: signed.Expires.UTC()}), nil
}

// wantedLink reads what is asked for, as far as it is text.
func (s *Server) wantedLink(q *linkRequest, now time.Time) (link.Link, error) {
	l := link.Link{ID: rand.Text(), Uses: q.Uses, Password: q.Password != "", To: q.To, Attachment: q.Attachment}
	l.Path, l.Dir = strings.CutSuffix(strings.TrimPrefix(q.Name, "/"), "/")
	l.Dir = l.Dir || q.Name == "/"
	lasts, err := time.ParseDuration(q.Expires)
	if err != nil || lasts < time.Second || lasts > maxLinkTime {
		return l, badLink(`expires must be a duration such as "24h", of a second at least and ten years at most`)
	}
	l.Expires = now.Add(lasts).Truncate(time.Second)
	if q.From != "" {
		if l.From, err = link.ParseFrom(q.From); err != nil {
			return l, badLink("from must be an address or a range such as 10.0.0.0/8")
		}
	}
	if s.cfg.LinkRegister == nil && (l.Uses != 0 || l.Password) {
		return l, badLink("uses and password need a state (--state)")
	}
	return l, nil
}

// mayMakeLink asks whether whoever asks may give away what the link is to: has the right, and may share it. A credential that
// is limited gives no more than its limits.
func (s *Server) mayMakeLink(x *exchange, l *link.Link) error {
	account, known, err := s.cfg.Authn.Account(x.who.ID)
	switch {
	case err != nil:
		return reason.New(reason.StateUnavailable, err)
	case !known || account.Disabled:
		text := "only users who have an account here can make links, which end with it"
		return &apiError{reason.New(reason.Forbidden, errors.New(text)), http.StatusForbidden, text}
	}
	m, n, err := s.nameOfLink(l)
	if err != nil {
		return err
	}
	rights := []request.Right{request.Read, request.Share}
	if l.Dir {
		rights[0] = request.List
		if !x.who.Limits.Allow(request.Read, l.Path) {
			return reason.New(reason.NoGrant, nil)
		}
	}
	for _, right := range rights {
		if d := s.mayMount(x, right, m.Name, n); !d.Allowed {
			return reason.New(orNoGrant(d.Reason), nil)
		}
	}
	return nil
}

// nameOfLink is what a link is to, as its mount calls it.
func (s *Server) nameOfLink(l *link.Link) (*Mount, rootbound.Name, error) {
	first, rest, _ := strings.Cut(l.Path, "/")
	m := s.mounts[first]
	if m == nil {
		m, rest = s.base, l.Path
	}
	if m == nil {
		return nil, rootbound.Name{}, reason.New(reason.Missing, nil)
	}
	if !l.Dir {
		n, err := m.Dir.Name(rest)
		return m, n, err
	}
	if rest == "" {
		rest = "."
	}
	n, err := m.Dir.DirName(rest)
	return m, n, err
}

// hashOf hashes the password of a link; "" has none.
func hashOf(ctx context.Context, password string) (string, error) {
	if password == "" {
		return "", nil
	}
	select {
	case linkHashing <- struct{}{}:
		defer func() { <-linkHashing }()
	case <-ctx.Done():
		return "", reason.New(reason.ShortHashing, nil)
	}
	h, err := authn.NewHash(password)
	if err != nil {
		return "", badLink(err.Error())
	}
	return h.String(), nil
}
