package server

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rootbound/rootbound/internal/lane"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// fastTask is the rest of an exchange that could not be answered on the loop.
type fastTask struct {
	h     *fast
	x     exchange
	facts request.Facts
	reply fastReply
	pool  *lane.Pool // nil where nothing blocks
	home  *workers   // for what may
	begun bool
	ended bool
	// sending says that Run came as far as the connection, late that no worker had time.
	sending, late bool
}

// task makes one of the handler's exchange: what OPEN must do yet, or what is on its way from memory.
func (h *fastHandler) task() lane.Task {
	t := &fastTask{h: h.fast, x: h.x, facts: h.facts, reply: h.reply, home: h.workers[h.x.asked.mount]}
	t.own()
	if t.x.gather != nil && t.x.recorded {
		t.x.gather.Flush() // others tell the end of it
	}
	t.x.gather = nil
	t.reply.scratch, t.reply.refusals = nil, nil // the loop's
	t.x.f, t.x.to, t.x.quick, t.x.aside = &t.facts, &t.reply, false, nil
	if h.x.later {
		t.begun = true
		t.reply.buf = append([]byte(nil), h.reply.buf[h.reply.from:]...)
	} else {
		t.pool = t.home.opens
		switch {
		case h.x.undecided:
			t.pool = h.hashing
		case h.x.slowed:
			t.pool, t.x.undecided = h.slowing, true
		}
		t.reply.buf = nil
	}
	h.s.running.begin()
	h.s.metrics.inFlight.Inc()
	return t
}

// own copies the texts of the request: a download may take hours, and they keep more alive than themselves.
func (t *fastTask) own() {
	p := &t.facts.Plan
	for _, s := range []*string{
		&t.facts.ID, &t.facts.Target, &t.facts.Shown, &t.facts.Asked, &t.facts.Host, &t.facts.Authorization, &t.facts.Cookie, &t.facts.FetchMode, &t.facts.Agent, &t.facts.Accept,
		&p.IfMatch, &p.IfNoneMatch, &p.IfModifiedSince, &p.IfUnmodifiedSince, &p.IfRange, &p.Range, &p.AcceptEncoding, &p.WantReprDigest,
	} {
		*s = strings.Clone(*s)
	}
	if t.x.link != nil {
		l := t.x.link.Clone()
		t.x.link = &l
	}
}

func (t *fastTask) Pool() *lane.Pool { return t.pool }

// Run decides what to send when it is run first, and then sends as much as the client takes. What is in memory as a
// whole counts as sent before it is, as with net/http's buffer.
func (t *fastTask) Run(k *lane.Socket) lane.State {
	if t.late && t.sending && !t.ended {
		t.end(t.tooLate("send"))
		return lane.Broken
	}
	if t.x.undecided && !t.late {
		if t.decide(); !t.begun {
			return lane.Yield // others open
		}
	}
	if !t.begun {
		t.begin()
		if t.pool != nil {
			return lane.Yield // others begin here
		}
	}
	t.sending = true
	state, err := t.send(k)
	switch {
	case err == errElsewhere:
		t.pool = t.home.reads
	case t.pool != nil && (state == lane.Blocked || state == lane.Yield) && t.reply.stream.toLoop():
		t.pool = nil
	}
	if state == lane.Blocked || state == lane.Yield {
		return state
	}
	t.end(err)
	if t.x.out.Result == request.Aborted {
		return lane.Broken
	}
	return state
}

// decide is what the loop could not: a password is hashed.
func (t *fastTask) decide() {
	t.x.undecided, t.pool = false, t.home.opens
	well := false
	t.h.s.guarded(&t.x, func(s *Server, x *exchange) bool {
		well = s.decide(x)
		return well
	})
	if !well { // it is answered
		t.begun, t.pool = true, nil
		t.end(nil)
	}
}

func (t *fastTask) begin() {
	t.begun = true
	t.h.s.guarded(&t.x, t.stages())
	if !t.x.later {
		t.end(nil)
	}
	t.pool = nil
	if st := t.reply.stream; st != nil && st.file != nil && !st.toLoop() {
		t.pool = t.home.reads
	}
}

// Late has the client told to come back; where the answer is on its way already it breaks off.
func (t *fastTask) Late() {
	t.pool, t.late = nil, true
	if t.sending {
		return
	}
	x := &t.x
	t.h.s.closeOpened(x)
	t.begun, x.later = false, false
	t.reply = fastReply{head: t.reply.head, close: t.reply.close, date: t.reply.date, cookies: t.reply.cookies}
	x.err = t.tooLate("open")
}

func (t *fastTask) tooLate(op string) error {
	short := reason.ShortOpens
	if t.x.undecided {
		short = reason.ShortHashing
	}
	return &fs.PathError{Op: op, Path: t.facts.Name.String(), Err: reason.New(short, nil)}
}

// stages are those that were not asked on the loop.
func (t *fastTask) stages() func(*Server, *exchange) bool {
	if !t.late && strings.HasPrefix(t.facts.Target, ownPrefix) {
		return (*Server).all
	}
	return (*Server).carry
}

// send hands over what is in memory and then the stream.
func (t *fastTask) send(k *lane.Socket) (lane.State, error) {
	for _, b := range []*[]byte{&t.reply.buf, &t.reply.body} {
		if len(*b) == 0 {
			continue
		}
		n, again, err := k.Send(*b, t.reply.stream != nil)
		*b = (*b)[n:]
		switch {
		case err != nil:
			return lane.Broken, writeError(err)
		case again:
			return lane.Blocked, nil
		}
		*b = nil
	}
	if t.reply.stream == nil {
		return lane.Done, nil
	}
	return t.reply.stream.send(k)
}

// writeError is an error of a connection as package net would tell it.
func writeError(err error) error {
	if _, ok := err.(unix.Errno); ok {
		return &net.OpError{Op: "write", Net: "tcp", Err: os.NewSyscallError("write", err)}
	}
	return err
}

// End is told that the connection ended before the answer did.
func (t *fastTask) End(cause error) {
	if errors.Is(cause, lane.ErrSlow) {
		cause = errSlow
	}
	t.end(writeError(cause))
}

// end records what became of the answer, once.
func (t *fastTask) end(err error) {
	if t.ended {
		return
	}
	t.ended = true
	s, x := t.h.s, &t.x
	if st := t.reply.stream; st != nil {
		x.out.Bytes += st.sent
	}
	if x.later || !t.begun {
		if err != nil {
			x.out.Result, x.out.Cause, x.out.Reason = request.Aborted, err, abortReason(err)
		}
		s.finish(x)
	}
	took := time.Since(x.f.Received)
	s.metrics.done(x.f, x.out, took)
	if t.h.log.wants(&x.out) {
		t.h.log.put(logBatch{lines: []logged{{*x.f, x.who, x.out, took}}})
	}
	s.metrics.inFlight.Dec()
	s.running.end()
}
