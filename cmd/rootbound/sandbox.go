package main

import (
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rootbound/rootbound/confine"
)

// sandbox confines the process before it answers the first request.
func (p *process) sandbox() error {
	if p.Sandbox == "off" {
		p.log.Info("sandbox", "enforced", "nothing", "asked", "off")
		return nil
	}
	preload()
	enforced, err := confine.Self(p.policy(), p.proveAgain)
	if err != nil {
		return usage("--sandbox "+p.Sandbox, strings.TrimPrefix(err.Error(), "confine: "), "Say --sandbox off to run without")
	}
	if p.Sandbox == "require" && len(enforced.Missing) > 0 {
		return usage("--sandbox require", strings.Join(enforced.Missing, "; "), "Use another kernel, or --sandbox auto to do with what this one has")
	}
	p.enforced = enforced
	p.log.Info("sandbox", "enforced", strings.Join(enforced.On, " "), "landlock", enforced.ABI, "asked", p.Sandbox)
	for _, m := range enforced.Missing {
		p.log.Warn("the sandbox is not whole", "missing", m)
	}
	return nil
}

// parts are all that a sandbox has, and whether it is enforced.
func (p *process) parts() map[string]bool {
	out := map[string]bool{}
	for _, part := range confine.Parts {
		out[part] = p.enforced.Has(part)
	}
	return out
}

// preload has the standard library read now what it would read from the system later.
func preload() {
	_ = time.Now().Local().String() // /etc/localtime
	_, _ = x509.SystemCertPool()    // for an application that is reached by https; kept
}

// proveAgain runs the self-test of the containment under the sandbox, which must not have taken its ground away.
func (p *process) proveAgain() error {
	return p.bases[0].dir.Prove() // any one: it is the system that is tested
}

// policy is what the process needs from now on.
func (p *process) policy() confine.Policy {
	out := confine.Policy{Temporary: os.TempDir(), Read: p.systemFiles()}
	if _, err := os.Stat(out.Temporary); err != nil {
		out.Temporary = ""
	}
	for _, b := range p.bases {
		if b.writable {
			out.Write = append(out.Write, b.path)
		} else {
			out.Read = append(out.Read, b.path)
		}
	}
	for _, path := range append([]string{p.TLSCert, p.TLSKey, p.Users, p.LinkKeys, p.ClientCA, p.ClientCRL, p.JWTKeysFile()}, p.grantFiles()...) {
		out.Read = append(out.Read, parents(path)...)
	}
	if p.audit != nil {
		for _, path := range []string{p.Audit.File, p.Audit.ToFile} {
			out.Write = append(out.Write, parents(path)...)
		}
		reach(&out, p.Audit.ToURL)
	}
	p.State.reaches(&out)
	for _, l := range append(slices.Clone(p.listeners), p.admin) {
		if u, ok := l.(*net.UnixListener); ok && u.Addr().String() != "" && !strings.HasPrefix(u.Addr().String(), "@") {
			out.Remove = append(out.Remove, parents(u.Addr().String())...) // it goes when the server stops
		}
	}
	if notify := p.env("NOTIFY_SOCKET"); notify != "" {
		out.Unix, out.Abstract = true, strings.HasPrefix(notify, "@")
	}
	if p.gate != nil {
		p.gate.reaches(&out)
	}
	for _, place := range p.providers() {
		reach(&out, place)
	}
	return out
}

// systemFiles are what the metrics and profiles read of the process itself. The runtime has its own open since the start.
func (p *process) systemFiles() (out []string) {
	for _, path := range []string{"/proc/self", "/proc/stat"} {
		if _, err := os.Stat(path); err == nil {
			out = append(out, path)
		}
	}
	return out
}

// parents are the directories that hold a file as it is named and behind each link on the way: it may be replaced by
// rename in any of them, or by another link.
func parents(path string) (out []string) {
	if path == "" {
		return nil
	}
	path, err := filepath.Abs(path)
	for range 16 { // as many links as make sense; more are not followed by the system for much longer either
		if err != nil {
			return out
		}
		if dir := filepath.Dir(path); !slices.Contains(out, dir) {
			out = append(out, dir)
		}
		var target string
		if target, err = os.Readlink(path); err != nil {
			break
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		if dir := filepath.Dir(real); !slices.Contains(out, dir) {
			out = append(out, dir)
		}
	}
	return out
}

// reaches adds what it takes to reach the applications.
func (g *gateSetup) reaches(p *confine.Policy) {
	for _, up := range g.Upstreams {
		if strings.HasPrefix(up.URL, "unix:") {
			p.Unix = true
			continue
		}
		reach(p, up.URL)
	}
}

// reach adds what it takes to reach an http or https URL.
func reach(p *confine.Policy, text string) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return // none, or one that was refused before
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	if n, err := strconv.ParseUint(port, 10, 16); err == nil {
		p.Connect = append(p.Connect, uint16(n))
	}
	if net.ParseIP(u.Hostname()) == nil {
		resolve(p)
	}
}

// resolve adds what it takes to ask for the address of a name, again and again.
func resolve(p *confine.Policy) {
	p.Datagrams = true
	p.Connect = append(p.Connect, dnsPort)
	p.Read = append(p.Read, resolverFiles()...)
}

const dnsPort = 53

// resolverFiles are what Go's resolver reads. They are replaced by rename where they lie outside of /etc.
func resolverFiles() (out []string) {
	for _, path := range []string{"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/services"} {
		if _, err := os.Stat(path); err != nil {
			continue
		}
		out = append(out, path)
		for _, dir := range parents(path) {
			if dir != "/etc" {
				out = append(out, dir)
			}
		}
	}
	return out
}

// sandboxed adds the remedy to an error of a reload that the sandbox may have caused.
func (p *process) sandboxed(err error) string {
	text := innermost(err)
	if p.enforced.Has("files") && errors.Is(err, fs.ErrPermission) {
		text += " (the sandbox was made for where the files were at the start: restart to read it from elsewhere)"
	}
	return text
}
