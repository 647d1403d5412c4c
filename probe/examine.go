package probe

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rootbound/rootbound/internal/attack"
	"github.com/rootbound/rootbound/internal/finding"
)

// examine looks at an answer for everything that an answer alone can show.
func (r *run) examine(ctx context.Context, x exchanger, t attempt, a *answer) {
	if how, ok := r.leaks(t, a); ok {
		r.leaked(ctx, x, t, evidence{answer: a, how: how})
		return
	}
	r.discloses(ctx, x, t, a)
	r.shape(t, a)
	if to, ok := r.follow(t, a); ok {
		moved := t
		moved.Case = attack.Case{Class: t.Class, Name: t.Name + ".redirected", Target: to, Text: t.Text}
		then := r.moved(to)
		b, err := r.send(ctx, x, then)
		if err != nil {
			return
		}
		if how, ok := r.leaks(moved, b); ok {
			r.leaked(ctx, x, t, evidence{answer: b, how: how + ", behind a redirect to " + to, then: then})
		}
	}
}

// leaks says whether the answer holds what must not be handed out, and in what form.
func (r *run) leaks(t attempt, a *answer) (how string, ok bool) {
	secrets := []*secret{r.garden.secret}
	if t.secret != nil && t.secret != r.garden.secret {
		secrets = append(secrets, t.secret)
	}
	for _, s := range secrets {
		if how, ok = s.in(a); ok {
			return "a canary's content, " + how, true
		}
		if how, ok = s.find(deflated(a)); ok {
			return "a canary's content, " + how + ", in deflate", true
		}
	}
	if found := systemContent.Find(beginning(a.body)); found != nil && !r.ordinarily(systemContent) {
		return fmt.Sprintf("the content of a system file, %.40q", found), true
	}
	return "", false
}

// ordinarily says whether ordinary answers match too, so that a match says nothing.
func (r *run) ordinarily(re *pattern) bool {
	return re.Match(beginning(r.body)) || slices.ContainsFunc(r.normal, func(a *answer) bool { return re.Match(beginning(a.body)) || re.Match(a.head()) })
}

// maxFollows bounds how many redirects are followed for each class.
const maxFollows = 20

