package authz

import (
	"bufio"
	"bytes"
	"strings"
	"unicode/utf8"
)

const groupsRemedy = "Write lines such as 'staff: alice bob'"

// parseGroups reads a file as Apache's AuthGroupFile: NAME: USER USER, a group's lines adding up, # beginning a comment.
// The result has the groups of each user.
func parseGroups(text []byte, what string) (map[string][]string, error) {
	out := map[string][]string{}
	seen := map[[2]string]bool{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	n := 0
	for n = 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fail := func(rule string) (map[string][]string, error) {
			return nil, &SourceError{What: what, Line: n, Rule: rule, Remedy: groupsRemedy}
		}
		group, users, ok := strings.Cut(line, ":")
		group = strings.TrimSpace(group)
		switch {
		case !ok:
			return fail("it is not GROUP: USER USER")
		case group == "" || strings.ContainsAny(group, " \t"):
			return fail("the name of a group is one word")
		case !utf8.ValidString(line):
			return fail("it is not UTF-8")
		}
		for _, user := range strings.Fields(users) {
			if k := [2]string{user, group}; !seen[k] {
				seen[k] = true
				out[user] = append(out[user], group)
			}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, &SourceError{What: what, Line: n, Rule: err.Error(), Remedy: "Break the line: a group may stand on several"}
	}
	return out, nil
}
