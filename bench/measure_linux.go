package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// sample is one measurement of one server.
type sample struct {
	value     float64 // in the row's unit
	perSecond float64 // requests, for information
	kernel    float64 // share of the CPU time spent in the kernel
	busy      float64 // share of the time for which the server used its core
	fast      float64 // share of the requests that the fast lane answered
	noise     float64 // share of the core that others used meanwhile
}

// window measures a server while do runs, which returns how many requests that were.
func (b *bench) window(s *server, do func() (float64, error)) (sample, error) {
	lanes, err := b.lanes(s)
	if err != nil {
		return sample{}, err
	}
	before, err := s.usage(b.serverCore)
	if err != nil {
		return sample{}, err
	}
	requests, err := do()
	if err != nil {
		return sample{}, err
	}
	after, err := s.usage(b.serverCore)
	if err != nil {
		return sample{}, err
	}
	wall, cpu := after.at.Sub(before.at), after.cpu-before.cpu
	others := time.Duration(after.core-before.core)*tick - cpu
	result := sample{
		value:     float64(cpu.Nanoseconds()) / 1e3 / requests,
		perSecond: requests / wall.Seconds(),
		busy:      cpu.Seconds() / wall.Seconds(),
		noise:     max(0, others.Seconds()/wall.Seconds()),
	}
	if ticks := after.user + after.system - before.user - before.system; ticks > 0 {
		result.kernel = float64(after.system-before.system) / float64(ticks)
	}
	result.fast, err = lanes()
	return result, err
}

// lanes looks at what rootbound counts, and returns what gives the fast lane's
// share of all it answered since. For other servers that is 0.
func (b *bench) lanes(s *server) (func() (float64, error), error) {
	if s.name != ours {
		return func() (float64, error) { return 0, nil }, nil
	}
	// Whether the page counts itself shows when it is asked for twice.
	_, first, err := s.laneCounts()
	if err != nil {
		return nil, err
	}
	fast, all, err := s.laneCounts()
	if err != nil {
		return nil, err
	}
	own := all - first
	return func() (float64, error) {
		fastNow, allNow, err := s.laneCounts()
		if err != nil {
			return 0, err
		}
		if allNow-all-own <= 0 {
			return 0, fmt.Errorf("%s has counted no request: %v before, %v after", s.name, all, allNow)
		}
		return (fastNow - fast) / (allNow - all - own), nil
	}, nil
}

func (s *server) laneCounts() (fast, all float64, err error) {
	resp, page, err := s.get("-/metrics")
	if err != nil {
		return 0, 0, err
	}
	if resp.StatusCode != 200 {
		return 0, 0, fmt.Errorf("%s answers %s to /-/metrics", s.name, resp.Status)
	}
	return parseLanes(string(page))
}

func parseLanes(page string) (fast, all float64, err error) {
	for line := range strings.SplitSeq(page, "\n") {
		labels, found := strings.CutPrefix(line, "rootbound_requests_total{")
		if !found {
			continue
		}
		labels, value, _ := strings.Cut(labels, "} ")
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("metrics: %q: %w", line, err)
		}
		all += n
		if strings.Contains(labels, `lane="fast"`) {
			fast += n
		}
	}
	return fast, all, nil
}

// prepare makes a row's requests for one server. The first time it also
// compares the bytes of an answer with the file's.
func (b *bench) prepare(r *row, s *server) (j job, first bool, err error) {
	if j, err = r.job(b, s); err != nil {
		return j, false, err
	}
	key := r.name + " " + s.log
	if first = !b.seen[key]; !first || j.name == "" {
		b.seen[key] = true
		return j, first, nil
	}
	want, err := os.ReadFile(filepath.Join(b.files.base, j.name))
	if err != nil {
		return j, first, err
	}
	resp, got, err := s.get(j.name)
	if err != nil {
		return j, first, err
	}
	if resp.StatusCode != 200 || !bytes.Equal(want, got) {
		return j, first, fmt.Errorf("%s: %s with %d bytes, which are not those of the file", j.name, resp.Status, len(got))
	}
	b.seen[key] = true
	return j, first, nil
}

func measureKeepAlive(b *bench, r *row, s *server) (sample, error) {
	return b.measureLoad(r, s, &work{})
}

func measureFresh(b *bench, r *row, s *server) (sample, error) {
	return b.measureLoad(r, s, &work{fresh: true})
}

// measureLoad measures requests of the row after a tenth as many that are not
// measured. A server that is new to them is first asked for each once.
func (b *bench) measureLoad(r *row, s *server, w *work) (sample, error) {
	j, first, err := b.prepare(r, s)
	if err != nil {
		return sample{}, err
	}
	n := b.count(r.n)
	if s.name != ours && s.name != nginxSafe && s.name != nginxStrict {
		n = max(1, n/3) // no bound is about them
	}
	w.requests, w.want, w.connections = j.requests, j.want, min(r.connections, n)
	warm := max(n/10, 1)
	if first {
		w.inOrder, warm = true, max(warm, len(j.requests))
	}
	addr, err := s.sockaddr()
	if err != nil {
		return sample{}, err
	}
	l, err := newLoad(addr, w)
	if err != nil {
		return sample{}, err
	}
	defer l.close()
	if err := l.run(warm); err != nil {
		return sample{}, fmt.Errorf("warming up: %w", err)
	}
	w.inOrder = false
	return b.window(s, func() (float64, error) { return float64(n), l.run(n) })
}

