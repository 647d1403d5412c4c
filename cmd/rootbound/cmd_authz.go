package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/rootbound/rootbound/authz"
	"github.com/rootbound/rootbound/internal/config"
	"github.com/rootbound/rootbound/internal/name"
	"github.com/rootbound/rootbound/internal/readfile"
	"github.com/rootbound/rootbound/internal/request"
)

type authzCmd struct {
	Explain authzExplainCmd `cmd:"" help:"Say which policy decides about a file."`
	Test    authzTestCmd    `cmd:"" help:"Compare decisions with a table of what is expected."`
}

// grantFlags say where the grants are, as for serve.
type grantFlags struct {
	Config   string `name:"config" placeholder:"FILE" help:"Configuration file with [[grant]] tables, and with policies and groups in [serve]."`
	Policies string `name:"policies" placeholder:"FILE" help:"Cedar policies."`
	Groups   string `name:"groups" placeholder:"FILE" help:"Groups of users."`
	State    string `name:"state" placeholder:"FILE|URL" help:"State, whose users' groups count too. That of --config is not asked unless it is named here."`

	members map[string][]string // groups of the users of the state
	others  bool                // the configuration has others than --groups say who is in which group
}

// load reads the grants, and the state where it is named; it opens nothing that is served.
func (g *grantFlags) load(s *surroundings) (*authz.Authorizer, error) {
	set := &setup{Settings: &config.Settings{}}
	if g.Config != "" {
		file, err := readConfig(g.Config)
		if err != nil {
			return nil, err
		}
		set.Policies, set.Groups, set.Grants = file.Serve.Policies, file.Serve.Groups, grantsOf(file.Grant)
		g.others = file.State.DSN+file.Serve.JWTIssuer+file.Serve.OIDCIssuer+file.Serve.ProxyGroups != ""
	}
	if err := g.readMembers(s); err != nil {
		return nil, err
	}
	if g.Policies != "" {
		set.Policies = g.Policies
	}
	if g.Groups != "" {
		set.Groups = g.Groups
	}
	src, err := set.source()
	if err != nil {
		return nil, err
	}
	z, err := authz.New(src)
	if errors.Is(err, authz.ErrNothing) {
		return nil, usage("grants", "there are none, and so whoever is let in may read and list everything", "Name a file that has some by --config or --policies")
	}
	if err != nil {
		return nil, badGrants(err)
	}
	return z, nil
}

// readMembers reads which groups the users of the state are in.
func (g *grantFlags) readMembers(s *surroundings) error {
	if g.State == "" {
		return nil
	}
	set, err := newStateSettings(config.State{}, config.State{DSN: g.State}, "", s.env)
	if err != nil {
		return err
	}
	what := "--state " + strconv.Quote(set.place.Text)
	if file := set.file(); file != "" { // a question makes none
		if _, err := os.Stat(file); err != nil {
			return unreadable(what, err)
		}
	}
	st, err := set.open(s)
	if err != nil {
		return err
	}
	users, err := st.Users(s.ctx)
	if err = errors.Join(err, st.Close()); err != nil {
		return userError(what, err)
	}
	g.members = map[string][]string{}
	for _, u := range users {
		g.members[u.Name] = u.Groups
	}
	return nil
}

// question is who asks for what.
type question struct {
	who   request.Subject
	right request.Right
	of    authz.Resource
}

// newQuestion understands the words of a question; "-" asks without a credential.
func newQuestion(who, action, path string) (q question, rule, remedy string) {
	if who != "-" {
		q.who = request.Subject{ID: who}
	}
	if q.right = request.Right(action); !slices.Contains(authz.Rights, q.right) {
		return q, fmt.Sprintf("%q is no right", action), "The rights are read, list, create, replace, delete and share"
	}
	path = strings.TrimPrefix(path, "/")
	path, dir := strings.CutSuffix(path, "/")
	switch {
	case path != "" && name.Local(path) != nil:
		return q, fmt.Sprintf("%q can be the name of nothing that is served", path), "Write it as clients see it, such as reports/2026.pdf"
	case (dir || path == "") && q.right != request.List && q.right != request.Share:
		return q, fmt.Sprintf("%q is a directory, which can only be listed and shared", path+"/"), "Ask for list or share, or about a file"
	}
	q.of.Name, q.of.Dir = path, dir || path == ""
	return q, "", ""
}

type authzExplainCmd struct {
	grantFlags `embed:""`

	As     string   `name:"as" placeholder:"USER" default:"-" help:"Who asks; - (default) is whoever presents no credential."`
	Action string   `name:"action" placeholder:"RIGHT" default:"read" help:"read (default), list, create, replace, delete or share."`
	Group  []string `name:"group" placeholder:"GROUP" sep:"none" help:"Group that USER's credential says, as those of an issuer do. Repeatable."`
	Format string   `name:"format" placeholder:"FORMAT" default:"text" enum:"text,json" help:"text (default) or json."`
	Name   string   `arg:"" help:"File or, to be listed, directory, as clients see it."`
}

