package testenv

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"sync"
	"testing"
	"time"
)

const (
	// patience bounds every wait for a process. It only decides how long a
	// failing test takes, so it is generous.
	patience = 60 * time.Second
	// grace is how long a process may take to stop when asked.
	grace = 15 * time.Second
	// leftOutput is how long output is still read after a process has ended
	// whose own children hold it open.
	leftOutput = time.Second
)

// Process is a program that a test runs beside itself. Its methods may be
// called from several goroutines.
type Process struct {
	cmd   *exec.Cmd
	alone bool // in a network of its own
	log   log
	done  chan struct{} // closed when the process has ended
}

// Ready waits until a process serves and returns nil, or says why it does not.
// Its context ends when the process does.
type Ready func(ctx context.Context, p *Process) error

// Output is ready once the process's output matches re.
func Output(re *regexp.Regexp) Ready {
	return func(ctx context.Context, p *Process) error {
		_, err := p.log.await(ctx, re)
		return err
	}
}

// Answers is ready once a GET of url is answered, whatever the status.
func Answers(url string) Ready {
	return func(ctx context.Context, _ *Process) error {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		for {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
			if err != nil {
				return err
			}
			resp, err := client.Do(req)
			if err == nil {
				return resp.Body.Close()
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("no answer from %s: %w", url, err)
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
}

// Start starts cmd in a process group of its own and waits until it is ready
// (nil: does not wait). The end of the test stops it and all it started, and so
// does the death of the test process (Linux). What it prints, where cmd does
// not say otherwise, is kept and shown if the test fails.
func Start(tb testing.TB, cmd *exec.Cmd, ready Ready) *Process {
	tb.Helper()
	return start(tb, &Process{cmd: cmd}, ready)
}

// StartAlone is Start in a network of its own, where every port is free and
// only the loopback interface exists. Making one needs Linux and root; without
// them it is Start.
func StartAlone(tb testing.TB, cmd *exec.Cmd, ready Ready) *Process {
	tb.Helper()
	return start(tb, &Process{cmd: cmd, alone: canBeAlone()}, ready)
}

func start(tb testing.TB, p *Process, ready Ready) *Process {
	tb.Helper()
	cmd := p.cmd
	p.done = make(chan struct{})
	if cmd.Stdout == nil {
		cmd.Stdout = &p.log
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &p.log
	}
	ownGroup(cmd)
	cmd.WaitDelay = leftOutput
	started := make(chan error, 1)
	go p.run(started)
	if err := <-started; err != nil {
		tb.Fatalf("starting %s: %v", p.name(), err)
	}
	tb.Cleanup(func() {
		p.Stop()
		if tb.Failed() {
			tb.Logf("output of %s:\n%s", p.name(), p.Log())
		}
	})
	if ready == nil {
		return p
	}
	ctx, cancel := p.context()
	defer cancel()
	if err := ready(ctx, p); err != nil {
		tb.Fatalf("%s is not ready: %v", p.name(), p.reason(err))
	}
	return p
}

// run starts the command and waits for it on one thread: the parent's death
// signal is tied to the thread that forked, so that thread must outlive the
// process.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	var err error
	if p.alone {
		// This thread is not unlocked and ends with the goroutine, so that
		// nobody else meets its network.
		err = ownNetwork()
	} else {
		defer runtime.UnlockOSThread()
	}
	if err == nil {
		err = p.cmd.Start()
	}
	started <- err
	if err != nil {
		return
	}
	// How it ended is in ProcessState; the error may only tell that its
	// children kept its output open.
	_ = p.cmd.Wait()
	close(p.done)
}

func (p *Process) name() string { return filepath.Base(p.cmd.Path) }

// reason adds to err that the process ended, if it did.
func (p *Process) reason(err error) error {
	select {
	case <-p.done:
		return fmt.Errorf("it ended (%v): %w", p.cmd.ProcessState, err)
	default:
		return err
	}
}

// context ends after patience or with the process.
func (p *Process) context() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	go func() {
		select {
		case <-p.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// PID returns the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Log returns what the process has printed so far, both streams mixed.
func (p *Process) Log() string { return p.log.String() }

// Expect waits until the output matches re and returns the match and its
// groups, as regexp's FindStringSubmatch does. It fails the test where the
// process ends, or a minute passes, without one.
func (p *Process) Expect(tb testing.TB, re *regexp.Regexp) []string {
	tb.Helper()
	ctx, cancel := p.context()
	defer cancel()
	match, err := p.log.await(ctx, re)
	if err != nil {
		tb.Fatalf("%s: %v", p.name(), p.reason(err))
	}
	return match
}

// Signal sends a signal to the process, not to what it started.
func (p *Process) Signal(tb testing.TB, sig os.Signal) {
	tb.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		tb.Fatalf("signal %v to %s: %v", sig, p.name(), err)
	}
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the process to end by itself and returns its exit code, which
// is -1 where a signal ended it. It fails the test after a minute.
func (p *Process) Wait(tb testing.TB) int {
	tb.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		tb.Fatalf("%s still runs after %v", p.name(), patience)
		return -1
	}
}

// Stop asks the process to end, waits, and kills it and all it started where
// it does not. A process that has ended is left alone, but not its children.
func (p *Process) Stop() {
	select {
	case <-p.done:
	default:
		askToStop(p.cmd.Process)
		select {
		case <-p.done:
		case <-time.After(grace):
		}
	}
	p.Kill()
}

// Kill kills the process and all it started, at once, and waits for its end.
func (p *Process) Kill() {
	killGroup(p.cmd.Process)
	<-p.done
}

// log keeps a process's output and lets readers wait for a part of it.
type log struct {
	mu      sync.Mutex
	text    []byte
	changed chan struct{} // closed and replaced on each write; nil until awaited
}

// Write implements io.Writer.
func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, b...)
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
	return len(b), nil
}

// String returns all that was written.
func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

func (l *log) await(ctx context.Context, re *regexp.Regexp) ([]string, error) {
	for {
		match, changed := l.match(re)
		if match != nil {
			return match, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if match, _ := l.match(re); match != nil {
				return match, nil
			}
			return nil, fmt.Errorf("no output matches %q", re)
		}
	}
}

func (l *log) match(re *regexp.Regexp) ([]string, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if match := re.FindStringSubmatch(string(l.text)); match != nil {
		return match, nil
	}
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return nil, l.changed
}
