package confine

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFold(t *testing.T) {
	f := folder{keep: []string{"/home/ann", "/work/here"}, dont: []string{"/srv/mixed/id_rsa"}}
	for _, tt := range []struct {
		name        string
		files, dirs []string
		want        []string
	}{
		{"a file becomes its directory", []string{"/srv/app/a", "/srv/app/b"}, nil, []string{"/srv/app"}},
		{"three siblings become the one above", []string{"/srv/app/x/a", "/srv/app/y/a", "/srv/app/z/a"}, nil, []string{"/srv/app"}},
		{"two do not", []string{"/srv/app/x/a", "/srv/app/y/a"}, nil, []string{"/srv/app/x", "/srv/app/y"}},
		{"not everybody's", []string{"/etc/hostname", "/etc/a/x", "/etc/b/x", "/etc/c/x"}, nil, []string{"/etc/a", "/etc/b", "/etc/c", "/etc/hostname"}},
		{"not the home", []string{"/home/ann/a", "/home/ann/b", "/home/ann/c"}, nil, []string{"/home/ann/a", "/home/ann/b", "/home/ann/c"}},
		{"not the working directory", []string{"/work/here/a"}, []string{"/work/here/sub"}, []string{"/work/here/a", "/work/here/sub"}},
		{"not beside a secret", []string{"/srv/mixed/a", "/srv/mixed/b"}, nil, []string{"/srv/mixed/a", "/srv/mixed/b"}},
		{"not above a secret", []string{"/srv/mixed/x/a", "/srv/mixed/y/a", "/srv/mixed/z/a"}, nil, []string{"/srv/mixed/x", "/srv/mixed/y", "/srv/mixed/z"}},
		{"not in /proc", []string{"/proc/sys/vm/a", "/proc/sys/vm/b"}, nil, []string{"/proc/sys/vm/a", "/proc/sys/vm/b"}},
		{"by whole elements", []string{"/srv/app/a", "/srv/app_evil/a"}, nil, []string{"/srv/app", "/srv/app_evil"}},
	} {
		if diff := cmp.Diff(tt.want, f.fold(tt.files, tt.dirs)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestSecret(t *testing.T) {
	for path, want := range map[string]bool{
		"/home/ann/.ssh/id_ed25519": true, "/home/ann/.ssh/config": true, "/etc/shadow": true, "/etc/shadow-": true, "/etc/ssl/private/x.pem": true,
		"/srv/app/.env": true, "/srv/tls/site.key": true, "/root/.aws/credentials": true, "/etc/ssl/certs/ca.pem": false, "/srv/app/environment": false,
		"/srv/shadow": false, "/etc/hosts": false, "/srv/keyboard": false,
	} {
		if got := secret(path); got != want {
			t.Errorf("secret(%s) = %v", path, got)
		}
	}
}

func TestLessonText(t *testing.T) {
	var b strings.Builder
	l := &Lesson{Flags: []string{"--read", "/srv/two words", "--net", "none"}, Command: []string{"sh", "-c", "echo 'a'", ""}, Warnings: []string{"look here"}}
	if err := l.Write(&b); err != nil {
		t.Fatal(err)
	}
	want := "# look here\nrootbound confine \\\n  --read '/srv/two words' \\\n  --net none \\\n  -- sh -c 'echo '\\''a'\\''' ''\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
