package probe

import (
	"strings"
	"testing"
)

// TestPatterns: what runtimes print is recognised, each form by itself, and what looks like it is not.
func TestPatterns(t *testing.T) {
	for _, tt := range []struct {
		name   string
		p      *pattern
		yes    []string
		nearly []string
	}{
		{
			"system files", systemContent, []string{
				"root:x:0:0:root:/root:/bin/bash\n", "daemon:*:1:1\nroot:x:0:\ndaemon:x:1:", "; for 16-bit app support\r\n[fonts]", "x\n; for 16-bit App Support", "[mci extensions]\n", "[386Enh]\r\nwoafont=", "[386enh]",
			}, []string{"the root: x", "root:x:1000:", " [386enh]", "see [mci extensions]", "root:" + strings.Repeat("x", 201) + ":0:0:"},
		},
		{
			"stack traces", stackTraces, []string{
				"Traceback (most recent call last):\n", "goroutine 7 [running]:\n", "Error: x\n    at Object.open (node:fs:1:2)\n", "Error\n\tat f (/srv/a.js:10:3)", "Error\n\r\n at f (C:\\app\\a.js:1:1)",
				"ENOENT<br> &nbsp; &nbsp;at Object.openSync (node:fs", "java.io.IOException\n\tat com.example.Files.get(Files.java:10)\n", "/srv/app.rb:12:in `call'", "app.rb:12:in 'call'", "#0 /srv/index.php(12): readfile()", "Stack trace:\n#0 {main}",
			}, []string{"meet at noon", "\n at last, ", "goroutines [running]", "#0 is the first", "x.rb: a file", "Traceback"},
		},
		{
			"paths in errors", pathInError, []string{
				"[Errno 2] No such file or directory: '/srv/x'", `Permission denied: "/srv/x"`, "Is a directory: '/srv'", "Not a directory: '/srv/x/y'", "open /srv/x: no such file or directory", "ENOENT: no such file or directory, open '/srv/x'",
				"readfile(/srv/x): failed", "include(/srv/x)", "fopen(/srv/x)", "file_get_contents(<a href='x'>y</a>/srv/x)", "require(/srv/x)", " in <b>/srv/index.php</b> on line <b>3</b>", " in /srv/index.php on line 3", "No such file @ rb_sysopen - /srv/x",
			}, []string{"No such file or directory", "Permission denied", "open sesame: no such file", "readfile(name)", "in index.php on line 3", "ENOENT"},
		},
	} {
		for _, text := range tt.yes {
			if !tt.p.re.MatchString(text) || !tt.p.Match([]byte(text)) || tt.p.Find([]byte("before\n"+text)) == nil || tt.p.FindSubmatch([]byte(text)) == nil {
				t.Errorf("%s: not recognised: %q", tt.name, text)
			}
		}
		for _, text := range tt.nearly {
			if tt.p.Match([]byte(text)) {
				t.Errorf("%s: %q is taken for one", tt.name, text)
			}
		}
	}
}
