package probe_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rootbound/rootbound/internal/finding"
	"github.com/rootbound/rootbound/internal/testenv"
	"github.com/rootbound/rootbound/internal/undefended"
	"github.com/rootbound/rootbound/probe"
)

// repeated runs the command of each finding that says something above information: it shows the finding again, with the files
// that it plants, and leaves nothing behind.
func repeated(t *testing.T, r *finding.Report, base string) (ran int) {
	t.Helper()
	testenv.Need(t, "curl")
	before := tree(t, base)
	for _, f := range r.Findings {
		if f.Severity == finding.Info {
			continue
		}
		out, err := exec.Command("bash", "-c", f.Repeat).Output()
		if err != nil || !shows(f, string(out), base) {
			t.Errorf("%s (%s) is not repeated: %v\n%.1500s\n%.1500q\n%s", f.Rule, f.Extra["technique"], err, f.Repeat, out, f.Evidence)
		}
		ran++
	}
	if after := tree(t, base); !slices.Equal(before, after) {
		t.Errorf("something stays:\n%s", strings.Join(after, "\n"))
	}
	return ran
}

// restless is what differs between two answers whatever they are about.
var restless = regexp.MustCompile(`(?m)^(?:Date|ETag|X-Request-Id): .*$|\brb[0-9a-f]{10}\.txt\b`)

// shows says whether what a command printed is the finding.
func shows(f finding.Finding, out, base string) bool {
	answers := strings.Split(restless.ReplaceAllString(out, ""), "HTTP/1.")[1:]
	switch f.Rule {
	case finding.ExistenceOracle:
		return len(answers) == 2 && strings.TrimSpace(answers[0]) != strings.TrimSpace(answers[1])
	case finding.ExistenceTiming:
		return strings.Count(out, "exists 0.") == 10 && strings.Count(out, "missing 0.") == 10
	case finding.AllowlistNewline:
		status := regexp.MustCompile(`(?m)^HTTP/\S+ (\d+)`).FindAllStringSubmatch(out, -1)
		if slices.ContainsFunc(status, func(s []string) bool { return s[1] == "200" }) { // the file was handed out
			return strings.Contains(out, "canary\n")
		}
		return len(status) == 3 && status[0][1] == status[1][1] && status[0][1] != status[2][1]
	case finding.PathDisclosed:
		return strings.Contains(out, filepath.Dir(base)) || strings.Contains(out, "/etc/")
	case finding.StackTrace:
		return strings.Contains(out, "Stack trace") || strings.Contains(out, "&nbsp;at ") || strings.Contains(out, "\n    at ")
	case finding.HeaderInjection:
		return strings.Contains(out, "\nX-Rb-")
	case finding.RangeAmplification:
		return strings.Count(out, "ordinary\n") > 100
	case finding.UploadEscape:
		return strings.Contains(out, "\n-rw") && strings.Contains(out, "/rbu")
	}
	return strings.Contains(out, "canary\n") || strings.Contains(out, "Y2FuYXJ5Cg==") || // in base64
		strings.Contains(out, "root:x:0:") && strings.Contains(f.Evidence, "system file")
}

// TestRepeat: on servers with one mistake each, the command of a finding shows it again. Those of real ones are run by TestServers.
func TestRepeat(t *testing.T) {
	for _, name := range []string{"naive-join", "absolute-join", "nul-cut", "follow-links", "index", "sidecar", "prefix-compare", "drop-bad-utf8", "case-fold", "normalization"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := plot(t)
			r := attackOn(t, "http://"+serveTwin(t, undefended.ByName(name), base)+"/", base, func(c *probe.Config) { c.Sample, c.Platform, c.Blind = 25, "any", true })
			if repeated(t, r, base) == 0 {
				t.Error("no finding: this shows nothing")
			}
		})
	}
}

// TestRepeatGuesses: the command for guesses makes as many.
func TestRepeatGuesses(t *testing.T) {
	r := attackOn(t, serveHandler(t, http.NotFoundHandler()), "", func(c *probe.Config) { c.Sample, c.Only = 1, []string{"traversal-plain"} })
	i := slices.IndexFunc(r.Findings, func(f finding.Finding) bool { return f.Rule == finding.GuessUnlimited })
	if i < 0 {
		t.Fatalf("found %v", r.Findings)
	}
	fewer := strings.Replace(r.Findings[i].Repeat, "seq 200", "seq 5", 1)
	out, err := exec.Command("bash", "-c", fewer).Output()
	if n := strings.Count(string(out), "404 0."); err != nil || n != 5 {
		t.Errorf("%d guesses, %v: %s", n, err, fewer)
	}
}

// TestRedirects: a redirect to the same host is followed, whatever it leads to is found there, and the command shows it. One that
// leads to anybody else is not followed, in whatever way it is written.
func TestRedirects(t *testing.T) {
	base := plot(t)
	var asked, answered atomic.Int64
	away := false
	other := serveHandler(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	host := strings.TrimPrefix(other, "http://")
	forms := []string{"http://%s/x", "//%s/x", `/\%s/x`, "HTTP://%s/x", "https://%s/x", " http://%s/x", "http:/%s/x", "http://127.0.0.1@%s/x", "\thttp://%s/x"}
	url := serveHandler(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, ok := strings.CutPrefix(r.URL.Path, "/real/"); ok {
			text, err := os.ReadFile(filepath.Join(base, filepath.FromSlash(name)))
			if err != nil {
				w.WriteHeader(http.StatusNotFound)
			}
			_, _ = w.Write(text)
			return
		}
		to := "/real/" + r.FormValue("file")
		if away {
			to = fmt.Sprintf(forms[int(answered.Add(1))%len(forms)], host)
		}
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
	}))
	attack := func() *finding.Report {
		return attackOn(t, url+"/go?file=FUZZ", base, func(c *probe.Config) {
			c.Sample, c.Blind, c.Only = 3, away, []string{"traversal-plain", "absolute", "sibling-prefix"}
		})
	}
	r := attack()
	if want := words("link-escape name-traversal sibling-prefix"); !slices.Equal(rules(r), want) {
		t.Errorf("found %v, want %v", rules(r), want)
	}
	repeated(t, r, base)
	away = true
	if r := attack(); r.Found() || asked.Load() > 0 || answered.Load() < 100 {
		t.Errorf("found %v; the other host was asked %d times in %d redirects", rules(r), asked.Load(), answered.Load())
	}
	if answer, err := http.Get(other); err != nil || asked.Load() != 1 {
		t.Errorf("the other host does not hear of a request, so that none of this shows anything: %v", err)
	} else {
		answer.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
}
