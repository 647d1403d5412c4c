package rootbound_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rootbound/rootbound"
)

// Whatever an upload is called, it is stored under a name that nothing of that but a harmless ending is in, and is offered by
// the other. The control: Create by the same name overwrites or refuses.
func TestCreateUnguessable(t *testing.T) {
	base := t.TempDir()
	if err := os.Mkdir(filepath.Join(base, "in"), 0o755); err != nil {
		t.Fatal(err)
	}
	d, err := rootbound.Open(base, rootbound.Config{Writable: true, Names: rootbound.Strict})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	seen := map[string]bool{}
	for _, tt := range []struct{ called, ending, offered string }{
		{"holiday.jpg", ".jpg", "holiday.jpg"},
		{"holiday.jpg", ".jpg", "holiday.jpg"},
		{"../../etc/passwd", "", "passwd"},
		{`C:\Users\me\Plan ä.PDF`, ".pdf", "Plan ä.PDF"},
		{".htaccess", "", ".htaccess"},
		{"a.tar.gz", ".gz", "a.tar.gz"},
		{"x.", "", "x."},
		{"a.b/c", "", "c"},
		{"evil.p hp", "", "evil.p hp"},
		{"x." + strings.Repeat("y", 11), "", "x." + strings.Repeat("y", 11)},
		{"", "", ""},
		{"x.ph\x00p", "", "x.ph\x00p"},
	} {
		for _, dir := range []string{".", "in"} {
			p, err := d.CreateUnguessable(dir, tt.called, rootbound.CreateOptions{})
			if err != nil {
				t.Errorf("%q: %v", tt.called, err)
				continue
			}
			if _, err := p.Write([]byte("content")); err != nil {
				t.Fatal(err)
			}
			if err := p.Commit(); err != nil {
				t.Errorf("%q: %v", tt.called, err)
			}
			name := p.Name().String()
			want := `^[a-z2-7]{26}` + regexp.QuoteMeta(tt.ending) + `$`
			if dir != "." {
				want = strings.Replace(want, "^", "^"+dir+"/", 1)
			}
			if !regexp.MustCompile(want).MatchString(name) || seen[name] {
				t.Errorf("%q is stored as %q", tt.called, name)
			}
			seen[name] = true
			offered := tt.offered
			if offered == "" {
				offered = p.Name().Last()
			}
			if p.DownloadName() != offered {
				t.Errorf("%q is offered as %q", tt.called, p.DownloadName())
			}
			w := httptest.NewRecorder()
			if err := d.Send(w, httptest.NewRequest(http.MethodGet, "/", nil), name, rootbound.SendOptions{AsAttachment: true, DownloadName: p.DownloadName()}); err != nil || w.Body.String() != "content" {
				t.Errorf("sending %q: %v %q", name, err, w.Body)
			}
			if cd := w.Header().Get("Content-Disposition"); !strings.HasPrefix(cd, "attachment; filename=") || bytes.ContainsAny([]byte(cd), "\x00/\\") && !strings.Contains(cd, "%") {
				t.Errorf("%q is sent with %q", tt.called, cd)
			}
		}
	}
	for _, dir := range []string{"..", "", "/", "missing", ".hidden"} {
		if p, err := d.CreateUnguessable(dir, "x.txt", rootbound.CreateOptions{}); err == nil {
			_ = p.Close()
			t.Errorf("stored in %q", dir)
		}
	}
	p, err := d.Create("holiday.jpg", rootbound.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if p.DownloadName() != "holiday.jpg" {
		t.Errorf("Create is offered as %q", p.DownloadName())
	}
	if err := p.Commit(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Create("holiday.jpg", rootbound.CreateOptions{}); rootbound.Status(err) != http.StatusConflict {
		t.Errorf("the control: %v", err)
	}
}
