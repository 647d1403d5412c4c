package main

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rootbound/rootbound"
	"github.com/rootbound/rootbound/authn"
	"github.com/rootbound/rootbound/internal/config"
	"github.com/rootbound/rootbound/server"
)

// parsed returns what a serve command line says.
func parsed(t *testing.T, args ...string) *setup {
	t.Helper()
	c := &cli{}
	parser, err := newParserFor(c, testSurroundings(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := parse(parser, append([]string{"serve"}, args...)); err != nil {
		t.Fatal(err)
	}
	set, err := c.Serve.setup(testSurroundings(t).env)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

var everyFlag = []string{
	"--listen", "127.0.0.1:1", "--listen", "unix:s", "--public", "--host", "a", "--trusted-proxy", "10.1.2.3/8", "--admin", "127.0.0.1:2",
	"--names", "strict", "--symlinks", "within", "--hardlinks", "refuse", "--hidden", "--well-known", "--deny", "d", "--allow", "e",
	"--hide", "h", "--listing", "on", "--site", "--download-route", "/get", "--precompressed", "off", "--max-age", "3s", "--cross-origin",
	"--tls-cert", "c", "--tls-key", "k", "--max-connections", "4", "--min-rate", "5", "--grace", "6s", "--access-log", "off",
	"--cache", "7MiB", "--cache-check", "8s", "--fast-lane", "off", "--profiles", "--log-format", "json", "--user", "u", "--users", "v", "--groups", "w", "--policies", "x", "--link-keys", "y", "--links-when-stale", "allow", "--login", "--base-url", "https://Files.example:443", "--sandbox", "require",
	"--jwt-issuer", "https://i", "--jwt-audience", "a1", "--jwt-keys", "k1", "--jwt-user-claim", "u1", "--jwt-groups-claim", "g1",
	"--oidc-issuer", "https://o", "--oidc-client-id", "c2", "--oidc-client-secret-file", "f2", "--oidc-scope", "s2", "--oidc-user-claim", "u2", "--oidc-groups-claim", "g2",
	"--tls-client-ca", "ca", "--tls-client-crl", "crl", "--tls-client-name", "san-uri", "--trusted-proxy-cert", "p3", "--proxy-user-header", "X-U", "--proxy-groups-header", "X-G", "--guess-limit", "7/min",
	"--inspect", "off", "--mount", "m=x", "DIR",
}

// Every flag ends where it works: a flag that is read and then forgotten would be a promise not kept.
func TestEveryFlagArrives(t *testing.T) {
	set := parsed(t, everyFlag...)
	want := &config.Settings{
		FederationSettings: config.FederationSettings{
			JWTIssuer: "https://i", JWTAudience: "a1", JWTKeys: "k1", JWTUserClaim: "u1", JWTGroupsClaim: "g1",
			OIDCIssuer: "https://o", OIDCClientID: "c2", OIDCClientSecret: "f2", OIDCScopes: []string{"s2"}, OIDCUserClaim: "u2", OIDCGroupsClaim: "g2",
			ClientCA: "ca", ClientCRL: "crl", ClientName: "san-uri", ProxyCertificate: []string{"p3"}, ProxyUser: "X-U", ProxyGroups: "X-G", GuessLimit: 7,
		},
		NamePolicy: "strict", Listen: []config.Address{{Network: "tcp", Text: "127.0.0.1:1"}, {Network: "unix", Text: "s"}},
		Admin: &config.Address{Network: "tcp", Text: "127.0.0.1:2"}, Public: true, Hosts: []string{"a"},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Listing: new(bool), Hide: set.Hide, Site: true,
		DownloadRoute: "/get", MaxAge: 3 * time.Second, CrossOrigin: true, TLSCert: "c", TLSKey: "k", MaxConns: 4, MinRate: 5,
		Grace: 6 * time.Second, LogFormat: "json", User: "u", Users: "v", Groups: "w", Policies: "x", LinkKeys: "y", LinksWhenStale: "allow", Login: true, BaseURL: "https://files.example", Sandbox: "require", CacheSize: 7 << 20, CacheCheck: 8 * time.Second, NoFastLane: true, Profiles: true,
		Base: rootbound.Config{
			Symlinks: rootbound.SymlinksWithin, Hardlinks: rootbound.HardlinksRefuse,
			AllowHidden: true, AllowWellKnown: true, Deny: []string{"d"}, Allow: []string{"e"},
		},
	}
	*want.Listing = true
	if diff := cmp.Diff(want, set.Settings, cmpopts.IgnoreFields(config.Settings{}, "Hide"), cmpopts.IgnoreUnexported(rootbound.Config{}),
		cmpopts.IgnoreFields(rootbound.Config{}, "Names"), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if set.Base.Names == nil || len(set.Hide) != 1 || !set.Hide[0].Match("h") {
		t.Errorf("names %v, hide %v", set.Base.Names != nil, set.Hide)
	}
	if diff := cmp.Diff([]config.Mount{{Dir: "DIR"}, {Name: "m", Dir: "x"}}, set.Mounts); diff != "" {
		t.Errorf("mounts:\n%s", diff)
	}
	for _, f := range config.Flags[config.Serve]() {
		key := f.Tag.Get("name")
		found := false
		for _, a := range everyFlag {
			found = found || a == "--"+key
		}
		if !found {
			t.Errorf("--%s is not tried here", key)
		}
	}
}

// So does every flag about the record, where the file says otherwise too.
func TestEveryAuditFlagArrives(t *testing.T) {
	file := filepath.Join(t.TempDir(), "r.toml")
	if err := os.WriteFile(file, []byte("[audit]\nfile = \"other\"\nkeep = 9\nmax-size = \"9MiB\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{
		"--config", file, "--audit", "a", "--audit-required", "--audit-key", "k", "--checkpoint-to", "c", "--audit-max-size", "1MiB",
		"--audit-keep", "3", "--audit-keep-for", "4h", "DIR",
	}
	want := &config.AuditSettings{File: "a", Required: true, Key: "k", ToFile: "c", MaxSize: 1 << 20, Keep: 3, KeepFor: 4 * time.Hour}
	if diff := cmp.Diff(want, parsed(t, args...).Audit); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	for _, f := range config.Flags[config.Audit]() {
		if !slices.Contains(args, "--"+f.Tag.Get("name")) {
			t.Errorf("--%s is not tried here", f.Tag.Get("name"))
		}
	}
}

// What arrived reaches the server's configuration: each field that a flag fills is other than without flags.
func TestServerConfig(t *testing.T) {
	set := parsed(t, everyFlag...)
	p := &process{setup: set, surroundings: testSurroundings(t), certs: &server.Certificates{}}
	p.log, p.lines = newLogger(os.Stderr, "json")
	got := reflect.ValueOf(p.serverConfig())
	for i := range got.NumField() {
		switch field := got.Type().Field(i).Name; field {
		case "Mounts", "Listeners", "AdminListener", "App", "Authn", "Sessions", "OIDC", "NoPasswords", "ClientCAs", "Authz", "Links", "LinkRegister", "Enforced", "Recorder": // what was opened, tried by the scripts
		case "Access", "AccessJSON", "Precompressed": // switched off here
			if !got.Field(i).IsZero() {
				t.Errorf("%s is on", field)
			}
		default:
			if got.Field(i).IsZero() {
				t.Errorf("%s has no value", field)
			}
		}
	}
	plain := (&process{setup: parsed(t, "DIR"), surroundings: testSurroundings(t), log: p.log}).serverConfig()
	if plain.Public || plain.Site || plain.CrossOrigin || plain.DownloadRoute != "" || plain.Certificates != nil || !plain.Precompressed || plain.Access == nil {
		t.Errorf("without flags: %+v", plain)
	}
}

// Flags win over the file, and paths of the file are relative to it.
func TestSetupFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "r.toml")
	text := "[serve]\nnames = \"strict\"\nhidden = true\nlisten = [\"unix:s\"]\ntls-cert = \"c\"\ntls-key = \"/k\"\ndeny = [\"a\"]\n" +
		"[[mount]]\ndir = \"d\"\n[[mount]]\nname = \"m\"\ndir = \"/m\"\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	set := parsed(t, "--config", file, "--names", "portable", "--hidden=false", "--deny", "b", "--mount", "m=mine", "--mount", "n=new")
	if diff := cmp.Diff([]config.Mount{{Dir: filepath.Join(dir, "d")}, {Name: "m", Dir: "mine"}, {Name: "n", Dir: "new"}}, set.Mounts); diff != "" {
		t.Errorf("mounts:\n%s", diff)
	}
	got := fmt.Sprint(set.NamePolicy, set.Base.AllowHidden, set.Base.Deny, set.Listen, set.TLSCert, set.TLSKey, set.ConfigFile)
	want := fmt.Sprint("portable", false, []string{"a", "b"}, []string{"unix:" + filepath.Join(dir, "s")}, filepath.Join(dir, "c"), "/k", file)
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// What is changed after it was read at the start, and before anybody looks for changes, is not missed.
func TestChangedDuringTheStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users")
	write := func(name, password string) {
		t.Helper()
		h, err := authn.NewHash(password)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(name+":"+h.String()+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("alice", "secret")
	p := &process{setup: parsed(t, "--users", file, "DIR"), surroundings: testSurroundings(t)}
	p.ctx, p.log = t.Context(), slog.New(slog.DiscardHandler)
	var err error
	if p.users, err = loadUsers(p.Users); err != nil {
		t.Fatal(err)
	}
	write("roberta", "secret")
	go p.watchFiles()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if _, ok := p.users.Known("roberta"); ok {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the file that was changed is never read")
		}
	}
	if _, ok := p.users.Known("alice"); ok {
		t.Error("who was taken out is still in")
	}
}
