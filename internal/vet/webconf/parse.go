package webconf

import (
	"strings"
)

// directive of nginx: a name, arguments, and a block where it has one.
type directive struct {
	name  string
	args  []string
	line  int
	block []*directive
	first map[string]*directive // of the block, by name
	pass  bool                  // an application is behind it: proxy_pass and its like, at any depth
}

// find is a map's work and no search: a file may hold a hundred thousand directives, and each of them may ask.
func (d *directive) find(name string) *directive { return d.first[name] }

func (d *directive) add(c *directive) {
	d.block = append(d.block, c)
	if d.first == nil {
		d.first = map[string]*directive{}
	}
	if d.first[c.name] == nil {
		d.first[c.name] = c
	}
}

func (d *directive) arg(i int) string {
	if i < len(d.args) {
		return d.args[i]
	}
	return ""
}

// maxNesting is how deep blocks are looked at. Those of a configuration that works are four deep, or five.
const maxNesting = 32

// parseNginx reads as much as it can: an unclosed block ends with the file. deep is the first line of what is nested too
// deep and left out, or 0.
func parseNginx(text string) (top *directive, deep int) {
	top = &directive{name: "main"}
	stack := []*directive{top}
	var words []string
	line, start := 1, 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\n':
			line++
		case c == ' ' || c == '\t' || c == '\r':
		case c == '#':
			for i+1 < len(text) && text[i+1] != '\n' {
				i++
			}
		case c == ';' || c == '{':
			if len(words) > 0 {
				d := &directive{name: words[0], args: words[1:], line: start}
				if len(stack) <= maxNesting {
					stack[len(stack)-1].add(d)
					markPass(stack, d)
				} else if deep == 0 {
					deep = start
				}
				if c == '{' {
					stack = append(stack, d)
				}
			} else if c == '{' {
				stack = append(stack, &directive{name: "block", line: line})
			}
			words = nil
		case c == '}':
			words = nil
			if len(stack) > 1 {
				stack = stack[:len(stack)-1]
			}
		default:
			if len(words) == 0 {
				start = line
			}
			word, n := nginxWord(text[i:])
			line += strings.Count(text[i:i+n], "\n")
			words = append(words, word)
			i += n - 1
		}
	}
	return top, deep
}

// markPass marks what stands around d, where d hands requests on.
func markPass(around []*directive, d *directive) {
	if strings.HasSuffix(d.name, "_pass") {
		for _, a := range around {
			a.pass = true
		}
	}
}

// above calls f for each directory above the file or directory name, without a slash at its end; "" is the root.
func above(name string, f func(dir string)) {
	const longest = 4096 // that a system opens
	if len(name) > longest {
		return
	}
	for i := range len(name) {
		if name[i] == '/' {
			f(name[:i])
		}
	}
}

// nginxWord reads one word, quoted or not.
func nginxWord(s string) (string, int) {
	if s[0] == '"' || s[0] == '\'' {
		var b strings.Builder
		for i := 1; i < len(s); i++ {
			switch {
			case s[i] == '\\' && i+1 < len(s):
				i++
				b.WriteByte(s[i])
			case s[i] == s[0]:
				return b.String(), i + 1
			default:
				b.WriteByte(s[i])
			}
		}
		return b.String(), len(s)
	}
	i := 0
	for i < len(s) && !strings.ContainsRune(" \t\r\n;", rune(s[i])) {
		if s[i] == '{' && (i == 0 || s[i-1] != '$' && !inPattern(s[:i])) {
			break
		}
		if s[i] == '}' && !strings.Contains(s[:i], "{") {
			break
		}
		i++
	}
	return s[:max(i, 1)], max(i, 1)
}

// inPattern: a brace behind a class or a group is a count.
func inPattern(s string) bool { return strings.HasSuffix(s, "]") || strings.HasSuffix(s, ")") }
