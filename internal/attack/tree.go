package attack

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// depth is how many levels above the base hold a canary.
const depth = 8

// PlantTree builds, beneath the existing directory dir, a base directory with canaries around it:
//
//	dir/8/7/6/5/4/3/2/1/base/         ok.txt pic.png sub/inner.txt
//	                                  .env .git/config .clé (hidden canaries; the last in NFC)
//	dir/8/7/6/5/4/3/2/1/base_secret/canary.txt
//	dir/8/.../N/canary.txt            for each N
//
// It removes nothing.
func PlantTree(dir string) (Layout, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Layout{}, err
	}
	parent := dir
	for n := depth; n > 0; n-- {
		parent = filepath.Join(parent, fmt.Sprint(n))
	}
	l := Layout{
		Base: filepath.Join(parent, "base"), Outer: dir,
		File: "ok.txt", Dir: "sub", Body: "a file that anybody may have\n",
	}
	for n := 1; n <= depth; n++ {
		l.Canaries = append(l.Canaries, Canary{Name: strings.Repeat("../", n) + canaryName})
	}
	for _, n := range []string{"../base_secret/" + canaryName, ".env", ".git/config", ".cl\u00e9"} {
		l.Canaries = append(l.Canaries, Canary{Name: n})
	}
	for i := range l.Canaries {
		c := &l.Canaries[i]
		c.Token = newToken()
		if err := write(l.Base, c.Name, c.Token+"\n"); err != nil {
			return Layout{}, err
		}
	}
	for _, n := range []string{l.File, "pic.png", l.Dir + "/inner.txt"} {
		if err := write(l.Base, n, l.Body); err != nil {
			return Layout{}, err
		}
	}
	return l, nil
}

// newToken returns text that no file holds by chance.
func newToken() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return "canary-" + hex.EncodeToString(b[:])
}

// write makes the file and the directories above it.
func write(base, name, body string) error {
	p := filepath.Join(base, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		return err
	}
	return os.WriteFile(p, []byte(body), 0o644)
}
