package probe

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rootbound/rootbound/internal/finding"
)

// run is one run against one server.
type run struct {
	config   Config
	target   *target
	garden   *garden
	writer   *writer
	hide     private
	report   *finding.Report
	platform string // "unix", "windows" or "any"
	ordinary string // a name that is served, or ""
	body     []byte // what it holds
	hides    bool   // hidden names are refused
	denies   bool   // some of them are
	normal   []*answer

	pace     pace
	asked    atomic.Int64
	planned  atomic.Int64
	silent   atomic.Int64 // requests in a row without an answer
	lost     tally        // all requests without an answer that can be read
	slowed   atomic.Int64 // answers 429
	cancel   context.CancelCauseFunc
	mu       sync.Mutex
	stage    string
	hits     map[hitKey]*hit
	shapes   map[string]map[string][]attempt // class -> how it was answered -> some attempts
	follows  map[string]int
	progress time.Time
}

var errMost = errors.New("the bound on requests is reached")

// ErrUnanswered is why a run is cut short by its server: that nothing was found until then does not say that nothing is there.
var ErrUnanswered = errors.New("the server has stopped answering")

// Run attacks the server and returns its report. Where the run could not begin the error is a *ConfigError, or says what
// failed. A run that was cut short has filled its report, with a note; where it was the server that did not answer any more, the
// error is ErrUnanswered. Whatever was planted is gone when it returns.
func Run(ctx context.Context, c Config, report *finding.Report) (err error) {
	r, err := newRun(ctx, c, report)
	if err != nil {
		return err
	}
	if r.config.Base != "" {
		n, err := Clean(r.config.Journals, r.config.Base)
		if err != nil {
			return err
		}
		if n > 0 {
			r.note("%d things that an earlier run had left behind were removed", n)
		}
	}
	defer func() {
		if cleanErr := r.garden.clean(); cleanErr != nil {
			err = errors.Join(err, fmt.Errorf("not all that was planted could be removed (journal %s): %w", quote(r.garden.journal.path), cleanErr))
		}
	}()
	if err := r.garden.plant(r.config.Journals); err != nil {
		return err
	}
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.cancel = cancel
	if err := r.calibrate(inner); err != nil {
		return err
	}
	r.stages(inner)
	cause := context.Cause(inner)
	r.finish(ctx, cause)
	if ctx.Err() == nil && errors.Is(cause, ErrUnanswered) {
		return cause
	}
	return ctx.Err()
}

func newRun(ctx context.Context, c Config, report *finding.Report) (*run, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	t, err := parseTarget(c.URL)
	if err != nil {
		return nil, err
	}
	t.timeout, t.insecure = c.Timeout, c.Insecure
	if c.Mode == Upload { // what is being stored is stored when it is answered, and is removed then
		t.grace = min(c.Timeout, 5*time.Second)
	}
	if err := t.resolve(ctx, c.Authorized); err != nil {
		return nil, err
	}
	if c.Rate == 0 && !t.loopback {
		c.Rate = 50
	}
	r := &run{
		config: c, target: t, garden: newGarden(&c), writer: newWriter(&c, t.path), hide: newPrivate(&c), report: report,
		hits: map[hitKey]*hit{}, shapes: map[string]map[string][]attempt{}, follows: map[string]int{},
	}
	r.writer.body = r.garden.uploaded()
	r.pace.every = pauseFor(c.Rate)
	return r, nil
}

// stages are all that is tried, in order.
func (r *run) stages(ctx context.Context) {
	var http2 bool
	if r.config.HTTP != "1.1" && r.config.Mode != Upload {
		x := r.target.http2()
		x.timeout = min(x.timeout, 3*time.Second) // a server that knows HTTP/1.1 alone may wait for more
		http2 = x.speaksHTTP2(ctx)
		if !http2 && r.config.HTTP == "2" {
			r.note("the server does not speak HTTP/2, so nothing was asked over it")
		}
	}
	if r.config.Mode == Upload {
		r.uploads(ctx)
		return
	}
	all := r.attempts()
	linked := r.linkAttempts()
	if r.config.HTTP != "2" {
		r.sweep(ctx, "names", all, r.target.http1)
		r.sweep(ctx, "links", linked, r.target.http1)
	}
	if http2 {
		over := func() exchanger { return r.target.http2() }
		r.sweep(ctx, "names over HTTP/2", all, over)
		r.sweep(ctx, "links over HTTP/2", linked, over)
	}
	r.existence(ctx)
	r.timing(ctx)
	r.anchors(ctx)
	r.headerInjection(ctx)
	r.ranges(ctx)
	r.guesses(ctx)
	r.race(ctx)
}

func (r *run) linkAttempts() []attempt {
	n := r.garden.names
	var out []attempt
	if !r.garden.planted {
		return nil
	}
	for i, l := range r.garden.links {
		c := plainCase(l.name)
		c.Class, c.Name = l.class, fmt.Sprintf("%s.%d", l.class, i)
		t := attempt{Case: c, file: n.a, twin: n.b, secret: r.garden.secret, encoding: l.encoding}
		if l.class == "link-hidden" {
			t.secret, t.hidden = r.garden.hidden, true
			if !r.hides {
				continue
			}
		}
		out = append(out, t)
	}
	return out
}

