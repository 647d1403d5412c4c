package audit

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/rootbound/rootbound/internal/testenv"
)

// severalFiles makes a log of several files.
func severalFiles(t testing.TB) string {
	t.Helper()
	path := logPath(t)
	l := open(t, Config{Path: path, Required: true, MaxBytes: 8192})
	for i := range 120 {
		answer(t, l, fmt.Sprint(i), "a file\x1b\u2028 \"odd\"")
	}
	closeLog(t, l)
	return path
}

// linesIn waits until a file that a program writes has so many lines.
func linesIn(t testing.TB, path string, n int) []string {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		b, err := os.ReadFile(path)
		if err == nil && bytes.Count(b, []byte("\n")) >= n {
			return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
		}
		if time.Now().After(end) {
			t.Fatalf("%s does not get %d lines: %v\n%s", path, n, err, b)
		}
	}
}

// rsyslog starts a real one that writes what it understood as the text of a message. The address is of its port, where it has
// one.
func rsyslog(t testing.TB, input string) (out, address string) {
	t.Helper()
	dir := t.TempDir()
	out = filepath.Join(dir, "out")
	conf, port := filepath.Join(dir, "conf"), filepath.Join(dir, "port")
	text := fmt.Sprintf(`global(workDirectory=%q maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off")
%s
template(name="text" type="string" string="%%msg:::drop-last-lf%%\n")
if $app-name == "rootbound" and $syslogfacility == 13 then action(type="omfile" file=%q template="text")
`, dir, strings.ReplaceAll(input, "PORT", fmt.Sprintf(`address="127.0.0.1" port="0" listenPortFileName=%q`, port)), out)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	testenv.Start(t, exec.Command(testenv.Need(t, "rsyslogd"), "-n", "-f", conf, "-i", filepath.Join(dir, "pid")), nil)
	if strings.Contains(input, "PORT") {
		address = listening(t, port)
	}
	return out, address
}

// listening waits until a file names a port that is listened on.
func listening(t testing.TB, port string) (address string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		b, err := os.ReadFile(port)
		if err != nil {
			continue
		}
		if c, err := net.Dial("tcp", "127.0.0.1:"+string(b)); err == nil {
			_ = c.Close()
			return "127.0.0.1:" + string(b)
		}
	}
	t.Fatalf("%s names no port", port)
	return ""
}

// untilSent exports; a receiver that is not there yet is tried again.
func untilSent(t *testing.T, path string, to Sink) uint64 {
	t.Helper()
	n, err := Export(t.Context(), ExportConfig{Log: path, Cursor: filepath.Join(t.TempDir(), "cursor"), To: to, Tries: 9})
	if err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Error(err)
	}
	return n
}

// A real syslog daemon gets the lines as they stand in the log: the chain is verified on its side. Over TLS nobody else gets
// them.
func TestSyslog(t *testing.T) {
	path := severalFiles(t)
	want := good(t, path, VerifyOptions{}).Records
	dir := t.TempDir()
	socket, cert, key := filepath.Join(dir, "log"), filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	if err := testenv.WriteCertificate(cert, key, "127.0.0.1"); err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	if pem, err := os.ReadFile(cert); err != nil || !trusted.AppendCertsFromPEM(pem) {
		t.Fatal(err)
	}
	for network, input := range map[string]string{
		"tcp":  `module(load="imtcp") input(type="imtcp" PORT)`,
		"unix": fmt.Sprintf(`module(load="imuxsock" sysSock.use="off") input(type="imuxsock" socket=%q useSpecialParser="off" parseHostname="on" rateLimit.interval="0")`, socket),
		"tls": fmt.Sprintf(`global(defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile=%[1]q defaultNetstreamDriverCertFile=%[1]q defaultNetstreamDriverKeyFile=%[2]q)
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon") input(type="imtcp" PORT)`, cert, key),
	} {
		t.Run(network, func(t *testing.T) {
			out, address := rsyslog(t, input)
			if network == "unix" {
				address = socket
			}
			if network == "tls" {
				err := NewSyslog(network, address, &tls.Config{RootCAs: x509.NewCertPool()}).Send(t.Context(), []Exported{{Line: "secret"}})
				if err == nil || !strings.Contains(err.Error(), "certificate") {
					t.Errorf("a receiver that is not trusted: %v", err)
				}
			}
			if n := untilSent(t, path, NewSyslog(network, address, &tls.Config{RootCAs: trusted})); n != want {
				t.Errorf("%d records sent, of %d", n, want)
			}
			lines := linesIn(t, out, int(want))
			if got := goodCopy(t, lines).Records; got != want {
				t.Errorf("%d records arrived, of %d", got, want)
			}
			if strings.Contains(strings.Join(lines, ""), "secret") {
				t.Error("a receiver that is not trusted got a record")
			}
		})
	}
}

