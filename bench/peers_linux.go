package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The servers, by the names that figures carry.
const (
	ours        = "rootbound"
	bare        = "rootbound-bare" // the same without what the row is about
	nginxSafe   = "nginx-safe"     // disable_symlinks on, open_file_cache
	nginxStrict = "nginx-strict"   // disable_symlinks on, no cache
	nginxCopy   = "nginx-copy"     // nginx-safe without sendfile
	httpDir     = "http.Dir"       // http.FileServer(http.Dir)
	osRoot      = "os.Root"        // http.FileServerFS(os.Root.FS())
)

var (
	everyone = []string{ours, nginxSafe, nginxStrict, nginxCopy, httpDir, osRoot}
	cachers  = []string{ours, nginxSafe, httpDir}
	uncached = []string{ours, nginxStrict, httpDir, osRoot}
	gates    = []string{ours, nginxStrict}
	twins    = []string{ours, bare}
	known    = append(slices.Clone(everyone), bare)
)

// variant is how a server is started.
type variant struct {
	tls     bool
	noCache bool // rootbound without its cache
	audit   bool // with a record of every request
	open    bool // the twin without a sandbox
	basic   bool // for a user with a password
	gate    bool // in front of an application, which names the file or sends the body itself
}

// server is one that runs.
type server struct {
	*process
	name    string
	addr    string
	variant variant
}

func (s *server) url(name string) string {
	scheme := "http"
	if s.variant.tls {
		scheme = "https"
	}
	return scheme + "://" + s.addr + "/" + name
}

func (s *server) sockaddr() (*unix.SockaddrInet4, error) {
	addr, err := net.ResolveTCPAddr("tcp4", s.addr)
	if err != nil {
		return nil, err
	}
	return &unix.SockaddrInet4{Port: addr.Port, Addr: [4]byte(addr.IP.To4())}, nil
}

// cipher is what every server must agree to for TLS; Go prefers it wherever the
// processor has AES, and nginx is told to.
const cipher = tls.TLS_AES_128_GCM_SHA256

// insecure asks for what the load cannot: pages and headers, over TLS too. The
// certificate is our own, made for this run.
var insecure = &http.Client{
	Timeout: 30 * time.Second,
	Transport: &http.Transport{
		DisableKeepAlives:  true,
		DisableCompression: true,
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true},
	},
}

// get returns a whole answer, its body read.
func (s *server) get(name string) (*http.Response, []byte, error) {
	resp, err := insecure.Get(s.url(name))
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	if s.variant.tls && (resp.TLS.Version != tls.VersionTLS13 || resp.TLS.CipherSuite != cipher) {
		return nil, nil, fmt.Errorf("%s speaks %s with %s, want TLS 1.3 with %s",
			s.name, tls.VersionName(resp.TLS.Version), tls.CipherSuiteName(resp.TLS.CipherSuite), tls.CipherSuiteName(cipher))
	}
	body, err := io.ReadAll(resp.Body)
	return resp, body, err
}

// start starts a server by its name.
func (b *bench) start(name string, v variant) (*server, error) {
	b.started++
	dir := filepath.Join(b.dir, fmt.Sprintf("%s-%d", name, b.started))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	s := &server{name: name, variant: v}
	var err error
	switch name {
	case ours, bare:
		err = b.startOurs(s, dir)
	case nginxSafe, nginxStrict, nginxCopy:
		err = b.startNginx(s, dir)
	case httpDir:
		err = b.startGo(s, dir, "dir")
	case osRoot:
		err = b.startGo(s, dir, "root")
	}
	if err != nil && s.process != nil {
		s.stop()
	}
	return s, err
}

func (b *bench) startOurs(s *server, dir string) error {
	if s.variant.gate {
		return b.startAndAsk(s, dir, exec.Command(b.rootbound, "gate", "--listen", "127.0.0.1:0", "--access-log", "off",
			"--upstream", "http://"+b.application.addr, "--accel", protected+"="+b.files.base))
	}
	args := []string{"serve", "--listen", "127.0.0.1:0", "--access-log", "off"}
	if s.variant.open && s.name == bare {
		args = append(args, "--sandbox", "off")
	}
	if s.variant.basic && s.name == ours {
		args = append(args, "--users", b.path("users"))
	}
	if s.variant.noCache && b.hasCache {
		args = append(args, "--cache", "0")
	}
	if s.variant.audit {
		args = append(args, "--audit", filepath.Join(dir, "audit.log"), "--audit-keep", "2")
	}
	if s.variant.tls {
		args = append(args, "--tls-cert", b.path("cert.pem"), "--tls-key", b.path("key.pem"))
	}
	args = append(args, b.opts.serveFlags...)
	return b.startAndAsk(s, dir, exec.Command(b.rootbound, append(args, b.files.base)...))
}