// sweep sends the attempts by several workers and examines what comes back.
func (r *run) sweep(ctx context.Context, stage string, all []attempt, open func() exchanger) {
	r.begin(stage, len(all))
	r.parallel(ctx, len(all), open, func(x exchanger, i int) {
		t := all[i]
		a, err := r.ask(ctx, x, t)
		if err == nil && a != nil {
			r.examine(ctx, x, t, a)
		}
	})
}

// parallel calls f for 0 to n-1, each worker with a connection of its own.
func (r *run) parallel(ctx context.Context, n int, open func() exchanger, f func(x exchanger, i int)) {
	var next atomic.Int64
	var each sync.WaitGroup
	for range min(r.config.Workers, n) {
		each.Go(func() {
			x := open()
			defer x.close()
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				f(x, i)
			}
		})
	}
	each.Wait()
}

func (r *run) begin(stage string, planned int) {
	r.mu.Lock()
	r.stage = stage
	r.mu.Unlock()
	r.planned.Add(int64(planned))
}

// ask writes the attempt and sends it. It returns nothing where the mode cannot carry it.
func (r *run) ask(ctx context.Context, x exchanger, t attempt) (*answer, error) {
	req, ok := r.request(t)
	if !ok {
		r.planned.Add(-1)
		return nil, nil
	}
	return r.send(ctx, x, req)
}

// request is the attempt as it is sent.
func (r *run) request(t attempt) (*request, bool) {
	req, ok := r.writer.write(t.Case)
	if t.Class == "alias" && t.Query == "" { // its target is whole
		req.target, ok = t.Target, true
	}
	encoding := t.encoding
	if encoding == "" {
		encoding = "identity"
	}
	req.headers = append(req.headers, "Accept: */*", "Accept-Encoding: "+encoding)
	return req, ok
}

// How many requests may stay without an answer before the run ends: in a row, and in all. Each costs the whole timeout.
const (
	maxSilent = 24
	maxLost   = 240
)

// send keeps to rate and bounds, and ends the run where the server does not answer any more.
func (r *run) send(ctx context.Context, x exchanger, req *request) (*answer, error) {
	if r.asked.Add(1) > int64(r.config.Most) {
		r.asked.Add(-1)
		r.cancel(errMost)
		return nil, errMost
	}
	if err := r.pace.wait(ctx); err != nil {
		return nil, err
	}
	r.tell()
	a, err := x.do(ctx, req)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		r.unheard(err)
		return nil, err
	case a.late: // what came of it is looked at
		r.unheard(errLate)
		return a, nil
	}
	r.silent.Store(0)
	if a.status == 429 {
		r.slowed.Add(1)
	}
	return a, nil
}

// errLate is an answer that began, and did not end in time.
var errLate = errors.New("the answer did not end within the timeout")

// unheard counts a request that took its time for nothing.
func (r *run) unheard(err error) {
	if lost := r.lost.add(err); r.silent.Add(1) > maxSilent || lost > maxLost {
		r.cancel(fmt.Errorf("%w: %w", ErrUnanswered, err))
	}
}

// tally counts failures and keeps the first.
type tally struct {
	mu    sync.Mutex
	n     int
	first error
}

func (t *tally) add(err error) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n++; t.first == nil {
		t.first = err
	}
	return t.n
}

// tell reports progress at most ten times a second.
func (r *run) tell() {
	if r.config.Progress == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.progress) >= 100*time.Millisecond {
		r.progress = now
		r.config.Progress(Progress{Stage: r.stage, Asked: int(r.asked.Load()), Planned: int(r.planned.Load()), Findings: len(r.hits)})
	}
}

func (r *run) note(format string, args ...any) {
	r.report.Note(finding.Place{}, fmt.Sprintf(format, args...))
}

// finish turns what was hit into findings, and says what was not looked at.
func (r *run) finish(ctx context.Context, cause error) {
	r.report.Count("requests", r.asked.Load())
	switch {
	case r.config.Base == "":
		r.note("without --base no canary was planted: files are recognised only where they are well known, and links, hidden names, races, times and stored uploads were not tried")
	case !r.config.Plant && r.config.Mode != Upload:
		r.note("without --plant nothing was planted in the base directory: links and hidden names were not tried")
	}
	for _, n := range r.garden.notes {
		r.note("%s", n)
	}
	if n := r.slowed.Load(); n > 0 {
		r.note("%d answers were 429: the server slows whoever asks much, and what it did not look at may still leak; --rate asks more slowly", n)
	}
	if n := r.lost.n; n > 0 {
		r.note("%d requests got no whole answer that could be read (%v for one): what they would have shown is not known", n, r.lost.first)
	}
	switch {
	case ctx.Err() != nil:
		r.note("interrupted after %d of %d requests", r.asked.Load(), r.planned.Load())
	case cause != nil:
		r.note("cut short after %d of %d requests: %v", r.asked.Load(), r.planned.Load(), cause)
	}
	r.reportHits()
}

// pace spaces requests out.
type pace struct {
	every time.Duration
	mu    sync.Mutex
	next  time.Time
}

func pauseFor(rate float64) time.Duration {
	if rate <= 0 {
		return 0
	}
	return time.Duration(float64(time.Second) / rate)
}

func (p *pace) wait(ctx context.Context) error {
	if p.every == 0 {
		return ctx.Err()
	}
	p.mu.Lock()
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	at := p.next
	p.next = p.next.Add(p.every)
	p.mu.Unlock()
	select {
	case <-time.After(at.Sub(now)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
