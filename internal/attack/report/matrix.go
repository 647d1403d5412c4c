package main

import (
	"fmt"
	"io"
	"maps"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/rootbound/rootbound/internal/attack"
	"github.com/rootbound/rootbound/internal/undefended"
)

// row is what is known about one class.
type row struct {
	cases  int
	leaked int            // cases that leaked from at least one twin
	twins  map[string]int // twin -> cases that leaked from it
}

type matrix struct {
	rows     map[string]*row
	examples map[[2]string]string // class, twin -> a target that leaked
	replayed int                  // examples that leaked over a socket as well
}

func newMatrix() *matrix {
	return &matrix{rows: make(map[string]*row), examples: make(map[[2]string]string)}
}

// record notes the outcome of a case: the targets that leaked, by twin.
func (m *matrix) record(class string, leaked map[string]string) {
	r := m.rows[class]
	if r == nil {
		r = &row{twins: make(map[string]int)}
		m.rows[class] = r
	}
	r.cases++
	if len(leaked) > 0 {
		r.leaked++
	}
	for twin, target := range leaked {
		r.twins[twin]++
		key := [2]string{class, twin}
		// A short one: it is sent over a socket as well.
		if old, ok := m.examples[key]; !ok || len(target) < len(old) {
			m.examples[key] = target
		}
	}
}

// names runs every case, as a path and as a query, against every twin.
func (m *matrix) names(l attack.Layout, cases []attack.Case) {
	twins := undefended.Twins()
	leaks := make([][]string, len(twins)) // twin, case -> a target that leaked, or ""
	work := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range work {
				leaks[i] = leakedBy(twins[i], l, cases)
			}
		})
	}
	for i := range twins {
		work <- i
	}
	close(work)
	wg.Wait()
	for i, c := range cases {
		leaked := make(map[string]string)
		for j, t := range twins {
			if leaks[j][i] != "" {
				leaked[t.Name] = leaks[j][i]
			}
		}
		m.record(c.Class, leaked)
	}
}

// leakedBy returns, for each case, a target by which the twin leaked, or "". Many cases are one name to a twin:
// each name is read once.
func leakedBy(t undefended.Twin, l attack.Layout, cases []attack.Case) []string {
	out := make([]string, len(cases))
	known := make(map[string]bool)
	for i, c := range cases {
		for _, target := range []string{c.Target, undefended.DownloadRoute + "?file=" + c.Query} {
			name, named := t.Named(target)
			leaked, ok := known[name]
			if !named || !ok {
				body, _ := t.Answer(l.Base, target)
				_, leaked = l.Leaks(body)
			}
			if named {
				known[name] = leaked
			}
			if leaked {
				out[i] = target
				break
			}
		}
	}
	return out
}

// replay sends one example of each class and twin over a real connection, where it must leak again.
func (m *matrix) replay(l attack.Layout) error {
	for _, t := range undefended.Twins() {
		s, err := undefended.Listen(t, l.Base)
		if err != nil {
			return err
		}
		client := &attack.Client{Addr: s.Addr}
		err = m.replayTwin(l, t.Name, client)
		_ = client.Close()
		s.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *matrix) replayTwin(l attack.Layout, twin string, client *attack.Client) error {
	for key, target := range m.examples {
		if key[1] != twin {
			continue
		}
		a, err := client.Do("GET", target)
		if err != nil {
			return fmt.Errorf("twin %s, %.80q: %w", twin, target, err)
		}
		if _, ok := l.Leaks(a.Body); !ok {
			return fmt.Errorf("twin %s leaks %.80q when called and not over a socket (status %d)", twin, target, a.Status)
		}
		m.replayed++
	}
	return nil
}

// links asks every twin for every link. FIFOs and sockets are left out: opening them would block.
func (m *matrix) links(l attack.Layout, links []attack.Link) {
	for _, link := range links {
		leaked := make(map[string]string)
		if link.Class != "special" {
			target := (&url.URL{Path: "/" + link.Name}).EscapedPath()
			for _, t := range undefended.Twins() {
				body, _ := t.Answer(l.Base, target)
				if _, ok := l.Leaks(body); ok {
					leaked[t.Name] = target
				}
			}
		}
		m.record(link.Class, leaked)
	}
}

// complaints returns what is wrong with the corpus, the twins or the table of silent classes.
func (m *matrix) complaints() []string {
	var out []string
	known := make(map[string]bool)
	for _, c := range attack.Classes() {
		known[c.Name] = true
		out = append(out, m.complain(c.Name)...)
	}
	for name := range m.rows {
		if !known[name] {
			out = append(out, name+": cases of a class that Classes does not name")
		}
	}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(silent)), slices.Collect(maps.Keys(controls))) {
		if !known[name] {
			out = append(out, name+": listed, but no class")
		}
	}
	for _, t := range undefended.Twins() {
		// That one is about a swap between check and open: see TestCheckThenOpen of package undefended.
		if t.Name != "check-then-open" && m.leakedFrom(t.Name) == 0 {
			out = append(out, "twin "+t.Name+": nothing leaks from it")
		}
	}
	slices.Sort(out)
	return out
}

func (m *matrix) complain(class string) []string {
	r := m.rows[class]
	reason, listed := silent[class]
	switch {
	case r == nil:
		return []string{class + ": a class without cases"}
	case r.leaked == 0 && !listed:
		return []string{class + ": leaks from no twin and is not listed with a reason"}
	case r.leaked > 0 && listed:
		return []string{fmt.Sprintf("%s: leaks, but is listed as silent (%s)", class, reason)}
	case !listed && len(controls[class]) == 0:
		return []string{class + ": has no control"}
	}
	var out []string
	for _, twin := range controls[class] {
		if r.twins[twin] == 0 {
			out = append(out, class+": does not leak from its control "+twin)
		}
	}
	return out
}

func (m *matrix) leakedFrom(twin string) int {
	n := 0
	for _, r := range m.rows {
		n += r.twins[twin]
	}
	return n
}

func (m *matrix) print(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "class\tnames\tleaked\tfrom")
	total, leaked := 0, 0
	for _, c := range attack.Classes() {
		r := m.rows[c.Name]
		if r == nil {
			continue
		}
		total, leaked = total+r.cases, leaked+r.leaked
		from := r.from(controls[c.Name])
		if reason, ok := silent[c.Name]; ok && r.leaked == 0 {
			from = "- " + reason
		}
		fmt.Fprintf(tw, "%s\t%d\t%d\t%s\n", c.Name, r.cases, r.leaked, from)
	}
	fmt.Fprintf(tw, "total\t%d\t%d\t%d examples leaked over a socket as well\n", total, leaked, m.replayed)
	_ = tw.Flush() // its writer is a terminal or a buffer
}

// from lists the controls, then the leakiest others, and how many more twins leaked.
func (r *row) from(controls []string) string {
	const others = 3
	names := slices.SortedFunc(maps.Keys(r.twins), func(a, b string) int {
		if d := r.twins[b] - r.twins[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	names = slices.DeleteFunc(names, func(n string) bool { return slices.Contains(controls, n) })
	var out []string
	for _, n := range slices.Concat(controls, names[:min(others, len(names))]) {
		out = append(out, fmt.Sprintf("%s %d", n, r.twins[n]))
	}
	if more := len(names) - others; more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(out, ", ")
}
