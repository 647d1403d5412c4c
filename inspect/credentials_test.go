package inspect

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/finding"
)

// token is what a credential looks like, and none.
const token = "gh" + "p_" + "abcdEFGHijklMNOPqrstUVWX0123456789ab"

const pem = "-----BEGIN " + "PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n-----END " + "PRIVATE KEY-----\n"

func TestSecretRulesCompile(t *testing.T) {
	all, err := loadSecrets()
	if err != nil {
		t.Fatal(err)
	}
	if len(all.rules) < 90 {
		t.Errorf("%d rules are used", len(all.rules))
	}
	for _, r := range all.rules {
		r.compile()
		r.fine()
	}
	t.Logf("note: %d of gitleaks' rules are used", len(all.rules))
}

// secretsOf are the rules that find something in a text.
func secretsOf(text string) (out []string) {
	w := testWalk()
	var s scan
	s.file(w, &directory{}, "x", []byte(text))
	w.report.Finish()
	for _, f := range w.report.Findings {
		rule, _, _ := strings.Cut(f.Evidence, ":")
		if f.Rule == finding.KeyFile {
			rule = privateKeys
		}
		out = append(out, rule)
	}
	return out
}

// noise is text of a kind that secrets are made of; joined at run time, so that nobody takes these for credentials.
func noise(alphabet string, n int) string {
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for range n {
		b.WriteByte(alphabet[r.IntN(len(alphabet))])
	}
	return b.String()
}

const (
	hexDigits = "0123456789abcdef"
	alnum     = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	base32    = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
)

func TestSecrets(t *testing.T) {
	for want, text := range map[string]string{
		"aws-access-token":         "key = AKIA" + noise(base32, 16) + "\n",
		"github-pat":               token,
		"github-fine-grained-pat":  "github_pat_" + noise(alnum, 82),
		"gitlab-pat":               "glpat-" + noise(alnum, 20),
		"slack-bot-token":          "xoxb-123456789012-123456789012-" + noise(alnum, 24),
		"slack-webhook-url":        "https://hooks.slack.com/services/" + noise(alnum, 44),
		"stripe-access-token":      "sk_live_" + noise(alnum, 30) + "\n",
		"gcp-api-key":              "AIza" + noise(alnum, 35) + "\n",
		"sendgrid-api-token":       "SG." + noise(alnum, 66) + "\n",
		"npm-access-token":         "npm_" + noise(alnum, 36) + "\n",
		"jwt":                      "Authorization: Bearer eyJ" + noise(alnum, 30) + ".eyJ" + noise(alnum, 60) + "." + noise(alnum, 43) + "\n",
		"private-key":              `{"type": "service_account", "private_key": "` + strings.ReplaceAll(pem, "\n", `\n`) + strings.Repeat("A", 64) + `"}` + pem,
		"pypi-upload-token":        "pypi-AgEIcHlwaS5vcmc" + noise(alnum, 90),
		"digitalocean-pat":         "dop_v1_" + noise(hexDigits, 64) + "\n",
		"huggingface-access-token": "hf_" + noise("abcdefghijklmnopqrstuvwxyz", 34) + "\n",
	} {
		got := strings.Join(secretsOf("first line\n"+text), " ")
		if !strings.Contains(got, want) {
			t.Errorf("%s is not found in %q: %q", want, text, got)
		}
	}
}

func TestNoSecrets(t *testing.T) {
	for _, text := range []string{
		"AKIA" + "IOSFODNN7" + "EXAMPLE", // Amazon's own example
		"ghp_" + strings.Repeat("x", 36), // no entropy
		"token = ghp_YOUR_TOKEN_HERE",    // a placeholder
		"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
		"-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
		"the ghost of glpat- and xoxb, and sk_live_ alone",
		"eyJ is how it begins",
	} {
		if got := secretsOf(text); len(got) > 0 {
			t.Errorf("%q is taken for %q", text, got)
		}
	}
}

func TestKeyHead(t *testing.T) {
	if got, want := keyHead(strings.ReplaceAll(pem, "\n", `\n`)), "-----BEGIN "+"PRIVATE KEY-----"; got != want {
		t.Errorf("keyHead = %q, want %q", got, want)
	}
}

// TestMatcher compares with a search for each word.
func TestMatcher(t *testing.T) {
	words := []keyword{{"abab", 0}, {"bab", 1}, {"b", 2}, {"abc", 3}, {"-x-", 4}, {"cab", 5}}
	m := newMatcher(words)
	r := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		text := make([]byte, r.IntN(12))
		for i := range text {
			text[i] = "abcABC-xX\xff"[r.IntN(10)]
		}
		got, want := make([]bool, len(words)), make([]bool, len(words))
		m.find(text, got)
		for _, w := range words {
			want[w.id] = bytes.Contains(bytes.ToLower(text), []byte(w.word))
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%q in %q: %v, want %v", words[i].word, text, got[i], want[i])
			}
		}
	}
}

func TestMismatch(t *testing.T) {
	for _, c := range []struct {
		elem, head, want string
		active           bool
	}{
		{"a.png", "\x89PNG\r\n\x1a\n", "", false},
		{"a.PNG", "\xff\xd8\xff\xe0", "image/jpeg", false},
		{"a.jpg", "<svg onload=alert(1)>", "image/svg+xml", true},
		{"a.pdf", "%PDF-1.7", "", false},
		{"a.pdf", "<!DOCTYPE html><script>", "text/html", true},
		{"a.txt", "hello", "", false},
		{"a.txt", "#!/bin/sh\n", "a script", true},
		{"a.txt", "\x7fELF\x02", "a program (ELF)", true},
		{"a.csv", "a,b\n1,2\n", "", false},
		{"a.json", "{}", "", false},
		{"a.mp3", "\xff\xfb\x90\x00", "", false},
		{"a.docx", "PK\x03\x04", "", false},
		{"a.docx", "MZ\x90\x00", "a program (Windows)", true},
		{"a.html", "hello", "", false},
		{"a", "<html>", "", false},
		{"a.png", "", "", false},
	} {
		got, active := mismatch(c.elem, []byte(c.head))
		if got != c.want || active != c.active {
			t.Errorf("mismatch(%q, %q) = %q, %v, want %q, %v", c.elem, c.head, got, active, c.want, c.active)
		}
	}
}
