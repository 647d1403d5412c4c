package main_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/testenv"
	"github.com/rootbound/rootbound/internal/tree"
)

// readYAML reads a file as a parser of others reads it.
func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	ruby := testenv.Need(t, "ruby")
	out, err := exec.Command(ruby, "-ryaml", "-rjson", "-e", "puts JSON.generate(YAML.safe_load(File.read(ARGV[0])))", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", path, err, out)
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatalf("%s: %v\n%s", path, err, out)
	}
}

func example(t *testing.T, name string) string {
	t.Helper()
	return filepath.Join(testenv.Repo(t), "examples", "ci", name)
}

// install is the one command of the examples that is not run: it fetches what is tested here.
const install = "go install github.com/rootbound/rootbound/cmd/rootbound@latest"

// github are the commands of the workflow, and the files that its further steps take.
func github(t *testing.T) (commands, files []string) {
	var workflow struct {
		On          map[string]any    `json:"on"`
		Permissions map[string]string `json:"permissions"`
		Jobs        map[string]struct {
			Permissions map[string]string `json:"permissions"`
			Steps       []struct {
				Run, Uses string
				With      map[string]string
			} `json:"steps"`
		} `json:"jobs"`
	}
	readYAML(t, example(t, "github-actions.yml"), &workflow)
	job := workflow.Jobs["review"]
	if len(workflow.On) == 0 || workflow.Permissions["contents"] != "read" || job.Permissions["security-events"] != "write" {
		t.Errorf("nothing starts the workflow, or it may more or less than it must: %+v", workflow)
	}
	action := regexp.MustCompile(`^[a-z-]+/[a-z-]+(/[a-z-]+)?@v\d+$`)
	for _, s := range job.Steps {
		switch {
		case s.Run != "":
			commands = append(commands, s.Run)
		case !action.MatchString(s.Uses):
			t.Errorf("a step runs nothing: %+v", s)
		}
		for _, key := range []string{"sarif_file", "path"} {
			if f := s.With[key]; f != "" {
				files = append(files, f)
			}
		}
	}
	return commands, files
}

// gitlab are the commands of one job.
func gitlab(job string) func(*testing.T) (commands, files []string) {
	return func(t *testing.T) (commands, files []string) {
		type jobs struct {
			Extends      string
			BeforeScript []string `json:"before_script"`
			Script       []string
			Artifacts    struct{ Paths []string }
			Cache        struct{ Paths []string }
		}
		var all map[string]jobs
		readYAML(t, example(t, "gitlab-ci.yml"), &all)
		j := all[job]
		return append(all[j.Extends].BeforeScript, j.Script...), append(j.Artifacts.Paths, j.Cache.Paths...)
	}
}

// preCommit are the commands of the hooks that the project's file names, as this repository declares them.
func preCommit(t *testing.T) (commands, files []string) {
	type hook struct {
		ID, Name, Entry, Language string
		Args                      []string
	}
	var hooks []hook
	readYAML(t, filepath.Join(testenv.Repo(t), ".pre-commit-hooks.yaml"), &hooks)
	known := map[string]hook{}
	for _, h := range hooks {
		if h.Name == "" || h.Language != "golang" {
			t.Errorf("hook %+v", h)
		}
		known[h.ID] = h
	}
	var used struct {
		Repos []struct{ Hooks []hook }
	}
	readYAML(t, example(t, "pre-commit-config.yaml"), &used)
	for _, h := range used.Repos[0].Hooks {
		declared := known[h.ID]
		if declared.Entry == "" {
			t.Errorf("there is no hook %q", h.ID)
		}
		args := declared.Args
		if h.Args != nil {
			args = h.Args
		}
		commands = append(commands, declared.Entry+" "+strings.Join(args, " "))
	}
	return commands, nil
}

