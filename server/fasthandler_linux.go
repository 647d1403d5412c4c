package server

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rootbound/rootbound/internal/lane"
	"github.com/rootbound/rootbound/internal/plan"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// fastHandler answers the requests of one loop. What it has is reused for each.
type fastHandler struct {
	*fast
	x     exchange
	facts request.Facts
	reply fastReply
	ids   string // request ids still unused
	date  dateField
	lines []logged
	text  []byte    // of the access log
	last  time.Time // when the request before was answered; zero after a wait
	// refusals are kept for as long as the loop runs.
	refusals *refusals
	records  request.Gatherer // nil where there is none

	counts  [2][600]prometheus.Counter // by method (GET, HEAD) and status
	seconds prometheus.Observer
	bytes   prometheus.Counter
	reasons map[reason.Code]prometheus.Counter
}

func newFastHandler(f *fast) *fastHandler {
	return &fastHandler{
		fast: f, refusals: newRefusals(), records: f.s.stages.record.Gather(), reasons: map[reason.Code]prometheus.Counter{},
		seconds: f.s.metrics.seconds.WithLabelValues(string(request.LaneFast)),
		bytes:   f.s.metrics.bytes.WithLabelValues(string(request.LaneFast)),
	}
}

// Request answers what needs no waiting, and makes a task of the rest.
func (h *fastHandler) Request(c *lane.Conn, r *lane.Request, to *lane.Reply) lane.Task {
	h.fill(c, r)
	h.reply = fastReply{buf: to.Buf, from: len(to.Buf), close: to.Close, head: r.Method == http.MethodHead, date: h.date.at(h.facts.Received), scratch: h.reply.scratch[:0], refusals: h.refusals}
	h.x = exchange{f: &h.facts, at: h.endpoints[c.Listener()], to: &h.reply, quick: true, shares: h.s.handles != nil, gather: h.records}
	h.x.aside = h.aside
	if !h.s.guarded(&h.x, (*Server).quickly) {
		return h.task()
	}
	if h.x.later {
		if !h.sendNow(c) {
			return h.task()
		}
		h.s.finish(&h.x)
	}
	to.Buf, to.Body = h.reply.buf, h.reply.body
	h.done(&h.x)
	return nil
}

// sendNow spares an answer from memory the task, which most clients take at once. Where this one did not, or has
// answers before it to be sent, false leaves the rest to the task.
func (h *fastHandler) sendNow(c *lane.Conn) bool {
	t := &h.reply
	if t.from > 0 || t.stream.file != nil || len(t.stream.segs) != 1 {
		return false
	}
	n, all := c.SendNow(t.buf, t.stream.text())
	head := min(n, len(t.buf))
	t.stream.skip(n - head)
	if !all {
		t.buf = t.buf[head:]
		return false
	}
	h.x.later, h.x.out.Bytes = false, h.x.out.Bytes+t.stream.sent
	t.buf = t.buf[:0]
	return true
}

// aside has something done by a worker of the mount that was asked for.
func (h *fastHandler) aside(f func()) { h.workers[h.x.asked.mount].opens.Go(f) }

// quickly answers what needs no waiting. The server's own pages are not among it.
func (s *Server) quickly(x *exchange) bool {
	if strings.HasPrefix(x.f.Target, ownPrefix) {
		return false
	}
	return s.run(x)
}

// fill takes from a request what the stages decide on, as facts does from net/http's.
func (h *fastHandler) fill(c *lane.Conn, r *lane.Request) {
	at := h.endpoints[c.Listener()]
	now := h.last
	if now.IsZero() {
		now = time.Now()
	}
	h.facts = request.Facts{
		ID:            h.id(),
		Lane:          request.LaneFast,
		Received:      now,
		Method:        r.Method,
		Target:        r.Target,
		Host:          r.Get(lane.Host),
		Proto:         "HTTP/1.1",
		Peer:          c.Peer(),
		Forwarded:     r.Proxy,
		TLS:           at.tls,
		Authorization: r.Get(lane.Authorization),
		Cookie:        r.Get(lane.Cookie),
		Plan: plan.Request{
			Method:            r.Method,
			IfMatch:           r.Get(lane.IfMatch),
			IfNoneMatch:       r.Get(lane.IfNoneMatch),
			IfModifiedSince:   r.Get(lane.IfModifiedSince),
			IfUnmodifiedSince: r.Get(lane.IfUnmodifiedSince),
			IfRange:           r.Get(lane.IfRange),
			Range:             r.Get(lane.Range),
			AcceptEncoding:    r.Get(lane.AcceptEncoding),
			HasAcceptEncoding: r.Has(lane.AcceptEncoding),
			WantReprDigest:    r.Get(lane.WantReprDigest),
			Now:               now,
		},
		Accept: r.Get(lane.Accept),
	}
	if h.s.cfg.LinkRegister != nil && strings.Contains(r.Target, linkStart) {
		h.facts.FetchMode, h.facts.Agent = r.Find("sec-fetch-mode"), r.Find("user-agent")
	}
	h.facts.ByProxy = h.s.trusted(h.facts.Peer, at)
	h.facts.Client = h.facts.Peer
	if h.facts.ByProxy {
		h.facts.Client = h.s.clientOf(&h.facts, at, lines(r, lane.XForwardedFor), lines(r, lane.Forwarded))
	}
}

