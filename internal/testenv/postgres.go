package testenv

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync/atomic"
	"testing"
)

// PostgreSQL is a real server of a test's own. It listens on a Unix socket that only its user and root reach, and with a
// password on a loopback port.
type PostgreSQL struct {
	// Password is that of its user, for TCP.
	Password string

	bin, dir  string
	port      int
	process   *Process
	databases atomic.Int32
}

// postgresUser is the one that owns everything in it.
const postgresUser = "test"

// Postgres starts one. The end of the test stops it.
func Postgres(tb testing.TB) *PostgreSQL {
	tb.Helper()
	// The path of a Unix socket has no more than 107 bytes, so this is no TempDir.
	dir, err := os.MkdirTemp("", "rb-pg-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, Nobody, Nobody); err != nil {
			tb.Fatal(err)
		}
	}
	p := &PostgreSQL{bin: filepath.Dir(Need(tb, "postgres")), dir: dir, Password: "p:w/d@?#%"}
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte(p.Password+"\n"), 0o644); err != nil { // others cannot enter dir
		tb.Fatal(err)
	}
	if out, err := p.command("initdb", "-D", p.data(), "-U", postgresUser, "--auth-local=trust", "--auth-host=scram-sha-256",
		"--pwfile", password, "--no-sync", "--locale=C.UTF-8", "-E", "UTF8").CombinedOutput(); err != nil {
		tb.Fatalf("initdb: %v\n%s", err, out)
	}
	p.Start(tb)
	return p
}

func (p *PostgreSQL) data() string { return filepath.Join(p.dir, "data") }

// command is one of its programs, which refuse to run as root.
func (p *PostgreSQL) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(p.bin, name), args...)
	cmd.Dir = p.dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "HOME=" + p.dir}
	if os.Geteuid() == 0 {
		runAs(cmd, Nobody)
	}
	return cmd
}

var postgresReady = regexp.MustCompile(`database system is ready to accept connections`)

// Start starts it again after Kill, at the same places.
func (p *PostgreSQL) Start(tb testing.TB) {
	tb.Helper()
	if p.port == 0 {
		p.port = freePort(tb)
	}
	p.process = Start(tb, p.command("postgres", "-D", p.data(), "-k", p.dir, "-p", strconv.Itoa(p.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=200"), Output(postgresReady))
}

// Kill ends it as a crash does.
func (p *PostgreSQL) Kill() { p.process.Kill() }

// Process is the running server's.
func (p *PostgreSQL) Process() *Process { return p.process }

// Socket is the path of its Unix socket.
func (p *PostgreSQL) Socket() string {
	return filepath.Join(p.dir, ".s.PGSQL."+strconv.Itoa(p.port))
}

// Addr is where it listens for TCP.
func (p *PostgreSQL) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)) }

// Database makes an empty database and returns its URL, by the Unix socket.
func (p *PostgreSQL) Database(tb testing.TB) string {
	tb.Helper()
	name := p.create(tb)
	return fmt.Sprintf("postgres://%s@/%s?%s", postgresUser, name, url.Values{"host": {p.dir}, "port": {strconv.Itoa(p.port)}}.Encode())
}

// TCP is the URL of a database as Database returned it, by TCP and with the password.
func (p *PostgreSQL) TCP(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		panic(err) // it is ours
	}
	return (&url.URL{Scheme: "postgres", User: url.UserPassword(postgresUser, p.Password), Host: p.Addr(), Path: u.Path}).String()
}

func (p *PostgreSQL) create(tb testing.TB) string {
	tb.Helper()
	name := "d" + strconv.Itoa(int(p.databases.Add(1)))
	if out, err := p.command("createdb", "-h", p.dir, "-p", strconv.Itoa(p.port), "-U", postgresUser, name).CombinedOutput(); err != nil {
		tb.Fatalf("createdb: %v\n%s", err, out)
	}
	return name
}

// freePort is one that nobody had a moment ago: the server must bind it itself.
func freePort(tb testing.TB) int {
	tb.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
