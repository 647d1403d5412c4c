package undefended

import (
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// rules are those whose rule looks at another text than the opener, or at another part of it.
func rules() []Twin {
	return []Twin{
		{Name: "check-before-query", Misreads: "checks the name up to ? or #, then opens all of it", Read: checkBeforeQuery, whole: true},
		{Name: "cut-after-check", Misreads: "checks the end of the whole target, then drops ? and #", Read: cutAfterCheck, whole: true},
		{Name: "rule-before-clean", Misreads: "applies its rule to the name before cleaning it", Read: ruleBeforeClean},
		{Name: "hidden-served", Misreads: "is confined, but serves names that start with a dot", Read: contained},
		{Name: "case-fold", Misreads: "denies exact names on a file system that folds case", Read: lookupBy(strings.ToLower)},
		{Name: "normalization", Misreads: "denies exact names on a file system that normalises them", Read: lookupBy(hfs)},
	}
}

func checkBeforeQuery(base, name string) ([]byte, error) {
	before := name
	if i := strings.IndexAny(name, "?#"); i >= 0 {
		before = name[:i]
	}
	if err := checked(before); err != nil {
		return nil, err
	}
	return join(base, name)
}

func cutAfterCheck(base, name string) ([]byte, error) {
	if err := checked(name); err != nil {
		return nil, err
	}
	for _, d := range denyList {
		if strings.HasSuffix(name, d) || strings.HasSuffix(path.Dir(name), d) {
			return nil, ErrRefused
		}
	}
	if i := strings.IndexAny(name, "?#"); i >= 0 {
		name = name[:i]
	}
	return join(base, name)
}

func ruleBeforeClean(base, name string) ([]byte, error) {
	for _, d := range denyList {
		if strings.HasPrefix(name, d) {
			return nil, ErrRefused
		}
	}
	return join(base, path.Clean("/"+name))
}

// hfs compares names as HFS+ does, roughly: decomposed, without the characters it ignores.
func hfs(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 0x200c && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x206a && r <= 0x206f, r == 0xfeff:
			return -1
		}
		return r
	}, s)
	return norm.NFD.String(s)
}

// lookupBy stands for a file system that finds the entry whose key is that of the name asked for. The rule in
// front of it compares exactly.
func lookupBy(key func(string) string) func(base, name string) ([]byte, error) {
	return func(base, name string) ([]byte, error) {
		if err := checked(name); err != nil {
			return nil, err
		}
		p := base
		for elem := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
			entry, err := find(p, key(elem), key)
			if err != nil {
				return nil, err
			}
			p = filepath.Join(p, entry)
		}
		return os.ReadFile(p)
	}
}

func find(dir, want string, key func(string) string) (string, error) {
	if want == "" || want == "." {
		return ".", nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if key(e.Name()) == want {
			return e.Name(), nil
		}
	}
	return "", os.ErrNotExist
}
