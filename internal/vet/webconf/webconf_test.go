package webconf

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rootbound/rootbound/internal/vet/flow"
)

// found are the rules and lines of what is unsafe or guarded in text.
func found(t *testing.T, text string) []string {
	t.Helper()
	kind := Kind(text)
	if kind == "" {
		t.Fatalf("neither nginx nor Apache:\n%s", text)
	}
	out := []string{}
	results, deep := Read(kind, "/nonexistent/site.conf", text)
	if deep != 0 {
		t.Errorf("line %d is nested too deep", deep)
	}
	for _, r := range results {
		level := map[flow.Level]string{flow.Unsafe: "unsafe", flow.Guarded: "guarded"}[r.Level]
		out = append(out, fmt.Sprintf("%s %s:%d", level, r.Rule, r.Line))
	}
	return out
}

func TestRead(t *testing.T) {
	const nolinks = "server {\ndisable_symlinks on;\n"
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"alias off by a slash", nolinks + "location /a {\nalias /srv/a/;\n}\n}", []string{"unsafe alias-slash:4"}},
		{"slashes agree", nolinks + "location /a/ {\nalias /srv/a/;\n}\n}", []string{}},
		{"no slash at all", nolinks + "location /a {\nalias /srv/a;\n}\n}", []string{"unsafe sibling-prefix:4"}},
		{"exact", nolinks + "location = /a {\nalias /srv/a/;\n}\n}", []string{}},
		{"group behind a word", nolinks + "location ~ ^/a(.*)$ {\nalias /srv/a/$1;\n}\n}", []string{"unsafe alias-slash:4"}},
		{"group behind a slash", nolinks + "location ~ ^/a/(.*)$ {\nalias /srv/a/$1;\n}\n}", []string{}},
		{"argument", nolinks + "location = /a {\nalias /srv/a/$arg_f;\n}\n}", []string{"unsafe path-from-request:4"}},
		{"braces of a pattern", nolinks + "location ~ \"^/[0-9]{2}/\" {\nroot /srv/x;\n}\n}", []string{}},
		{"root of everything", nolinks + "root /;\n}", []string{"unsafe root-holds-application:3"}},
		{"socket beneath the root", nolinks + "root /srv/shop;\nlocation /x/ {\nproxy_pass http://unix:/srv/shop/run/app.sock;\n}\n}", []string{"unsafe root-holds-application:3"}},
		{"accel", nolinks + "location /protected/ {\nalias /srv/p/;\n}\n}", []string{"unsafe accel-not-internal:3"}},
		{"accel internal", nolinks + "location /protected/ {\ninternal;\nalias /srv/p/;\n}\n}", []string{}},
		{"links", "server {\nroot /srv/files;\n}", []string{"guarded links-followed:2"}},
		{"links off", "http {\ndisable_symlinks off;\nserver {\nroot /srv/files;\n}\n}", []string{"guarded links-followed:2"}},
		{"quoted and commented", "# server {\n" + nolinks + "location \"/a\" { # }\nalias '/srv/a/';\n}\n}", []string{"unsafe alias-slash:5"}},
		{"XSendFilePath /", "XSendFile On\nXSendFilePath /\n", []string{"unsafe sendfile-path-root:2"}},
		{"XSendFilePath", "XSendFile On\nXSendFilePath /srv/files\n", []string{"guarded links-followed:2"}},
		{"Options", "<Directory /srv/files>\nOptions Indexes FollowSymLinks\n</Directory>\n", []string{"guarded links-followed:2"}},
		{"no options", "<Directory /srv/files>\nOptions -Indexes -FollowSymLinks\n</Directory>\n", []string{}},
		{"script beneath the root", "<VirtualHost *:80>\nDocumentRoot /srv/shop\nWSGIScriptAlias / /srv/shop/wsgi.py\n</VirtualHost>\n", []string{"unsafe root-holds-application:2"}},
		{"everything granted", "<Directory \"/\">\nRequire all granted\n</Directory>\n", []string{"unsafe root-holds-application:2"}},
		{"AliasMatch", "AliasMatch ^/a(.*)$ /srv/a/$1\nDocumentRoot /srv/x\n", []string{"unsafe alias-slash:1"}},
		{"query into a path", "DocumentRoot /srv/x\nRewriteCond %{QUERY_STRING} f=(.*)\nRewriteRule ^/get$ /srv/x/%1\n", []string{"unsafe path-from-request:3"}},
		{"digits into a path", "DocumentRoot /srv/x\nRewriteCond %{QUERY_STRING} f=([0-9]+)$\nRewriteRule ^/get$ /srv/x/%1\n", []string{}},
		{"continued line", "DocumentRoot /srv/x\nXSendFilePath \\\n  /\n", []string{"unsafe sendfile-path-root:2"}},
	} {
		if diff := cmp.Diff(tt.want, found(t, tt.text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if kind := Kind("[section]\nkey = value\n"); kind != "" {
		t.Errorf("a file of settings is %s", kind)
	}
}

// A root on another machine, as Windows spells it, is not looked into. The control is one that is here.
func TestOtherMachines(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "app.py"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if !holdsSource("site.conf", dir) {
		t.Error("a directory with source is not seen")
	}
	if holdsSource("site.conf", "//"+strings.TrimPrefix(filepath.ToSlash(dir), "/")) {
		t.Error("a directory of another machine is looked into")
	}
}

// Whatever stands in a file, it is read to its end.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{"server { location /a { alias /srv/a/; } }", "<Directory />\nRequire all granted", "a \"b\\", "{{}}}};;", "location ~ ((( { alias $1; }", strings.Repeat("server {", 500)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, kind := range []string{"nginx", "apache"} {
			results, _ := Read(kind, "x.conf", text)
			for _, r := range results {
				if r.Line < 1 || r.Line > strings.Count(text, "\n")+1 {
					t.Errorf("%s: line %d of %d", r.Rule, r.Line, strings.Count(text, "\n")+1)
				}
			}
		}
	})
}
