package server

import (
	"errors"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/link"
)

// A user has so many links and no more, those that were taken back among them; another has as many.
func TestLinksAreBounded(t *testing.T) {
	st := openStore(t, filepath.Join(t.TempDir(), "state.db"))
	r := link.NewRegister(t.Context(), link.RegisterConfig{Store: st, MaxLinks: 2})
	users := withUsers(t, false, false)
	s := serve(t, grantTree, func(u *setup) { users(u); u.cfg.Links, u.cfg.LinkRegister = testKeys(t), r })
	const body = `{"name": "notes.txt", "expires": "1h"}`
	last := ""
	for range 2 {
		code, text := s.api(t, "POST", "/-/links", body, alice)
		if code != 201 {
			t.Fatalf("%d %s", code, text)
		}
		_, last, _ = strings.Cut(text, `"id":"`)
		last, _, _ = strings.Cut(last, `"`)
	}
	for range 2 {
		if code, text := s.api(t, "POST", "/-/links", body, alice); code != 403 || !strings.Contains(text, "as many links as one may have") {
			t.Errorf("one more: %d %s", code, text)
		}
		if code, text := s.api(t, "DELETE", "/-/links/k1/"+last, "", alice); code != 204 {
			t.Errorf("taking one back: %d %s", code, text)
		}
	}
	if code, text := s.api(t, "POST", "/-/links", body, bob); code != 201 {
		t.Errorf("another's: %d %s", code, text)
	}
}

// Whatever document is sent, it is refused as what somebody wrote wrongly, or makes a link that holds for the very name that was
// decided about, for no longer than may be, and that its address names.
func FuzzLinkRequest(f *testing.F) {
	for _, body := range []string{
		`{"name": "reports/2026.txt", "expires": "24h"}`, `{"name": "/", "expires": "1h"}`, `{"name": "a/b/", "expires": "1s", "to": "bob", "from": "10.0.0.0/8"}`,
		`{"name": "ü b?#%2F.txt", "expires": "1h", "uses": 3, "password": "x", "attachment": true}`, `{"name": "a", "expires": "1h"}{}`, `{"name": "../x", "expires": "1h"}`,
		`{"name": "a\u0000b", "expires": "1h"}`, `{"name": "a", "expires": "9223372036854775807ns"}`, `{"name": "a", "expires": "-1h"}`, `{"uses": 1e99}`, `[]`, `null`, `{"name": "//x", "expires": "1h"}`,
		`{"NAME": "a", "expires": "1h", "expires": "2h"}`, `{"name": "a", "expires": "1h", "from": "::ffff:1.2.3.4/120"}`, strings.Repeat("[", 9<<10), "",
	} {
		f.Add(body)
	}
	dir, err := rootbound.Open(f.TempDir(), rootbound.Config{})
	if err != nil {
		f.Fatal(err)
	}
	defer dir.Close()
	keys, err := link.ParseKeys([]byte("k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="))
	if err != nil {
		f.Fatal(err)
	}
	s := &Server{cfg: Config{Links: keys, LinkRegister: &link.Register{}}, base: &Mount{Dir: dir}}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, body string) {
		x := &exchange{kind: "application/json", body: strings.NewReader(body)}
		q, err := x.readLinkRequest()
		var l link.Link
		if err == nil {
			l, err = s.wantedLink(q, now)
		}
		var told *apiError
		if err != nil {
			if !errors.As(err, &told) || told.status != 400 || told.text == "" {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		if left := l.Expires.Sub(now); left < time.Second || left > maxLinkTime {
			t.Fatalf("%q holds for %v", body, left)
		}
		_, n, err := s.nameOfLink(&l)
		if err != nil {
			if status := rootbound.Status(err); status != 400 && status != 403 {
				t.Fatalf("%q: %d %v", body, status, err)
			}
			return
		}
		if decided := strings.TrimSuffix(n.String(), "."); l.Path != n.String() && (decided != "" || l.Path != "" || !l.Dir) {
			t.Fatalf("%q: %q is decided about, and %q signed", body, n, l.Path)
		}
		signed, err := keys.Sign(l)
		if err != nil {
			return
		}
		client := netip.MustParseAddr("192.0.2.1")
		if l.From.IsValid() {
			client = l.From.Addr()
		}
		got, err := keys.Verify(signed.Token, l.Path, client, now)
		if err != nil || got.Path != l.Path || got.Dir != l.Dir || got.To != l.To || got.Uses != l.Uses || !got.Expires.Equal(l.Expires) {
			t.Fatalf("%q: %+v does not hold: %+v, %v", body, signed, got, err)
		}
		u, err := url.Parse(signed.URL(""))
		if err != nil || strings.Trim(u.Path, "/") != l.Path || u.Host != "" || u.Query().Get(link.Field) != signed.Token {
			t.Fatalf("%q: %q, %v", body, signed.URL(""), err)
		}
		if _, err := keys.Verify(signed.Token, l.Path, client, l.Expires.Add(time.Second)); reason.Of(err) == "" {
			t.Fatalf("%q holds after its end", body)
		}
	})
}
