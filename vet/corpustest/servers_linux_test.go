package corpustest

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/testenv"
)

var (
	listens  = regexp.MustCompile(`listen\s+80\b[^;]*;`)
	includes = regexp.MustCompile(`(?m)^(\s*include\s+)([^/\s])`)
	hosts    = regexp.MustCompile(`<VirtualHost \*:80>`)
)

// install copies the case's configuration into a new directory, with /srv where the job's tree is, and returns its
// site.conf.
func (j job) install(t *testing.T, edit func(dir, text string) string) string {
	t.Helper()
	dir := t.TempDir()
	must(t, filepath.WalkDir(j.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".conf" {
			return err
		}
		rel, err := filepath.Rel(j.Dir, path)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		text := regexp.MustCompile(`/srv\b`).ReplaceAllLiteralString(string(data), j.tree.root)
		to := filepath.Join(dir, rel)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return os.WriteFile(to, []byte(edit(dir, text)), 0o644)
	}))
	return filepath.Join(dir, "site.conf")
}

// runNginx starts one real nginx for each job: names in its configuration are global.
func runNginx(t *testing.T, jobs []job) []answer {
	t.Helper()
	// A socket's path is limited to 107 bytes, which a test's own directory may pass.
	sockets, err := os.MkdirTemp("", "ngx")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(sockets) })
	var answers []answer
	for i, j := range jobs {
		socket := filepath.Join(sockets, fmt.Sprint(i))
		site := j.install(t, func(dir, text string) string {
			text = listens.ReplaceAllLiteralString(text, "listen unix:"+socket+";")
			return includes.ReplaceAllString(text, "${1}"+dir+"/${2}")
		})
		testenv.Nginx(t, testenv.NginxConfig{HTTP: "include " + site + ";"})
		answers = append(answers, j.Request.ask(t, "unix", socket))
	}
	return answers
}

// apacheModules are what the cases use. mpm_prefork is the one that mod_cgi is made for.
var apacheModules = []string{
	"mpm_prefork", "authz_core", "authz_host", "alias", "rewrite", "dir", "mime", "autoindex", "cgi", "xsendfile",
}

// runApache starts one real Apache with a virtual host for each job.
func runApache(t *testing.T, jobs []job) []answer {
	t.Helper()
	apache := testenv.Need(t, "apache2")
	modules := filepath.Dir(testenv.Need(t, "mod_xsendfile"))
	dir := t.TempDir()
	var conf strings.Builder
	for _, m := range apacheModules {
		fmt.Fprintf(&conf, "LoadModule %s_module %s/mod_%s.so\n", m, modules, m)
	}
	fmt.Fprintf(&conf, "ServerRoot %q\nServerName localhost\nPidFile pid\nErrorLog /dev/stderr\nTypesConfig /dev/null\n", dir)
	// Debian's own outermost lines.
	conf.WriteString("<Directory />\nOptions FollowSymLinks\nAllowOverride None\nRequire all denied\n</Directory>\n")
	if os.Geteuid() == 0 {
		conf.WriteString("User nobody\nGroup nogroup\n")
	}
	addrs := freeAddrs(t, len(jobs))
	for i, j := range jobs {
		site := j.install(t, func(_, text string) string {
			return hosts.ReplaceAllLiteralString(text, "<VirtualHost "+addrs[i]+">")
		})
		fmt.Fprintf(&conf, "Listen %s\nInclude %s\n", addrs[i], site)
	}
	file := filepath.Join(dir, "apache.conf")
	must(t, os.WriteFile(file, []byte(conf.String()), 0o644))
	testenv.Start(t, exec.Command(apache, "-f", file, "-DFOREGROUND"), testenv.Answers("http://"+addrs[0]+"/"))
	var answers []answer
	for i, j := range jobs {
		answers = append(answers, j.Request.ask(t, "tcp", addrs[i]))
	}
	return answers
}

// freeAddrs returns loopback addresses with free ports. Apache cannot be handed sockets, so they are free a moment
// before it takes them; all are held until then, and an address that hardly anybody uses makes the moment safe.
func freeAddrs(t *testing.T, n int) []string {
	t.Helper()
	var addrs []string
	for range n {
		l, err := net.Listen("tcp4", "127.83.19.7:0")
		must(t, err)
		defer l.Close()
		addrs = append(addrs, l.Addr().String())
	}
	return addrs
}