func (b *bench) startGo(s *server, dir, kind string) error {
	var args []string
	if s.variant.tls {
		args = []string{"-tls-cert", b.path("cert.pem"), "-tls-key", b.path("key.pem")}
	}
	return b.startAndAsk(s, dir, exec.Command(b.fileserver, append(args, kind, b.files.base)...))
}

// startAndAsk starts a program that prints where it listens.
func (b *bench) startAndAsk(s *server, dir string, cmd *exec.Cmd) error {
	var err error
	if s.process, err = b.launcher.spawn(cmd, filepath.Join(dir, "log")); err != nil {
		return err
	}
	s.addr, err = s.address()
	return err
}

// cacheFlag finds --cache in the help, and not --cache-check.
var cacheFlag = regexp.MustCompile(`--cache[= \n]`)

func hasCache(rootbound string) (bool, error) {
	help, err := exec.Command(rootbound, "serve", "--help").Output()
	if err != nil {
		return false, fmt.Errorf("%s serve --help: %w", rootbound, err)
	}
	return cacheFlag.Match(help), nil
}

// startNginx starts nginx on a socket that it is handed, as by its predecessor
// in an upgrade, so that nobody can take the port first.
func (b *bench) startNginx(s *server, dir string) error {
	var config net.ListenConfig
	config.SetMultipathTCP(false) // as nginx itself would have it
	l, err := config.Listen(context.Background(), "tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	socket, err := l.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	defer socket.Close()
	s.addr = l.Addr().String()
	conf := filepath.Join(dir, "nginx.conf")
	files, cached, err := nginxFiles()
	if err != nil {
		return err
	}
	if err := os.WriteFile(conf, []byte(b.nginxConfig(s, files, cached)), 0o644); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, "tmp"), 0o755); err != nil {
		return err
	}
	cmd := exec.Command(b.tools["nginx"], "-p", dir, "-e", "stderr", "-c", conf)
	cmd.Env = append(os.Environ(), "NGINX=3;")
	cmd.ExtraFiles = []*os.File{socket}
	if s.process, err = b.launcher.spawn(cmd, filepath.Join(dir, "log")); err != nil {
		return err
	}
	var last error
	if err := s.await(func() bool {
		_, _, last = s.get("")
		return last == nil
	}); err != nil {
		return fmt.Errorf("%w (%v)", err, last)
	}
	return nil
}

// nginxLines is how nginx-safe and nginx-strict send what they have opened. With
// tcp_nopush small files cost them a quarter less (head and file are one packet)
// and files of 1 MiB twice as much.
const nginxLines = "sendfile on;"

// nginxFiles is how many files nginx may have open, and how many of them its
// cache may hold: 20,000, or what leaves room for connections. A cache that takes
// the last descriptor makes nginx answer 500.
func nginxFiles() (open, cached uint64, err error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, 0, err
	}
	open = min(limit.Max, 64<<10)
	if open < 12<<10 {
		return 0, 0, fmt.Errorf("a process may open %d files (ulimit -Hn); the bench needs %d", open, 12<<10)
	}
	return open, min(20_000, open-1<<10), nil
}

// nginxConfig is nginx as its manual would have it for static files. What it
// would write about names that are missing is off, like the access logs of all.
func (b *bench) nginxConfig(s *server, files, cached uint64) string {
	var user, cache, listen, tlsLines string
	lines := b.opts.nginxLines
	if os.Geteuid() == 0 {
		user = "user root;"
	}
	if s.name == nginxCopy {
		lines = "sendfile off;"
	}
	if s.name != nginxStrict {
		cache = fmt.Sprintf("open_file_cache max=%d inactive=60s;", cached)
	}
	if s.variant.tls {
		listen = " ssl http2"
		tlsLines = fmt.Sprintf("ssl_certificate %s; ssl_certificate_key %s; ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites %s;",
			b.path("cert.pem"), b.path("key.pem"), tls.CipherSuiteName(cipher))
	}
	return strings.NewReplacer("USER", user, "FILES", fmt.Sprint(files), "CACHE", cache, "MORE", lines, "LISTEN", s.addr+listen, "TLS", tlsLines, "BASE", b.files.base, "BASIC", b.nginxBasic(s), "ROUTES", b.nginxRoutes(s), "UPSTREAM", b.nginxUpstream(s)).Replace(
		`daemon off; worker_processes 1; worker_rlimit_nofile FILES; pid nginx.pid; error_log stderr crit; USER
events { worker_connections 20000; }
http {
	include /etc/nginx/mime.types;
	access_log off; keepalive_requests 1000000000; keepalive_timeout 600s;
	client_body_temp_path tmp/1; proxy_temp_path tmp/2; fastcgi_temp_path tmp/3;
	uwsgi_temp_path tmp/4; scgi_temp_path tmp/5;
	disable_symlinks on from=$document_root;
	CACHE MORE UPSTREAM BASIC
	server { listen LISTEN; root BASE; TLS ROUTES }
}
`)
}
