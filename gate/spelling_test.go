package gate

import (
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"
)

// readers are how applications come from a request's path to a route: what each makes of one is a reading.
var readers = map[string]func(string) string{
	"as it is": func(p string) string { return p },
	"decodes": func(p string) string {
		if out, err := url.PathUnescape(p); err == nil {
			return out
		}
		return p
	},
	"decodes, then cleans": func(p string) string {
		if out, err := url.PathUnescape(p); err == nil {
			return path.Clean("/" + out)
		}
		return p
	},
	"carries dots out, then decodes": func(p string) string { // RFC 3986 5.2.4
		u, err := url.Parse("http://x/")
		if err != nil {
			return p
		}
		ref, err := u.Parse("http://x" + p)
		if err != nil {
			return p
		}
		return ref.Path
	},
	"merges slashes, then decodes": func(p string) string {
		for strings.Contains(p, "//") {
			p = strings.ReplaceAll(p, "//", "/")
		}
		if out, err := url.PathUnescape(p); err == nil {
			return out
		}
		return p
	},
	"drops parameters, then cleans": func(p string) string {
		elems := strings.Split(p, "/")
		for i := range elems {
			elems[i], _, _ = strings.Cut(elems[i], ";")
		}
		return path.Clean("/" + strings.Join(elems, "/"))
	},
	"cleans, case folded": func(p string) string { return strings.ToLower(path.Clean("/" + p)) },
}

// Whatever a reader takes for a route that was taken over, the gate does too.
func FuzzReadings(f *testing.F) {
	rule, err := ParseRule("GET /download?file={name}")
	if err != nil {
		f.Fatal(err)
	}
	files, err := ParseRule("GET /files/{name}")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		"/download", "/%64ownload", "//download", "/x/../download", "/x%3f/../download", "/download//..", "/x/..;/download", "//files/../../x",
		"/files/a/%2e%2e/%2e%2e/b", "/./files//x", "/FILES/x", "/x/%2e%2e/files/%00", "/a;b/../download;c", "/x//..//..//download", "/other/path",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		p := "/" + strings.TrimLeft(target, "/")
		if strings.HasPrefix(target, "//") {
			p = "/" + p
		}
		if strings.ContainsAny(p, "?# ") || len(p) > 200 {
			return // no path of a request's
		}
		all := readings(p)
		for name, read := range readers {
			got := strings.TrimSuffix(read(p), "/")
			switch {
			case got == "/download" && !rule.match(p) && !slices.ContainsFunc(all, rule.near):
				t.Errorf("%q is the route to who %s, and not to the gate: %q", p, name, all)
			case strings.HasPrefix(got, "/files/") && !files.match(p) && !slices.ContainsFunc(all, files.near):
				t.Errorf("%q is beneath the route to who %s, and not to the gate: %q", p, name, all)
			}
		}
	})
}
