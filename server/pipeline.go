package server

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/plan"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
	"github.com/rootbound/rootbound/link"
)

// stages are the ones that somebody else fills in. All are safe for concurrent use.
type stages struct {
	// who says who asks; an error refuses every name alike, good or bad. Without wait it never blocks, and answers
	// errWait where it would have to.
	who func(f *request.Facts, wait bool) (request.Subject, error)
	// may says whether the subject has the right to a name beneath a mount ("" is the base). It is asked again about
	// the opened file's own name where that differs.
	may func(f *request.Facts, who request.Subject, right request.Right, mount string, n rootbound.Name) request.Decision
	// record keeps who got or was refused what.
	record Recorder
}

func anyone(*request.Facts, bool) (request.Subject, error) { return request.Subject{}, nil }

func everything(*request.Facts, request.Subject, request.Right, string, rootbound.Name) request.Decision {
	return request.Decision{Allowed: true}
}

// noRecord keeps nothing.
type noRecord struct{}

func (noRecord) Decided(time.Time, *request.Facts, request.Subject, request.Decision, error) error {
	return nil
}
func (noRecord) Done(time.Time, *request.Facts, request.Subject, request.Outcome) {}
func (noRecord) Waits() bool                                                      { return false }
func (noRecord) Gather() request.Gatherer                                         { return nil }
func (noRecord) Stats() request.RecordStats                                       { return request.RecordStats{} }

// exchange is one request on its way through the stages. It belongs to one goroutine at a time.
type exchange struct {
	f  *request.Facts
	at *endpoint
	to reply
	// quick says that nothing may block: where something would, OPEN gives up with errWait, and carry is called again
	// where it may.
	quick bool

	// shares says that the reply never moves a file's offset, so that an open file may be others' too.
	shares bool
	// aside has something done by others, which may block; nil is a goroutine.
	aside func(func())

	// body is what was posted to one of the server's own pages, nil where nothing was; kind is its Content-Type.
	body io.Reader
	kind string

	asked asked
	who   request.Subject
	may   request.Decision
	// mayRead says that what is named may be read, should it be a file of just that name.
	mayRead bool
	err     error // the refusal so far
	status  int   // of err, when it is answered
	opened  opened
	answer  *rootbound.Answer
	// link is the signed link that the request is by; badLink says that it has one that does not hold.
	link    *link.Link
	badLink bool
	// owner is by whose right the link gives; anonymous where it is nobody's.
	owner request.Subject
	// subBase is that of the directory that the link is to, where it was opened.
	subBase *rootbound.Dir
	// fetched says that the reply has read the body of the answer already.
	fetched bool
	out     request.Outcome
	// undecided says that WHO must wait: decide is to be called again where it may.
	undecided bool
	// slowed says the same for another reason: who asks has guessed much.
	slowed bool
	// recorded says that the decision was.
	recorded bool
	// gather is told in the record's place, where that is not nil.
	gather request.Gatherer
	// later says that the reply goes on sending after SEND: what became of it is recorded when that has ended.
	later bool
}

// errWait says that a stage would have to wait for the file system.
var errWait = errors.New("this may block")

// run takes one request through the stages, in their order. It is all there is: every lane calls it, or its two
// parts. False is said only of a quick exchange that must wait: then carry goes on with it.
func (s *Server) run(x *exchange) bool {
	return s.decide(x) && s.carry(x)
}

// decide is what needs no file system. False is said only of a quick exchange that must wait for WHO.
func (s *Server) decide(x *exchange) bool {
	// Is it for us at all?
	x.err = s.admit(x.f, x.at)

	// NAME. Its refusal is held back: who may ask nothing learns nothing about names.
	x.asked = s.name(x.f)
	x.f.Name, x.f.NameErr, x.f.Asked = x.asked.name, x.asked.err, x.asked.text
	if x.asked.mount != nil {
		x.f.Mount = x.asked.mount.Name
	}

	// WHO
	if x.err == nil {
		x.err = s.takeLink(x)
	}
	if x.err == nil {
		x.who, x.err = s.whoAsks(x)
	}
	if x.undecided = x.quick && x.err == errWait; x.undecided {
		x.err = nil
		return false
	}

	// Is it somebody who guesses names? Then it learns nothing more about any, good or bad.
	if x.err == nil && s.unknown(x) {
		var pause time.Duration
		pause, x.err = s.guessers.judge(x.f)
		if x.slowed = x.quick && pause > 0; x.slowed {
			return false
		}
		s.guessers.sleep(pause)
	}

	// MAY
	if x.err == nil {
		x.may, x.err = s.mayBegin(x)
	}
	if x.f.SetCookie != "" { // for this client alone, whatever the answer
		x.to.setCookie(x.f.SetCookie)
		x.may.Private = true
	}
	return true
}

// unknown says whether nobody is known to ask: neither a credential nor a link came along.
func (s *Server) unknown(x *exchange) bool {
	return x.who.Anonymous() && x.link == nil && s.cfg.App == nil
}