// follow returns the target of a redirect to the same host that ordinary answers do not have.
func (r *run) follow(t attempt, a *answer) (string, bool) {
	to := a.redirect()
	if rest, ok := strings.CutPrefix(to, r.target.origin()); ok {
		to = rest
	}
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || !attack.OnLine(to) {
		return "", false // another host, or nowhere
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.follows[t.Class]++
	return to, r.follows[t.Class] <= maxFollows
}

// moved asks for the target of a redirect.
func (r *run) moved(to string) *request {
	return &request{method: "GET", target: to, headers: r.writer.headers("")}
}

// arrive is ask, and one redirect to the same host is followed.
func (r *run) arrive(ctx context.Context, x exchanger, t attempt) (*answer, error) {
	a, err := r.ask(ctx, x, t)
	if err != nil || a == nil {
		return a, err
	}
	if to, ok := r.follow(t, a); ok {
		return r.send(ctx, x, r.moved(to))
	}
	return a, nil
}

// ruleOf is the rule that a file handed out by a case of this class breaks.
func ruleOf(t attempt) finding.ID {
	name := t.Text
	if name == "" {
		name = t.Target
	}
	climbs := slices.Contains(strings.FieldsFunc(decoded(decoded(name)), func(c rune) bool { return c == '/' || c == '\\' }), "..")
	switch class := t.Class; {
	case class == "link-hidden":
		return finding.NameHidden
	case strings.HasPrefix(class, "link-"):
		return finding.LinkEscape
	case t.hidden, slices.Contains(hiddenClasses, class):
		return finding.NameHidden
	case !climbs && slices.Contains([]string{"absolute", "file-url", "drive", "unc", "tilde"}, class):
		return finding.NameAbsolute
	case class == "nul" && strings.Contains(t.Text, t.file+"\x00"):
		return finding.NameNUL
	case class == "sibling-prefix":
		return finding.SiblingPrefix
	case class == "alias" && !climbs:
		return finding.AliasSlash
	}
	return finding.NameTraversal
}

// leaked counts an answer that hands out what it must not, after the first ones of each kind were confirmed.
func (r *run) leaked(ctx context.Context, x exchanger, t attempt, e evidence) {
	key := hitKey{ruleOf(t), t.Class, e.answer.proto}
	if !r.wants(key, t.Name) {
		return
	}
	if !r.confirms(ctx, x, t) {
		if ctx.Err() == nil {
			r.note("%s: %s was in the answer once and not when another file was asked for in the same way", t.Name, e.how)
		}
		return
	}
	e.attempt = t
	r.hit(key, e)
}

// confirms asks for the other file in the same way.
func (r *run) confirms(ctx context.Context, x exchanger, t attempt) bool {
	req, ok := r.request(t.other())
	if first, _ := r.request(t); !ok || first != nil && first.target == req.target && bytes.Equal(first.body, req.body) && slices.Equal(first.headers, req.headers) {
		// The case names no file (a directory): it is asked for once more, as another client would.
		req, ok = r.request(t)
		req.headers = append(req.headers, "User-Agent: rootbound probe")
	}
	if !ok {
		return false
	}
	a, err := r.send(ctx, x, req)
	if err != nil {
		return false
	}
	_, leaks := r.leaks(t, a)
	if to, moved := r.follow(t, a); !leaks && moved {
		if a, err = r.send(ctx, x, r.moved(to)); err == nil {
			_, leaks = r.leaks(t, a)
		}
	}
	return leaks
}

// discloses looks for absolute paths and stack traces. A path that the request itself named is not the server's secret.
func (r *run) discloses(ctx context.Context, x exchanger, t attempt, a *answer) {
	text := slices.Concat(a.head(), beginning(a.body))
	if m := stackTraces.Find(text); m != nil && !stackTraces.Match(beginning(r.body)) {
		r.told(ctx, x, t, a, finding.StackTrace, fmt.Sprintf("%.80q", bytes.TrimSpace(m)), stackTraces.Match)
	}
	asked := t.Text + t.Target + decoded(t.Query)
	base := r.config.Base
	if base != "" && base != "/" && !mentions(asked, base) {
		for _, s := range []string{base, filepath.ToSlash(base), url.PathEscape(filepath.ToSlash(base)), url.QueryEscape(filepath.ToSlash(base))} {
			if bytes.Contains(text, []byte(s)) {
				r.told(ctx, x, t, a, finding.PathDisclosed, "the base directory's path "+base, func(b []byte) bool { return bytes.Contains(b, []byte(s)) })
				return
			}
		}
	}
	if m := pathInError.FindSubmatch(text); m != nil && !pathInError.Match(beginning(r.body)) {
		path := string(bytes.Join(m[1:], nil))
		if first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/"); !mentions(asked, "/"+first) {
			r.told(ctx, x, t, a, finding.PathDisclosed, fmt.Sprintf("%.200q", path), pathInError.Match)
		}
	}
}

// mentions says whether a request names the path, or its first element, in some spelling.
func mentions(asked, path string) bool {
	for range 3 {
		if strings.Contains(asked, path) || strings.Contains(strings.ReplaceAll(asked, `\`, "/"), path) {
			return true
		}
		asked = decoded(asked)
	}
	return false
}

func decoded(s string) string {
	if d, err := url.PathUnescape(s); err == nil {
		return d
	}
	return s
}

// told is leaked for what an answer tells beside a file's content. One class is as good as another here: errors look alike.
func (r *run) told(ctx context.Context, x exchanger, t attempt, a *answer, rule finding.ID, what string, again func([]byte) bool) {
	key := hitKey{rule, "answers", a.proto}
	if !r.wants(key, t.Class) {
		return
	}
	other := t.other()
	if t.file == "" || other.Target == t.Target {
		other = attempt{Case: t.Case, encoding: "gzip;q=0"}
	}
	b, err := r.ask(ctx, x, other)
	if err != nil || b == nil || !again(slices.Concat(b.head(), beginning(b.body))) {
		return
	}
	r.hit(key, evidence{attempt: t, answer: a, how: what})
}
