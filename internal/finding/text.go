package finding

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Formats are what Write knows.
var Formats = []string{"text", "json", "sarif", "html"}

// Write writes a finished report in one of Formats. colour is for text, on a terminal.
func Write(w io.Writer, r *Report, format string, colour bool) error {
	switch format {
	case "text":
		return writeText(w, r, colour)
	case "json":
		return writeJSON(w, r)
	case "sarif":
		return writeSARIF(w, r)
	case "html":
		return writeHTML(w, r)
	}
	return fmt.Errorf("finding: no format %q", format)
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// colours of severities: ECMA-48 SGR.
var colours = map[Severity]string{High: "\x1b[1;31m", Medium: "\x1b[33m", Low: "\x1b[36m", Info: "\x1b[2m"}

// writeText puts the findings of a rule beneath what the rule says, which is said once.
func writeText(w io.Writer, r *Report, colour bool) error {
	var b strings.Builder
	for i := range r.Findings {
		f := &r.Findings[i]
		rule, _ := Lookup(f.Rule)
		if i == 0 || r.Findings[i-1].Rule != f.Rule || r.Findings[i-1].Severity != f.Severity {
			head := f.Severity.String() + " " + string(f.Rule)
			if colour {
				head = colours[f.Severity] + head + "\x1b[0m"
			}
			fmt.Fprintf(&b, "%s: %s\n", head, rule.Sentence)
			fmt.Fprintf(&b, "  remedy: %s\n", rule.Remedy)
			for l := range strings.Lines(rule.Fix) {
				fmt.Fprintf(&b, "      %s\n", strings.TrimSuffix(l, "\n"))
			}
			fmt.Fprintf(&b, "  see: %s\n", f.Help)
		}
		f.write(&b, &rule)
		if more := r.More[f.Rule]; more > 0 && (i+1 == len(r.Findings) || r.Findings[i+1].Rule != f.Rule) {
			fmt.Fprintf(&b, "  and %d more\n", more)
		}
	}
	if len(r.Findings) > 0 {
		b.WriteString("\n")
	}
	if len(r.Notes) > 0 {
		b.WriteString("not looked at, or not as usual:\n")
		for _, n := range r.Notes {
			fmt.Fprintf(&b, "  %s\n", strings.TrimPrefix(n.Place.String()+": "+n.Text, ": "))
		}
		if r.Unnoted > 0 {
			fmt.Fprintf(&b, "  and %d more\n", r.Unnoted)
		}
		b.WriteString("\n")
	}
	b.WriteString(r.Summary() + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func (f *Finding) write(b *strings.Builder, rule *Rule) {
	where := f.Place.String()
	if where == "" {
		where = "."
	}
	evidence := strings.Split(f.Evidence, "\n")
	switch {
	case f.Evidence == "":
		fmt.Fprintf(b, "    %s\n", where)
	case len(evidence) == 1:
		fmt.Fprintf(b, "    %s  %s\n", where, f.Evidence)
	default:
		fmt.Fprintf(b, "    %s\n", where)
		for _, l := range evidence {
			fmt.Fprintf(b, "      | %s\n", l)
		}
	}
	if f.Reason != rule.Sentence {
		fmt.Fprintf(b, "      %s\n", f.Reason)
	}
	if f.Remedy != rule.Remedy {
		fmt.Fprintf(b, "      remedy: %s\n", f.Remedy)
	}
	if f.Repeat != "" {
		fmt.Fprintf(b, "      repeat: %s\n", f.Repeat)
	}
}

// Summary is one line: what was found, accepted, and looked at.
func (r *Report) Summary() string {
	var parts []string
	total := int64(0)
	for s := High; s >= Info; s-- {
		if n := r.Counts[s.String()]; n > 0 {
			total += n
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	line := "nothing found"
	if total > 0 {
		line = plural(total, "finding") + " (" + strings.Join(parts, ", ") + ")"
	}
	if r.Accepted > 0 {
		line += fmt.Sprintf(", %d accepted by the baseline", r.Accepted)
	}
	for i, t := range r.Looked {
		switch {
		case i == 0:
			line += fmt.Sprintf("; looked at %d %s", t.Count, t.What)
		case t.Count > 0:
			line += fmt.Sprintf(", %d %s", t.Count, t.What)
		}
	}
	if n := int64(len(r.Notes)) + r.Unnoted; n > 0 {
		line += "; " + plural(n, "note")
	}
	return line
}

func plural(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
