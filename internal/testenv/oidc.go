package testenv

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

//go:embed oidc
var oidcFiles embed.FS

// OIDC says what a test's OpenID provider knows. It is npm's oidc-provider, and its client is ClientID with ClientSecret.
type OIDC struct {
	// Port is where it listens; 0 takes a free one.
	Port int
	// Redirect is where it sends browsers back to.
	Redirect string
	// People are the claims of each, by sub; As is who signs in. A GET of /as/SUB makes it another, and /as/ nobody.
	People map[string]map[string]any
	As     string
	// Alg signs ID tokens, by the private Keys: a JSON array of JSON Web Keys.
	Alg, Keys string
	// UserInfo has groups and addresses be said where userinfo is asked, and not in the ID token.
	UserInfo bool
}

// What the provider's client is called, and its secret.
const (
	ClientID     = "rootbound"
	ClientSecret = "a secret of the tests"
)

var issuerLine = regexp.MustCompile(`(?m)^issuer (http://\S+)$`)

// Start starts a real provider and returns its issuer URL. The end of the test stops it.
func (o OIDC) Start(tb testing.TB) (string, *Process) {
	tb.Helper()
	node, dir := Need(tb, "node"), oidcDir(tb)
	people, err := json.Marshal(o.People)
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(node, filepath.Join(dir, "provider.mjs"))
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PORT="+strconv.Itoa(o.Port), "REDIRECT="+o.Redirect, "PEOPLE="+string(people), "AS="+o.As, "ALG="+o.Alg, "KEYS="+o.Keys, "USERINFO="+map[bool]string{true: "yes"}[o.UserInfo])
	p := Start(tb, cmd, Output(issuerLine))
	return p.Expect(tb, issuerLine)[1], p
}

// oidcDir has the provider installed, once for each version of what it is made of. Several tests may do so at once: the first to
// finish gives the folder its name.
func oidcDir(tb testing.TB) string {
	tb.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	sum := sha256.New()
	files := map[string][]byte{}
	for _, name := range []string{"package.json", "package-lock.json", "provider.mjs"} {
		if files[name], err = oidcFiles.ReadFile("oidc/" + name); err != nil {
			tb.Fatal(err)
		}
		_, _ = sum.Write(files[name]) // never fails, see hash.Hash
	}
	dir := filepath.Join(cache, "rootbound-tests", "oidc-"+hex.EncodeToString(sum.Sum(nil)[:8]))
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err == nil {
		return dir
	}
	npm := Need(tb, "npm")
	makeDir(tb, filepath.Dir(dir))
	fresh, err := os.MkdirTemp(filepath.Dir(dir), "new-")
	if err != nil {
		tb.Fatal(err)
	}
	for name, text := range files {
		writeFile(tb, filepath.Join(fresh, name), text)
	}
	cmd := exec.Command(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")
	cmd.Dir = fresh
	if out, err := cmd.CombinedOutput(); err != nil {
		_ = os.RemoveAll(fresh)
		tb.Fatalf("npm ci: %v\n%s", err, out)
	}
	if err := os.Rename(fresh, dir); err != nil { // another test was quicker
		_ = os.RemoveAll(fresh)
	}
	return dir
}
