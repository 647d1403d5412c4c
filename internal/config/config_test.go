package config_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rootbound/rootbound/internal/config"
)

func TestParse(t *testing.T) {
	p, problems := config.Parse([]byte(`
# everything
[serve]
listen = ["127.0.0.1:0",
  # and
  "unix:/run/x"]
public = true
serve-is-not-here.x = 1
`))
	if p != nil || len(problems) == 0 {
		t.Fatalf("an unknown key was taken: %v", p)
	}
	p, problems = config.Parse([]byte("[serve]\nlisten = [\"[::1]:0\", # why\n]\npublic = true\nmax-age = \"5m\"\ngrace = \"2d\"\nmin-rate = 10\n" +
		"names = 'strict'\n[[mount]]\nname = \"a\"\ndir = \"/a\"\n[[mount]]\ndir = \"b\"\n"))
	if len(problems) > 0 {
		t.Fatalf("a good file has problems: %v", problems)
	}
	if diff := cmp.Diff([]config.Mount{{Name: "a", Dir: "/a"}, {Dir: "b"}}, p.File.Mount); diff != "" {
		t.Errorf("mounts:\n%s", diff)
	}
	s, _ := p.File.Serve.Settings()
	if s.MaxAge != 5*time.Minute || s.Grace != 48*time.Hour || s.MinRate != 10 || !s.Public || s.NamePolicy != "strict" || s.Base.Names == nil {
		t.Errorf("settings: %+v", s)
	}
}

func TestParseProblems(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"[serve]\nlisten = [\"a:1\"]\nlisen = 1", `3:1 serve.lisen: unknown key. The nearest known one is "listen"`},
		{"[serve]\nLISTEN = [\"127.0.0.1:0\"]", `2:1 serve.LISTEN: unknown key. Keys are written in lower case: "listen"`},
		{"[Serve]\nlisten = [\"127.0.0.1:0\"]", `1:2 Serve: unknown key. Keys are written in lower case: "serve"`},
		{"listen = [\"127.0.0.1:0\"]", `1:1 listen: unknown key. The nearest known one is "listen" in the table serve`},
		{"[[mount]]\ndirr = \"x\"\ndir='y'", `2:1 mount[0].dirr: unknown key. The nearest known one is "dir"`},
		{"serve = { symlink = \"within\" }", `1:11 serve.symlink: unknown key. The nearest known one is "symlinks"`},
		{"serve.symlink = \"within\"", `1:7 serve.symlink: unknown key. The nearest known one is "symlinks"`},
		{"[serve.tls]\ncert = \"x\"", `1:8 serve.tls: unknown key. The nearest known one is "tls-cert"`},
		{"[mount]\ndir = \"x\"", `1:2 mount: it may stand several times. Write [[mount]]`},
		{"[[serve]]\n", `1:3 serve: it may stand only once. Write [serve]`},
		{"[serve.listen]\n", `1:8 serve.listen: it is a key, not a table. Write serve.listen = ...`},
		{"serve = 3", `1:1 serve: a table is wanted, not a whole number. Write [serve]`},
		{"mount = 3", `1:1 mount: a table is wanted, not a whole number. Write [[mount]]`},
		{"[serve]\nlisten = \"127.0.0.1:0\"", `2:1 serve.listen: a list of strings is wanted, not a string. Write listen = ["..."]`},
		{"[serve]\nlisten = [1]", `2:1 serve.listen: a list of strings is wanted, not this list. Write listen = ["..."]`},
		{"[serve]\n  public = \"yes\"", `2:3 serve.public: true or false is wanted, not a string. Write public = true`},
		{"[serve]\nlisting = true", `2:1 serve.listing: a string is wanted, not true or false. Write listing = "on"`},
		{"[serve]\nbase-url = \"files.example\"", `2:1 serve.base-url: "files.example": not what the addresses of a server begin with. Write it as https://files.example, without a path or a slash at the end`},
		{"[serve]\nbase-url = \"https://files.example/\"", `2:1 serve.base-url: "https://files.example/": not what the addresses of a server begin with. Write it as https://files.example, without a path or a slash at the end`},
		{"[serve]\nbase-url = \"https://me@files.example\"", `2:1 serve.base-url: "https://me@files.example": not what the addresses of a server begin with. Write it as https://files.example, without a path or a slash at the end`},
		{"[serve]\nbase-url = \"javascript://x\"", `2:1 serve.base-url: "javascript://x": not what the addresses of a server begin with. Write it as https://files.example, without a path or a slash at the end`},
		{"[serve]\ngrace = \"xd\"", `2:9 serve.grace: "xd" is not a duration: write a number with its unit, such as 30s, 5m, 24h or 30d. Correct this place`},
		{"[serve]\ngrace = 5", `2:1 serve.grace: a duration in quotes is wanted, not a whole number. Write grace = "30s"`},
		{"[serve]\nmin-rate = 1.5", `2:1 serve.min-rate: a whole number is wanted, not a fraction. Write min-rate = 1000`},
		{"[serve]\nnames = \"loose\"", `2:1 serve.names: "loose": not a value it has. Use local, portable or strict`},
		{"[serve]\nlisting = \"yes\"", `2:1 serve.listing: "yes": not a value it has. Use on or off`},
		{"[serve]\nmax-connections = 0", `2:1 serve.max-connections: "0": less than one. Use 1 or more, or leave it out for the default`},
		{"[serve]\nlisten = [\"8080\"]", `2:1 serve.listen: "8080": not an address. Write HOST:PORT such as 127.0.0.1:8080, or unix:PATH`},
		{"[serve]\ntrusted-proxy = [\"proxy\"]", `2:1 serve.trusted-proxy: "proxy": not an address range. Write an address or a range such as 10.0.0.0/8`},
		{"[serve]\ndownload-route = \"/-/x\"", `2:1 serve.download-route: "/-/x": not a path for a route. Write a path such as /download, of letters, digits and _.- and not beneath /-/`},
		{"[serve]\nhost = [\"http://x\"]", `2:1 serve.host: "http://x": not a host name. Write the name alone, such as files.example.org, without scheme or port`},
		{"[[mount]]\nname = \"a/b\"\ndir = \"x\"", `1:3 mount[0]: "a/b" is not one element of a name. Use a plain name without slash, not starting with a dot`},
		{"[[mount]]\nname = \"-\"\ndir = \"x\"", `1:3 mount[0]: the name "-" is taken by the server's own pages. Use another name`},
		{"[[mount]]\nname = \"a\"", `1:3 mount[0]: it names no directory. Give the directory's path`},
		{"[[mount]]\nname = \"a\"\ndir='x'\n[[mount]]\nname = \"a\"\ndir='y'", `4:3 mount[1]: the name "a" stands twice. Give each mount a name of its own`},
	} {
		p, problems := config.Parse([]byte(tt.text))
		if p != nil {
			t.Errorf("%q was taken", tt.text)
		}
		if got := show(problems); got != tt.want {
			t.Errorf("%q:\n got %s\nwant %s", tt.text, got, tt.want)
		}
	}
}

