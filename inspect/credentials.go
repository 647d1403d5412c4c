package inspect

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"

	"github.com/rootbound/rootbound/internal/finding"
)

// The rules for credentials are those that gitleaks maintains, taken whole as data; its licence lies beside them. Of them
// only those are used that know a credential by itself: a fixed beginning, long enough to look for.
//
//go:embed gitleaks/gitleaks.toml
var gitleaksRules []byte

// secretRule is a rule in gitleaks' form.
type secretRule struct {
	ID          string       `toml:"id"`
	Regex       string       `toml:"regex"`
	Entropy     float64      `toml:"entropy"`
	SecretGroup int          `toml:"secretGroup"`
	Keywords    []string     `toml:"keywords"`
	Path        string       `toml:"path"`
	Allowlists  []secretFine `toml:"allowlists"`

	compile func() *regexp.Regexp
	fine    func() []*regexp.Regexp
}

// secretFine says what is no secret although it looks like one.
type secretFine struct {
	Condition   string   `toml:"condition"`
	RegexTarget string   `toml:"regexTarget"`
	Regexes     []string `toml:"regexes"`
	StopWords   []string `toml:"stopwords"`
	Paths       []string `toml:"paths"`
}

// secretRules are those in use, and what finds their keywords.
type secretRules struct {
	rules []*secretRule
	fine  []*regexp.Regexp
	stop  []string
	words *matcher // the index of a keyword is that of its rule
}

const (
	minKeyword  = 3
	maxSecrets  = 5 // of a rule in a file
	privateKeys = "private-key"
	jsonTokens  = "jwt"
)

// notUsed are rules that judge by what stands around, or by too little.
var notUsed = []string{"curl-auth-header", "curl-auth-user", "facebook-access-token", "sourcegraph-access-token", "intra42-client-secret", "nuget-config-password"}

var loadSecrets = sync.OnceValues(func() (*secretRules, error) {
	var file struct {
		Allowlist secretFine    `toml:"allowlist"`
		Rules     []*secretRule `toml:"rules"`
	}
	if err := toml.Unmarshal(gitleaksRules, &file); err != nil {
		return nil, fmt.Errorf("inspect: the rules for credentials: %w", err)
	}
	out := &secretRules{stop: file.Allowlist.StopWords}
	for _, text := range file.Allowlist.Regexes {
		re, err := regexp.Compile(text)
		if err != nil {
			return nil, fmt.Errorf("inspect: the rules for credentials: %w", err)
		}
		out.fine = append(out.fine, re)
	}
	var words []keyword
	for _, r := range file.Rules {
		if r.ID == jsonTokens {
			r.Keywords = []string{"eyj"} // what '{"' begins with, always; the rule's own "ey" is in every text
		} else if !r.standsAlone() {
			continue
		}
		r.compile = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(r.Regex) })
		r.fine = sync.OnceValue(r.allowed)
		for _, k := range r.Keywords {
			words = append(words, keyword{strings.ToLower(k), len(out.rules)})
		}
		out.rules = append(out.rules, r)
	}
	out.words = newMatcher(words)
	return out, nil
})

// standsAlone says whether the rule knows a credential without what stands around it.
func (r *secretRule) standsAlone() bool {
	if r.Path != "" || slices.Contains(notUsed, r.ID) || strings.Contains(r.Regex, `[\w.-]{0,50}?`) {
		return false
	}
	r.Keywords = slices.DeleteFunc(r.Keywords, func(k string) bool { return len(k) < minKeyword })
	return len(r.Keywords) > 0
}

func (r *secretRule) allowed() (out []*regexp.Regexp) {
	for _, a := range r.Allowlists {
		if a.RegexTarget == "" || a.RegexTarget == "secret" {
			for _, text := range a.Regexes {
				out = append(out, regexp.MustCompile(text))
			}
		}
	}
	return out
}

// scan looks through files, one after another.
type scan struct {
	hit []bool // by rule
}

// file reports the credentials in a text.
func (s *scan) file(w *walk, d *directory, elem string, text []byte) {
	all, err := loadSecrets()
	if err != nil {
		w.stop(err)
		return
	}
	if s.hit == nil {
		s.hit = make([]bool, len(all.rules))
	}
	if !all.words.find(text, s.hit) {
		return
	}
	for i, hit := range s.hit {
		if hit {
			s.hit[i] = false
			all.rule(w, all.rules[i], d, elem, text)
		}
	}
}

// rule reports what one rule finds.
func (all *secretRules) rule(w *walk, r *secretRule, d *directory, elem string, text []byte) {
	for _, at := range r.compile().FindAllSubmatchIndex(text, maxSecrets) {
		from, to := at[0], at[1]
		if g := r.group(at); at[2*g] >= 0 {
			from, to = at[2*g], at[2*g+1]
		}
		secret := string(text[from:to])
		if r.ID != privateKeys && (entropy(secret) < r.Entropy || all.harmless(r, secret)) {
			continue
		}
		sum := sha256.Sum256([]byte(secret))
		f := finding.Finding{Rule: finding.Credential, Place: spot(d.join(elem), text, from), Identity: r.ID + " " + hex.EncodeToString(sum[:])}
		f.Evidence = fmt.Sprintf("%s: %s... (%d characters)", r.ID, secret[:min(len(secret)/4, 8)], len(secret))
		if r.ID == privateKeys {
			f.Rule, f.Evidence = finding.KeyFile, keyHead(secret)
		}
		w.addFinding(f)
	}
}

// group is the one that holds the secret: the rule's, or the first that took part.
func (r *secretRule) group(at []int) int {
	if g := r.SecretGroup; g > 0 && 2*g+1 < len(at) {
		return g
	}
	for g := 1; 2*g+1 < len(at); g++ {
		if at[2*g] >= 0 {
			return g
		}
	}
	return 0
}

func (all *secretRules) harmless(r *secretRule, secret string) bool {
	matches := func(re *regexp.Regexp) bool { return re.MatchString(secret) }
	if slices.ContainsFunc(all.fine, matches) || slices.ContainsFunc(r.fine(), matches) {
		return true
	}
	low := strings.ToLower(secret)
	return slices.ContainsFunc(all.stop, func(word string) bool { return strings.Contains(low, word) })
}

// entropy is Shannon's, in bits a byte.
func entropy(s string) (bits float64) {
	var n [256]int
	for i := 0; i < len(s); i++ {
		n[s[i]]++
	}
	for _, c := range n {
		if c > 0 {
			p := float64(c) / float64(len(s))
			bits -= p * math.Log2(p)
		}
	}
	return bits
}

// spot is where in a file something begins.
func spot(path string, text []byte, at int) finding.Place {
	before := text[:at]
	line := bytes.LastIndexByte(before, '\n') + 1
	return finding.Place{Path: path, Line: bytes.Count(before, []byte("\n")) + 1, Column: utf8.RuneCount(before[line:]) + 1}
}

// keyHead is the line that begins a private key, and nothing of the key: in JSON its lines are one.
func keyHead(s string) string {
	const dashes = "-----"
	if end := strings.Index(s[len(dashes):], dashes); end >= 0 {
		s = s[:len(dashes)+end+len(dashes)]
	}
	return s[:min(len(s), 60)]
}