// collector judges what it gets by OpenTelemetry's own schema, and answers as it is told.
type collector struct {
	t       testing.TB
	answers []func(w http.ResponseWriter) bool // one a request; true takes it
	bodies  []string
	asked   int
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var data logs.LogsData
	if err == nil {
		err = protojson.Unmarshal(body, &data) // refuses fields that the schema does not have
	}
	if err != nil || r.Method != "POST" || r.URL.Path != "/v1/logs" || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Api-Key") != "k" {
		c.t.Errorf("%s %s %v: %v", r.Method, r.URL, r.Header, err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.asked++
	if len(c.answers) > 0 {
		answer := c.answers[0]
		if c.answers = c.answers[1:]; !answer(w) {
			return
		}
	}
	for _, rl := range data.ResourceLogs {
		for _, sl := range rl.ScopeLogs {
			for _, lr := range sl.LogRecords {
				if lr.TimeUnixNano == 0 || lr.SeverityNumber == 0 {
					c.t.Errorf("%v", lr)
				}
				c.bodies = append(c.bodies, lr.Body.GetStringValue())
			}
		}
	}
	_, _ = io.WriteString(w, `{"partialSuccess":{}}`)
}

func status(code int) func(http.ResponseWriter) bool {
	return func(w http.ResponseWriter) bool { w.WriteHeader(code); return false }
}

func TestOTLP(t *testing.T) {
	path := severalFiles(t)
	want := good(t, path, VerifyOptions{}).Records
	c := &collector{t: t, answers: []func(http.ResponseWriter) bool{
		status(503), status(429),
		func(w http.ResponseWriter) bool { // took it, and nobody learns so
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
			} else if err := conn.Close(); err != nil {
				t.Error(err)
			}
			return false
		},
	}}
	server := httptest.NewServer(c)
	defer server.Close()
	sink := NewOTLP(server.URL+"/v1/logs", http.Header{"Api-Key": {"k"}}, &http.Client{Transport: &http.Transport{}})
	if n := untilSent(t, path, sink); n != want {
		t.Errorf("%d sent, of %d", n, want)
	}
	if got := goodCopy(t, c.bodies).Records; got != want {
		t.Errorf("%d arrived, of %d", got, want)
	}
}

// What will not get better is not tried again, and the error holds no secret of the URL.
func TestOTLPRefused(t *testing.T) {
	path := severalFiles(t)
	redirected := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { redirected++ }))
	defer elsewhere.Close()
	for _, tt := range []struct {
		answer func(w http.ResponseWriter) bool
		want   string
	}{
		{status(400), "answers 400"},
		{status(401), "answers 401"},
		{func(w http.ResponseWriter) bool { w.Header().Set("Location", elsewhere.URL); return status(307)(w) }, "answers 307"},
		{func(w http.ResponseWriter) bool { _, _ = io.WriteString(w, "<html>"); return false }, "not that of a collector"},
		{func(w http.ResponseWriter) bool {
			_, _ = io.WriteString(w, `{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"too old"}}`)
			return false
		}, "rejected 3 of the records"},
	} {
		c := &collector{t: t, answers: []func(http.ResponseWriter) bool{tt.answer}}
		server := httptest.NewServer(c)
		sink := NewOTLP(server.URL+"/v1/logs?token=hush", http.Header{"Api-Key": {"k"}}, &http.Client{Transport: &http.Transport{}})
		n, err := Export(t.Context(), ExportConfig{Log: path, Cursor: filepath.Join(t.TempDir(), "cursor"), To: sink})
		if n != 0 || err == nil || !strings.Contains(err.Error(), tt.want) || c.asked != 1 {
			t.Errorf("%d sent, asked %d times, %v; want %q", n, c.asked, err, tt.want)
		}
		server.Close()
	}
	if redirected > 0 {
		t.Error("records went where they were not sent to")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	err = NewOTLP("http://"+closed+"/v1/logs?token=hush", nil, &http.Client{}).Send(context.Background(), []Exported{{}})
	if err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("nobody there: %v", err)
	}
	if _, err := json.Marshal(otlpOf(nil, time.Now())); err != nil {
		t.Error(err)
	}
}
