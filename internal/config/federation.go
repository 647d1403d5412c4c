package config

import (
	"slices"
	"strconv"
	"strings"
)

// Federation holds the flags of `serve` about who is known by somebody else's word: an issuer of tokens, an authority of
// certificates, a proxy.
type Federation struct {
	JWTIssuer      string `toml:"jwt-issuer" name:"jwt-issuer" placeholder:"URL" group:"who" help:"Take bearer tokens (JWT) of this issuer, whose URL stands in each to the letter. Needs --jwt-audience."`
	JWTAudience    string `toml:"jwt-audience" name:"jwt-audience" placeholder:"NAME" group:"who" help:"What the tokens must be for."`
	JWTKeys        string `toml:"jwt-keys" name:"jwt-keys" placeholder:"FILE|URL" group:"who" help:"The issuer's public keys, a JSON Web Key Set. Default: where the issuer says they are. A file is read again when it changes."`
	JWTUserClaim   string `toml:"jwt-user-claim" name:"jwt-user-claim" placeholder:"CLAIM" group:"who" help:"Claim that names the user. Default sub."`
	JWTGroupsClaim string `toml:"jwt-groups-claim" name:"jwt-groups-claim" placeholder:"CLAIM" group:"who" help:"Claim that lists the user's groups. Default groups."`

	OIDCIssuer       string   `toml:"oidc-issuer" name:"oidc-issuer" placeholder:"URL" group:"who" help:"Browsers sign in at this OpenID provider. Needs --login, --state, --base-url and --oidc-client-id; the provider must send them back to /-/oidc/callback."`
	OIDCClientID     string   `toml:"oidc-client-id" name:"oidc-client-id" placeholder:"ID" group:"who" help:"What this server is called there."`
	OIDCClientSecret string   `toml:"oidc-client-secret-file" name:"oidc-client-secret-file" placeholder:"FILE" group:"who" help:"File, mode 0600, with the secret that goes with it. Default: none, a public client."`
	OIDCScopes       []string `toml:"oidc-scope" name:"oidc-scope" placeholder:"SCOPE" sep:"none" group:"who" help:"What to ask for beside openid, such as groups. Repeatable."`
	OIDCUserClaim    string   `toml:"oidc-user-claim" name:"oidc-user-claim" placeholder:"CLAIM" group:"who" help:"Claim that names the user. Default sub; email counts where the provider verified it."`
	OIDCGroupsClaim  string   `toml:"oidc-groups-claim" name:"oidc-groups-claim" placeholder:"CLAIM" group:"who" help:"Claim that lists the user's groups. Default groups."`

	ClientCA   string `toml:"tls-client-ca" name:"tls-client-ca" placeholder:"FILE" group:"who" help:"Certificate authorities in PEM: who shows a certificate of theirs is known by it. Needs --tls-cert. Read again when it changes."`
	ClientCRL  string `toml:"tls-client-crl" name:"tls-client-crl" placeholder:"FILE" group:"who" help:"What those authorities revoked, in PEM; one that is out of date lets nobody in. Read again when it changes."`
	ClientName string `toml:"tls-client-name" name:"tls-client-name" placeholder:"PLACE" choices:"subject-cn san-dns san-email san-uri" group:"who" help:"Where in a certificate the user's name stands: subject-cn (default), san-dns, san-email or san-uri."`

	ProxyCertificate []string `toml:"trusted-proxy-cert" name:"trusted-proxy-cert" placeholder:"NAME" sep:"none" group:"who" help:"Name in the certificate of a trusted proxy, beside --trusted-proxy. Repeatable."`
	ProxyUser        string   `toml:"proxy-user-header" name:"proxy-user-header" placeholder:"NAME" group:"who" help:"Header in which a trusted proxy says who asks, such as Remote-User. From anybody else it is refused."`
	ProxyGroups      string   `toml:"proxy-groups-header" name:"proxy-groups-header" placeholder:"NAME" group:"who" help:"Header in which it lists the user's groups, with commas between."`

	GuessLimit string `toml:"guess-limit" name:"guess-limit" placeholder:"N/min" group:"limits" help:"Names that do not exist which a client may ask for in a minute without a credential; then it is answered 429 whatever it asks. Default 60/min, and none on loopback; off lifts it."`
}