// measureLatency asks for a small file from some connections while others
// download large ones without end.
func measureLatency(b *bench, r *row, s *server) (sample, error) {
	j, _, err := b.prepare(r, s)
	if err != nil {
		return sample{}, err
	}
	name, err := b.files.hot(large)
	if err != nil {
		return sample{}, err
	}
	addr, err := s.sockaddr()
	if err != nil {
		return sample{}, err
	}
	small := &work{requests: j.requests, want: j.want, connections: r.connections, timed: true}
	downloads := &work{requests: [][]byte{request(s, "/"+name)}, want: expectation{[]int{200}, large}, connections: 16}
	l, err := newLoad(addr, small, downloads)
	if err != nil {
		return sample{}, err
	}
	defer l.close()
	n := b.count(r.n)
	if err := l.run(max(n/10, 1)); err != nil {
		return sample{}, err
	}
	small.latency = nil
	result, err := b.window(s, func() (float64, error) { return float64(n), l.run(n) })
	if err != nil {
		return sample{}, err
	}
	result.value = float64(small.percentile(0.99).Nanoseconds()) / 1e3
	return result, downloads.verdict()
}

func measureWrk(b *bench, r *row, s *server) (sample, error) {
	return b.measureTool(r, s, func(url string) (float64, error) {
		return untilCounted(b.seconds(r.n), func(seconds int) (float64, error) {
			got, err := b.wrk(url, r.connections, seconds)
			return float64(got.Requests), err
		})
	})
}

// measureWrkBytes counts bytes, because a large part of them belongs to answers
// that the end of the time cuts off.
func measureWrkBytes(b *bench, r *row, s *server) (sample, error) {
	return b.measureTool(r, s, func(url string) (float64, error) {
		return untilCounted(b.seconds(r.n), func(seconds int) (float64, error) {
			got, err := b.wrk(url, r.connections, seconds)
			return float64(got.Bytes) / large, err
		})
	})
}

// untilCounted loads for longer until something was answered: beside a machine's other work a second can be too short for
// that, and what was done for nothing has no cost a request.
func untilCounted(seconds int, load func(seconds int) (float64, error)) (float64, error) {
	for ; ; seconds *= 2 {
		n, err := load(seconds)
		switch {
		case err != nil || n > 0:
			return n, err
		case seconds > 30:
			return 0, fmt.Errorf("nothing was answered within %d seconds", seconds)
		}
	}
}

func measureH2(b *bench, r *row, s *server) (sample, error) {
	n := b.count(r.n)
	return b.measureTool(r, s, func(url string) (float64, error) { return float64(n), b.h2load(url, n) })
}

func (b *bench) measureTool(r *row, s *server, load func(url string) (float64, error)) (sample, error) {
	j, _, err := b.prepare(r, s)
	if err != nil {
		return sample{}, err
	}
	return b.window(s, func() (float64, error) { return load(s.url(j.name)) })
}

// memoryOver measures how much more memory a new server holds after do than
// after a few requests.
func (b *bench) memoryOver(r *row, s *server, do func(job, *unix.SockaddrInet4) error) (sample, error) {
	j, _, err := b.prepare(r, s)
	if err != nil {
		return sample{}, err
	}
	addr, err := s.sockaddr()
	if err != nil {
		return sample{}, err
	}
	before, err := s.memory()
	if err != nil {
		return sample{}, err
	}
	var after int64
	result, err := b.window(s, func() (float64, error) {
		if err := do(j, addr); err != nil {
			return 0, err
		}
		after, err = s.memory()
		return float64(b.count(r.n)), err
	})
	result.value = float64(after-before) / 1e6
	// The time includes that of looking at the memory.
	result.perSecond, result.busy = 0, 0
	return result, err
}

// measureIdle opens connections, has each fetch a file, and leaves them open.
func measureIdle(b *bench, r *row, s *server) (sample, error) {
	var held []*conn
	defer func() {
		for _, c := range held {
			c.close()
		}
	}()
	return b.memoryOver(r, s, func(j job, addr *unix.SockaddrInet4) error {
		buf := make([]byte, 64*kib)
		for len(held) < b.count(r.n) {
			batch, err := fetchEach(addr, min(r.connections, b.count(r.n)-len(held)), j, buf)
			held = append(held, batch...)
			if err != nil {
				return fmt.Errorf("with %d connections open: %w", len(held), err)
			}
		}
		return nil
	})
}

// fetchEach opens n connections, sends a request on each, and only then reads
// the answers.
func fetchEach(addr *unix.SockaddrInet4, n int, j job, buf []byte) ([]*conn, error) {
	var open []*conn
	for range n {
		c := &conn{fd: -1}
		if err := c.connect(addr); err != nil {
			return open, err
		}
		open = append(open, c)
		// Blocking reads below end when nothing comes for this long.
		limit := unix.NsecToTimeval(stalled.Nanoseconds())
		if err := unix.SetsockoptTimeval(c.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
			return open, err
		}
		if err := c.send(j.requests[0]); err != nil {
			return open, err
		}
	}
	for _, c := range open {
		for began := time.Now(); c.busy; {
			if _, err := c.receive(buf, 0); err != nil {
				return open, err
			}
			if time.Since(began) > stalled {
				return open, fmt.Errorf("no answer for %v", stalled)
			}
		}
		if wrong := j.want.check(c.status, c.length); wrong != "" || c.closing {
			return open, fmt.Errorf("%q, closing %v; want %v with %d bytes and an open connection", wrong, c.closing, j.want.statuses, j.want.length)
		}
	}
	return open, nil
}

// measureDistinct asks for each of many files once.
func measureDistinct(b *bench, r *row, s *server) (sample, error) {
	return b.memoryOver(r, s, func(j job, addr *unix.SockaddrInet4) error {
		l, err := newLoad(addr, &work{requests: j.requests, inOrder: true, want: j.want, connections: r.connections})
		if err != nil {
			return err
		}
		defer l.close()
		return l.run(len(j.requests))
	})
}
