package audit

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// standard is what encoding/json makes of a string and reads again.
func standard(t testing.TB, s string) string {
	t.Helper()
	b, err := json.Marshal(s)
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// encoded is what the log writes for a request, read by encoding/json, which is the oracle: a record that it reads
// otherwise than we meant is not one.
func encoded(t testing.TB, f *request.Facts, who request.Subject, d request.Decision, refusal error, out request.Outcome) (decided, done Record) {
	t.Helper()
	l := &Log{cfg: Config{Now: time.Now}, waiting: newBatch(), wake: make(chan struct{}, 1), urgent: make(chan struct{}, 1)}
	l.cfg.Containment = func() string { return "openat2" }
	l.lookAtContainment()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	if err := l.Decided(at, f, who, d, refusal); err != nil {
		t.Fatal(err)
	}
	l.Done(at, f, who, out)
	l.w = newWriter(ending{})
	l.takeUp()
	lines := bytes.SplitAfter(l.w.out, []byte("\n"))
	if len(lines) != 3 || len(lines[2]) != 0 {
		t.Fatalf("not two lines: %q", l.w.out)
	}
	for i, rec := range []*Record{&decided, &done} {
		if len(lines[i]) > maxLine {
			t.Errorf("a line of %d bytes", len(lines[i]))
		}
		dec := json.NewDecoder(bytes.NewReader(lines[i]))
		dec.DisallowUnknownFields()
		if err := dec.Decode(rec); err != nil {
			t.Fatalf("%v: %s", err, lines[i])
		}
		for _, c := range bytes.TrimSuffix(lines[i], []byte("\n")) {
			if c < ' ' || c >= 0x7f {
				t.Fatalf("byte %#x in %q", c, lines[i])
			}
		}
		if rec.Hash == "" || !rec.Time.Equal(at) {
			t.Errorf("%+v", rec)
		}
		rec.Hash, rec.Time = "", time.Time{}
	}
	return decided, done
}

func FuzzEncode(f *testing.F) {
	for _, s := range []string{"", "a", "\"\\/\b\f\n\r\t\x00\x1f\x7f", "\xff\xfe", "\u2028\u202e\ufffd", "😀", "<&>", `","allowed":true,"x":"`} {
		f.Add("abcdefghijkmnpqr", s, s, "/"+s, "p"+s, int64(len(s)), 200)
	}
	f.Fuzz(func(t *testing.T, id, subject, method, target, policy string, n int64, status int) {
		if strings.ContainsFunc(id, func(r rune) bool { return r < '0' || r > 'z' || r == '\\' }) {
			return // request ids are ours
		}
		addr, _ := netip.AddrFromSlice([]byte{192, 0, 2, byte(n)})
		fa := &request.Facts{ID: id, Method: method, Target: target, NameErr: reason.New(reason.NameControl, nil), Client: addr, File: policy}
		decided, done := encoded(t, fa, request.Subject{ID: subject, Method: policy}, request.Decision{Policy: policy}, fa.NameErr,
			request.Outcome{Status: status, Bytes: n, Reason: reason.NameControl, Result: request.Sent})
		path, _ := request.SplitTarget(target)
		path, _, _ = strings.Cut(path, "#")
		want := Record{
			Kind: Decided, ID: id, Subject: standard(t, subject), Method: standard(t, policy), Client: addr.String(),
			Action: standard(t, action(fa, request.Decision{})), Name: standard(t, path[:min(len(path), maxName)]), File: standard(t, policy),
			Policy: standard(t, policy), Contains: "openat2", Reason: reason.NameControl,
		}
		if diff := cmp.Diff(want, decided); diff != "" && len(path) <= maxName { // a cut may go through a character
			t.Errorf("decided (-want +got):\n%s", diff)
		}
		want = Record{Kind: Done, Seq: 1, ID: id, Status: status, Bytes: n, Reason: reason.NameControl, Result: request.Sent}
		if diff := cmp.Diff(want, done); diff != "" {
			t.Errorf("done (-want +got):\n%s", diff)
		}
	})
}

// The name of a record says which mount it is beneath, and for what is no name what was sent for one.
func TestRecordedName(t *testing.T) {
	good := facts(t, "1", "dir/a")
	base := facts(t, "1", ".")
	for _, tt := range []struct {
		f    request.Facts
		want string
	}{
		{*good, "dir/a"},
		{request.Facts{Name: good.Name, Mount: "music"}, "music/dir/a"},
		{request.Facts{Name: base.Name}, "."},
		{request.Facts{Name: base.Name, Mount: "music"}, "music"},
		{request.Facts{Target: "/-/healthz?x=secret"}, "/-/healthz"},
		{request.Facts{Target: "http://me:secret@host/p?x"}, "/p"},
		{request.Facts{Target: "/a#secret"}, "/a"},
		{request.Facts{Target: "*"}, "*"},
		{request.Facts{Name: good.Name, NameErr: reason.New(reason.Missing, nil), Target: "/x"}, "/x"},
		{request.Facts{NameErr: reason.New(reason.NameTraversal, nil), Target: "/get?file=../x&s=secret", Asked: "../x"}, "../x"},
	} {
		f := tt.f
		if decided, _ := encoded(t, &f, alice, request.Decision{}, nil, request.Outcome{}); decided.Name != tt.want {
			t.Errorf("%q of mount %q: the record says %q, want %q", f.Target, f.Mount, decided.Name, tt.want)
		}
	}
}
