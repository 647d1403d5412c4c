//go:build !linux

package inspect

import (
	"os"
	"path/filepath"
	"runtime"

	"github.com/rootbound/rootbound/internal/finding"
)

// above looks at each directory above the base. Here this goes by the path, for there is no descriptor of them.
func (w *walk) above() {
	if runtime.GOOS == "windows" {
		w.report.Note(finding.Place{}, "who may write where is not looked at on Windows")
		return
	}
	child := w.base.facts
	for p := filepath.Dir(w.abs); ; p = filepath.Dir(p) {
		info, err := os.Lstat(p)
		var dir facts
		if dir.take(info, err) != nil {
			return
		}
		w.parent(p, &dir, &child)
		child = dir
		if p == filepath.Dir(p) {
			return
		}
	}
}

// mountPoints are found on the way here.
func (w *walk) mountPoints() {}

// mounted is asked about a directory on another device than its parent. It says whether it is not to be walked into.
func (w *walk) mounted(_ *directory, path string) bool {
	w.add(finding.MountPoint, path, "another file system")
	return false
}

// programs are looked at on Linux alone.
func (w *walk) programs() {
	if !w.cfg.Quick {
		w.report.Note(finding.Place{}, "running programs are looked at on Linux alone")
	}
}

// Distant is not known here.
func Distant(string) string { return "" }
