package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/testenv"
)

// TestQuick measures a few rows as a user would, with every kind of load, and
// looks at the JSON. It says nothing about speed.
func TestQuick(t *testing.T) {
	for _, peer := range []string{"nginx", "wrk", "h2load"} {
		testenv.Need(t, peer)
	}
	testenv.Binary(t)
	out := filepath.Join(t.TempDir(), "figures.json")
	names := []string{"1k", "304", "traversal", "connect", "tls-1k", "h2", "p99", "idle"}
	opts, err := parseOptions([]string{"-quick", "-dir", t.TempDir(), "-rows", strings.Join(names, ","), "-o", out})
	if err != nil {
		t.Fatal(err)
	}
	good, err := run(opts)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var report Report
	if err := d.Decode(&report); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if !good || !report.Quick || len(report.Rows) != len(names) {
		t.Errorf("good %v, quick %v, %d rows; want true, true, %d", good, report.Quick, len(report.Rows), len(names))
	}
	for i := range report.Rows {
		got := &report.Rows[i]
		if got.Error != "" || got.Verdict != "" {
			t.Errorf("%s: error %q, verdict %q; a quick run judges nothing", got.Row, got.Error, got.Verdict)
		}
		known := rows[slices.IndexFunc(rows, func(r *row) bool { return r.name == got.Row })]
		for _, server := range known.servers {
			f := got.figure(server)
			if f.Server == "" || len(f.Values) != 1 || f.Median <= 0 && known.unit != overIdle {
				t.Errorf("%s of %s: %+v", got.Row, server, f)
			}
			if server != ours && got.ratio(server).To == "" {
				t.Errorf("%s has no ratio to %s", got.Row, server)
			}
		}
	}
}

