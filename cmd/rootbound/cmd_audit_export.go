package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/rootbound/rootbound/audit"
)

type auditExportCmd struct {
	File string `arg:"" type:"string" help:"The log; full files beside it are sent first."`

	To         string `name:"to" placeholder:"URL" required:"" help:"syslog+tcp://HOST:PORT, syslog+tls://HOST:PORT, syslog+unix:///dev/log, or the URL of an OTLP collector, http://HOST:4318/v1/logs or https."`
	Cursor     string `name:"cursor" placeholder:"FILE" required:"" help:"Where it is kept how far the receiver has come."`
	Follow     bool   `name:"follow" help:"Go on with what is written later, until a signal."`
	HeaderFile string `name:"header-file" placeholder:"FILE" help:"Lines NAME: VALUE that an OTLP collector wants, such as a token."`
	CA         string `name:"ca" placeholder:"FILE" help:"Certificates that sign the receiver's, in place of the system's."`
	Format     string `name:"format" placeholder:"FORMAT" default:"text" enum:"text,json" help:"text (default) or json."`
}

// exported is what --format json prints.
type exported struct {
	Records uint64 `json:"records"`
}

// Run exits with 1 where records are missing or were changed, or could not be sent.
func (c *auditExportCmd) Run(s *surroundings) error {
	to, err := c.sink()
	if err != nil {
		return err
	}
	defer to.Close()
	log, _ := newLogger(s.stderr, "")
	n, err := audit.Export(s.ctx, audit.ExportConfig{
		Log: c.File, Cursor: c.Cursor, To: to, Follow: c.Follow,
		Failing: func(err error, again time.Duration) {
			log.Warn("the receiver does not take the records; they are sent again", "error", oneLine(err.Error()), "in", again.String())
		},
	})
	if err != nil {
		return c.failed(err)
	}
	if c.Format == "json" {
		return writeDocument(s.stdout, exported{n})
	}
	_, err = fmt.Fprintf(s.stdout, "%d records were sent\n", n)
	return err
}

func (c *auditExportCmd) failed(err error) error {
	var fault *audit.Fault
	switch {
	case errors.As(err, &fault):
		return fmt.Errorf("%s: nothing from there on was sent. See 'rootbound audit verify'; to go on with what is there, remove the cursor %s", oneLine(err.Error()), strconv.Quote(c.Cursor))
	case errors.Is(err, audit.ErrNone), errors.Is(err, fs.ErrPermission):
		return unreadableLog(c.File, err)
	}
	return errors.New(oneLine(err.Error()))
}

func (c *auditExportCmd) sink() (audit.Sink, error) {
	what := "--to"
	remedy := "Write it as syslog+tcp://logs.example:601, syslog+unix:///dev/log or https://collector.example/v1/logs"
	u, err := url.Parse(c.To)
	if err != nil {
		return nil, usage(what, "it is no URL", remedy)
	}
	pool, err := c.pool()
	if err != nil {
		return nil, err
	}
	if u.Scheme != "http" && u.Scheme != "https" && c.HeaderFile != "" {
		return nil, usage("--header-file", "only an OTLP collector takes headers", "Leave it out")
	}
	switch u.Scheme {
	case "syslog+tcp", "syslog+tls":
		host, port, err := net.SplitHostPort(u.Host)
		if err != nil || host == "" || port == "" || u.Path != "" || u.RawQuery != "" {
			return nil, usage(what, "a syslog receiver is HOST:PORT", remedy)
		}
		if u.Scheme == "syslog+tcp" {
			return audit.NewSyslog("tcp", u.Host, nil), nil
		}
		return audit.NewSyslog("tls", u.Host, &tls.Config{RootCAs: pool, ServerName: host, MinVersion: tls.VersionTLS12}), nil
	case "syslog+unix":
		if u.Host != "" || u.Path == "" {
			return nil, usage(what, "a socket is named by its path", remedy)
		}
		return audit.NewSyslog("unix", u.Path, nil), nil
	case "http", "https":
		if u.Host == "" {
			return nil, usage(what, "it names no host", remedy)
		}
		header, err := c.header()
		if err != nil {
			return nil, err
		}
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
		return audit.NewOTLP(c.To, header, &http.Client{Transport: transport}), nil
	}
	return nil, usage(what, "its scheme is none that records can be sent by", remedy)
}

// pool is nil for the system's.
func (c *auditExportCmd) pool() (*x509.CertPool, error) {
	if c.CA == "" {
		return nil, nil
	}
	b, err := readNamed("--ca "+strconv.Quote(c.CA), c.CA, maxPEM)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, usage("--ca "+strconv.Quote(c.CA), "it holds no certificate", "Name a file of certificates in PEM form")
	}
	return pool, nil
}

// maxPEM bounds a file of certificates, in bytes.
const maxPEM = 16 << 20

// maxHeaderFile bounds a file of headers, in bytes.
const maxHeaderFile = 64 << 10

// header reads what only the owner may: a token stands in it.
func (c *auditExportCmd) header() (http.Header, error) {
	if c.HeaderFile == "" {
		return nil, nil
	}
	b, err := readSecret("--header-file", c.HeaderFile, maxHeaderFile)
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	lines := bufio.NewScanner(bytes.NewReader(b))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if value = strings.TrimSpace(value); !ok || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return nil, usage("--header-file "+strconv.Quote(c.HeaderFile)+", line "+strconv.Itoa(n), "it is not NAME: VALUE", "Write it as Authorization: Bearer TOKEN")
		}
		header.Add(name, value)
	}
	return header, nil
}
