package server

import (
	"errors"
	"net/http"

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

// answer takes one request through the stages, in their order. It is all there is: every lane calls it.
func (s *Server) answer(f *request.Facts, at *endpoint, to reply) (request.Subject, request.Outcome) {
	// Is it for us at all?
	err := s.admit(f, at)

	// NAME. Its refusal is held back: who may ask nothing learns nothing about names.
	a := s.name(f)
	f.Name, f.NameErr = a.name, a.err

	// WHO
	var who request.Subject
	if err == nil {
		who, err = s.stages.who(f)
	}

	// MAY
	var may request.Decision
	if err == nil {
		may, err = s.may(f, who, &a)
	}

	// OPEN
	var o opened
	if err == nil {
		o, err = s.open(f, who, &may, &a)
		defer o.close()
	}

	// RECORD: what was decided, before the first byte.
	if refused := s.stages.record.Decided(f, who, may, err); refused != nil && err == nil {
		err = refused
	}

	// SEND
	var out request.Outcome
	if err == nil {
		out, err = s.send(f, may, &o, to)
	}
	if err != nil {
		out = s.refuse(f, may, a.mount, err, to)
	}

	// RECORD: what became of it.
	s.stages.record.Done(f, who, out)
	return who, out
}

// may asks for the right to what is named, then gives the refusals that do not depend on who asks.
func (s *Server) may(f *request.Facts, who request.Subject, a *asked) (request.Decision, error) {
	mount := ""
	if a.mount != nil {
		mount = a.mount.Name
	}
	d := s.stages.may(f, who, request.Read, mount, a.name)
	if !d.Allowed {
		return d, reason.New(orNoGrant(d.Reason), nil)
	}
	if ok, code := plan.Method(f.Method); !ok {
		return d, reason.New(code, nil)
	}
	return d, f.NameErr
}

func orNoGrant(c reason.Code) reason.Code {
	if c == "" {
		return reason.NoGrant
	}
	return c
}

// refuse answers with an error, by the one table in the root package.
func (s *Server) refuse(f *request.Facts, may request.Decision, m *Mount, err error, to reply) request.Outcome {
	out := request.Outcome{Status: rootbound.Status(err), Reason: reason.Of(err), Cause: err, Result: request.Sent}
	var sendErr error
	if out.Bytes, sendErr = s.sendRefusal(f, may, m, err, to); sendErr != nil {
		out.Result = request.Aborted
	}
	return out
}

func (s *Server) sendRefusal(f *request.Facts, may request.Decision, m *Mount, err error, to reply) (int64, error) {
	if to.started() { // too late for another answer
		return 0, err
	}
	if s.cfg.Site && rootbound.Status(err) == http.StatusNotFound {
		if n, done, err := s.sendNotFoundPage(f, may, m, to); done {
			return n, err
		}
	}
	p := rootbound.RefusalPlan(err, rootbound.RefusalOptions{
		Accept: f.Accept, RequestID: f.ID, Private: may.Private, CrossOrigin: s.cfg.CrossOrigin,
	})
	var pe *planRefusal
	if errors.As(err, &pe) {
		p.Fields = append(p.Fields, pe.fields...)
	}
	return to.plan(&p)
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