// The words for these are the decoder's own; the place and nothing of Go's types is what counts.
func TestParseSyntax(t *testing.T) {
	for text, place := range map[string]string{
		"[serve]\npublic = ":                              "2:",
		"[serve\n":                                        "1:",
		"[serve]\npublic = true\npublic = false":          "3:",
		"[serve]\ngrace = \"5\"":                          "2:9",
		"[serve]\nmax-connections = 99999999999999999999": "2:19",
		"\xff": "1:",
	} {
		p, problems := config.Parse([]byte(text))
		if p != nil || len(problems) != 1 {
			t.Errorf("%q: %v, %v", text, p, problems)
			continue
		}
		if got := show(problems); !strings.HasPrefix(got, place) || strings.Contains(got, "config.") {
			t.Errorf("%q: %s, want it at %s", text, got, place)
		}
	}
}

// A file with an error yields nothing at all, also not what stood before the error.
func TestParseDropsAll(t *testing.T) {
	if p, _ := config.Parse([]byte("[serve]\npublic = true\nnonsense = 1\n")); p != nil {
		t.Errorf("half a configuration was kept: %+v", p.File)
	}
}

func TestMerge(t *testing.T) {
	yes, no := true, false
	file := config.Serve{Common: config.Common{Listen: []string{"a"}, Deny: []string{"*.key"}, Allow: []string{"x"}, Names: "strict", User: "www"}, Public: &yes}
	flags := config.Serve{Common: config.Common{Listen: []string{"b"}, Deny: []string{"*.pem"}, Allow: []string{"y"}}, Public: &no}
	want := config.Serve{Common: config.Common{Listen: []string{"b"}, Deny: []string{"*.key", "*.pem"}, Allow: []string{"y"}, Names: "strict", User: "www"}, Public: &no}
	if diff := cmp.Diff(want, config.Merge(file, flags)); diff != "" {
		t.Errorf("merged:\n%s", diff)
	}
	if diff := cmp.Diff(config.Serve{Common: config.Common{Listen: []string{"a"}, Deny: []string{"*.key"}, Allow: []string{"x"}, Names: "strict", User: "www"}, Public: &yes}, file); diff != "" {
		t.Errorf("the file's own was changed:\n%s", diff)
	}
}

func show(problems []config.Problem) string {
	var out []string
	for _, p := range problems {
		out = append(out, fmt.Sprintf("%d:%d %s: %s. %s", p.Line, p.Column, p.Key, p.Rule, p.Remedy))
	}
	return strings.Join(out, "\n")
}
