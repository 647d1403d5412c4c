package authn

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/rootbound/rootbound/internal/readfile"
)

// maxUsersFile bounds a file of users, in bytes.
const maxUsersFile = 16 << 20

// UsersFile is a file of users as htpasswd(1) writes it: NAME:HASH a line, bcrypt or argon2id. It is only read. It is
// safe for concurrent use.
type UsersFile struct {
	path       string
	seed       maphash.Seed
	reload     sync.Mutex
	users      atomic.Pointer[users]
	generation atomic.Uint64
}

// users is the content of a file at one time.
type users struct {
	hashes map[string]Hash
	all    []Hash // to take a reference from
	data   []byte
}

// OpenUsers reads a file. Its error names the line, the rule and the remedy.
func OpenUsers(path string) (*UsersFile, error) {
	f := &UsersFile{path: path, seed: maphash.MakeSeed()}
	if _, err := f.Reload(); err != nil {
		return nil, err
	}
	return f, nil
}

// Reload reads the file again and says whether it is another one. Where that fails, what was read before stays.
func (f *UsersFile) Reload() (changed bool, err error) {
	f.reload.Lock()
	defer f.reload.Unlock()
	data, err := readfile.Read(f.path, maxUsersFile)
	if err != nil {
		return false, err
	}
	old := f.users.Load()
	if old != nil && bytes.Equal(old.data, data) {
		return false, nil
	}
	u, err := parseUsers(data)
	if err != nil {
		return false, err
	}
	f.users.Store(u)
	f.generation.Add(1)
	return true, nil
}

// LineError is what is wrong with a line of a file, from 1.
type LineError struct {
	Line   int
	Rule   string
	Remedy string
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %s. %s.", e.Line, e.Rule, e.Remedy) }

const htpasswdRemedy = "Write the line with 'htpasswd -B FILE NAME'"

func parseUsers(data []byte) (*users, error) {
	u := &users{hashes: map[string]Hash{}, data: data}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSuffix(lines.Text(), "\r")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, text, ok := strings.Cut(line, ":")
		fail := func(rule string) (*users, error) { return nil, &LineError{n, rule, htpasswdRemedy} }
		if !ok {
			return fail("it is not NAME:HASH")
		}
		if err := CheckName(name); err != nil {
			return fail(err.Error())
		}
		if _, twice := u.hashes[name]; twice {
			return fail("the user stands there twice")
		}
		h, err := ParseHash(text)
		if err != nil {
			return fail("the hash of user " + fmt.Sprintf("%q", name) + " is not taken: " + err.Error())
		}
		u.hashes[name] = h
		u.all = append(u.all, h)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(u.hashes) == 0 {
		return nil, errors.New("it names no user: nobody could get in. Add one with 'htpasswd -B FILE NAME'")
	}
	return u, nil
}

// CheckName says why a text cannot be a user name.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("the user name is empty")
	case len(name) > MaxName:
		return fmt.Errorf("the user name is longer than %d bytes", MaxName)
	case !utf8.ValidString(name):
		return errors.New("the user name is not UTF-8")
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == ':' }):
		return errors.New("the user name holds a control character or a ':'")
	case strings.TrimSpace(name) != name:
		return errors.New("the user name begins or ends with a space")
	}
	return nil
}

// Account returns that of a user name, to the letter.
func (f *UsersFile) Account(name string) (Account, bool, error) {
	h, ok := f.users.Load().hashes[name]
	return Account{Name: name, Hash: h}, ok, nil
}

// Known is Account, which asks nobody.
func (f *UsersFile) Known(name string) (Account, bool) {
	a, ok, _ := f.Account(name)
	return a, ok
}

// Len is how many users there are.
func (f *UsersFile) Len() int { return len(f.users.Load().hashes) }

// Reference is the hash of some user, which one being anybody's guess.
func (f *UsersFile) Reference(name string) Hash {
	all := f.users.Load().all
	return all[maphash.String(f.seed, name)%uint64(len(all))]
}

// Generation counts the times that the file was another one.
func (f *UsersFile) Generation() uint64 { return f.generation.Load() }
