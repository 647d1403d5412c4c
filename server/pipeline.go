package server

import (
	"errors"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/plan"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// stages are the ones that somebody else fills in. All are safe for concurrent use.
type stages struct {
	// who says who asks; an error refuses every name alike, good or bad.
	who func(f *request.Facts) (request.Subject, error)
	// may says whether the subject has the right to a name beneath a mount ("" is the base). It is asked again about
	// the opened file's own name where that differs.
	may func(f *request.Facts, who request.Subject, right request.Right, mount string, n rootbound.Name) request.Decision
	// record keeps who got or was refused what.
	record recorder
}

// recorder is told twice of each request.
type recorder interface {
	// Decided comes before the first byte; refusal is nil where the answer is about to be sent. An error stops it.
	Decided(f *request.Facts, who request.Subject, d request.Decision, refusal error) error
	// Done comes after the last.
	Done(f *request.Facts, who request.Subject, out request.Outcome)
}

func anyone(*request.Facts) (request.Subject, error) { return request.Subject{}, nil }

func everything(*request.Facts, request.Subject, request.Right, string, rootbound.Name) request.Decision {
	return request.Decision{Allowed: true}
}

// noRecord keeps nothing.
type noRecord struct{}

func (noRecord) Decided(*request.Facts, request.Subject, request.Decision, error) error { return nil }
func (noRecord) Done(*request.Facts, request.Subject, request.Outcome)                  {}

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
	// aside has something done by others, which may block; nil does it at once.
	aside func(func())

	asked  asked
	who    request.Subject
	may    request.Decision
	err    error // the refusal so far
	opened opened
	answer *rootbound.Answer
	// fetched says that the reply has read the body of the answer already.
	fetched bool
	out     request.Outcome
	// later says that the reply goes on sending after SEND: what became of it is recorded when that has ended.
	later bool
}

// errWait says that a stage would have to wait for the file system.
var errWait = errors.New("this may block")

// run takes one request through the stages, in their order. It is all there is: every lane calls it, or its two
// parts. False is said only of a quick exchange that must wait: then carry goes on with it.
func (s *Server) run(x *exchange) bool {
	s.decide(x)
	return s.carry(x)
}

// decide is what needs no file system.
func (s *Server) decide(x *exchange) {
	// Is it for us at all?
	x.err = s.admit(x.f, x.at)

	// NAME. Its refusal is held back: who may ask nothing learns nothing about names.
	x.asked = s.name(x.f)
	x.f.Name, x.f.NameErr = x.asked.name, x.asked.err

	// WHO
	if x.err == nil {
		x.who, x.err = s.stages.who(x.f)
	}

	// MAY
	if x.err == nil {
		x.may, x.err = s.mayRead(x)
	}
}

// carry is all the rest.
func (s *Server) carry(x *exchange) bool {
	// OPEN
	if x.err == nil {
		x.err = s.open(x)
	}
	if x.quick && s.mustWait(x) {
		s.closeOpened(x)
		x.err = nil
		return false
	}

	// RECORD: what was decided, before the first byte.
	if refused := s.stages.record.Decided(x.f, x.who, x.may, x.err); refused != nil && x.err == nil {
		x.err = refused
	}

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
	s.stages.record.Done(x.f, x.who, x.out)
}

// mustWait says whether a quick exchange has come to what may block.
func (s *Server) mustWait(x *exchange) bool {
	if x.err == nil {
		return x.opened.list || x.opened.file.loaded != nil && !s.noSiblings(x) || x.opened.file.file != nil && !s.fetch(x)
	}
	return errors.Is(x.err, errWait) || s.hasNotFoundPage(x)
}

// mayRead asks for the right to what is named, then gives the refusals that do not depend on who asks.
func (s *Server) mayRead(x *exchange) (request.Decision, error) {
	mount := ""
	if x.asked.mount != nil {
		mount = x.asked.mount.Name
	}
	d := s.stages.may(x.f, x.who, request.Read, mount, x.asked.name)
	if !d.Allowed {
		return d, reason.New(orNoGrant(d.Reason), nil)
	}
	if ok, code := plan.Method(x.f.Method); !ok {
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
	out := request.Outcome{Status: rootbound.Status(err), Reason: reason.Of(err), Cause: err, Result: request.Sent}
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
	render := func(id string) plan.Plan {
		return rootbound.RefusalPlan(x.err, rootbound.RefusalOptions{
			Accept: x.f.Accept, RequestID: id, Private: x.may.Private, CrossOrigin: s.cfg.CrossOrigin,
		})
	}
	var pe *planRefusal
	if errors.As(x.err, &pe) {
		p := render(x.f.ID)
		p.Fields = append(p.Fields, pe.fields...)
		return x.to.plan(&p)
	}
	if to, ok := x.to.(refuser); ok {
		if n, ok := to.refused(refusalKey{rootbound.Status(x.err), x.f.Accept, x.may.Private}, x.f.ID, render); ok {
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
