package vet

import (
	"regexp"
	"slices"
	"strings"
)

var (
	sendCall   = regexp.MustCompile(`\b(flask\.)?send_file\(`)
	joinCall   = regexp.MustCompile(`^os\.path\.join\(`)
	assignJoin = regexp.MustCompile(`^(\s*)(\w+)\s*=\s*(os\.path\.join\(.*)$`)
	fString    = regexp.MustCompile(`^f(["'])\{(\w+)\}/\{([^{}"'!:]+)\}["']$`)
	words      = regexp.MustCompile(`\w+`)
	keyword    = regexp.MustCompile(`^\w+\s*=[^=]`)
	ownName    = regexp.MustCompile(`def send_from_directory\b|\bsend_from_directory\s*=[^=]`)
	plainName  = regexp.MustCompile(`^[\w.]+$`)
)

// fixPython makes send_file of a base and a name joined send_from_directory(BASE, name), which refuses what leads out.
// The call stands in one line, and what it sends is joined in it or in the line before.
func fixPython(lines []string, at []place) []edit {
	var edits []edit
	qualified := true
	for _, p := range at {
		if p.line >= len(lines) || overlaps(edits, p.line, p.line+1) {
			continue
		}
		line := lines[p.line]
		calls := sendCall.FindAllStringSubmatchIndex(line, -1)
		if len(calls) != 1 {
			continue
		}
		call := calls[0]
		args, rest, ok := arguments(line[call[1]:])
		if !ok || !named(args[1:]) {
			continue
		}
		from := p.line
		base, name, ok := joined(args[0])
		if !ok {
			if base, name, ok = joinedBefore(lines, p.line, args[0]); !ok {
				continue
			}
			from--
		}
		dotted := call[2] >= 0
		qualified = qualified && dotted
		now := line[:call[0]] + map[bool]string{true: "flask."}[dotted] + "send_from_directory(" +
			strings.Join(append([]string{base, name}, args[1:]...), ", ") + ")" + rest
		edits = append(edits, edit{from, p.line + 1, []string{now}})
	}
	switch {
	case len(edits) == 0 || qualified:
		return edits
	case slices.ContainsFunc(lines, func(l string) bool { return ownName.MatchString(l) }):
		return nil
	}
	return importFlask(lines, edits)
}

// named gives the arguments behind the first the names that send_file knows them by: send_from_directory takes them by
// name alone.
func named(args []string) bool {
	names := []string{"mimetype", "as_attachment", "download_name"}
	for i, a := range args {
		switch {
		case keyword.MatchString(a) || strings.HasPrefix(a, "**") || a == "":
		case i < len(names) && !strings.HasPrefix(a, "*"):
			args[i] = names[i] + "=" + a
		default:
			return false
		}
	}
	return true
}

// joined takes a base and a name apart: os.path.join(BASE, name), BASE / name, f"{BASE}/{name}", BASE + "/" + name.
func joined(text string) (base, name string, ok bool) {
	if at := joinCall.FindStringIndex(text); at != nil {
		args, rest, ok := arguments(text[at[1]:])
		if ok && len(args) == 2 && rest == "" && !strings.HasPrefix(args[1], "*") {
			return args[0], args[1], true
		}
		return "", "", false
	}
	if m := fString.FindStringSubmatch(text); m != nil {
		return m[2], m[3], true
	}
	for _, by := range []string{" / ", ` + "/" + `, ` + '/' + `} {
		base, name, found := strings.Cut(text, by)
		if found && plainName.MatchString(base) && !strings.ContainsAny(name, "/+") {
			return base, name, true
		}
	}
	return "", "", false
}

// joinedBefore: the line before is 'path = os.path.join(BASE, name)', and this one returns. Nothing behind it in the
// function, such as an except or a finally, names the path.
func joinedBefore(lines []string, at int, path string) (base, name string, ok bool) {
	if at == 0 || !strings.HasPrefix(strings.TrimSpace(lines[at]), "return ") || strings.Count(lines[at], path) != 1 {
		return "", "", false
	}
	m := assignJoin.FindStringSubmatch(strings.TrimRight(lines[at-1], "\r"))
	if m == nil || m[2] != path || m[1] != lines[at][:len(lines[at])-len(strings.TrimLeft(lines[at], " \t"))] {
		return "", "", false
	}
	for _, l := range lines[at+1:] {
		if l != "" && !strings.ContainsAny(l[:1], " \t\r#") {
			break
		}
		if slices.Contains(words.FindAllString(l, -1), path) {
			return "", "", false
		}
	}
	return joined(m[3])
}

// arguments takes the arguments of a call apart whose parenthesis is open; rest is what follows it.
func arguments(s string) (args []string, rest string, ok bool) {
	depth, from := 0, 0
	var quoted byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted != 0:
			if c == '\\' {
				i++
			} else if c == quoted {
				quoted = 0
			}
		case c == '#':
			return nil, "", false
		case c == '"' || c == '\'':
			quoted = c
		case c == '(' || c == '[' || c == '{':
			depth++
		case c == ')' && depth == 0:
			return append(args, strings.TrimSpace(s[from:i])), s[i+1:], true
		case c == ')' || c == ']' || c == '}':
			depth--
		case c == ',' && depth == 0:
			args = append(args, strings.TrimSpace(s[from:i]))
			from = i + 1
		}
	}
	return nil, "", false
}

// endOf is the carriage return that ends the lines of some files.
func endOf(line string) string {
	if strings.HasSuffix(line, "\r") {
		return "\r"
	}
	return ""
}

var fromFlask = regexp.MustCompile(`^from flask import (\(?)([\w, ]*)(\)?)\s*$`)

// importFlask sees to it that send_from_directory is imported, where send_file comes from Flask. No edits where it does
// not: another framework's send_file is another function.
func importFlask(lines []string, edits []edit) []edit {
	for i, l := range lines {
		m := fromFlask.FindStringSubmatch(l)
		if m == nil {
			continue
		}
		end, listed := i, m[2]
		if m[1] != "" && m[3] == "" {
			for end++; end < len(lines) && !strings.Contains(lines[end], ")"); end++ {
				listed += "," + lines[end]
			}
			if end == len(lines) {
				return nil
			}
			before, _, _ := strings.Cut(lines[end], ")")
			listed += "," + before
		}
		names := strings.FieldsFunc(listed, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\r' })
		switch {
		case !slices.Contains(names, "send_file") || slices.Contains(names, "as"):
			continue
		case slices.Contains(names, "send_from_directory"):
			return edits
		case m[1] == "":
			return append(edits, edit{i, i + 1, []string{strings.TrimRight(l, " \t\r") + ", send_from_directory" + endOf(l)}})
		}
		return append(edits, edit{end + 1, end + 1, []string{"from flask import send_from_directory" + endOf(l)}})
	}
	return nil
}
