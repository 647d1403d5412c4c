// Package docrun runs the code blocks of the documentation, so that what a
// reader copies works.
//
// A fenced block's info string says what happens to it:
//
//	sh run          a script, run by sh -eu in a fresh directory with the sample
//	                files of Sample in files/ and rootbound on the PATH
//	sh run more     goes on where the file's previous sh block ended: its
//	                directory, its background servers
//	go run          a complete program, built against this module and run
//	output          directly after one of these: all that it prints
//	toml            a configuration file, checked by rootbound config check
//	text, console, json     not code to run
//
// Further words after run: "repo" runs in the repository instead, and
// "until=WORD" lets a server run only until it has printed WORD. In a script a
// line "#= text" says that some line printed contains text, after the line
// that matched the one before. A script's background servers are killed when
// it ends; curl waits for one that does not listen yet.
//
// Every other block is unmarked: nobody knows whether it works.
package docrun

import (
	"fmt"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
)

// Block is a code block of a Markdown file.
type Block struct {
	File string
	// Line is where the block's text begins, from 1.
	Line int
	// Info holds the words of the info string.
	Info []string
	Text string
	// Output is what the block prints, if an output block follows it.
	Output *string
}

// kinds are the first words of info strings that need no run beside them.
var kinds = []string{"text", "console", "json", "toml", "output"}

// Runs tells whether the block is run.
func (b Block) Runs() bool {
	return len(b.Info) > 1 && b.Info[1] == "run" && (b.Info[0] == "sh" || b.Info[0] == "go")
}

// Marked tells whether the block says what it is.
func (b Block) Marked() bool {
	return b.Runs() || len(b.Info) > 0 && slices.Contains(kinds, b.Info[0])
}

func (b Block) has(word string) bool {
	return b.Runs() && slices.Contains(b.Info[2:], word)
}

// until is the word that ends a server's block, or "".
func (b Block) until() string {
	for _, word := range b.Info {
		if text, ok := strings.CutPrefix(word, "until="); ok {
			return text
		}
	}
	return ""
}

// Blocks returns the code blocks of a Markdown file in order, and an error
// where a mark makes no sense.
func Blocks(file string, src []byte) ([]Block, error) {
	var blocks []Block
	var last ast.Node // the node of the last block
	err := ast.Walk(goldmark.DefaultParser().Parse(text.NewReader(src)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering || n.Kind() != ast.KindFencedCodeBlock && n.Kind() != ast.KindCodeBlock {
			return ast.WalkContinue, nil
		}
		b := block(file, src, n)
		follows := last != nil && n.PreviousSibling() == last
		last = n
		if len(b.Info) > 0 && b.Info[0] == "output" {
			if !follows || !blocks[len(blocks)-1].Runs() {
				return ast.WalkStop, fmt.Errorf("%s:%d: an output block that follows no run block", b.File, b.Line)
			}
			blocks[len(blocks)-1].Output = &b.Text
		}
		blocks = append(blocks, b)
		return ast.WalkSkipChildren, checkWords(b)
	})
	return blocks, err
}

func block(file string, src []byte, n ast.Node) Block {
	b := Block{File: file}
	if f, ok := n.(*ast.FencedCodeBlock); ok && f.Info != nil {
		b.Info = strings.Fields(string(f.Info.Value(src)))
	}
	var s strings.Builder
	lines := n.Lines()
	for i := range lines.Len() {
		segment := lines.At(i)
		if i == 0 {
			b.Line = 1 + strings.Count(string(src[:segment.Start]), "\n")
		}
		s.Write(segment.Value(src))
	}
	b.Text = s.String()
	return b
}

// checkWords refuses words after run that mean nothing, which are misspelt.
func checkWords(b Block) error {
	if !b.Runs() {
		return nil
	}
	for _, word := range b.Info[2:] {
		known := word == "repo" || word == "more" && b.Info[0] == "sh" || strings.HasPrefix(word, "until=")
		if !known {
			return fmt.Errorf("%s:%d: unknown word %q after run", b.File, b.Line, word)
		}
	}
	return nil
}

// expectations are the texts of the lines "#= text" of a script.
func expectations(script string) []string {
	var want []string
	for line := range strings.Lines(script) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "#="); ok {
			want = append(want, strings.TrimSpace(text))
		}
	}
	return want
}

// missing returns the first text that no line contains after the line that
// matched the one before it.
func missing(output string, want []string) (string, bool) {
	rest := strings.Split(output, "\n")
	for _, text := range want {
		i := slices.IndexFunc(rest, func(line string) bool { return strings.Contains(line, text) })
		if i < 0 {
			return text, true
		}
		rest = rest[i+1:]
	}
	return "", false
}