// TestFailsLoudly takes the file away that a row asks for.
func TestFailsLoudly(t *testing.T) {
	testenv.Need(t, "nginx")
	testenv.Binary(t)
	opts, err := parseOptions([]string{"-quick", "-dir", t.TempDir(), "-serve-flags", "--deny *.bin"})
	if err != nil {
		t.Fatal(err)
	}
	opts.rows = "1k"
	report, err := measure(opts, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if row := report.Rows[0]; report.good(false) || !strings.Contains(row.Error, "403") || len(row.Figures) > 0 {
		t.Errorf("a server that refuses the file: %+v, want an error about 403 and no figures", row)
	}
}

// TestJudge is the arithmetic of verdicts.
func TestJudge(t *testing.T) {
	samples := func(values ...float64) []sample {
		var all []sample
		for _, v := range values {
			all = append(all, sample{value: v, fast: 0.995})
		}
		return all
	}
	two := []string{ours, nginxSafe, nginxStrict}
	for _, tt := range []struct {
		name    string
		row     row
		samples map[string][]sample
		judged  float64
		verdict string
	}{
		{
			"round by round",
			row{servers: two[:2], bound: bound{0.75, two[1:2]}},
			map[string][]sample{ours: samples(7, 700, 6), nginxSafe: samples(10, 1000, 10)},
			0.7, "met",
		},
		{
			"dearer",
			row{servers: two[:2], bound: bound{0.75, two[1:2]}},
			map[string][]sample{ours: samples(8), nginxSafe: samples(10)},
			0.8, "not met: cost",
		},
		{
			"the better of two",
			row{servers: two, bound: bound{1, nginxes}},
			map[string][]sample{ours: samples(8), nginxSafe: samples(10), nginxStrict: samples(5)},
			1.6, "not met: cost",
		},
		{
			"megabytes",
			row{servers: two[:2], bound: bound{40, nil}},
			map[string][]sample{ours: samples(39), nginxSafe: samples(0)},
			39, "met",
		},
		{
			"the fast lane's share",
			row{servers: two[:2], bound: bound{2, two[1:2]}, lane: true},
			map[string][]sample{ours: {{value: 1, fast: 0.98}}, nginxSafe: samples(1)},
			1, "not met: the fast lane answers less than 99 %",
		},
		{
			"one of two that the bound is about",
			row{servers: two, bound: bound{1, nginxes}},
			map[string][]sample{ours: samples(8), nginxSafe: samples(10)},
			0, "",
		},
		{"nobody measured", row{servers: two, bound: bound{1, nginxes}}, nil, 0, ""},
	} {
		got := tt.row.result(tt.samples)
		if got.Judged != tt.judged || got.Verdict != tt.verdict {
			t.Errorf("%s: judged %v, %q; want %v, %q", tt.name, got.Judged, got.Verdict, tt.judged, tt.verdict)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, args := range [][]string{
		{"more"}, {"-format", "xml"}, {"-rounds", "0"}, {"-scale", "0"}, {"-quick", "-write-docs", "x"}, {"-nonsense"},
	} {
		if _, err := parseOptions(args); err == nil {
			t.Errorf("parseOptions(%q) took it", args)
		}
	}
	if _, err := pickServers("rootbound,nonsense"); err == nil {
		t.Error("pickServers took a server that is not there")
	}
	if _, err := pickRows("1k,nonsense"); err == nil {
		t.Error("pickRows took a row that is not there")
	}
	if got, err := pickRows("304,1k"); err != nil || len(got) != 2 || got[0].name != "1k" {
		t.Errorf("pickRows: %v, %v; want 1k before 304", got, err)
	}
}

func TestCacheFlag(t *testing.T) {
	for help, want := range map[string]bool{
		"  --cache-check=DURATION  Look again":          false,
		"  --cache=SIZE  Memory for small files":        true,
		"  --cache SIZE\n  --cache-check=DURATION     ": true,
		"  --cached": false,
	} {
		if got := cacheFlag.MatchString(help); got != want {
			t.Errorf("cacheFlag in %q: %v, want %v", help, got, want)
		}
	}
}

// TestDocsForm holds docs/performance.md to the table that this program writes:
// its rows, columns and bounds, not its figures.
func TestDocsForm(t *testing.T) {
	path := filepath.Join(testenv.Repo(t), "docs", "performance.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, table, _, err := cutDocs(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := form(table), form(new(Report).docs()); got != want {
		t.Errorf("the table in docs/performance.md is not what go run ./bench -write-docs docs/performance.md writes:\n%s\nwant\n%s", got, want)
	}
}

// TestForm shows that the test above sees a change of form, and none of figures.
func TestForm(t *testing.T) {
	measured := new(Report)
	for _, r := range rows {
		samples := map[string][]sample{}
		for _, name := range r.servers {
			samples[name] = []sample{{value: 3, kernel: 0.5}}
		}
		measured.Rows = append(measured.Rows, r.result(samples))
	}
	empty := new(Report).docs()
	if got, want := form(measured.docs()), form(empty); got != want {
		t.Errorf("figures change the form:\n%s\nwant\n%s", got, want)
	}
	for _, change := range [][2]string{{"≤ 0.75", "≤ 0.85"}, {"1 KiB file |", "2 KiB file |"}, {"| verdict", "| result"}, {"-write-docs", "-o"}} {
		if form(strings.Replace(empty, change[0], change[1], 1)) == form(empty) {
			t.Errorf("the form does not see %q become %q", change[0], change[1])
		}
	}
}

// form blots the figures out.
func form(table string) string {
	lines := strings.Split(table, "\n")
	header := -1
	for i, line := range lines {
		if strings.HasPrefix(line, "Measured: ") {
			lines[i] = "Measured: …"
		}
		cells := strings.Split(line, " | ")
		if len(cells) != len(docsColumns) {
			continue
		}
		if header < 0 {
			header = i
			continue
		}
		for c := range cells {
			if title := docsColumns[c]; title != "work" && title != "must reach" {
				cells[c] = "…"
			}
		}
		lines[i] = strings.Join(cells, " | ")
	}
	return strings.Join(lines, "\n")
}

// TestWriteDocs replaces what is between the markers and nothing else.
func TestWriteDocs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.md")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("before\n" + docsBegin + "old" + docsEnd + "\nafter\n")
	if err := writeDocs(path, new(Report)); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := "before\n" + docsBegin + new(Report).docs() + docsEnd + "\nafter\n"; string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	write("no markers")
	if err := writeDocs(path, new(Report)); err == nil {
		t.Error("writeDocs took a document without markers")
	}
}