// explained is what --format json prints.
type explained struct {
	Subject  string        `json:"subject"`
	Groups   []string      `json:"groups"`
	Action   request.Right `json:"action"`
	Name     string        `json:"name"`
	Allowed  bool          `json:"allowed"`
	Status   int           `json:"status,omitempty"`
	Policies []policyText  `json:"policies"`
}

type policyText struct {
	ID    string `json:"id"`
	Cedar string `json:"cedar"`
}

// Run ends with 1 where it is denied.
func (c *authzExplainCmd) Run(s *surroundings) error {
	z, err := c.load(s)
	if err != nil {
		return err
	}
	q, rule, remedy := newQuestion(c.As, c.Action, c.Name)
	switch {
	case rule != "":
		return usage("authz explain", rule, remedy)
	case q.who.Anonymous() && len(c.Group) > 0:
		return usage("--group", "who presents no credential is in no group", "Add --as USER")
	}
	q.who.Groups = append(c.members[q.who.ID], c.Group...)
	e := z.Explain(q.who, q.right, q.of)
	if c.Format == "json" {
		out := explained{Subject: q.who.ID, Groups: e.Groups, Action: q.right, Name: c.Name, Allowed: e.Allowed, Status: e.Status, Policies: []policyText{}}
		for _, p := range e.By {
			out.Policies = append(out.Policies, policyText{p.Label, p.Cedar})
		}
		err = writeDocument(s.stdout, out)
	} else {
		_, err = io.WriteString(s.stdout, explainText(c, q, e))
	}
	if err == nil && !e.Allowed {
		err = &alreadyTold{code: exitFindings}
	}
	return err
}

// explainText is for people.
func explainText(c *authzExplainCmd, q question, e authz.Explanation) string {
	var b strings.Builder
	who := strconv.Quote(q.who.ID)
	if q.who.Anonymous() {
		who = "nobody in particular"
	}
	verb := "may"
	if !e.Allowed {
		verb = "may not"
	}
	fmt.Fprintf(&b, "%s %s %s %s", who, verb, q.right, strconv.Quote(c.Name))
	if e.Status != 0 {
		fmt.Fprintf(&b, " (%d)", e.Status)
	}
	b.WriteByte('\n')
	if len(e.Groups) > 0 {
		fmt.Fprintf(&b, "groups: %s\n", oneLine(strings.Join(e.Groups, " ")))
	}
	if c.others && c.State == "" && len(c.Group) == 0 && !q.who.Anonymous() {
		b.WriteString("groups that the state, an issuer or a proxy says were not asked for: name them by --state or --group\n")
	}
	if len(e.By) == 0 {
		b.WriteString("no policy grants it\n")
	}
	for _, p := range e.By {
		fmt.Fprintf(&b, "by %s:\n%s\n", oneLine(p.Label), p.Cedar)
	}
	return b.String()
}

type authzTestCmd struct {
	grantFlags `embed:""`

	File string `arg:"" help:"Lines such as 'alice read reports/2026.pdf allow'; - is standard input."`
}

// Run ends with 1 where a decision differs from what is expected.
func (c *authzTestCmd) Run(s *surroundings) error {
	z, err := c.load(s)
	if err != nil {
		return err
	}
	in := s.stdin
	if c.File != stdinName {
		f, err := readfile.Open(c.File)
		if err != nil {
			return unreadable("table "+strconv.Quote(c.File), err)
		}
		defer f.Close()
		in = f
	}
	lines, asked, differ := bufio.NewScanner(in), 0, 0
	for n := 1; lines.Scan(); n++ {
		words := strings.Fields(lines.Text())
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		at := c.File + ":" + strconv.Itoa(n)
		if len(words) < 4 || words[len(words)-1] != "allow" && words[len(words)-1] != "deny" {
			return usage(at, "it is not SUBJECT ACTION NAME allow|deny", "Write a line such as 'alice read reports/2026.pdf allow'; - is whoever presents no credential")
		}
		last := len(words) - 1
		q, rule, remedy := newQuestion(words[0], words[1], strings.Join(words[2:last], " "))
		if rule != "" {
			return usage(at, rule, remedy)
		}
		asked++
		q.who.Groups = c.members[q.who.ID]
		if e := z.Explain(q.who, q.right, q.of); e.Allowed != (words[last] == "allow") {
			differ++
			if _, err := fmt.Fprintf(s.stdout, "%s: %s: %s\n", at, oneLine(strings.Join(words, " ")), decidedBy(e)); err != nil {
				return err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return unreadable("table "+strconv.Quote(c.File), err)
	}
	if _, err := fmt.Fprintf(s.stdout, "%d expectations, %d not met\n", asked, differ); err != nil {
		return err
	}
	if differ > 0 {
		return &alreadyTold{code: exitFindings}
	}
	return nil
}

func decidedBy(e authz.Explanation) string {
	if len(e.By) == 0 {
		return "no policy grants it"
	}
	var labels []string
	for _, p := range e.By {
		labels = append(labels, p.Label)
	}
	return oneLine("decided by " + strings.Join(labels, ", "))
}