// FederationSettings is Federation with every value understood.
type FederationSettings struct {
	JWTIssuer, JWTAudience       string
	JWTKeys                      string // a file or a URL; "" asks the issuer
	JWTUserClaim, JWTGroupsClaim string // "" is the default

	OIDCIssuer, OIDCClientID       string
	OIDCClientSecret               string // a file; "" is none
	OIDCScopes                     []string
	OIDCUserClaim, OIDCGroupsClaim string // "" is the default

	ClientCA, ClientCRL    string // files; "" is none
	ClientName             string
	ProxyCertificate       []string
	ProxyUser, ProxyGroups string
	GuessLimit             int // names a minute; 0 is the default, less than 0 is none
}

// LetsIn says whether anybody can authenticate by one of these.
func (f *FederationSettings) LetsIn() bool {
	return f.JWTIssuer+f.OIDCIssuer+f.ClientCA+f.ProxyUser != ""
}

// IsURL says whether a place is one of the network, and not a file.
func IsURL(place string) bool {
	return strings.HasPrefix(place, "https://") || strings.HasPrefix(place, "http://")
}

// JWTKeysFile is JWTKeys where that is a file, else "".
func (f *FederationSettings) JWTKeysFile() string {
	if IsURL(f.JWTKeys) {
		return ""
	}
	return f.JWTKeys
}

func (f *Federation) settings(c *checker) FederationSettings {
	out := FederationSettings{
		JWTIssuer: f.JWTIssuer, JWTAudience: f.JWTAudience, JWTKeys: f.JWTKeys, JWTUserClaim: f.JWTUserClaim, JWTGroupsClaim: f.JWTGroupsClaim,
		OIDCIssuer: f.OIDCIssuer, OIDCClientID: f.OIDCClientID, OIDCClientSecret: f.OIDCClientSecret, OIDCScopes: f.OIDCScopes,
		OIDCUserClaim: f.OIDCUserClaim, OIDCGroupsClaim: f.OIDCGroupsClaim,
		ClientCA: f.ClientCA, ClientCRL: f.ClientCRL, ClientName: c.choice("tls-client-name", f.ClientName, "subject-cn"),
		ProxyCertificate: f.ProxyCertificate, ProxyUser: c.field("proxy-user-header", f.ProxyUser), ProxyGroups: c.field("proxy-groups-header", f.ProxyGroups),
		GuessLimit: c.perMinute("guess-limit", f.GuessLimit),
	}
	if f.ProxyUser != "" && strings.EqualFold(f.ProxyUser, f.ProxyGroups) {
		c.problem("proxy-groups-header", f.ProxyGroups, "it is the user's header", "Name another one")
	}
	return out
}

// spoken are fields that mean something else.
var spoken = []string{"authorization", "cookie", "host", "forwarded", "x-forwarded-for", "accept", "range", "connection", "content-length", "transfer-encoding"}

// field checks the name of a header in which a proxy says who asks.
func (c *checker) field(key, name string) string {
	bad := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-')
	}
	if strings.ContainsFunc(name, bad) || slices.Contains(spoken, strings.ToLower(name)) {
		c.problem(key, name, "not a header of its own", "Write a name of letters, digits and hyphens, such as Remote-User")
	}
	return name
}

// perMinute reads "60/min"; "off" is less than 0.
func (c *checker) perMinute(key, text string) int {
	switch text {
	case "":
		return 0
	case "off":
		return -1
	}
	digits, ok := strings.CutSuffix(text, "/min")
	n, err := strconv.ParseUint(digits, 10, 31)
	if !ok || err != nil || n == 0 {
		c.problem(key, text, "not a number a minute", "Write it as 60/min, or off")
	}
	return int(n)
}
