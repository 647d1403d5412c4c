package inspect

import "testing"

func TestWellKnownPlaces(t *testing.T) {
	for path, want := range map[string]string{
		"/var/www": "web", "/var/www/html/files": "web", "/var/wwwroot": "", "/srv/http/x": "web", "/usr/share/nginx/html": "web",
		"/home/someone/public_html/x": "web", "/srv/my_public_html": "",
		"/home/someone": "home", "/home/someone/files": "", "/root": "home",
		"/": "system", "/etc/ssl": "system", "/usr": "system", "/usr/share/x": "", "/srv/files": "", "/etcetera": "", "/tmp": "system", "/tmp/x": "",
	} {
		got := ""
		switch {
		case WebRoot(path) != "":
			got = "web"
		case IsHome(path, nil, ""):
			got = "home"
		case IsSystem(path):
			got = "system"
		}
		if got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}

func TestHomeAbove(t *testing.T) {
	for path, want := range map[string]string{
		"/home/someone/files/a": "/home/someone", "/home/someone": "", "/srv/files": "", "/opt/me/x": "/opt/me", "/root/x": "/root", "/": "",
	} {
		if got := homeAbove(path, "/opt/me"); got != want {
			t.Errorf("homeAbove(%s) = %q, want %q", path, got, want)
		}
	}
}

func TestParent(t *testing.T) {
	const top, alice, bob, staff = 0, 1000, 1001, 50
	for _, c := range []struct {
		about      string
		dir, child facts
		want       bool
	}{
		{"the system's", facts{mode: 0o755}, facts{}, false},
		{"everybody may write", facts{mode: 0o777}, facts{}, true},
		{"sticky", facts{mode: 0o1777}, facts{uid: alice}, false},
		{"sticky, and what is in it is another's", facts{mode: 0o1777}, facts{uid: bob}, true},
		{"a group may write", facts{mode: 0o775, uid: alice, gid: staff}, facts{}, true},
		{"the user's own group may write", facts{mode: 0o775, uid: alice, gid: alice}, facts{}, false},
		{"another's", facts{mode: 0o755, uid: bob}, facts{}, true},
		{"root's group", facts{mode: 0o775, uid: top, gid: top}, facts{}, false},
	} {
		w := testWalk()
		w.base = &directory{facts: facts{uid: alice}}
		w.parent("/srv", &c.dir, &c.child)
		if got := w.found.Load() == 1; got != c.want {
			t.Errorf("%s: reported %v, want %v", c.about, got, c.want)
		}
	}
}
