package server

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rootbound/rootbound/internal/hotcache"
	"github.com/rootbound/rootbound/internal/name"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// Server answers on the listeners of its Config. Use each one once.
type Server struct {
	cfg            Config
	base           *Mount            // of the name ""; nil: the top is the list of mounts
	mounts         map[string]*Mount // by name, without the base
	mountNames     []string          // sorted
	hiddenByMounts []name.Glob       // entries of the base that mounts hide
	hosts          []string          // lower case
	stages         stages
	owners         owners
	challenge      string          // of a 401
	guessers       *guessers       // nil: nobody is slowed
	cache          *hotcache.Cache // nil: nothing is kept
	handles        *handles        // nil likewise
	metrics        *metrics
	begun          time.Time
	draining       atomic.Bool
	saidShort      atomic.Int64 // when the operator was told of a shortage last, in Unix seconds
	running        running      // requests in handlers and tasks
	fastMu         sync.Mutex
	fast           *fast // nil where net/http does everything; set by Serve

	endpoints []*endpoint
	files     *http.Server
	admin     *http.Server // nil without an admin listener
	stopOnce  sync.Once
	stopped   chan struct{} // closed when Shutdown has finished
}

// New checks the configuration. Nothing is accepted before Serve; on an error the listeners stay the caller's.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg:     cfg,
		mounts:  map[string]*Mount{},
		stages:  stages{who: anyone, may: everything, record: cfg.Recorder},
		metrics: newMetrics(cfg.Recorder),
		begun:   time.Now(),
		stopped: make(chan struct{}),
	}
	for _, h := range cfg.Hosts {
		s.hosts = append(s.hosts, strings.ToLower(strings.TrimSuffix(h, ".")))
	}
	if cfg.App != nil {
		s.cfg.NoFastLane, s.cfg.CacheSize = true, -1
	} else if err := s.addMounts(); err != nil {
		return nil, err
	}
	s.useAuthn()
	s.useAuthz()
	s.useLinks()
	s.guessers = newGuessers(cfg.GuessLimit)
	if len(cfg.Listeners) == 0 {
		return nil, errors.New("server: no listener: name an address to listen on")
	}
	for _, l := range cfg.Listeners {
		e := newEndpoint(l)
		e.tls = cfg.Certificates != nil
		if err := e.checkPublic(cfg.Public || cfg.App != nil || cfg.Authn != nil || cfg.Links != nil); err != nil {
			return nil, err
		}
		s.endpoints = append(s.endpoints, e)
	}
	if s.cfg.CacheSize > 0 {
		s.cache = hotcache.New(hotcache.Config{Max: cfg.CacheSize, Check: cfg.CacheCheck})
		s.handles = newHandles(cfg.CacheCheck, s.closeFile)
	}
	s.metrics.build.WithLabelValues(cfg.Version).Set(1)
	for part, on := range cfg.Enforced {
		g := s.metrics.sandbox.WithLabelValues(part)
		if on {
			g.Set(1)
		}
	}
	s.files = s.httpServer()
	if cfg.Certificates != nil {
		s.files.TLSConfig = cfg.Certificates.config()
		if cfg.ClientCAs != nil {
			cfg.ClientCAs.askForCertificates(s.files.TLSConfig)
		}
	}
	if cfg.AdminListener != nil {
		s.admin = s.httpServer()
	}
	return s, nil
}

func (s *Server) addMounts() error {
	for i := range s.cfg.Mounts {
		m := &s.cfg.Mounts[i]
		if m.Dir == nil {
			return fmt.Errorf("server: mount %q has no directory", m.Name)
		}
		if s.mounts[m.Name] != nil || m.Name == "" && s.base != nil {
			return fmt.Errorf("server: two mounts have the name %q", m.Name)
		}
		if m.Name == "" {
			s.base = m
			continue
		}
		if name.Local(m.Name) != nil || strings.ContainsRune(m.Name, '/') || m.Name == name.ReservedFirst {
			return fmt.Errorf("server: the mount name %q must be a single element, and not %q", m.Name, name.ReservedFirst)
		}
		s.mounts[m.Name] = m
		s.mountNames = append(s.mountNames, m.Name)
		if g, err := name.ParseGlob("/" + strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]").Replace(m.Name)); err == nil {
			s.hiddenByMounts = append(s.hiddenByMounts, g)
		}
	}
	if len(s.cfg.Mounts) == 0 {
		return errors.New("server: nothing to serve: name a directory")
	}
	slices.Sort(s.mountNames)
	return nil
}

func (s *Server) httpServer() *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true) // over TLS alone
	return &http.Server{
		Handler:                      http.HandlerFunc(s.serve),
		DisableGeneralOptionsHandler: true,
		ReadHeaderTimeout:            readHeaderTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeaderBytes,
		ErrorLog:                     log.New(errorLog{s.cfg.Log}, "", 0),
		Protocols:                    &protocols,
		HTTP2:                        &http.HTTP2Config{CountError: func(string) { s.metrics.refusal(reason.MalformedHTTP) }},
		ConnState:                    connState,
		ConnContext: func(ctx context.Context, nc net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, watched(nc))
		},
	}
}

// connKey finds a request's connection in its context.
type connKey struct{}

