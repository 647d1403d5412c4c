package confine

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// dynamicFiles are what the C library reads for any program: how to find libraries, locale and time zone.
var dynamicFiles = []string{
	"/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/ld-musl-*.path", "/etc/localtime", "/etc/timezone", "/usr/lib/locale", "/usr/share/locale/locale.alias",
	"/usr/share/zoneinfo", "/usr/lib/gconv",
}

// loaders are where programs name their loader, on all processors and with both C libraries in use.
var loaders = []string{"/lib64/ld-linux*.so*", "/lib/ld-linux*.so*", "/lib/ld-musl-*.so*", "/lib/ld64.so*"}

// devices are those that hold nothing.
func (s *ruleset) devices() {
	const why = "every command"
	s.may(Read, why, "/dev/random", "/dev/urandom", "/dev/zero", "/dev/full")
	s.may(Read|Write, why, "/dev/null")
}

// dynamic adds what a dynamically linked program needs to be loaded. interp is a pattern.
func (s *ruleset) dynamic(interp string, libraries []string) {
	const why = "loader"
	s.may(Read|Execute, why, interp)
	for _, dir := range append(libraryDirs(), libraries...) {
		if !slices.Contains(broad, dir) {
			s.may(Read, why, escapeGlob(dir))
		}
	}
	s.may(Read, why, dynamicFiles...)
}

// libraryDirs are those of ld.so(8). Where libraries lie in directories by architecture, as on Debian, /usr/lib as a whole
// is none of them.
func libraryDirs() (out []string) {
	seen := map[string]bool{}
	var read func(file string)
	read = func(file string) {
		f, err := os.Open(file)
		if err != nil || seen[file] {
			return
		}
		seen[file] = true
		defer func() { _ = f.Close() }()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			line, _, _ := strings.Cut(lines.Text(), "#")
			line = strings.TrimSpace(line)
			if pattern, ok := strings.CutPrefix(line, "include "); ok {
				found, err := filepath.Glob(strings.TrimSpace(pattern))
				if err != nil {
					continue
				}
				for _, f := range found {
					read(f)
				}
			} else if filepath.IsAbs(line) {
				out = append(out, filepath.Clean(line))
			}
		}
	}
	read("/etc/ld.so.conf")
	byArchitecture := slices.ContainsFunc(out, func(dir string) bool { return strings.HasPrefix(dir, "/usr/lib/") && strings.Contains(dir, "-linux-") })
	if !byArchitecture {
		// Named as patterns, so that they are taken although they are broad: there is no narrower place.
		out = append(out, "/lib/*.so*", "/usr/lib/*.so*", "/usr/lib64", "/lib64/", "/usr/lib/gcc")
	}
	return out
}

// surroundings are what every preset has: certificates, names, and what a runtime asks of the machine.
var surroundings = []string{
	"/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/ssl/cert.pem", "/usr/lib/ssl", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates",
	"/etc/pki/tls/certs", "/etc/pki/tls/cert.pem", "/etc/pki/tls/openssl.cnf", "/etc/pki/ca-trust/extracted", "/etc/crypto-policies",
	"/etc/ca-certificates",
	"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf", "/etc/services", "/etc/protocols",
	"/etc/mime.types", "/usr/share/mime/globs*", "/usr/share/locale",
	"/proc/meminfo", "/proc/cpuinfo", "/sys/devices/system/cpu/online", "/sys/devices/system/cpu/possible",
}

// language is one preset. Patterns in library begin with the prefix that the interpreter is installed in; own are those
// of an interpreter that the distribution put into /usr.
type language struct {
	interpreter string   // how the program's name begins
	library     []string // beneath a prefix
	own         []string
	home        []string // beneath the user's home directory
	inline      []string // options after which no script follows
}

var languages = map[string]language{
	"python": {
		interpreter: "python",
		library:     []string{"lib/python[23]*", "lib64/python[23]*", "lib/libpython*", "pyvenv.cfg"},
		own:         []string{"/usr/local/lib/python3*", "/usr/share/python3*", "/usr/share/python-wheels", "/etc/python3*"},
		home:        []string{".local/lib/python3*"},
		inline:      []string{"-c", "-m"},
	},
	"ruby": {
		interpreter: "ruby",
		library:     []string{"lib/ruby", "lib64/ruby", "lib/libruby*", "share/ruby*"},
		own:         []string{"/var/lib/gems", "/usr/share/rubygems-integration", "/usr/local/lib/ruby", "/usr/local/lib/site_ruby", "/usr/share/gems", "/etc/gemrc"},
		home:        []string{".local/share/gem", ".gem/ruby"},
		inline:      []string{"-e"},
	},
	"php": {
		interpreter: "php",
		library:     []string{"lib/php", "lib/php[0-9]*", "lib64/php", "share/php", "share/php[0-9]*", "etc/php*", "lib/php.ini"},
		own:         []string{"/etc/php", "/etc/php[0-9]*", "/etc/php.ini", "/etc/php.d", "/etc/php-zts.d", "/var/lib/php/modules"},
		inline:      []string{"-r", "-R", "-F"},
	},
	"node": {
		interpreter: "node",
		library:     []string{"lib/node_modules", "lib/nodejs", "share/nodejs", "share/node_modules", "lib/libnode*"},
		own:         []string{"/usr/local/lib/node_modules"},
		inline:      []string{"-e", "--eval", "-p", "--print"},
	},
}

