package main

import (
	"fmt"
	"os"
	"strings"
)

// What writeDocs replaces stands between these lines.
const (
	docsBegin = "<!-- bench: begin; written by the command below it, not by hand -->"
	docsEnd   = "<!-- bench: end -->"
)

// notMeasured stands where a document has no figure.
const notMeasured = "–"

// writeDocs replaces the table in a document.
func writeDocs(path string, report *Report) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, _, after, err := cutDocs(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(before+report.docs()+after), 0o644)
}

// cutDocs splits a document around what stands between the markers.
func cutDocs(text string) (before, table, after string, err error) {
	begin, end := strings.Index(text, docsBegin), strings.Index(text, docsEnd)
	if begin < 0 || end < begin {
		return "", "", "", fmt.Errorf("it has no lines %q and %q", docsBegin, docsEnd)
	}
	begin += len(docsBegin)
	return text[:begin], text[begin:end], text[end:], nil
}

// docsColumns are the columns of the table; those in the middle are ratios.
var docsColumns = []string{"work", nginxSafe, nginxStrict, nginxCopy, httpDir, osRoot, bare, "in the kernel", "fast lane", "must reach", "verdict"}

// docs renders the table: every row that exists, whether measured or not.
func (r *Report) docs() string {
	var s strings.Builder
	s.WriteString("\n\n```console\ngo run ./bench -write-docs docs/performance.md\n```\n\n")
	if len(r.Rows) == 0 {
		s.WriteString("Measured: nothing yet.\n\n")
	} else {
		fmt.Fprintf(&s, "Measured: %s.\n\n", r.machine())
	}
	s.WriteString("| " + strings.Join(docsColumns, " | ") + " |\n" + strings.Repeat("|---", len(docsColumns)) + "|\n")
	for _, known := range rows {
		row := known.result(nil)
		for _, measured := range r.Rows {
			if measured.Row == known.name {
				row = measured
			}
		}
		s.WriteString("| " + strings.Join(row.cells(known), " | ") + " |\n")
	}
	s.WriteString("\n")
	return s.String()
}

func (row *Row) cells(known *row) []string {
	cells := []string{known.work}
	for _, server := range docsColumns[1:7] {
		cell := notMeasured
		if q := row.ratio(server); q.To != "" {
			cell = fmt.Sprintf("%s (%s–%s)", ratioText(q.Median), ratioText(q.Min), ratioText(q.Max))
		}
		cells = append(cells, cell)
	}
	kernel, lane, verdict := notMeasured, notMeasured, notMeasured
	if us := row.figure(ours); us.Server != "" {
		kernel, lane, verdict = percent(us.Kernel), percent(us.FastLane), row.Verdict
	}
	if row.Error != "" {
		verdict = "failed"
	}
	return append(cells, kernel, lane, known.bound.String(), verdict)
}
