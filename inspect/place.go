package inspect

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rootbound/rootbound/internal/finding"
)

// webRoots are where web servers of distributions look for files.
var webRoots = []string{"/var/www", "/usr/share/nginx/html", "/srv/http", "/usr/local/www"}

// systemParts are directories that are the system's own, with all beneath them where deep.
var systemParts = []struct {
	path string
	deep bool
}{
	{"/", false},
	{"/bin", true},
	{"/boot", true},
	{"/dev", true},
	{"/etc", true},
	{"/home", false},
	{"/lib", true},
	{"/lib64", true},
	{"/proc", true},
	{"/run", false},
	{"/sbin", true},
	{"/sys", true},
	{"/usr", false},
	{"/usr/bin", true},
	{"/usr/lib", true},
	{"/var", false},
	{"/var/lib", false},
	{"/var/log", true},
	{"/var/spool", true},
	{"/tmp", false},
	{"/var/tmp", false},
	{"/Users", false},
	{"/System", true},
	{"/Library", true},
}

// WebRoot returns the well-known root of a web server that a resolved path is in, "" where it is in none.
func WebRoot(path string) string {
	for _, root := range webRoots {
		if beneath(path, root) {
			return root
		}
	}
	elems := strings.Split(filepath.ToSlash(path), "/")
	if i := slices.Index(elems, "public_html"); i >= 0 {
		return strings.Join(elems[:i+1], "/")
	}
	return ""
}

// IsHome says whether a resolved path is where somebody's home directory is, or home itself, which may be "".
func IsHome(path string, info os.FileInfo, home string) bool {
	if home != "" && info != nil {
		if h, err := os.Stat(home); err == nil && os.SameFile(h, info) {
			return true
		}
	}
	parent := filepath.Dir(path)
	return path == "/root" || (parent != path && (parent == "/home" || parent == "/Users" || parent == `C:\Users`))
}

// homeAbove is the home directory that a resolved path is in, "" where it is in none.
func homeAbove(path, home string) string {
	for p := filepath.Dir(path); p != filepath.Dir(p); p = filepath.Dir(p) {
		if p == home || IsHome(p, nil, "") {
			return p
		}
	}
	return ""
}

// IsSystem says whether a resolved path is a part of the system.
func IsSystem(path string) bool {
	for _, p := range systemParts {
		if path == p.path || p.deep && beneath(path, p.path) {
			return true
		}
	}
	return path == filepath.VolumeName(path)+string(filepath.Separator)
}

// beneath says whether a resolved path is dir or in it.
func beneath(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// resolved is a path with its links resolved, where that can be done.
func resolved(path string) string {
	if p, err := filepath.EvalSymlinks(path); err == nil {
		return p
	}
	return path
}

// place reports what is to be said of where the base is. abs is the path as its operator named it.
func (w *walk) place(abs string) {
	if IsSystem(w.abs) {
		w.add(finding.PlaceSystem, "", w.abs)
	}
	if root := WebRoot(w.abs); root != "" {
		w.add(finding.PlaceWebRoot, "", "in "+root)
	}
	info, err := w.base.f.Stat()
	if err != nil {
		info = nil
	}
	if IsHome(w.abs, info, w.cfg.Home) {
		w.add(finding.PlaceHome, "", w.abs)
	} else if home := homeAbove(w.abs, w.cfg.Home); home != "" {
		w.addFinding(finding.Finding{
			Rule: finding.PlaceHome, Severity: finding.Info, Evidence: "in " + home,
			Reason: "the directory is inside a home directory: whatever runs as its owner can change it",
		})
	}
	w.above()
	w.linksTo(abs)
}

// linksTo looks at the links by which the operator's path leads to the base: whoever can replace one leads it elsewhere.
func (w *walk) linksTo(abs string) {
	for p := abs; p != filepath.Dir(p); p = filepath.Dir(p) {
		info, err := os.Lstat(p)
		if err != nil || info.Mode()&os.ModeSymlink == 0 {
			continue
		}
		h, err := openBase(filepath.Dir(p))
		if err != nil {
			continue
		}
		var dir, link facts
		if h.stat(&dir) == nil && h.lstat(filepath.Base(p), &link) == nil {
			w.parent(filepath.Dir(p), &dir, &link)
		}
		h.close()
	}
}

// parent reports who may put something else in the place of child, which is in dir.
func (w *walk) parent(path string, dir, child *facts) {
	mine := func(uid uint32) bool { return uid == 0 || uid == w.base.uid }
	f := finding.Finding{Rule: finding.PathWritable, Place: finding.Place{Path: path}}
	held := dir.mode&sticky != 0 && mine(child.uid) // only owners may rename what is in it
	switch {
	case dir.mode&0o002 != 0 && !held:
		f.Evidence = "mode " + octal(dir.mode) + ": everybody may write into it"
	case !mine(dir.uid):
		f.Severity, f.Evidence = finding.Medium, "it belongs to "+userName(dir.uid)+", the directory to "+userName(w.base.uid)
	case dir.mode&0o020 != 0 && !held && dir.gid != 0 && dir.gid != dir.uid: // a group with the number of its user is that user's own
		f.Severity, f.Evidence = finding.Medium, "mode "+octal(dir.mode)+": the group "+groupName(dir.gid)+" may write into it"
	default:
		return
	}
	w.addFinding(f)
}
