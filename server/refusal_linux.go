package server

import (
	"bytes"
	"strings"

	"github.com/rootbound/rootbound/internal/plan"
)

// Bounds of what a loop keeps: clients choose the Accept field.
const (
	maxRefusals      = 32
	maxRefusalAccept = 64
)

// refusalText is a rendered refusal, cut where the request id stands.
type refusalText struct{ head, body [][]byte }

// refusals are those that a loop has rendered, and the one that it gave last.
type refusals struct {
	all  map[refusalKey]*refusalText
	key  refusalKey
	last *refusalText // nil where there is none yet
}

func newRefusals() *refusals { return &refusals{all: map[refusalKey]*refusalText{}} }

// of returns what was rendered for a key; nil where nothing was.
func (r *refusals) of(k refusalKey) *refusalText {
	if r == nil {
		return nil
	}
	if r.last != nil && r.key == k {
		return r.last
	}
	text := r.all[k]
	if text != nil {
		k.accept = strings.Clone(k.accept) // the request's memory is the request's
		r.key, r.last = k, text
	}
	return text
}

// refused answers with a rendered refusal, by the plan that render makes of a request id.
func (t *fastReply) refused(k refusalKey, id string, render func(id string) plan.Plan) (int64, bool) {
	text := t.refusals.of(k)
	if text == nil {
		if t.refusals == nil || len(t.refusals.all) == maxRefusals || len(k.accept) > maxRefusalAccept {
			return 0, false
		}
		text = renderRefusal(render)
		k.accept = strings.Clone(k.accept)
		t.refusals.all[k] = text
	}
	t.began = true
	t.buf = appendJoined(t.buf, text.head, id)
	t.endHead()
	if t.head {
		return 0, true
	}
	n := len(t.buf)
	t.buf = appendJoined(t.buf, text.body, id)
	return int64(len(t.buf) - n), true
}

func renderRefusal(render func(id string) plan.Plan) *refusalText {
	id := newID() // random, so that it stands nowhere else
	p := render(id)
	var body []byte
	for _, s := range p.Segments {
		body = append(body, s.Text...)
	}
	cut := func(b []byte) [][]byte { return bytes.Split(b, []byte(id)) }
	return &refusalText{head: cut(appendHead(nil, p.Status, p.Fields)), body: cut(body)}
}

func appendJoined(b []byte, parts [][]byte, id string) []byte {
	for i, p := range parts {
		if i > 0 {
			b = append(b, id...)
		}
		b = append(b, p...)
	}
	return b
}
