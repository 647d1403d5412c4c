package rootbound_test

import (
	"flag"
	"fmt"
	"html"
	"os"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/docrun"
)

var updatePicture = flag.Bool("update-picture", false, "draw docs/img/terminal.svg anew")

const picturePath = "docs/img/terminal.svg"

// TestPicture holds the README's picture to the README's session, whose answers TestDocs gets from the real server.
func TestPicture(t *testing.T) {
	src, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := docrun.Blocks("README.md", src)
	if err != nil {
		t.Fatal(err)
	}
	var session string
	for _, b := range blocks {
		if b.Runs() && b.Info[0] == "sh" && session == "" {
			session = b.Text
		}
	}
	want := picture(strings.Split(strings.TrimSpace(session), "\n"))
	if *updatePicture {
		if err := os.WriteFile(picturePath, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(picturePath)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s does not show the session of the README: go test -run TestPicture -update-picture .", picturePath)
	}
	if !strings.Contains(string(src), picturePath) {
		t.Errorf("README.md does not show %s", picturePath)
	}
	if session == "" {
		t.Error("README.md has no session to draw")
	}
}

// picture draws a session as a terminal shows it: commands behind a prompt, the lines after "#=" as their answers.
func picture(lines []string) string {
	const lineHeight, left, top = 20, 16, 52
	var text strings.Builder
	y := top
	draw := func(class, s string) {
		fmt.Fprintf(&text, `<text x="%d" y="%d" class="%s">%s</text>`+"\n", left, y, class, html.EscapeString(s))
		y += lineHeight
	}
	for _, line := range lines {
		answer, isAnswer := strings.CutPrefix(line, "#= ")
		switch {
		case strings.HasPrefix(line, "until "): // waiting is no part of the show
		case line == "":
			y += lineHeight / 2
		case isAnswer:
			draw("a", answer)
		default:
			draw("c", "$ "+line)
		}
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="920" height="%[1]d" viewBox="0 0 920 %[1]d" role="img" aria-label="rootbound at work in a terminal">
<style>text{font:14px ui-monospace,Menlo,Consolas,monospace;white-space:pre}.c{fill:#e6edf3}.a{fill:#7ee787}</style>
<rect width="920" height="%[1]d" rx="8" fill="#0d1117"/>
<circle cx="20" cy="20" r="6" fill="#ff5f56"/><circle cx="40" cy="20" r="6" fill="#ffbd2e"/><circle cx="60" cy="20" r="6" fill="#27c93f"/>
%[2]s</svg>
`, y, text.String())
}
