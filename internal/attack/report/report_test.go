package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/attack"
)

// TestReport is the control of every attack test: each class leaks from the twin that makes its mistake, or is
// listed as silent, and nothing is listed that does leak.
func TestReport(t *testing.T) {
	m, err := plantAndMeasure()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range m.complaints() {
		t.Error(c)
	}
	if m.replayed < len(controls) {
		t.Errorf("%d examples leaked over a socket, want at least %d", m.replayed, len(controls))
	}
	var out bytes.Buffer
	m.print(&out)
	t.Log("\n" + out.String())
	for _, c := range attack.Classes() {
		if !strings.Contains(out.String(), "\n"+c.Name+" ") {
			t.Errorf("the report does not name class %s", c.Name)
		}
	}
	t.Run("complaints", func(t *testing.T) { complaints(t, m) })
}

// complaints checks that the report can fail, by taking away what it found.
func complaints(t *testing.T, m *matrix) {
	plain := m.rows["traversal-plain"]
	loop := m.rows["link-loop"]
	for _, tt := range []struct {
		change func()
		want   string
	}{
		{func() { m.rows["traversal-plain"] = &row{cases: 1} }, "traversal-plain: leaks from no twin and is not listed with a reason"},
		{func() { m.rows["traversal-plain"] = &row{cases: 1, leaked: 1} }, "traversal-plain: does not leak from its control naive-join"},
		{func() { delete(m.rows, "traversal-plain") }, "traversal-plain: a class without cases"},
		{func() { m.rows["link-loop"] = &row{cases: 1, leaked: 1} }, "link-loop: leaks, but is listed as silent"},
		{func() { m.rows["unheard"] = &row{} }, "unheard: cases of a class that Classes does not name"},
		{func() { silent["stale"] = "x" }, "stale: listed, but no class"},
		{func() { delete(controls, "traversal-strip") }, "traversal-strip: has no control"},
		{func() { delete(m.rows, "traversal-strip") }, "twin strip-once: nothing leaks from it"},
	} {
		strip, control := m.rows["traversal-strip"], controls["traversal-strip"]
		others := map[string]*row{}
		if strings.HasPrefix(tt.want, "twin") {
			for name, r := range m.rows {
				others[name] = r
				m.rows[name] = &row{cases: r.cases, leaked: r.leaked, twins: map[string]int{}}
			}
		}
		tt.change()
		if got := strings.Join(m.complaints(), "\n"); !strings.Contains(got, tt.want) {
			t.Errorf("complaints %q, want %q among them", got, tt.want)
		}
		for name, r := range others {
			m.rows[name] = r
		}
		m.rows["traversal-plain"], m.rows["link-loop"], m.rows["traversal-strip"] = plain, loop, strip
		delete(m.rows, "unheard")
		delete(silent, "stale")
		controls["traversal-strip"] = control
	}
	if got := m.complaints(); len(got) != 0 {
		t.Errorf("complaints once all is put back: %q", got)
	}
}
