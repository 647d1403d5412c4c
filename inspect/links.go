package inspect

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"syscall"

	"github.com/rootbound/rootbound/internal/finding"
)

// leads is where a link leads.
type leads int

const (
	leadsWithin leads = iota
	leadsOut
	leadsNowhere
	leadsRound
)

// link reports a symbolic link that does not lead to something within. Nothing is opened by way of it.
func (w *walk) link(d *directory, elem string) {
	name := d.join(elem)
	target, err := d.readlink(elem)
	if err != nil {
		w.failed(name, err, "not looked at")
		return
	}
	evidence := "-> " + target
	to, err := w.links.leads(name)
	switch {
	case errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENAMETOOLONG):
		to = lexically(name, target)
		w.report.Note(finding.Place{Path: name}, "its name is too long for the system: judged by its text")
	case err != nil:
		w.failed(name, err, "it is not known where the link leads")
		return
	}
	switch to {
	case leadsOut:
		w.escape(d, elem, target)
	case leadsNowhere:
		w.add(finding.LinkDangling, name, evidence)
	case leadsRound:
		w.add(finding.LinkLoop, name, evidence)
	}
}

// lexically judges a link by its text.
func lexically(name, target string) leads {
	joined := path.Join(path.Dir(name), target)
	if path.IsAbs(target) || joined == ".." || strings.HasPrefix(joined, "../") {
		return leadsOut
	}
	return leadsWithin
}

// escape says where a link leads that leaves the base.
func (w *walk) escape(d *directory, elem, target string) {
	f := finding.Finding{Rule: finding.LinkEscape, Place: finding.Place{Path: d.join(elem)}, Evidence: "-> " + target}
	if !w.cfg.Quick {
		w.elsewhere(&f, d, elem, target)
	}
	w.addFinding(f)
}

// elsewhere adds to a finding what the system says of the link's end.
func (w *walk) elsewhere(f *finding.Finding, d *directory, elem, target string) {
	to, kind, err := d.follow(elem)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Severity, f.Evidence = finding.Medium, f.Evidence+" (which does not exist)"
		f.Reason = "a symbolic link leads out of the directory, to what does not exist yet"
		return
	case errors.Is(err, fs.ErrPermission):
		f.Evidence += " (which this user may not reach)"
		return
	case err != nil:
		return
	}
	if w.abs != "" && (to == w.abs || strings.HasPrefix(to, strings.TrimSuffix(w.abs, "/")+"/")) {
		f.Severity = finding.Low
		f.Reason = "a symbolic link leaves the directory and comes back: it leads elsewhere once the directory is moved, and is refused as one that leaves"
		f.Remedy = "Make it relative, and without more .. than there are directories above it beneath the base."
	}
	if to != "" && to != target {
		f.Evidence += ", which is " + to
	}
	if kind != "" {
		f.Evidence += " (" + kind + ")"
	}
}
