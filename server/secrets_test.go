package server

import (
	"encoding/base64"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rootbound/rootbound/audit"
	"github.com/rootbound/rootbound/authn"
	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/testenv"
	"github.com/rootbound/rootbound/link"
)

// secretive is a server where one can come in by every way there is, with a record.
type secretive struct {
	*elsewhereSignIns
	recording *recording
	asks      string // a link with a password, "open sesame"
	secrets   map[string]string
	want      []audit.Record // in their order: Subject, Method, Action, Name, Status, Reason
	ids       []string
}

func serveSecretive(t *testing.T, off bool) *secretive {
	t.Helper()
	path := filepath.Join(t.TempDir(), "audit.log")
	log, err := audit.Open(audit.Config{Path: path, Required: true, Containment: func() string { return "some" }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() }) // end has done it
	st, r := withRegister(t)
	w := &secretive{secrets: map[string]string{}}
	w.elsewhereSignIns = serveOIDC(t, testenv.OIDC{As: "alice"}, nil, func(u *setup) {
		u.cfg.Recorder, u.cfg.NoFastLane, u.cfg.Links, u.cfg.LinkRegister, u.cfg.DownloadRoute = log, off, testKeys(t), r, "/get"
	})
	w.recording = &recording{served: w.served, path: path, log: log}
	hash, err := authn.NewHash("open sesame")
	if err != nil {
		t.Fatal(err)
	}
	l := link.Link{ID: "asks", Key: "k1", Path: "a.txt", Password: true, Expires: time.Now().Add(time.Hour)}
	if _, err := st.SawLink(t.Context(), l.Record(hash.String(), time.Now())); err != nil {
		t.Fatal(err)
	}
	w.asks = named(t, "asks", link.Link{Path: "a.txt", Password: true, Expires: l.Expires})
	return w
}

// expect is what an answer must have left in the record.
func (w *secretive) expect(t *testing.T, id string, status, wantStatus int, rec audit.Record) {
	t.Helper()
	if status != wantStatus || id == "" {
		t.Fatalf("%s %s by %q: %d, want %d\n%s", rec.Action, rec.Name, rec.Method, status, wantStatus, w.log)
	}
	rec.ID, rec.Status = id, status
	w.want, w.ids = append(w.want, rec), append(w.ids, id)
}

func (w *secretive) saw(what, secret string) { w.secrets[what] = secret }

// signature is the last part of a link.
func signature(target string) string { return target[strings.LastIndexByte(target, '.')+1:] }

// passwords come by Basic, right and wrong, and on the page, which is then left.
func (w *secretive) passwords(t *testing.T) {
	for password, status := range map[string]int{"ecila": 200, "a wrong secret": 401} {
		rec := audit.Record{Subject: "alice", Method: "basic", Action: "read", Name: "a.txt"}
		if status != 200 {
			rec = audit.Record{Action: "read", Name: "a.txt", Reason: reason.CredentialInvalid}
		}
		a := w.get(t, "/a.txt", basic("alice", password))
		w.expect(t, a.Header.Get("Request-Id"), a.Status, status, rec)
		w.saw("password "+password, password)
		w.saw("Basic "+password, base64.StdEncoding.EncodeToString([]byte("alice:"+password)))
	}
	b := w.browser(t)
	form := b.form()
	w.saw("form", form)
	wrong := b.signIn("alice", "typed wrongly", "/")
	w.saw("typed", "typed wrongly")
	w.expect(t, wrong.Header.Get("Request-Id"), wrong.StatusCode, 401, audit.Record{Action: "create", Name: "/-/login", Reason: reason.CredentialInvalid})
	in := b.signIn("alice", "ecila", "/a.txt?x=nexthush")
	w.saw("next", "nexthush")
	w.expect(t, in.Header.Get("Request-Id"), in.StatusCode, 303, audit.Record{Subject: "alice", Method: "session", Action: "create", Name: "/-/login"})
	w.saw("session", b.session())
	for _, c := range b.cookies() {
		w.saw("cookie "+c.Name, c.Value)
	}
	for range 2 { // then it is in memory
		a := b.get("/a.txt?password=filehush")
		w.expect(t, a.Header.Get("Request-Id"), a.StatusCode, 200, audit.Record{Subject: "alice", Method: "session", Action: "read", Name: "a.txt"})
	}
	page := b.get("/-/login?password=queryhush")
	w.saw("query", "queryhush")
	w.expect(t, page.Header.Get("Request-Id"), page.StatusCode, 200, audit.Record{Subject: "alice", Method: "session", Action: "read", Name: "/-/login"})
	out := b.do("POST", "/-/logout?x=queryhush", url.Values{"form": {form}}.Encode())
	w.expect(t, out.Header.Get("Request-Id"), out.StatusCode, 303, audit.Record{Subject: "alice", Method: "session", Action: "create", Name: "/-/logout"})
}