// project is one with its source in app/ and what it serves in public/.
func project(t *testing.T, entries ...string) string {
	t.Helper()
	dir := tree.Make(t, t.TempDir(), append([]string{"public/index.html=<p>hello</p>\n", "app/app.py=print(1)\n"}, entries...)...)
	for _, d := range []string{"public", "app"} {
		if err := os.Chmod(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// typed runs a command line in dir as a CI's shell does.
func typed(t *testing.T, dir, line string) (out string, status int) {
	t.Helper()
	cmd := exec.Command("bash", "-e", "-c", line)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(shippedAs(t))+":"+os.Getenv("PATH"), "HOME="+t.TempDir())
	text, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

// shippedAs is the program under its own name.
func shippedAs(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rootbound")
	if err := os.Symlink(testenv.Binary(t), path); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCIExamples runs the commands of the ready files for CI, on a project that is clean and on ones that are not. Each fault is
// found by some command of each file.
func TestCIExamples(t *testing.T) {
	faults := map[string]string{
		"public": "public/.env=KEY=1\n",
		"app":    "app/get.py=from flask import request, send_file\n\ndef get():\n    return send_file('/srv/' + request.args['f'])\n",
	}
	for name, read := range map[string]func(*testing.T) (commands, files []string){
		"github": github, "gitlab": gitlab("review"), "gitlab again and again": gitlab("recheck"), "pre-commit": preCommit,
	} {
		t.Run(name, func(t *testing.T) {
			all, files := read(t)
			var commands []string
			for _, c := range all {
				if c != install {
					commands = append(commands, c)
				}
			}
			if len(commands) == 0 || name != "pre-commit" && (len(commands) == len(all) || len(files) == 0) {
				t.Fatalf("commands %q, files %q: it was read wrongly", all, files)
			}
			clean := project(t)
			for range 2 {
				for _, c := range commands {
					// GitLab's last report is of the run before, and the first run has none.
					if out, status := typed(t, clean, c); status != 0 {
						t.Errorf("%s: status %d of a clean project\n%s", c, status, out)
					}
				}
			}
			for _, f := range files {
				if _, err := os.Stat(filepath.Join(clean, f)); err != nil {
					t.Errorf("what further steps take is not there: %v", err)
				}
			}
			for where, entry := range faults {
				faulty := project(t, entry)
				failed := 0
				for _, c := range commands {
					switch out, status := typed(t, faulty, c); status {
					case 0:
					case 1:
						failed++
					default:
						t.Errorf("%s: status %d\n%s", c, status, out)
					}
				}
				if failed == 0 {
					t.Errorf("a fault in %s is found by none of %q", where, commands)
				}
			}
		})
	}
}

// cronLines are the commands of a crontab, as cron gives them to the shell.
func cronLines(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(example(t, "crontab"))
	if err != nil {
		t.Fatal(err)
	}
	entry := regexp.MustCompile(`^[0-9*/,-]+ [0-9*/,-]+ [0-9*/,-]+ [0-9*/,-]+ [0-7*/,-]+ (.*)$`)
	var commands []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' || regexp.MustCompile(`^[A-Z]+=`).MatchString(line) {
			continue
		}
		m := entry.FindStringSubmatch(line)
		if m == nil || strings.Contains(m[1], "%") { // which crontab(5) makes a new line of
			t.Fatalf("%q is no line of a crontab", line)
		}
		commands = append(commands, m[1])
	}
	if len(commands) != 2 {
		t.Fatalf("the commands are %q", commands)
	}
	return commands
}

// TestCronLine: what cron mails. The first run tells all that there is, the second nothing, and after a fault was planted the
// next one tells that alone.
func TestCronLine(t *testing.T) {
	dir := tree.Make(t, t.TempDir(), "last/", "srv/files/hello.txt=hello, this is an ordinary file\n", "srv/files/old.bak=1\n")
	for _, d := range []string{dir, filepath.Join(dir, "srv"), filepath.Join(dir, "srv/files")} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	server := startReplica(t, "--inspect", "off", filepath.Join(dir, "srv/files"))
	here := strings.NewReplacer("/var/lib/rootbound-review", filepath.Join(dir, "last"), "/srv/files", filepath.Join(dir, "srv/files"),
		"http://127.0.0.1:8080", server.url, "--sample 20", "--sample 1")
	commands := cronLines(t)
	night, sunday := here.Replace(commands[0]), here.Replace(commands[1])
	expect := func(line string, want ...string) {
		t.Helper()
		out, status := typed(t, dir, line)
		if status != 0 || (len(want) == 0) != (out == "") {
			t.Errorf("%s\nstatus %d, mailed:\n%s", line, status, out)
		}
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s\nlacks %q:\n%s", line, w, out)
			}
		}
	}
	expect(night, "old.bak", "there is no last report")
	expect(night)
	if err := os.WriteFile(filepath.Join(dir, "srv/files/.env"), []byte("KEY=1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, _ := typed(t, dir, night)
	if !strings.Contains(out, "high environment-file  .env (inspect ") || strings.Contains(out, "old.bak") {
		t.Errorf("after a fault was planted it mails:\n%s", out)
	}
	expect(night)
	expect(sunday)
	server.Stop()
	expect(sunday, "connection refused")
	if out, status := typed(t, dir, strings.ReplaceAll(night, "/last", "/nowhere")); status != 0 || !strings.Contains(out, "nowhere") {
		t.Errorf("where the last report should lie is nothing: status %d, mailed:\n%s", status, out)
	}
}

// TestReviewUnits asks systemd whether it understands the units.
func TestReviewUnits(t *testing.T) {
	analyze := testenv.Need(t, "systemd-analyze")
	dir := t.TempDir()
	var paths []string
	for _, name := range []string{"rootbound-review.service", "rootbound-review.timer"} {
		text, err := os.ReadFile(example(t, name))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "/usr/local/bin/rootbound", testenv.Binary(t))), 0o644); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	if out, err := exec.Command(analyze, append([]string{"verify", "--man=no"}, paths...)...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	if out, err := exec.Command(analyze, "security", "--offline=yes", "--threshold=20", "--no-pager", paths[0]).CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}