// serve is the net/http lane: from a request to its facts, through the stages, to the log.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.running.begin()
	defer s.running.end()
	s.metrics.inFlight.Inc()
	defer s.metrics.inFlight.Dec()
	c, _ := r.Context().Value(connKey{}).(*conn)
	c.state.Store(connHandled)
	switch {
	case s.cfg.App != nil:
		r.Body = s.pacedBody(w, r)
	case r.ContentLength != 0:
		// Nobody reads the body, but for a form; a client may not hold the connection by sending it slowly.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(readHeaderTimeout))
	}
	to := &httpReply{ctx: r.Context(), w: &writer{ResponseWriter: w}, head: r.Method == http.MethodHead}
	if r.ProtoMajor > 1 {
		to.w.pace = &streamPace{ctl: http.NewResponseController(w), quota: int(c.pace.quota()), window: c.pace.window, pauses: s.cfg.App != nil}
	}
	x := &exchange{f: s.facts(r, c.at), at: c.at, to: to, body: r.Body, kind: r.Header.Get("Content-Type")}
	answer := (*Server).all
	if s.cfg.App != nil {
		answer = func(s *Server, x *exchange) bool {
			if !s.own(x) {
				s.app(x, to.w, r)
				endBody(w, r, &x.out)
			}
			return true
		}
	}
	s.guarded(x, answer)
	took := time.Since(x.f.Received)
	s.metrics.done(x.f, x.out, took)
	s.logAccess(x.f, x.who, x.out, took)
	if x.out.Result == request.Aborted {
		panic(http.ErrAbortHandler) // so that the client cannot take it for complete
	}
}

// app has the application answer.
func (s *Server) app(x *exchange, w http.ResponseWriter, r *http.Request) {
	x.out = s.cfg.App.Serve(w, r, x.f, func(d request.Decision, refusal error) error {
		x.may, x.err = d, refusal
		s.decided(x)
		return x.err
	})
	if !x.recorded { // there was nobody left to answer
		x.err = x.out.Cause
		s.decided(x)
	}
	s.recordDone(x)
}

// all answers a request, be it for the server's own pages.
func (s *Server) all(x *exchange) bool { return s.own(x) || s.run(x) }

// guarded turns a panic into what every unforeseen error is: the 404, with the cause in the log.
func (s *Server) guarded(x *exchange, stages func(*Server, *exchange) bool) (done bool) {
	defer func() {
		if v := recover(); v != nil {
			x.err = reason.New(reason.Unforeseen, fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
			x.may, x.asked.mount, x.later = request.Decision{}, nil, false
			s.decided(x)
			x.out = s.refuse(x)
			s.finish(x)
			done = true
		}
	}()
	return stages(s, x)
}

// Serve accepts and answers until ctx is done or Shutdown is called, then finishes what is running within
// Config.Grace. It closes the listeners. Its error is that of a listener that failed.
func (s *Server) Serve(ctx context.Context) error {
	room := &places{max: int64(s.cfg.MaxConns)}
	rest := s.beginFast(room)
	errs, n := make(chan error, len(s.endpoints)+2), len(rest)
	for _, e := range rest {
		go func() { errs <- s.serveOn(s.files, e, room) }()
	}
	if s.fast != nil {
		n += 1 + s.fast.serveTLS(errs)
		go func() { errs <- s.files.Serve(s.fast.listener()) }()
	}
	if s.admin != nil {
		e := newEndpoint(s.cfg.AdminListener)
		e.admin = true
		n++
		go func() { errs <- s.serveOn(s.admin, e, &places{max: maxAdminConns}) }()
	}
	var failed error
	select {
	case failed = <-errs:
		n--
	case <-ctx.Done():
	case <-s.stopped:
	}
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Grace)
	defer cancel()
	stopErr := s.Shutdown(stopCtx)
	for range n {
		<-errs
	}
	if s.fast != nil {
		s.fast.flush()
	}
	s.cache.Close()
	s.handles.close()
	if failed != nil && !errors.Is(failed, http.ErrServerClosed) {
		return failed
	}
	if errors.Is(stopErr, context.DeadlineExceeded) {
		s.cfg.Log.Warn("downloads were cut: they did not end within the grace time", "grace", s.cfg.Grace)
	}
	return nil
}

// beginFast starts the fast lane, unless Shutdown was called already, and returns the endpoints that are not its.
func (s *Server) beginFast(room *places) []*endpoint {
	s.fastMu.Lock()
	defer s.fastMu.Unlock()
	if s.draining.Load() {
		return s.endpoints
	}
	quick, rest := s.fastEndpoints()
	if s.fast = s.startFast(quick, room); s.fast == nil {
		return s.endpoints
	}
	return rest
}

func (s *Server) serveOn(hs *http.Server, e *endpoint, room *places) error {
	l := s.newLimiter(e, room)
	defer l.spare.giveAll()
	var err error
	if e.tls {
		err = hs.ServeTLS(l, "", "")
	} else {
		err = hs.Serve(l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return e.failed(err)
}

// Shutdown stops accepting, says so at /-/readyz, waits for running downloads until ctx is done, and cuts the rest.
// Its error is ctx's where something was cut. The admin listener goes last.
func (s *Server) Shutdown(ctx context.Context) error {
	var err error
	s.stopOnce.Do(func() {
		s.fastMu.Lock()
		s.draining.Store(true)
		s.fastMu.Unlock()
		fastErr := make(chan error, 1)
		go func() {
			if s.fast == nil {
				fastErr <- nil
				return
			}
			fastErr <- s.fast.stop(ctx)
		}()
		err = s.files.Shutdown(ctx)
		if err != nil {
			_ = s.files.Close()
		}
		err = errors.Join(err, <-fastErr)
		s.running.wait(cutTime)
		if s.admin != nil {
			_ = s.admin.Close()
		}
		close(s.stopped)
	})
	<-s.stopped
	return err
}
