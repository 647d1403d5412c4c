// Command report runs every attack of the corpus against every undefended twin and prints what leaked: the proof
// that the attacks are real. It exits 1 where a class leaks from no twin and is not listed with a reason, or is
// listed and leaks all the same.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/rootbound/rootbound/internal/attack"
)

func main() {
	os.Exit(run(os.Stdout, os.Stderr))
}

func run(stdout, stderr io.Writer) int {
	m, err := plantAndMeasure()
	if err != nil {
		fmt.Fprintln(stderr, "corpus-report:", err)
		return 1
	}
	m.print(stdout)
	complaints := m.complaints()
	for _, c := range complaints {
		fmt.Fprintln(stderr, "corpus-report:", c)
	}
	if len(complaints) > 0 {
		return 1
	}
	return 0
}

// plantAndMeasure uses two trees: links in the first would change what text alone does to a twin.
func plantAndMeasure() (*matrix, error) {
	dir, err := os.MkdirTemp("", "corpus-report-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	m := newMatrix()
	for _, part := range []struct {
		name    string
		measure func(dir string) error
	}{{"names", m.measureNames}, {"links", m.measureLinks}} {
		sub := dir + string(os.PathSeparator) + part.name
		if err := os.Mkdir(sub, 0o755); err != nil {
			return nil, err
		}
		if err := part.measure(sub); err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return m, nil
}

func (m *matrix) measureNames(dir string) error {
	l, err := attack.PlantTree(dir)
	if err != nil {
		return err
	}
	m.names(l, attack.Corpus(l))
	return m.replay(l)
}

func (m *matrix) measureLinks(dir string) error {
	l, err := attack.PlantTree(dir)
	if err != nil {
		return err
	}
	l, links, err := attack.PlantLinks(l)
	if err != nil {
		return err
	}
	m.links(l, links)
	return nil
}
