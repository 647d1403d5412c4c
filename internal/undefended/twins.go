package undefended

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// Twins returns every twin, in the order of reports.
func Twins() []Twin {
	return append(append(append(lexical(), decoders()...), rules()...), walkers()...)
}

// ByName returns the twin of that name. It panics where there is none, since a test names it in its source.
func ByName(name string) Twin {
	for _, t := range Twins() {
		if t.Name == name {
			return t
		}
	}
	panic("undefended: no twin named " + name)
}

// lexical are those whose mistake is in joining and comparing.
func lexical() []Twin {
	return []Twin{
		{Name: "naive-join", Misreads: "joins base and name and opens the result", Read: join},
		{Name: "strip-once", Misreads: "removes ../ once and believes that none is left", Read: stripOnce},
		{Name: "prefix-compare", Misreads: "compares the start of the path without a separator", Read: prefixCompare},
		{Name: "concatenate", Misreads: "puts base and name together without a separator", Read: concatenate},
		{Name: "absolute-join", Misreads: "lets an absolute name replace the base, as Python's os.path.join does", Read: absoluteJoin},
		{Name: "file-url", Misreads: "hands a name with the scheme file: to an opener of URLs", Read: fileURL},
		{Name: "nul-cut", Misreads: "checks the extension of all of the name, which C ends at the NUL", Read: nulCut},
		{Name: "line-anchors", Misreads: "anchors its allowlist to lines instead of to the whole name, as Ruby's ^ and $ do", Read: lineAnchors},
		{Name: "dollar-newline", Misreads: "lets $ match before a last newline, which strip() then removes", Read: dollarNewline},
		{Name: "alias-off-by-slash", Misreads: "maps a URL prefix without a slash to a directory with one", Read: misreading(same), target: alias},
		{Name: "absolute-form", Misreads: "checks paths, but not the path of an absolute-form target", Read: misreading(same), target: absoluteForm},
	}
}

// decoders check the name and then read it in another way.
func decoders() []Twin {
	then := func(changes ...func(string) string) func(string, string) ([]byte, error) {
		return misreading(func(s string) string {
			for _, change := range changes {
				s = change(s)
			}
			return s
		})
	}
	return []Twin{
		{Name: "check-before-decode", Misreads: "checks the encoded name, then decodes it", Read: then(unescape), raw: true},
		{Name: "decode-twice", Misreads: "decodes again what the framework has decoded", Read: then(unescape)},
		{Name: "decode-thrice", Misreads: "decodes twice more", Read: then(unescape, unescape)},
		{Name: "overlong-utf8", Misreads: "accepts UTF-8 in more bytes than needed", Read: then(lax)},
		{Name: "percent-u", Misreads: "decodes %uXXXX, and maps the result by best fit", Read: then(unescapeU, bestFit)},
		{Name: "backslash", Misreads: "reads a backslash as a separator", Read: then(backslashes)},
		{Name: "best-fit", Misreads: "normalises to NFKC after the check", Read: then(bestFit)},
		{Name: "best-fit-decode", Misreads: "normalises to NFKC and decodes after the check", Read: then(bestFit, unescape, backslashes)},
		{Name: "params", Misreads: "drops ;parameters after the check", Read: then(cutParams)},
		{Name: "windows-names", Misreads: "drops streams, trailing dots and spaces after the check", Read: then(windowsElements)},
		{Name: "drop-control", Misreads: "removes control characters after the check", Read: then(dropInvisible)},
		{Name: "drop-bad-percent", Misreads: "drops the percent sign of a bad escape", Read: then(unescapeDropping)},
		{Name: "drop-bad-utf8", Misreads: "ignores bytes that are no UTF-8", Read: then(dropBadUTF8)},
		{
			Name: "layers", Misreads: "stacks all of these layers behind one check, as IIS 4 and 5 did",
			Read: then(unescapeU, unescape, lax, bestFit, backslashes, cutParams, dropInvisible, windowsElements),
		},
	}
}

func same(s string) string { return s }

func stripOnce(base, name string) ([]byte, error) {
	name = strings.ReplaceAll(name, "../", "")
	name = strings.ReplaceAll(name, `..\`, "")
	return join(base, name)
}

func prefixCompare(base, name string) ([]byte, error) {
	p := filepath.Join(base, filepath.FromSlash(name))
	if !strings.HasPrefix(p, base) || denied(filepath.ToSlash(p)) {
		return nil, ErrRefused
	}
	return os.ReadFile(p)
}

func concatenate(base, name string) ([]byte, error) {
	if climbs(name) || denied(name) {
		return nil, ErrRefused
	}
	if _, err := os.Stat(base + name); err != nil {
		return join(base, name)
	}
	return os.ReadFile(base + name)
}

func absoluteJoin(base, name string) ([]byte, error) {
	if climbs(name) || denied(name) {
		return nil, ErrRefused
	}
	if strings.HasPrefix(name, "/") {
		return os.ReadFile(filepath.FromSlash(name))
	}
	return join(base, name)
}

func fileURL(base, name string) ([]byte, error) {
	if err := checked(name); err != nil {
		return nil, err
	}
	u, err := url.Parse(name)
	if err != nil || !strings.EqualFold(u.Scheme, "file") {
		return join(base, name)
	}
	return os.ReadFile(filepath.FromSlash(path.Join("/", u.Path)))
}

func nulCut(base, name string) ([]byte, error) {
	switch path.Ext(name) {
	case ".txt", ".png", ".html":
	default:
		return nil, ErrRefused
	}
	name, _, _ = strings.Cut(name, "\x00")
	return join(base, name)
}

var anyLine = regexp.MustCompile(`(?m)^[A-Za-z0-9_.-]+$`)

func lineAnchors(base, name string) ([]byte, error) {
	if !anyLine.MatchString(name) {
		return nil, ErrRefused
	}
	return join(base, name)
}

// Python's $ is \n?\z.
var pythonDollar = regexp.MustCompile(`\A[^/\\]+\n?\z`)

func dollarNewline(base, name string) ([]byte, error) {
	if !pythonDollar.MatchString(name) || denied(name) || name == ".." {
		return nil, ErrRefused
	}
	return join(base, strings.TrimSpace(name))
}

// alias serves the URL prefix /static from the base, and all other paths carefully.
func alias(base, target string) ([]byte, error) {
	name, _, _ := strings.Cut(target, "?")
	name = path.Clean(unescape(name))
	if rest, ok := strings.CutPrefix(name, "/static"); ok {
		return os.ReadFile(filepath.FromSlash(base + "/" + rest))
	}
	return misreading(same)(base, strings.TrimPrefix(name, "/"))
}

func absoluteForm(base, target string) ([]byte, error) {
	name, _, _ := strings.Cut(target, "?")
	if strings.HasPrefix(name, "/") {
		return misreading(same)(base, unescape(name[1:]))
	}
	scheme, rest, ok := strings.Cut(name, "://")
	if !ok || !strings.HasPrefix(strings.ToLower(scheme), "http") {
		return nil, ErrRefused
	}
	_, name, _ = strings.Cut(rest, "/")
	return join(base, unescape(name))
}
