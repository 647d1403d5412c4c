package main_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rootbound/rootbound/internal/hangfs"
	"github.com/rootbound/rootbound/internal/testenv"
)

const (
	// share is how many blocked calls one base directory may have, of opens and of reads each.
	share = 128
	// askers is how many ask for what hangs.
	askers = 400
	// ownThreads is more than a server has that nothing hangs in.
	ownThreads = 60
)

// beside is a server, or its control, with a file system that hangs: in a mount namespace that goes with it.
type beside struct {
	cmd    *exec.Cmd
	fs     *hangfs.FS
	addr   string
	log    *running
	ended  chan struct{}
	killFS sync.Once
}

// startBeside mounts the file system on dir and starts cmd, whose first line says where it listens.
func startBeside(t *testing.T, dir string, cmd *exec.Cmd) *beside {
	t.Helper()
	b := &beside{cmd: cmd, ended: make(chan struct{}), log: &running{cmd: cmd, exited: make(chan struct{}), changed: make(chan struct{})}}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = b.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, read := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(b.ended)
		runtime.LockOSThread() // never unlocked: nobody else may meet its mounts
		err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS)
		if err == nil {
			err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		}
		if err == nil {
			b.fs, err = hangfs.Mount(dir)
		}
		if err == nil {
			err = cmd.Start()
		}
		started <- err
		if err == nil {
			<-read
			_ = cmd.Wait() // the status is in ProcessState
		}
	}()
	if err := <-started; err != nil {
		t.Fatalf("%v: this test mounts a file system in a namespace of its own; run it as root with CAP_SYS_ADMIN", err)
	}
	t.Cleanup(func() {
		b.endFS()
		_ = cmd.Process.Kill() // it may have ended
		<-b.ended
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	close(read)
	if err != nil {
		t.Fatalf("%v\n%s", err, b.log.log.String())
	}
	b.addr = strings.TrimPrefix(strings.TrimSpace(line), "listening on http://")
	return b
}

// endFS lets everything that hangs fail. Only then can the process end: the system waits for what was asked of others.
func (b *beside) endFS() { b.killFS.Do(func() { _ = b.fs.Close() }) }

// threads is how many the process has.
func (b *beside) threads(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^Threads:\s+(\d+)`).FindSubmatch(status)
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// ask sends requests, each on a connection of its own, and returns the statuses of the answers as they come; 0 is a
// connection that ended without one. The channel is closed when all have one.
func (b *beside) ask(t *testing.T, n int, target func(i int) string) <-chan int {
	t.Helper()
	statuses := make(chan int, n)
	var wg sync.WaitGroup
	for i := range n {
		c, err := net.Dial("tcp", b.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target(i)); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			status := 0
			if resp, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil {
				_, err = io.Copy(io.Discard, resp.Body)
				if status = resp.StatusCode; err != nil {
					status = -status
				}
			}
			statuses <- status
		})
	}
	go func() { wg.Wait(); close(statuses) }()
	return statuses
}

// next is the status of the next answer.
func next(t *testing.T, statuses <-chan int) int {
	t.Helper()
	select {
	case status := <-statuses:
		return status
	case <-time.After(patience):
		t.Fatal("no more answers")
		return 0
	}
}

// get asks once.
func (b *beside) get(t *testing.T, target string) (status int, body string, header http.Header) {
	t.Helper()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + b.addr + target)
	if err != nil {
		t.Errorf("GET %s: %v", target, err)
		return 0, "", nil
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("GET %s: %v", target, err)
	}
	return resp.StatusCode, string(all), resp.Header
}

// until polls another process's doing.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// TestHangingFileSystem: a file system that stops answering costs its share of blocked calls and of threads. Whoever asks
// for more of it is told to come back, everything else is served on, and when it answers again so does the server.
func TestHangingFileSystem(t *testing.T) {
	bin := testenv.Binary(t)
	for _, lane := range []string{"on", "off"} {
		for _, tt := range []struct {
			name string
			kind hangfs.Kind
			size int
		}{
			{"walk", hangfs.Lookup, 100},
			{"open", hangfs.Open, 100},
			{"fstat", hangfs.Attr, 100},
			{"read", hangfs.Read, 100},
			{"read of a large file", hangfs.Read, 1 << 20},
			{"read in the middle", hangfs.Tail, 1 << 20},
			{"close", hangfs.Close, 100},
			{"close of a large file", hangfs.Close, 1 << 20},
		} {
			t.Run("fast lane "+lane+"/"+tt.name, func(t *testing.T) {
				t.Parallel() // it mostly waits
				dir, hung := t.TempDir(), t.TempDir()
				plantHot(t, dir)
				b := startBeside(t, hung, exec.Command(bin, "serve", "--listen", "127.0.0.1:0", "--fast-lane", lane, "--grace", "1s", "--access-log", "off", "--mount", "hung="+hung, dir))
				hangAndRecover(t, b, tt.kind, tt.size)
			})
		}
	}
	t.Run("control", func(t *testing.T) { t.Parallel(); controlHanging(t) })
}

func plantHot(t *testing.T, dir string) {
	t.Helper()
	for name, content := range map[string]string{"hot.txt": "hot\n", "cold.txt": "cold\n", "large": strings.Repeat("0123456789abcdef", 1<<17)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func hangAndRecover(t *testing.T, b *beside, kind hangfs.Kind, size int) {
	name := func(i int) string { return "/hung/" + hangfs.Name(kind, size, i) }
	if status, _, _ := b.get(t, "/hot.txt"); status != 200 {
		t.Fatalf("before: %d", status)
	}
	before := b.threads(t)
	statuses := b.ask(t, askers, name)
	until(t, "calls to hang", func() bool { return b.fs.Hung(kind) >= share/2 })
	answered := 0
	for n := 0; n < askers-2*share && kind != hangfs.Tail; n++ { // those who cannot be waiting for a blocked call
		status := next(t, statuses)
		if answered++; status != 503 && !(kind == hangfs.Close && status == 200) {
			t.Errorf("one that is beyond the share: %d, want 503", status)
		}
	}
	threads := b.threads(t)
	t.Logf("%d calls hang, %d threads (%d before), %d told to come back", b.fs.Hung(kind), threads, before, answered)
	if threads > 2*share+ownThreads {
		t.Errorf("%d threads for %d askers, want at most %d", threads, askers, 2*share+ownThreads)
	}
	if n := b.fs.Hung(kind); n > share && kind != hangfs.Tail && kind != hangfs.Read { // the system reads ahead
		t.Errorf("%d calls hang, want at most %d", n, share)
	}
	servesOthers(t, b)
	if kind != hangfs.Tail && kind != hangfs.Close {
		if status, body, header := b.get(t, name(askers)); status != 503 || header.Get("Retry-After") == "" {
			t.Errorf("one more: %d %q, want 503 with Retry-After", status, body)
		}
	}
	b.fs.Release()
	for range askers - answered {
		if status := next(t, statuses); status != 200 && status != 503 {
			t.Errorf("after the file system came back: %d", status)
		}
	}
	for _, target := range []string{name(askers + 1), "/hung/" + hangfs.Name(hangfs.Fine, size, 0)} {
		until(t, target+" to be served", func() bool {
			status, body, _ := b.get(t, target)
			return status == 200 && len(body) == size
		})
	}
	servesOthers(t, b)
}

// servesOthers asks for what has nothing to do with the mount that hangs.
func servesOthers(t *testing.T, b *beside) {
	t.Helper()
	for target, want := range map[string]int{"/hot.txt": 200, "/cold.txt": 200, "/large": 200, "/none": 404, "/..%2fx": 403, "/": 200, "/-/readyz": 200} {
		if status, _, _ := b.get(t, target); status != want {
			t.Errorf("GET %s = %d, want %d", target, status, want)
		}
	}
}

// TestColdFileIsOpenedOnce: of many who want one cold file at once, one opens it for all. The control remembers nothing,
// and opens for each.
func TestColdFileIsOpenedOnce(t *testing.T) {
	bin := testenv.Binary(t)
	for _, lane := range []string{"on", "off"} {
		for _, cache := range []string{"1MiB", "0"} {
			t.Run("fast lane "+lane+"/cache "+cache, func(t *testing.T) {
				t.Parallel()
				hung, wanted := t.TempDir(), "/"+hangfs.Name(hangfs.Open, 100, 1)
				b := startBeside(t, hung, exec.Command(bin, "serve", "--listen", "127.0.0.1:0", "--fast-lane", lane, "--cache", cache, "--access-log", "off", hung))
				const together = share / 2
				statuses := b.ask(t, together, func(int) string { return wanted })
				until(t, "an open", func() bool { return b.fs.Hung(hangfs.Open) > 0 })
				if cache == "0" {
					until(t, "an open for each", func() bool { return b.fs.Hung(hangfs.Open) == together })
				}
				b.fs.Release()
				served := 0
				for range together {
					if next(t, statuses) == 200 {
						served++
					}
				}
				opens := b.fs.Calls(hangfs.Open)
				t.Logf("%d of %d served, %d opens", served, together, opens)
				if cache != "0" && opens > together/8 { // a machine that is busy for a second needs another
					t.Errorf("%d opens for %d who asked at once", opens, together)
				}
				if served < together/2 {
					t.Errorf("%d of %d served", served, together)
				}
			})
		}
	}
}

// TestStopWhileHanging: SIGTERM ends a server whose file system hangs, within its grace time.
func TestStopWhileHanging(t *testing.T) {
	bin := testenv.Binary(t)
	for _, lane := range []string{"on", "off"} {
		t.Run("fast lane "+lane, func(t *testing.T) {
			t.Parallel()
			dir, hung := t.TempDir(), t.TempDir()
			plantHot(t, dir)
			b := startBeside(t, hung, exec.Command(bin, "serve", "--listen", "127.0.0.1:0", "--fast-lane", lane, "--grace", "1s", "--mount", "hung="+hung, dir))
			b.ask(t, 2*share, func(i int) string { return "/hung/" + hangfs.Name(hangfs.Open, 10, i) })
			until(t, "opens to hang", func() bool { return b.fs.Hung(hangfs.Open) >= share/2 })
			if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if log, ok := b.log.wait(regexp.MustCompile(`"stopped"`)); !ok {
				t.Errorf("it does not stop:\n%s", log)
			}
			b.endFS() // the system lets no process go that waits for an answer
			<-b.ended
			if code := b.cmd.ProcessState.ExitCode(); code != 0 {
				t.Errorf("exit status %d (%v)", code, b.cmd.ProcessState)
			}
		})
	}
}

// controlVariable makes TestControlFileServer serve a directory.
const controlVariable = "ROOTBOUND_TEST_CONTROL_FILESERVER"

// controlHanging: Go's own file server blocks a thread for every asker.
func controlHanging(t *testing.T) {
	hung := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestControlFileServer$")
	cmd.Env = append(os.Environ(), controlVariable+"="+hung)
	b := startBeside(t, hung, cmd)
	b.ask(t, askers, func(i int) string { return "/" + hangfs.Name(hangfs.Open, 100, i) })
	until(t, "every asker to have a thread of his own", func() bool {
		return b.fs.Hung(hangfs.Open) == askers && b.threads(t) > 2*share+ownThreads
	})
}

// TestControlFileServer is the undefended twin; it does nothing unless controlHanging runs it.
func TestControlFileServer(t *testing.T) {
	dir := os.Getenv(controlVariable)
	if dir == "" {
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("listening on http://%s\n", l.Addr())
	t.Fatal(http.Serve(l, http.FileServer(http.Dir(dir))))
}
