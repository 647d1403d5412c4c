package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"

	"github.com/rootbound/rootbound/authn"
)

type userCmd struct {
	Add     userAddCmd     `cmd:"" help:"Add a user to the state, with a password from standard input."`
	List    userListCmd    `cmd:"" help:"Print the users of the state."`
	Disable userDisableCmd `cmd:"" help:"Let a user in no more, and end the user's sessions."`
	Enable  userEnableCmd  `cmd:"" help:"Let a disabled user in again."`
	Passwd  userPasswdCmd  `cmd:"" help:"Give a user another password, from standard input, and end the user's sessions."`
	Groups  userGroupsCmd  `cmd:"" help:"Put a user into other groups than before."`
	Remove  userRemoveCmd  `cmd:"" help:"Remove a user with all sessions and tokens."`
	Hash    userHashCmd    `cmd:"" help:"Print a line for the file of --users, from a password on standard input."`
}

type userHashCmd struct {
	Name string `arg:"" help:"User name."`
}

// minPassword is the length of the shortest password that is taken, in bytes (NIST SP 800-63B, 5.1.1.2).
const minPassword = 8

// Run never takes the password from the command line, where everybody on the machine can read it.
func (c *userHashCmd) Run(s *surroundings) error {
	what := "user " + strconv.Quote(c.Name)
	if err := authn.CheckName(c.Name); err != nil {
		return usage(what, err.Error(), "Take another name")
	}
	h, err := s.newPassword(what)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.stdout, "%s:%s\n", c.Name, h)
	return err
}

// newPassword reads a password that somebody chose, and hashes it.
func (s *surroundings) newPassword(what string) (authn.Hash, error) {
	password, err := s.password()
	if err != nil {
		return authn.Hash{}, usage(what, "no password was given: "+innermost(err), "Type it, or send it on standard input as one line")
	}
	if len(password) < minPassword {
		return authn.Hash{}, usage(what, fmt.Sprintf("the password is shorter than %d bytes", minPassword), "Take a longer one")
	}
	h, err := authn.NewHash(password)
	if err != nil {
		return authn.Hash{}, usage(what, err.Error(), "Take a shorter one")
	}
	return h, nil
}

// password reads one line; from a terminal without showing it, and twice.
func (s *surroundings) password() (string, error) {
	f, ok := s.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(s.stdin, authn.MaxPassword+2)).ReadString('\n')
		line = strings.TrimRight(line, "\r\n")
		if errors.Is(err, io.EOF) && line != "" {
			err = nil
		}
		return line, err
	}
	var typed [2]string
	for i, prompt := range []string{"Password: ", "Again: "} {
		if _, err := io.WriteString(s.stderr, prompt); err != nil {
			return "", err
		}
		b, err := term.ReadPassword(int(f.Fd()))
		_, _ = io.WriteString(s.stderr, "\n")
		if err != nil {
			return "", err
		}
		typed[i] = string(b)
	}
	if typed[0] != typed[1] {
		return "", errors.New("the two differ")
	}
	return typed[0], nil
}
