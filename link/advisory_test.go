package link

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
)

// A link that is signed with no key at all opens nothing, and there is no way to have none: not an empty file, not an
// empty key, not one of zeros. The control: with the key itself the forged signature is the right one.
func TestAdvisory_CVE_2023_49105_no_key(t *testing.T) {
	for _, text := range []string{
		"", "\n# nothing\n", "k1:", "k1", ":" + key1[3:], "k1: ", "k1:AAAA", "k1:" + strings.Repeat("A", 43) + "=", key1 + "\nk2:",
	} {
		var wrong *LineError
		if _, err := ParseKeys([]byte(text)); !errors.As(err, &wrong) {
			t.Errorf("%q: %v", text, err)
		}
	}
	k := keysOf(t, key1)
	l := signed(t, k, Link{Path: "a.txt"})
	if got, err := k.Verify(l.Token, "a.txt", here, now); err != nil || got.Path != "a.txt" {
		t.Fatalf("the link itself: %v, %v", got, err)
	}
	payload := l.Token[:strings.LastIndexByte(l.Token, '.')]
	forge := func(key []byte) string {
		h := hmac.New(sha256.New, key)
		h.Write([]byte("rootbound-link-1\na.txt\n" + payload))
		return encoding.EncodeToString(h.Sum(nil))
	}
	for _, key := range [][]byte{nil, make([]byte, 32), []byte("k1")} {
		if _, err := k.Verify(payload+"."+forge(key), "a.txt", here, now); err == nil {
			t.Errorf("signed with %q: taken", key)
		}
	}
	for _, token := range []string{payload, payload + ".", "." + payload, ".."} {
		if _, err := k.Verify(token, "a.txt", here, now); err == nil {
			t.Errorf("%q: taken", token)
		}
	}
	if forge([]byte("0123456789abcdef0123456789abcdef")) != l.Token[strings.LastIndexByte(l.Token, '.')+1:] {
		t.Error("the signature is made otherwise than this test forges it: it shows nothing")
	}
}
