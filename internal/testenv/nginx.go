package testenv

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// NginxConfig says what a test's nginx serves. Its zero value serves an empty
// directory.
type NginxConfig struct {
	// Root is the directory served, absolute. Empty means an empty one.
	Root string
	// FollowLinks lets nginx follow symbolic links; otherwise
	// disable_symlinks is on below Root and a link is answered 403.
	FollowLinks bool
	// HTTP holds further lines for the http block, Server for the server block.
	HTTP, Server string
}

// Nginx starts a real nginx with one worker on a free loopback port and
// returns its URL without a final slash. The end of the test stops it.
func Nginx(tb testing.TB, config NginxConfig) string {
	tb.Helper()
	path := Need(tb, "nginx")
	dir := tb.TempDir()
	if config.Root == "" {
		config.Root = filepath.Join(dir, "root")
		makeDir(tb, config.Root)
	}
	makeDir(tb, filepath.Join(dir, "tmp"))
	listener, addr := listen(tb)
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, []byte(config.text(addr)), 0o644); err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(path, "-p", dir, "-e", "stderr", "-c", conf)
	// nginx takes over listening sockets it finds in NGINX, as it does from
	// its predecessor when it is upgraded. So nobody can take the port first.
	cmd.Env = append(os.Environ(), "NGINX=3;")
	cmd.ExtraFiles = []*os.File{listener}
	Start(tb, cmd, Answers("http://"+addr+"/"))
	return "http://" + addr
}

func (c NginxConfig) text(addr string) string {
	user, links := "", "disable_symlinks on from=$document_root;"
	if os.Geteuid() == 0 {
		user = "user root;"
	}
	if c.FollowLinks {
		links = ""
	}
	return fmt.Sprintf(`daemon off; worker_processes 1; pid nginx.pid; error_log stderr; %s
events { worker_connections 1024; }
http {
	include /etc/nginx/mime.types;
	access_log off; sendfile on;
	client_body_temp_path tmp/1; proxy_temp_path tmp/2; fastcgi_temp_path tmp/3;
	uwsgi_temp_path tmp/4; scgi_temp_path tmp/5;
	%s
	server { listen %s; root %s; %s
		%s
	}
}
`, user, c.HTTP, addr, c.Root, links, c.Server)
}

// listen returns a listening loopback socket for a child process and its
// address. The socket stays ours until the test ends.
func listen(tb testing.TB) (*os.File, string) {
	tb.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	return f, l.Addr().String()
}

func makeDir(tb testing.TB, path string) {
	tb.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		tb.Fatal(err)
	}
}