// lines are those of a field that is there once at most.
func lines(r *lane.Request, f lane.Field) []string {
	if !r.Has(f) {
		return nil
	}
	return []string{r.Get(f)}
}

// idLength is that of a request id, idBatch how many are made at once.
const (
	idLength = 16
	idBatch  = 256
)

// id returns a request id as newID does, at the cost of a part of one.
func (h *fastHandler) id() string {
	if h.ids == "" {
		var b [idBatch * idLength * 5 / 8]byte
		_, _ = rand.Read(b[:]) // never fails, see crypto/rand
		h.ids = idEncoding.EncodeToString(b[:])
	}
	id := h.ids[:idLength]
	h.ids = h.ids[idLength:]
	return id
}

// done counts and logs a request that was answered on the loop.
func (h *fastHandler) done(x *exchange) {
	h.last = time.Now() // the next one's beginning too, unless the loop waits
	took := h.last.Sub(x.f.Received)
	h.count(x, took)
	switch {
	case h.log.json && x.out.Reason != reason.Unforeseen:
		h.text = appendAccess(h.text, h.last, x.f, &x.who, &x.out, took)
	case h.log.wants(&x.out):
		h.lines = append(h.lines, logged{*x.f, x.who, x.out, took})
	}
	if len(h.lines) >= logLines || len(h.text) >= logText || len(h.lines) > 0 && len(h.text) > 0 { // in their order
		h.giveLines()
	}
}

// Tick is told that the loop is about to wait.
func (h *fastHandler) Tick() {
	h.last = time.Time{}
	h.giveLines()
	if h.records != nil {
		h.records.Flush()
	}
}

// giveLines gives gathered lines to the log.
func (h *fastHandler) giveLines() {
	if len(h.lines)+len(h.text) == 0 {
		return
	}
	h.log.put(logBatch{text: h.text, lines: h.lines})
	h.lines, h.text = nil, h.log.text()
}

// count is metrics.done with counters that were looked up before.
func (h *fastHandler) count(x *exchange, took time.Duration) {
	method, status := 0, x.out.Status
	if x.f.Method == http.MethodHead {
		method = 1
	}
	if status >= len(h.counts[0]) || x.out.Result == request.Aborted {
		h.s.metrics.done(x.f, x.out, took)
		return
	}
	c := &h.counts[method][status]
	if *c == nil {
		*c = h.s.metrics.requestsOf(x.f, x.out)
	}
	(*c).Inc()
	h.seconds.Observe(took.Seconds())
	if x.out.Bytes > 0 {
		h.bytes.Add(float64(x.out.Bytes))
	}
	if x.out.Reason == "" {
		return
	}
	r := h.reasons[x.out.Reason]
	if r == nil {
		r = h.s.metrics.refusalOf(x.out.Reason)
		h.reasons[x.out.Reason] = r
	}
	r.Inc()
}

// HandOver gives a connection to net/http.
func (h *fastHandler) HandOver(c lane.Handed) {
	at := h.endpoints[c.Listener]
	if c.Wire == nil {
		h.feed.give(h.s.newConn(c.Conn, at, h.room, c.Unread))
		return
	}
	c.Wire.Release(h.s.newConn(c.Conn, at, h.room, nil))
	h.feed.give(&tlsRest{c.Wire.TLS(), c.Unread})
}

// dateField is the Date header of the current second.
type dateField struct {
	second int64
	text   string
}

func (d *dateField) at(now time.Time) string {
	if s := now.Unix(); s != d.second || d.text == "" {
		d.second, d.text = s, now.UTC().Format(http.TimeFormat)
	}
	return d.text
}