// preset adds what an interpreter needs, found from the programs of the command, or else from PATH.
func (s *ruleset) preset(name string, programs []program, args []string) error {
	lang, ok := languages[name]
	if !ok {
		return &RuleError{fmt.Sprintf("--preset %q", name), "there is none of that name", "Name one of " + strings.Join(Presets, ", ")}
	}
	why := "preset " + name
	interpreter, ok := lang.find(programs)
	if !ok {
		found, err := lang.onPath()
		if err != nil {
			return &RuleError{"--preset " + name, "neither the command nor PATH has its interpreter", "Install it, or name it as the command"}
		}
		s.command(found)
		interpreter = found[len(found)-1]
	}
	s.may(Read, why, surroundings...)
	for _, prefix := range prefixes(interpreter.links) {
		for _, pattern := range lang.library {
			s.may(Read, why, filepath.Join(escapeGlob(prefix), pattern))
		}
		if prefix == "/usr" {
			s.may(Read, why, lang.own...)
		}
	}
	if home, err := os.UserHomeDir(); err == nil && filepath.IsAbs(home) {
		for _, pattern := range lang.home {
			s.may(Read, why, filepath.Join(escapeGlob(home), pattern))
		}
	}
	if len(programs) > 0 && !programs[0].script && strings.HasPrefix(filepath.Base(programs[0].path), lang.interpreter) {
		s.application(lang, why, args[1:])
	}
	return nil
}

// find picks the interpreter among the programs of the command.
func (l language) find(programs []program) (program, bool) {
	for _, p := range programs {
		for _, path := range p.links {
			if !p.script && strings.HasPrefix(filepath.Base(path), l.interpreter) {
				return p, true
			}
		}
	}
	return program{}, false
}

func (l language) onPath() ([]program, error) {
	for _, name := range []string{l.interpreter, l.interpreter + "3", l.interpreter + "js"} {
		if _, err := exec.LookPath(name); err == nil {
			return chain(name)
		}
	}
	return nil, exec.ErrNotFound
}

// prefixes are the directories above bin/ of an interpreter and of what it is a link to; for a Python virtual environment
// also the one of the interpreter that it was made with.
func prefixes(links []string) (out []string) {
	add := func(dir string) {
		if !slices.Contains(out, dir) && (dir == "/usr" || dir == "/usr/local" || !slices.Contains(broad, dir)) {
			out = append(out, dir)
		}
	}
	for _, path := range links {
		prefix := filepath.Dir(filepath.Dir(path))
		if prefix == "/" { // /bin is /usr/bin on merged systems, and beside it on others
			prefix = "/usr"
		}
		add(prefix)
		if home := venvHome(filepath.Join(prefix, "pyvenv.cfg")); filepath.IsAbs(home) {
			add(filepath.Dir(home))
		}
	}
	return out
}

// venvHome is the key home of pyvenv.cfg: the directory of the interpreter that made the environment.
func venvHome(file string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), "="); ok && strings.TrimSpace(key) == "home" {
			return filepath.Clean(strings.TrimSpace(value))
		}
	}
	return ""
}

// application adds the directory of the script that an interpreter is told to run, or the script alone where that
// directory holds other things than one application.
func (s *ruleset) application(lang language, why string, args []string) {
	for _, a := range args {
		if slices.Contains(lang.inline, a) {
			return
		}
		info, err := os.Stat(a)
		if strings.HasPrefix(a, "-") || err != nil || !info.Mode().IsRegular() {
			continue
		}
		abs, err := filepath.Abs(a)
		if err != nil {
			return
		}
		dir := filepath.Dir(abs)
		home, _ := os.UserHomeDir()
		if slices.Contains(broad, dir) || dir == home || dir == filepath.Clean(os.TempDir()) {
			dir = abs
		}
		s.may(Read, why+", the application", escapeGlob(dir))
		return
	}
}
