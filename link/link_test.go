package link

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

var (
	key1 = "k1:" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))
	key2 = "k2:" + base64.StdEncoding.EncodeToString([]byte("another key of thirty-two bytes!"))
	now  = time.Unix(1_800_000_000, 0)
	here = netip.MustParseAddr("192.0.2.7")
	addr = netip.MustParseAddr
)

func keysOf(t testing.TB, lines ...string) *Keys {
	t.Helper()
	k, err := ParseKeys([]byte(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func signed(t testing.TB, k *Keys, l Link) Link {
	t.Helper()
	if l.ID == "" {
		l.ID = "id"
	}
	if l.Expires.IsZero() {
		l.Expires = now.Add(time.Hour)
	}
	out, err := k.Sign(l)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What was signed is what is verified, for the very name.
func TestSignVerify(t *testing.T) {
	k := keysOf(t, "# the keys", key1, key2)
	for _, l := range []Link{
		{Path: "a.txt"},
		{Path: "reports/ä ö?.pdf", Attachment: true},
		{Path: "reports", Dir: true},
		{Path: "", Dir: true, Attachment: true},
		{Path: "x", From: netip.MustParsePrefix("192.0.2.0/24"), To: "alice", Issuer: "the application"},
		{Path: "x", Uses: 1},
		{Path: "x", Uses: MaxUses, Password: true, Attachment: true},
		{Path: "x", Dir: true, Password: true},
		{Path: "x", Owner: "alice"},
		{Path: "a/b", Dir: true, Owner: "alice", Attachment: true},
	} {
		want := signed(t, k, l)
		got, err := k.Verify(want.Token, l.Path, here, now)
		if err != nil {
			t.Errorf("%+v: %v", l, err)
			continue
		}
		if diff := cmp.Diff(&want, got, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
			t.Errorf("(-signed +verified):\n%s", diff)
		}
	}
}

// No other name, no later time, no other client, and no change of a single bit or byte, whatever the link says. The control
// is a check that leaves the signature out, and one that looks at its first byte alone: both take a link for longer.
func TestTampering(t *testing.T) {
	for _, host := range []string{"", "files.example:8443"} {
		k := keysOf(t, key1)
		k.BindHost(host)
		for _, l := range []Link{
			{Path: "a/b.txt", From: netip.MustParsePrefix("192.0.2.0/24"), To: "u"},
			{Path: "a/b.txt", Uses: 12, Password: true, Attachment: true},
			{Path: "a/b.txt", Owner: "alice"},
			{Path: "a", Dir: true, Password: true, Issuer: "somebody"},
		} {
			eachTampering(t, k, signed(t, k, l))
		}
	}
	k := keysOf(t, key1)
	l := signed(t, k, Link{Path: "a/b.txt"})
	payload := l.Token[:strings.LastIndexByte(l.Token, '.')]
	unsigned := func(payload string) bool { p, ok := parse(payload, "a/b.txt"); return ok && now.Before(p.Expires) }
	short := func(payload, signature string) bool {
		p, ok := parse(payload, "a/b.txt")
		sum, _ := k.sum(&p.Link, payload)
		return ok && sum[0] == signature[0]
	}
	longer := strings.Replace(payload, ".18", ".28", 1)
	if longer == payload || !unsigned(longer) {
		t.Error("a check without signatures does not take a longer time: the control must leak")
	}
	taken := 0
	for i := range 1000 {
		if short(strings.Replace(payload, ".18", fmt.Sprintf(".28%d", i), 1), l.Token[len(payload)+1:]) {
			taken++
		}
	}
	if taken == 0 {
		t.Error("a check of one byte takes none of a thousand: the control must leak")
	}
}

func eachTampering(t *testing.T, k *Keys, l Link) {
	t.Helper()
	verify := func(token string) error { _, err := k.Verify(token, "a/b.txt", here, now); return err }
	if err := verify(l.Token); err != nil {
		t.Fatal(err) // the control
	}
	for i := range len(l.Token) {
		for bit := range 8 {
			b := []byte(l.Token)
			b[i] ^= 1 << bit
			if err := verify(string(b)); reason.Of(err) != reason.LinkInvalid {
				t.Errorf("byte %d with bit %d changed: %v", i, bit, err)
			}
		}
		for _, other := range []string{l.Token[:i], l.Token[:i] + l.Token[i+1:], l.Token[:i] + "A" + l.Token[i:], l.Token[:i] + "." + l.Token[i:]} {
			if err := verify(other); reason.Of(err) != reason.LinkInvalid {
				t.Errorf("%q: %v", other, err)
			}
		}
	}
}

// What a link is for cannot be told another way.
func TestAnotherLink(t *testing.T) {
	k := keysOf(t, key1)
	l := signed(t, k, Link{Path: "a/b.txt", From: netip.MustParsePrefix("192.0.2.0/24"), To: "u"})
	verify := func(token, path string) error { _, err := k.Verify(token, path, here, now); return err }
	for _, path := range []string{"", "a", "a/b.tx", "a/b.txt2", "a/b.txt/", "A/b.txt", "a/b.txt\n", "/a/b.txt"} {
		if err := verify(l.Token, path); reason.Of(err) != reason.LinkInvalid {
			t.Errorf("%q: %v", path, err)
		}
	}
	for _, token := range []string{"", ".", "........", strings.Repeat(".", 2000), l.Token + "=", l.Token + "\n", " " + l.Token} {
		if err := verify(token, "a/b.txt"); reason.Of(err) != reason.LinkInvalid {
			t.Errorf("%q: %v", token, err)
		}
	}
	for _, at := range []struct {
		client netip.Addr
		now    time.Time
		want   reason.Code
	}{
		{here, l.Expires.Add(-1), ""},
		{here, l.Expires, reason.Expired},
		{netip.MustParseAddr("::ffff:192.0.2.9"), now, ""},
		{netip.MustParseAddr("192.0.3.7"), now, reason.LinkInvalid},
		{netip.Addr{}, now, reason.LinkInvalid},
	} {
		if _, err := k.Verify(l.Token, "a/b.txt", at.client, at.now); reason.Of(err) != at.want {
			t.Errorf("%v: %v", at, err)
		}
	}
}

// A key that is not there any more checks nothing; one that is not the first checks.
func TestRotation(t *testing.T) {
	k := keysOf(t, key1)
	l := signed(t, k, Link{Path: "a"})
	verify := func() error { _, err := k.Verify(l.Token, "a", here, now); return err }
	for _, step := range []struct {
		lines []string
		want  reason.Code
		first string
	}{{[]string{key2, key1}, "", "k2"}, {[]string{key2}, reason.LinkInvalid, "k2"}, {[]string{"k1:" + key2[3:]}, reason.LinkInvalid, "k1"}, {[]string{key1}, "", "k1"}} {
		if err := k.Replace([]byte(strings.Join(step.lines, "\n"))); err != nil {
			t.Fatal(err)
		}
		if err := verify(); reason.Of(err) != step.want {
			t.Errorf("%v: %v", step.lines, err)
		}
		if s := signed(t, k, Link{Path: "a"}); s.Key != step.first {
			t.Errorf("signed by %s", s.Key)
		}
	}
	for text, want := range map[string]string{
		"": "line 1: there is no key", "k1": "line 1: it is not ID:KEY", "k1:": "fewer than 32 bytes", key1 + "\n" + key1: "line 2: the id stands there twice",
		"k1:MTIz": "fewer than 32 bytes", "k1:!": "not base64", "k 1:" + key1[3:]: "it is not ID:KEY", "k1:" + strings.Repeat("A", 44): "one byte over and over",
	} {
		err := k.Replace([]byte(text))
		var le *LineError
		if !errors.As(err, &le) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if err := verify(); err != nil {
		t.Errorf("after keys that cannot be used: %v", err)
	}
}

// A link covers by elements what its name says, and what it covers it verifies for.
func TestCovers(t *testing.T) {
	k := keysOf(t, key1)
	elems := []string{"a", "b", "ab", "a.txt"}
	rapid.Check(t, func(t *rapid.T) {
		of := rapid.SliceOfN(rapid.SampledFrom(elems), 0, 3).Draw(t, "of")
		asked := rapid.SliceOfN(rapid.SampledFrom(elems), 0, 4).Draw(t, "asked")
		dir := rapid.Bool().Draw(t, "dir") || len(of) == 0
		l, err := k.Sign(Link{Path: strings.Join(of, "/"), Dir: dir, ID: "x", Expires: now.Add(1e9)})
		if err != nil {
			t.Fatal(err)
		}
		path := strings.Join(asked, "/")
		same := len(of) == len(asked)
		beneath := len(of) <= len(asked)
		for i := range min(len(of), len(asked)) {
			same, beneath = same && of[i] == asked[i], beneath && of[i] == asked[i]
		}
		got, err := k.Verify(l.Token, path, here, now)
		if (err == nil) != (dir && beneath || same) {
			t.Fatalf("link to %q (%v) verified for %q: %v", l.Path, dir, path, err)
		}
		if err != nil {
			got = &l
		} else if got.Path != l.Path {
			t.Fatalf("link to %q verified as %q", l.Path, got.Path)
		}
		if read, list := got.Covers(request.Read, path), got.Covers(request.List, path); read != (same && !dir || dir && beneath && !same) || list != (dir && beneath) {
			t.Fatalf("link to %q (%v) covers %q: %v %v", l.Path, dir, path, read, list)
		}
		if got.Covers(request.Delete, path) {
			t.Fatal("nothing is deleted by a link")
		}
	})
}

// A link is for the host that the keys are bound to, and for no other; one for none is for none.
func TestHost(t *testing.T) {
	on := func(host string) *Keys {
		k := keysOf(t, key1)
		k.BindHost(host)
		return k
	}
	hosts := []string{"", "files.example", "files.example:8443", "other.example"}
	for _, made := range hosts {
		for _, used := range hosts {
			l := signed(t, on(made), Link{Path: "a"})
			if _, err := on(used).Verify(l.Token, "a", here, now); (err == nil) != (made == used) {
				t.Errorf("made for %q, used on %q: %v", made, used, err)
			}
		}
	}
	if l := signed(t, on("Files.Example"), Link{Path: "a"}); l.Host != "files.example" {
		t.Errorf("made for %q", l.Host)
	}
}

// What a key that is somebody's signs is that user's, whoever the link says made it; what the server signs for a user is by a
// key that is nobody's.
func TestOwner(t *testing.T) {
	k := keysOf(t, key1+" the application", key2)
	for _, tt := range []struct {
		l          Link
		key, owner string
	}{
		{Link{Path: "a"}, "k1", "the application"},
		{Link{Path: "a", Issuer: "alice"}, "k1", "the application"},
		{Link{Path: "a", Owner: "the application"}, "k1", "the application"},
		{Link{Path: "a", Owner: "alice"}, "k2", "alice"},
	} {
		l := signed(t, k, tt.l)
		got, err := k.Verify(l.Token, "a", here, now)
		if err != nil || l.Key != tt.key || l.Owner != tt.owner || got.Owner != tt.owner {
			t.Errorf("%+v: %v, by %s, of %q and %q", tt.l, err, l.Key, l.Owner, got.Owner)
		}
	}
	later := keysOf(t, key1+" alice", key2)
	l := signed(t, keysOf(t, key1), Link{Path: "a"})
	if got, err := later.Verify(l.Token, "a", here, now); err != nil || got.Owner != "alice" {
		t.Errorf("a key that became somebody's: %+v %v", got, err)
	}
	for _, wrong := range []Link{{Path: "a", ID: "x", Expires: now, Owner: "alice", Issuer: "bob"}} {
		if _, err := k.Sign(wrong); err == nil {
			t.Errorf("signed: %+v", wrong)
		}
	}
	if _, err := keysOf(t, key1+" app").Sign(Link{Path: "a", ID: "x", Expires: now, Owner: "alice"}); err == nil {
		t.Error("a user's key signed for another")
	}
}

// A link is for the addresses that are meant, however they are written, and whatever the interface they come by.
func TestFrom(t *testing.T) {
	k := keysOf(t, key1)
	for _, tt := range []struct {
		from, in, out string
	}{
		{"192.0.2.7", "192.0.2.7", "192.0.2.8"},
		{"192.0.2.7/24", "::ffff:192.0.2.200", "192.0.3.7"},
		{"::ffff:192.0.2.7", "192.0.2.7", "192.0.2.8"},
		{"::ffff:192.0.2.7/120", "192.0.2.200", "192.0.3.7"},
		{"2001:db8::/32", "2001:db8:1::1", "2001:db9::1"},
		{"fe80::/10", "fe80::1%eth0", "::1"},
	} {
		from, err := ParseFrom(tt.from)
		if err != nil {
			t.Errorf("%s: %v", tt.from, err)
			continue
		}
		l, err := k.Sign(Link{Path: "a", ID: "x", Expires: now.Add(time.Hour), From: from})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.Verify(l.Token, "a", addr(tt.in), now); err != nil {
			t.Errorf("%s from %s: %v", tt.from, tt.in, err)
		}
		for _, out := range []netip.Addr{addr(tt.out), {}} {
			if _, err := k.Verify(l.Token, "a", out, now); err == nil {
				t.Errorf("%s holds from %s", tt.from, out)
			}
		}
	}
	for _, text := range []string{"", "here", "192.0.2.7/33", "192.0.2.0/-1", "::ffff:0:0/95", "192.0.2.7/24 ", "fe80::1%eth0/64"} {
		if p, err := ParseFrom(text); err == nil {
			t.Errorf("%q is %v", text, p)
		}
	}
}

func TestWrongLinks(t *testing.T) {
	k := keysOf(t, key1)
	good := Link{Path: "a", ID: "x", Expires: now}
	for what, change := range map[string]func(*Link){
		"top as a file": func(l *Link) { l.Path = "" }, "up": func(l *Link) { l.Path = "../a" }, "line break": func(l *Link) { l.Path, l.Issuer = "a//b", "" },
		"no id": func(l *Link) { l.ID = "" }, "dot in the id": func(l *Link) { l.ID = "a.b" }, "no time": func(l *Link) { l.Expires = time.Time{} },
		"uses of a directory": func(l *Link) { l.Dir, l.Uses = true, 1 }, "too many uses": func(l *Link) { l.Uses = MaxUses + 1 }, "fewer than no uses": func(l *Link) { l.Uses = -1 },
		"long issuer": func(l *Link) { l.Issuer = strings.Repeat("x", 129) }, "NUL in the user": func(l *Link) { l.To = "a\x00" }, "user not UTF-8": func(l *Link) { l.To = "\xff" },
	} {
		l := good
		change(&l)
		if _, err := k.Sign(l); err == nil {
			t.Errorf("%s: signed", what)
		}
	}
	if _, err := k.Sign(good); err != nil {
		t.Error(err)
	}
}

func FuzzVerify(f *testing.F) {
	k := keysOf(f, key1)
	f.Add(signed(f, k, Link{Path: "a/b"}).Token, "a/b")
	f.Add(signed(f, k, Link{Path: "a", Dir: true}).Token, "a/b")
	f.Add("1.k1.9.x.ad4095....", "a")
	f.Add(signed(f, k, Link{Path: "a", Uses: 7, Password: true, Owner: "x"}).Token, "a")
	f.Add("1.k1.9.x.ad01u00phi....", "a")
	f.Fuzz(func(t *testing.T, token, path string) {
		if l, err := k.Verify(token, path, here, now); err == nil {
			if again := signed(t, k, *l); again.Token != token {
				t.Errorf("%q verified, but is written %q", token, again.Token)
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	k := keysOf(b, key1)
	l := signed(b, k, Link{Path: "reports/2026/figures.pdf"})
	for b.Loop() {
		if _, err := k.Verify(l.Token, l.Path, here, now); err != nil {
			b.Fatal(err)
		}
	}
}