// provider is the way by an OpenID provider, and back a second time.
func (w *secretive) byProvider(t *testing.T) {
	b := w.browser(t)
	start := b.get("/-/oidc/start?next=/a.txt?x=nexthush")
	w.expect(t, start.Header.Get("Request-Id"), start.StatusCode, 303, audit.Record{Action: "read", Name: "/-/oidc/start"})
	back := w.goThere(t, b, "/a.txt?x=nexthush")
	for _, c := range b.cookies() {
		for i, part := range strings.Split(c.Value, ".") {
			if len(part) > 20 { // not the time
				w.saw(c.Name+" "+string(rune('0'+i)), part)
			}
		}
	}
	query, err := url.ParseQuery(back[strings.Index(back, "?")+1:])
	if err != nil {
		t.Fatal(err)
	}
	w.saw("code", query.Get("code"))
	w.saw("state", query.Get("state"))
	w.saw("client secret", testenv.ClientSecret)
	a := b.get(back)
	w.expect(t, a.Header.Get("Request-Id"), a.StatusCode, 303, audit.Record{Subject: "alice", Method: "session", Action: "read", Name: "/-/oidc/callback"})
	w.saw("session by the provider", b.session())
	a = b.get(back)
	w.expect(t, a.Header.Get("Request-Id"), a.StatusCode, 401, audit.Record{Action: "read", Name: "/-/oidc/callback", Reason: reason.CredentialInvalid})
}

// byToken is the way with a token: files, and the links that it makes, lists and takes back.
func (w *secretive) byToken(t *testing.T) {
	field, _ := w.token(t, "alice", nil, nil)
	token := strings.TrimPrefix(field, "Authorization: Bearer ")
	w.saw("token", token)
	w.saw("secret of the token", strings.Split(token, "_")[2])
	a := w.get(t, "/a.txt?access_token=filehush", field)
	w.expect(t, a.Header.Get("Request-Id"), a.Status, 200, audit.Record{Subject: "alice", Method: "token", Action: "read", Name: "a.txt"})
	bad := token[:len(token)-1] + map[bool]string{true: "y", false: "x"}[strings.HasSuffix(token, "x")]
	a = w.get(t, "/a.txt", "Authorization: Bearer "+bad)
	w.saw("a mistyped token", bad)
	w.expect(t, a.Header.Get("Request-Id"), a.Status, 401, audit.Record{Action: "read", Name: "a.txt", Reason: reason.CredentialInvalid})
	code, text, h := w.send(t, linkBrowser(t), "POST", "/-/links?x=queryhush", `{"name": "a.txt", "expires": "1h", "password": "chosen for it"}`, field, "Content-Type: application/json")
	w.saw("password of a link", "chosen for it")
	w.expect(t, h.Get("Request-Id"), code, 201, audit.Record{Subject: "alice", Method: "token", Action: "create", Name: "/-/links"})
	_, made, _ := strings.Cut(text, "link=")
	made, _, _ = strings.Cut(made, `"`)
	w.saw("link that was made", made)
	code, _, h = w.send(t, linkBrowser(t), "GET", "/-/links?x=queryhush", "", field)
	w.expect(t, h.Get("Request-Id"), code, 200, audit.Record{Subject: "alice", Method: "token", Action: "read", Name: "/-/links"})
	path := "/-/links/k1/" + strings.Split(made, ".")[3]
	code, _, h = w.send(t, linkBrowser(t), "DELETE", path, "", field)
	w.expect(t, h.Get("Request-Id"), code, 204, audit.Record{Subject: "alice", Method: "token", Action: "delete", Name: path})
}