// carry is all the rest.
func (s *Server) carry(x *exchange) bool {
	decided := x.err
	// OPEN
	if x.err == nil {
		x.err = s.open(x)
	}
	if x.err == nil {
		x.err = s.claim(x)
	}
	if x.quick && s.mustWait(x) {
		s.closeOpened(x)
		x.err = decided // what was refused stays refused
		return false
	}

	// RECORD: what was decided, before the first byte.
	s.decided(x)

	// SEND
	if x.err == nil {
		x.out, x.err = s.send(x)
	}
	if x.err != nil {
		x.later = false
		x.out = s.refuse(x)
	}

	// RECORD: what became of it.
	if !x.later {
		s.finish(x)
	}
	return true
}

// finish lets go of what was opened and records what became of the answer.
func (s *Server) finish(x *exchange) {
	s.closeOpened(x)
	s.leaveLink(x)
	s.recordDone(x)
}

// decided records the decision, once. Where no record can be kept that must be, it becomes the refusal.
func (s *Server) decided(x *exchange) {
	if x.recorded {
		return
	}
	x.recorded = true
	if err := s.recorder(x).Decided(x.now(), x.f, x.who, x.may, x.err); err != nil && x.err == nil && !x.f.Own {
		x.err = err
	}
}

func (s *Server) recordDone(x *exchange) { s.recorder(x).Done(x.now(), x.f, x.who, x.out) }

// recorder is who is told of an exchange.
func (s *Server) recorder(x *exchange) request.Recorder {
	if x.gather != nil {
		return x.gather
	}
	return s.stages.record
}

// now is the time for the record: a quick exchange is answered at once.
func (x *exchange) now() time.Time {
	if x.quick {
		return x.f.Received
	}
	return time.Now()
}

// mustWait says whether a quick exchange has come to what may block.
func (s *Server) mustWait(x *exchange) bool {
	if x.err == nil {
		return s.stages.record.Waits() || x.opened.list || x.opened.file.loaded != nil && !s.noSiblings(x) || x.opened.file.file != nil && !s.fetch(x)
	}
	return x.err == errWait || s.hasNotFoundPage(x)
}

// mayBegin asks for a right to what is named, then gives the refusals that do not depend on who asks.
func (s *Server) mayBegin(x *exchange) (request.Decision, error) {
	d := s.mayAny(x)
	if !d.Allowed {
		return d, reason.New(orNoGrant(d.Reason), nil)
	}
	if ok, code := plan.Method(x.f.Method); !ok && !x.answersLink() {
		return d, reason.New(code, nil)
	}
	return d, x.f.NameErr
}

func orNoGrant(c reason.Code) reason.Code {
	if c == "" {
		return reason.NoGrant
	}
	return c
}

// refuse answers with x.err, by the one table in the root package.
func (s *Server) refuse(x *exchange) request.Outcome {
	err := x.err
	if asks, ok := err.(*linkAsks); ok {
		return s.sendAsks(x, asks)
	}
	x.status = rootbound.Status(err)
	if x.status == http.StatusNotFound && !x.f.Own && s.unknown(x) {
		s.guessers.missed(x.f)
	}
	out := request.Outcome{Status: x.status, Reason: reason.Of(err), Cause: err, Result: request.Sent}
	var sendErr error
	if out.Bytes, sendErr = s.sendRefusal(x); sendErr != nil {
		out.Result = request.Aborted
	}
	return out
}

func (s *Server) sendRefusal(x *exchange) (int64, error) {
	if x.to.started() { // too late for another answer
		return 0, x.err
	}
	if s.hasNotFoundPage(x) {
		if n, done, err := s.sendNotFoundPage(x); done {
			return n, err
		}
	}
	wait, signIn := retryAfter(x.err), s.signInAt(x)
	render := func(id string) plan.Plan {
		return rootbound.RefusalPlan(x.err, rootbound.RefusalOptions{
			Accept: x.f.Accept, RequestID: id, Private: s.private(x), CrossOrigin: s.cfg.CrossOrigin,
			Challenge: s.challenge, SignIn: signIn, RetryAfter: wait,
		})
	}
	if pe, ok := x.err.(*planRefusal); ok {
		p := render(x.f.ID)
		p.Fields = append(p.Fields, pe.fields...)
		return x.to.plan(&p)
	}
	if to, ok := x.to.(refuser); ok && signIn == "" {
		if n, ok := to.refused(refusalKey{x.status, x.f.Accept, s.private(x), wait}, x.f.ID, render); ok {
			return n, nil
		}
	}
	p := render(x.f.ID)
	return x.to.plan(&p)
}

// refuser is a reply that keeps refusals it has rendered: those of one key differ in their request id alone.
type refuser interface {
	refused(k refusalKey, id string, render func(id string) plan.Plan) (int64, bool)
}

// refusalKey is what a refusal depends on beside its request id.
type refusalKey struct {
	status  int
	accept  string
	private bool
	wait    int // seconds
}

// planRefusal is a refusal by the plan (412, 416) with the fields that its status wants.
type planRefusal struct {
	error
	fields []plan.Field
}

func (e *planRefusal) Unwrap() error { return e.error }

func refusedByPlan(p *plan.Plan) error {
	e := &planRefusal{error: reason.New(p.Reason, nil)}
	for _, f := range p.Fields {
		if f.Name == "Content-Range" || f.Name == "Accept-Ranges" {
			e.fields = append(e.fields, f)
		}
	}
	return e
}
