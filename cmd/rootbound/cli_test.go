package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rootbound/rootbound/internal/config"
	"github.com/rootbound/rootbound/internal/testenv"
)

func testSurroundings(t *testing.T) *surroundings {
	t.Helper()
	return &surroundings{ctx: context.Background(), stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, env: func(string) string { return "" }}
}

// A flag without its key, or a key without its flag, would be two configurations.
func TestFlagsAreKeys(t *testing.T) {
	for _, f := range slices.Concat(config.Flags[config.Serve](), config.Flags[config.Gate](), config.Flags[config.Upstream](), config.Flags[config.Audit](), config.Flags[config.State]()) {
		tag := f.Tag
		switch key := tag.Get("toml"); {
		case key == tag.Get("name"):
		case key == "url" && tag.Get("name") == "upstream", key == "timeout" && tag.Get("name") == "upstream-timeout": // of [[upstream]]
		case tag.Get("name") == "audit-"+key, tag.Get("name") == "audit" && key == "file": // of [audit]
		case tag.Get("name") == "state" && key == "dsn": // of [state]
		default:
			t.Errorf("flag --%s has the key %s", tag.Get("name"), tag.Get("toml"))
		}
		if f.Type.Kind() == reflect.Slice && tag.Get("sep") != "none" {
			t.Errorf("--%s splits its value at commas, which names and patterns may hold", tag.Get("name"))
		}
		if tag.Get("help") == "" || tag.Get("group") == "" {
			t.Errorf("--%s has no help or no group", tag.Get("name"))
		}
	}
}

// Every command has examples, and every example is one that the program understands.
func TestExamplesParse(t *testing.T) {
	var c cli
	parser, err := newParserFor(&c, testSurroundings(t))
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, cmd := range commands(parser.Model.Node, "") {
		path := strings.TrimSpace("rootbound " + cmd.path)
		paths = append(paths, path)
		_, list, _ := strings.Cut(examples[path], "\nExamples:\n")
		if list == "" {
			t.Errorf("%s has no examples", path)
		}
		for line := range strings.Lines(list) {
			typed, _, _ := strings.Cut(strings.TrimSpace(line), " > ")
			args := asTyped(t, typed)
			c = cli{}
			if _, _, err := parse(parser, args[1:]); err != nil {
				t.Errorf("%s: %v", line, err)
			} else if path == "rootbound gate" && c.Gate.Config == "" {
				if _, err := c.Gate.setup(); err != nil {
					t.Errorf("%s: %v", line, err)
				}
			}
		}
	}
	if len(paths) != len(examples) {
		t.Errorf("examples for %d commands, there are %v", len(examples), paths)
	}
}

// asTyped is what a shell makes of a command line.
func asTyped(t *testing.T, line string) []string {
	t.Helper()
	out, err := exec.Command("sh", "-euc", "set -f; printf '%s\\0' "+line).Output()
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// readDoc reads a page of the documentation.
func readDoc(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testenv.Repo(t), "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The table of each guide has every flag, with its words.
func TestDocsHaveEveryFlag(t *testing.T) {
	for _, command := range []string{"serve", "gate", "confine", "probe", "vet", "review"} {
		t.Run(command, func(t *testing.T) { docHasEveryFlag(t, command) })
	}
}

func docHasEveryFlag(t *testing.T, command string) {
	parser, err := newParser(testSurroundings(t))
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := map[string]bool{} // of probe, in its own guide
	for _, f := range reflect.VisibleFields(reflect.TypeFor[probeFlags]()) {
		elsewhere[f.Tag.Get("name")] = true
	}
	var want, got []string
	for _, c := range commands(parser.Model.Node, "") {
		if c.path != command {
			continue
		}
		for _, f := range c.flags {
			if f.name == "help" || f.name == "version" || command == "review" && elsewhere[f.name] {
				continue
			}
			row := "--" + f.name
			if f.words != nil {
				row += " " + strings.Join(f.words, " ")
			}
			want = append(want, row)
		}
	}
	for line := range strings.Lines(readDoc(t, command+".md")) {
		cells := strings.Split(line, "|")
		if len(cells) < 5 || !strings.HasPrefix(strings.TrimSpace(cells[1]), "`--") {
			continue
		}
		row, value, _ := strings.Cut(strings.Trim(strings.TrimSpace(cells[1]), "`"), " ")
		if words := strings.FieldsFunc(value, func(r rune) bool { return r == '/' }); len(words) > 1 {
			row += " " + strings.Join(words, " ")
		}
		got = append(got, row)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/"+command+".md and the flags differ (-flags +docs):\n%s", diff)
	}
}

// Wrong use is one line and status 2, also without a process around it; nothing is written to standard output.
func TestRunWrongUse(t *testing.T) {
	for _, args := range [][]string{{}, {"serve"}, {"serve", "--no-such-flag", "."}, {"config"}, {"completion", "tcsh"}} {
		var out, errs bytes.Buffer
		code := run(context.Background(), args, strings.NewReader(""), &out, &errs, func(string) string { return "" })
		if code != exitUsage || out.Len() > 0 || strings.Count(errs.String(), "\n") != 1 || !strings.HasPrefix(errs.String(), "rootbound: ") {
			t.Errorf("run(%q) = %d, stdout %q, stderr %q", args, code, out.String(), errs.String())
		}
	}
}

// A name from the command line must not draw on the operator's terminal.
func TestReportIsOneLine(t *testing.T) {
	var errs bytes.Buffer
	if code := report(&errs, usage("x\n\x1b[31m", "y", "z")); code != exitUsage || errs.String() != "rootbound: x??[31m: y. z.\n" {
		t.Errorf("report = %d, %q", code, errs.String())
	}
}

func TestVersionFromLinker(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "rootbound")
	build := exec.Command("go", "build", "-ldflags", "-X main.version=v1.2.3", "-o", bin, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.Command(bin, "--version").Output()
	if err != nil || !strings.HasPrefix(string(out), "rootbound v1.2.3 ") {
		t.Errorf("--version says %q, %v", out, err)
	}
}
