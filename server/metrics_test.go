package server

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/reason"
)

var update = flag.Bool("update", false, "write the golden file")

// The names and labels of the metrics are settled: dashboards and alerts hold them.
func TestMetricNames(t *testing.T) {
	var b strings.Builder
	for _, m := range metricTable {
		fmt.Fprintf(&b, "%s %s {%s}\n", m.kind, m.name, strings.Join(m.labels, ","))
	}
	golden := filepath.Join("testdata", "metrics.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("the metrics changed:\n%s", diff)
	}
}

// What the table says is what is registered, and no more of our own.
func TestMetricTableIsWhole(t *testing.T) {
	s := serve(t, smallTree, func(u *setup) { u.cfg.Enforced = map[string]bool{"files": true} })
	s.get(t, "/a.txt")
	page := string(s.get(t, "/-/metrics").Body)
	var got, want []string
	for l := range strings.SplitSeq(page, "\n") {
		if f := strings.Fields(l); len(f) == 4 && f[1] == "TYPE" && strings.HasPrefix(f[2], "rootbound_") {
			got = append(got, f[2]+" "+f[3])
		}
	}
	for _, m := range metricTable {
		want = append(want, m.name+" "+m.kind)
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("registered and listed metrics differ:\n%s", diff)
	}
	for _, e := range reason.All() {
		if !strings.Contains(page, fmt.Sprintf("reason=%q", e.Code)) {
			t.Errorf("%s is not there from the start", e.Code)
		}
	}
}

func TestMetricsCount(t *testing.T) {
	s := serve(t, smallTree, func(u *setup) { u.cfg.Listing = true })
	s.get(t, "/a.txt")
	quick, want := "net/http", "6"
	if s.quick() { // it hands over what is no plain GET or HEAD
		quick, want = "fast", "5"
	}
	s.request(t, "HEAD", "/a.txt")
	s.request(t, "X-"+strings.Repeat("Y", 100), "/a.txt")
	s.get(t, "/../x")
	s.get(t, "/nothing")
	s.get(t, "/sub/")
	for line, want := range map[string]string{
		`rootbound_requests_total{lane="` + quick + `",method="GET",status="200"}`:                                  "2",
		`rootbound_requests_total{lane="` + quick + `",method="HEAD",status="200"}`:                                 "1",
		`rootbound_requests_total{lane="net/http",method="other",status="501"}`:                                     "1",
		`rootbound_refusals_total{reason="name-traversal"}`:                                                         "1",
		`rootbound_refusals_total{reason="missing"}`:                                                                "1",
		`rootbound_refusals_total{reason="method-unknown"}`:                                                         "1",
		`rootbound_request_seconds_count{lane="` + quick + `"}`:                                                     want,
		`rootbound_containment_info{mechanism="` + s.cfg.Mounts[0].Dir.Containment().Mechanism + `",proven="true"}`: "1",
		`rootbound_build_info{version="test"}`:                                                                      "1",
	} {
		// An answer is counted a moment after its last byte, where a worker sent it.
		await(t, line+" to be "+want, func() bool { return s.metric(t, line) == want })
	}
	await(t, "everything to be closed", func() bool {
		return s.metric(t, "rootbound_open_files") == "0" && s.metric(t, "rootbound_connections") == "0" && s.metric(t, "rootbound_requests_in_flight") == "0"
	})
}

// No name, however odd, forges a line, moves a terminal's cursor or becomes a label.
func TestAdvisory_CVE_2025_27111_CVE_2009_4492_CVE_2017_10784_log_injection(t *testing.T) {
	s := serve(t, map[string]string{"404.html": "x"}, func(u *setup) { u.dir.Symlinks = rootbound.SymlinksWithin })
	odd := []string{
		"/%0d%0atime=forged", "/%1b[2J", "/\x80\x9b31m", "/\xc2\x9b31m", "/\u202ereversed", "/a\"b", `/a\nb`, "/\xff\xfe", "/%0A%0Dlevel=ERROR", "/\u2028x",
		"/" + strings.Repeat("long", 4000),
	}
	for _, target := range odd {
		s.get(t, target)
	}
	s.request(t, "GET\x60'", "/a")
	if a := s.get(t, "/a", "X-Forwarded-For: \x1b[2J"); a.Status != 400 { // net/http's own refusal
		t.Errorf("a control character in a header: %d", a.Status)
	}
	// A link whose own name is odd: what the disk holds is no safer than what the client sends.
	if err := errors.Join(os.WriteFile(filepath.Join(s.base, "b\x1b[2J\nforged"), nil, 0o644), os.Symlink("b\x1b[2J\nforged", filepath.Join(s.base, "link"))); err != nil && !errors.Is(err, syscall.EILSEQ) {
		t.Fatal(err)
	}
	s.get(t, "/link")
	s.stop()
	log := s.log.String()
	for i := 0; i < len(log); i++ {
		if c := log[i]; c != '\n' && c < ' ' || c >= 0x7f && !strings.HasPrefix(log[i:], "µ") && !strings.HasPrefix(log[max(0, i-1):], "µ") {
			t.Fatalf("byte %#x in the log: %q", c, log[max(0, i-100):i+1])
		}
	}
	for l := range strings.SplitSeq(strings.TrimSpace(log), "\n") {
		if !strings.HasPrefix(l, "time=20") {
			t.Errorf("a forged line: %q", l)
		}
		if len(l) > maxLogged+1000 {
			t.Errorf("a line of %d bytes", len(l))
		}
	}
	if n := strings.Count(log, "msg=request"); n != len(odd)+2 {
		t.Errorf("%d lines for %d requests:\n%s", n, len(odd)+2, log)
	}
	if p := s.metricsPage().Segments[0].Text; strings.Contains(p, "forged") || strings.Contains(p, "reversed") {
		t.Error("a name became a metric")
	}
}