// byLink is the way with links: plain, changed, by the download route, and with a password.
func (w *secretive) byLink(t *testing.T) {
	plain := named(t, "plain", link.Link{Path: "a.txt"})
	w.saw("signature", signature(plain))
	a := w.get(t, plain)
	w.expect(t, a.Header.Get("Request-Id"), a.Status, 200, audit.Record{Subject: "link:plain", Method: "link", Action: "read", Name: "a.txt"})
	a = w.get(t, "/get?file=a.txt&"+plain[strings.Index(plain, "?")+1:])
	w.expect(t, a.Header.Get("Request-Id"), a.Status, 200, audit.Record{Subject: "link:plain", Method: "link", Action: "read", Name: "a.txt"})
	changed := plain + "x"
	a = w.get(t, changed, basic("alice", "ecila"))
	w.expect(t, a.Header.Get("Request-Id"), a.Status, 404, audit.Record{Action: "read", Name: "a.txt", Reason: reason.LinkInvalid})
	w.saw("signature that asks", signature(w.asks))
	b := linkBrowser(t)
	code, _, h := w.send(t, b, "POST", w.asks, "password=not+this+one")
	w.saw("wrong password of a link", "not this one")
	w.saw("the same as sent", "not+this+one")
	w.expect(t, h.Get("Request-Id"), code, 403, audit.Record{Subject: "link:asks", Method: "link", Action: "create", Name: "a.txt", Reason: reason.CredentialInvalid})
	code, _, h = w.send(t, b, "POST", w.asks, "password=open+sesame")
	w.saw("right password of a link", "open sesame")
	w.expect(t, h.Get("Request-Id"), code, 200, audit.Record{Subject: "link:asks", Method: "link", Action: "read", Name: "a.txt"})
	at, err := url.Parse("http://" + w.addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range b.Jar.Cookies(at) {
		w.saw("cookie "+c.Name, c.Value)
	}
}

// Whatever way somebody comes in by, the two records of it say who that was and how, and hold nothing that would let in whoever
// reads them. Nor does the log. Control: what is looked for was sent, and is no word that cannot be there.
func TestNoSecretIsRecorded(t *testing.T) {
	eachLane(t, func(t *testing.T, off bool) {
		w := serveSecretive(t, off)
		w.passwords(t)
		w.byProvider(t)
		w.byToken(t)
		w.byLink(t)
		all := w.recording.end(t)
		for i, want := range w.want {
			recs := all[w.ids[i]]
			if len(recs) != 2 || recs[0].Kind != audit.Decided || recs[1].Kind != audit.Done {
				t.Errorf("%s %s: records %+v", want.Action, want.Name, recs)
				continue
			}
			for _, got := range recs {
				if got.Subject != want.Subject || got.Action != want.Action || got.Name != want.Name || got.Reason != want.Reason || got.Client != "127.0.0.1" {
					t.Errorf("%s: %+v, want %+v", got.Kind, got, want)
				}
			}
			if recs[0].Method != want.Method || recs[0].Allowed != (want.Reason == "") || recs[1].Status != want.Status {
				t.Errorf("%+v, want %+v", recs, want)
			}
		}
		record, err := os.ReadFile(w.recording.path)
		if err != nil {
			t.Fatal(err)
		}
		for what, secret := range w.secrets {
			if len(secret) < 5 {
				t.Errorf("%s: %q is no secret", what, secret)
			}
			if strings.Contains(string(record), secret) || strings.Contains(w.log.String(), secret) {
				t.Errorf("%s is told: %q", what, secret)
			}
		}
		if strings.Contains(string(record), "filehush") { // the log has the queries of files, which are not ours to read
			t.Error("the query of a file is recorded")
		}
	})
}
