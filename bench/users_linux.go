package main

import (
	"encoding/base64"
	"os"
	"path/filepath"

	"golang.org/x/crypto/bcrypt"
)

// The one user of rows about passwords.
const (
	userName     = "alice"
	userPassword = "correct horse battery staple"
	bcryptCost   = 10
)

// users writes the file that every server reads, as 'htpasswd -B -C 10' does.
func users(dir string) error {
	h, err := bcrypt.GenerateFromPassword([]byte(userPassword), bcryptCost)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "users"), []byte(userName+":"+string(h)+"\n"), 0o644)
}

// nginxBasic has nginx ask for the password, for every request as it does.
func (b *bench) nginxBasic(s *server) string {
	if !s.variant.basic {
		return ""
	}
	return "auth_basic rootbound; auth_basic_user_file " + b.path("users") + ";"
}

// withPassword asks for a file with a credential, of the twin that wants none too: reading the field costs alike.
func withPassword(b *bench, s *server) (job, error) {
	name, err := b.files.hot(kib)
	credential := base64.StdEncoding.EncodeToString([]byte(userName + ":" + userPassword))
	return job{[][]byte{request(s, "/"+name, "Authorization: Basic "+credential)}, expectation{[]int{200}, kib}, ""}, err
}
