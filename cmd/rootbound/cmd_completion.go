package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/rootbound/rootbound/internal/config"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Run prints a script for the shell, made from the command line's own description.
func (c *completionCmd) Run(k *kong.Kong, s *surroundings) error {
	write := map[string]func(io.Writer, []command) error{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[c.Shell]
	return write(s.stdout, commands(k.Model.Node, ""))
}

// command is what a shell must know of one command.
type command struct {
	path     string // "" or "config check"
	help     string
	children []string
	flags    []flag
	words    []string // of its argument, where it takes one of some words
}

type flag struct {
	name, help string
	takesValue bool
	words      []string // of its value
}

func commands(n *kong.Node, path string) []command {
	c := command{path: path, help: n.Help}
	from := n
	if n.DefaultCmd != nil { // what is typed without its name
		from = n.DefaultCmd
	}
	for _, group := range from.AllFlags(true) {
		for _, f := range group {
			c.flags = append(c.flags, flag{name: f.Name, help: f.Help, takesValue: !f.IsBool(), words: words(f)})
		}
	}
	for _, p := range n.Positional {
		if p.Enum != "" {
			c.words = strings.Split(p.Enum, ",")
		}
	}
	out := []command{c}
	for _, child := range n.Children {
		if child.Hidden {
			continue
		}
		out[0].children = append(out[0].children, child.Name)
		out = append(out, commands(child, strings.TrimSpace(path+" "+child.Name))...)
	}
	return out
}

// words lists the values of a flag that has only some.
func words(f *kong.Flag) []string {
	if f.Enum != "" {
		return strings.Split(f.Enum, ",")
	}
	return config.Choices(f.Name)
}

// firstSentence is what fits into a shell's list, without what a shell would read as its own.
func firstSentence(help string) string {
	text, _, _ := strings.Cut(help, ". ")
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`'"[]:\$`+"`", r) {
			return ' '
		}
		return r
	}, strings.TrimSuffix(text, "."))
}

func bashCompletion(w io.Writer, all []command) error {
	var b strings.Builder
	b.WriteString(`# bash completion for rootbound
_rootbound() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path="" word
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case "$word" in
            -*) ;;
            *) case "$path $word" in
`)
	for _, c := range all[1:] {
		fmt.Fprintf(&b, "                %q) path=%q ;;\n", " "+c.path, c.path)
		if parent, child, ok := strings.Cut(c.path, " "); ok {
			fmt.Fprintf(&b, "                %q) path=%q ;;\n", parent+" "+child, c.path)
		}
	}
	b.WriteString("            esac ;;\n        esac\n    done\n    case \"$path:$prev\" in\n")
	for _, c := range all {
		for _, f := range c.flags {
			switch {
			case f.words != nil:
				fmt.Fprintf(&b, "        %q) COMPREPLY=($(compgen -W %q -- \"$cur\")); return ;;\n", c.path+":--"+f.name, strings.Join(f.words, " "))
			case f.takesValue:
				fmt.Fprintf(&b, "        %q) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", c.path+":--"+f.name)
			}
		}
	}
	b.WriteString("    esac\n    case \"$path\" in\n")
	for _, c := range all {
		words := append(append([]string(nil), c.children...), c.words...)
		for _, f := range c.flags {
			words = append(words, "--"+f.name)
		}
		fmt.Fprintf(&b, "        %q) COMPREPLY=($(compgen -W %q -- \"$cur\")) ;;\n", c.path, strings.Join(words, " "))
	}
	b.WriteString(`    esac
    case "$cur" in
        -*) ;;
        *) COMPREPLY+=($(compgen -f -- "$cur")) ;;
    esac
}
complete -o filenames -F _rootbound rootbound
`)
	_, err := io.WriteString(w, b.String())
	return err
}

func zshCompletion(w io.Writer, all []command) error {
	var b strings.Builder
	b.WriteString("#compdef rootbound\n_rootbound() {\n    local typed=\"${(j: :)${(@)words[2,CURRENT-1]:#-*}}\"\n    case \"$typed\" in\n")
	// The longest first: "config check" also begins with "config".
	for i := len(all) - 1; i >= 0; i-- {
		c := all[i]
		pattern := "*"
		if c.path != "" {
			pattern = fmt.Sprintf("%q*", c.path)
		}
		fmt.Fprintf(&b, "        %s) _arguments -s", pattern)
		for _, f := range c.flags {
			switch {
			case f.words != nil:
				fmt.Fprintf(&b, " \\\n            '*--%s[%s]:value:(%s)'", f.name, firstSentence(f.help), strings.Join(f.words, " "))
			case f.takesValue:
				fmt.Fprintf(&b, " \\\n            '*--%s[%s]:value:_files'", f.name, firstSentence(f.help))
			default:
				fmt.Fprintf(&b, " \\\n            '--%s[%s]'", f.name, firstSentence(f.help))
			}
		}
		if words := append(append([]string(nil), c.children...), c.words...); len(words) > 0 {
			fmt.Fprintf(&b, " \\\n            '*:word:(%s)' ;;\n", strings.Join(words, " "))
		} else {
			b.WriteString(" \\\n            '*:file:_files' ;;\n")
		}
	}
	// From $fpath the file is itself the body of the function; sourced, it is not.
	b.WriteString("    esac\n}\nif [ \"$funcstack[1]\" = _rootbound ]; then _rootbound \"$@\"; else compdef _rootbound rootbound; fi\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func fishCompletion(w io.Writer, all []command) error {
	var b strings.Builder
	b.WriteString("# fish completion for rootbound\n")
	for _, c := range all {
		condition := "__fish_use_subcommand"
		if c.path != "" {
			condition = "__fish_seen_subcommand_from " + c.path[strings.LastIndex(c.path, " ")+1:]
		}
		for _, child := range append(append([]string(nil), c.children...), c.words...) {
			fmt.Fprintf(&b, "complete -c rootbound -n '%s' -a %s\n", condition, child)
		}
		for _, f := range c.flags {
			fmt.Fprintf(&b, "complete -c rootbound -n '%s' -l %s -d '%s'", condition, f.name, firstSentence(f.help))
			switch {
			case f.words != nil:
				fmt.Fprintf(&b, " -x -a '%s'", strings.Join(f.words, " "))
			case f.takesValue:
				b.WriteString(" -r")
			}
			b.WriteString("\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
