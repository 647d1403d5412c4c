package confine_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/testenv"
)

// programs are small ones that use what applications use: TLS with the system's certificates, names, time zones,
// compiled extensions, the neighbours of the script. Each ends by reading a file that no rule names.
var programs = []struct {
	preset, peer, file, text, want, refused string
}{
	{
		"python", "python3", "main.py", `
import ssl, socket, zoneinfo, sqlite3, json, hashlib, subprocess, os, sys, neighbour
assert ssl.create_default_context().get_ca_certs(), "no certificates"
assert socket.getaddrinfo("localhost", 80), "no names"
print(zoneinfo.ZoneInfo("Europe/Berlin"), hashlib.sha256(b"").hexdigest()[:4], neighbour.word, open("../files/a.txt").read(), flush=True)
subprocess.run([sys.executable, "-c", "print('child', flush=True)"], check=True)
open(os.environ["SECRET"])`, "Europe/Berlin e3b0 near hello child", "PermissionError",
	},
	{
		"ruby", "ruby", "main.rb", `
require "openssl"; require "socket"; require "json"; require_relative "neighbour"
store = OpenSSL::X509::Store.new; store.set_default_paths
raise "no names" if Addrinfo.getaddrinfo("localhost", 80).empty?
puts JSON.generate([Digest::SHA256.hexdigest("")[0,4], WORD, File.read("../files/a.txt"), File.exist?(OpenSSL::X509::DEFAULT_CERT_FILE) && File.read(OpenSSL::X509::DEFAULT_CERT_FILE).include?("BEGIN")])
STDOUT.flush
File.read(ENV["SECRET"])`, `["e3b0","near","hello",true]`, "Permission denied",
	},
	{
		"php", "php", "main.php", `<?php
require "neighbour.php";
date_default_timezone_set("Europe/Berlin");
if (gethostbyname("localhost") !== "127.0.0.1") die("no names");
if (!stream_context_create(["ssl" => []]) || !file_get_contents(openssl_get_cert_locations()["default_cert_file"])) die("no certificates");
echo substr(hash("sha256", ""), 0, 4), " ", $word, " ", file_get_contents("../files/a.txt"), " ", (new DateTime("2020-07-01"))->format("e"), "\n";
file_get_contents(getenv("SECRET"));`, "e3b0 near hello Europe/Berlin", "Permission denied",
	},
	{
		"node", "node", "main.js", `
const word = require("./neighbour"), fs = require("fs"), tls = require("tls"), crypto = require("crypto");
tls.createSecureContext();
require("dns").lookup("localhost", (err, address) => {
  if (err) throw err;
  console.log(crypto.createHash("sha256").digest("hex").slice(0, 4), word, fs.readFileSync("../files/a.txt", "utf8"), new Date(0).toLocaleDateString("de", {timeZone: "Europe/Berlin"}));
  fs.readFileSync(process.env.SECRET);
});`, "e3b0 near hello 1.1.1970", "EACCES",
	},
}

var neighbours = map[string]string{"neighbour.js": "module.exports = 'near'\n", "neighbour.py": "word = 'near'\n", "neighbour.rb": "WORD = 'near'\n", "neighbour.php": "<?php $word = 'near';\n"}

// Each preset runs a real program out of the box, hidden and not, with its own folder but not what lies beside it. By
// itself the program reads the secret.
func TestPresets(t *testing.T) {
	p := newPlace(t)
	app := filepath.Join(p.dir, "app")
	if err := os.Mkdir(app, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range neighbours {
		write(t, filepath.Join(app, name), text)
	}
	for _, tt := range programs {
		write(t, filepath.Join(app, tt.file), tt.text)
		command := []string{testenv.Need(t, tt.peer), filepath.Join(app, tt.file)}
		run := func(flags []string) (text, errors string) {
			cmd := build(t, app, flags, command...)
			cmd.Env = append(cmd.Env, "SECRET="+p.secret, "PYTHONDONTWRITEBYTECODE=1")
			r := finish(t, cmd)
			return strings.Join(strings.Fields(r.out), " "), r.out + r.errors
		}
		if text, all := run(nil); !strings.Contains(text, tt.want) || strings.Contains(all, tt.refused) {
			t.Errorf("%s by itself = %q\n%s", tt.preset, text, all)
		}
		for _, flags := range [][]string{{}, {"--net", "tcp"}} {
			flags = append([]string{"--preset", tt.preset, "--read", "../files"}, flags...)
			if text, all := run(flags); !strings.Contains(text, tt.want) || !strings.Contains(all, tt.refused) {
				t.Errorf("%s under %q = %q\n%s", tt.preset, flags, text, all)
			}
		}
		if text, _ := run([]string{"--preset", tt.preset, "--read", "../files", "--hide"}); !strings.Contains(text, tt.want) {
			t.Errorf("%s hidden = %q", tt.preset, text)
		}
		if text, _ := run([]string{"--read", "../files"}); strings.Contains(text, tt.want) {
			t.Errorf("%s runs without its preset, which then shows nothing", tt.preset)
		}
	}
}

// explained are the rules that --explain prints.
func explained(t *testing.T, dir string, env []string, args ...string) (program string, real map[string][]string) {
	t.Helper()
	cmd := exec.Command(testenv.Binary(t), append([]string{"confine", "--explain", "--format", "json"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("--explain %q: %v\n%s", args, err, out)
	}
	var plan struct {
		Program string
		Rules   []struct {
			Path, Real string
			Access     []string
		}
	}
	if err := json.Unmarshal(out, &plan); err != nil {
		t.Fatal(err)
	}
	real = map[string][]string{}
	for _, r := range plan.Rules {
		if r.Real == "" {
			r.Real = r.Path
		}
		real[r.Real] = append(real[r.Real], r.Access...)
	}
	return plan.Program, real
}

// A virtual environment brings its own libraries and those of the interpreter that it was made with; its scripts are
// found through their first line.
func TestVirtualEnvironment(t *testing.T) {
	p := newPlace(t)
	python := testenv.Need(t, "python3")
	if out, err := exec.Command(python, "-c", "import venv; venv.create('"+p.dir+"/env', with_pip=False, symlinks=True)").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	packages, err := filepath.Glob(filepath.Join(p.dir, "env/lib/python3*/site-packages"))
	if err != nil || len(packages) != 1 {
		t.Fatal(packages, err)
	}
	write(t, filepath.Join(packages[0], "mine.py"), "word = 'from the environment'\n")
	tool := filepath.Join(p.dir, "env/bin/tool")
	if err := os.WriteFile(tool, []byte("#!"+p.dir+"/env/bin/python3\nimport mine, ssl, sys\nprint(mine.word, sys.prefix)\nopen('"+p.secret+"')\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{tool}, {"env/bin/tool"}, {"env/bin/python3", "env/bin/tool"}} {
		r := runIn(t, p.dir, []string{"--preset", "python"}, command...)
		if r.out != "from the environment "+p.dir+"/env" || !strings.Contains(r.errors, "PermissionError") {
			t.Errorf("%q = %d %q %s", command, r.code, r.out, r.errors)
		}
		if r := runIn(t, p.dir, []string{"--preset", "python", "--hide"}, command...); r.out != "from the environment "+p.dir+"/env" || !strings.Contains(r.errors, "FileNotFoundError") {
			t.Errorf("%q hidden = %d %q %s", command, r.code, r.out, r.errors)
		}
	}
}

// A shim of pyenv is looked through without running it: it would be a shell script that runs unconfined tools.
func TestShim(t *testing.T) {
	p := newPlace(t)
	root := filepath.Join(p.dir, ".pyenv")
	ran := filepath.Join(p.dir, "ran")
	for _, dir := range []string{"shims", "versions/3.99/bin", "versions/3.99/lib/python3.99", "versions/2.0/bin", "work/deep"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range []string{"3.99", "2.0"} {
		if err := os.Symlink("/bin/true", filepath.Join(root, "versions", v, "bin/python3")); err != nil {
			t.Fatal(err)
		}
	}
	shim := filepath.Join(root, "shims/python3")
	if err := os.WriteFile(shim, []byte("#!/usr/bin/env bash\ntouch "+ran+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "version"), "2.0\n")
	write(t, filepath.Join(root, "work/.python-version"), "3.99\n")
	at := func(dir string, env ...string) string {
		program, rules := explained(t, filepath.Join(root, dir), append(env, "PATH="+filepath.Join(root, "shims")+":/bin"), "--preset", "python", "--", "python3")
		if strings.Contains(program, "3.99") && !slices.Contains(rules[filepath.Join(root, "versions/3.99/lib/python3.99")], "read") {
			t.Errorf("no rule for the libraries of %s: %v", program, rules)
		}
		rel, err := filepath.Rel(root, program)
		if err != nil {
			t.Fatal(err)
		}
		return rel
	}
	if got := at("work/deep", "PYENV_VERSION="); got != "versions/3.99/bin/python3" {
		t.Errorf("by .python-version: %s", got)
	}
	if got := at(".", "PYENV_VERSION="); got != "versions/2.0/bin/python3" {
		t.Errorf("by the file version: %s", got)
	}
	if got := at(".", "PYENV_VERSION=3.99"); got != "versions/3.99/bin/python3" {
		t.Errorf("by the variable: %s", got)
	}
	unknown := exec.Command(testenv.Binary(t), "confine", "--preset", "python", "--", shim)
	unknown.Env = append(os.Environ(), "PYENV_VERSION=1.0")
	if out, err := unknown.CombinedOutput(); err == nil || !strings.Contains(string(out), "Name the interpreter itself") {
		t.Errorf("a shim of nothing = %v %s", err, out)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("the shim was run")
	}
}

// The script's folder comes along, but never one that holds everybody's things.
func TestApplicationFolder(t *testing.T) {
	p := newPlace(t)
	python := testenv.Need(t, "python3")
	write(t, filepath.Join(p.files, "app.py"), "")
	_, rules := explained(t, p.dir, nil, "--preset", "python", "--", python, "-W", "ignore", "files/app.py", "secret.txt")
	if !slices.Contains(rules[p.files], "read") || rules[p.secret] != nil || rules[p.dir] != nil {
		t.Errorf("rules for %s: %v, for what is beside: %v %v", p.files, rules[p.files], rules[p.secret], rules[p.dir])
	}
	_, rules = explained(t, p.dir, []string{"HOME=" + p.files}, "--preset", "python", "--", python, "files/app.py")
	if rules[p.files] != nil || rules[filepath.Join(p.files, "app.py")] == nil {
		t.Errorf("a script in the home directory: %v %v", rules[p.files], rules[filepath.Join(p.files, "app.py")])
	}
	for path := range rules {
		for _, never := range []string{"/", "/etc", "/usr", "/usr/lib", "/home", "/root", "/tmp", "/proc", "/etc/ssl", "/etc/ssl/private", "/etc/passwd", "/etc/shadow"} {
			if path == never {
				t.Errorf("a preset allows %s", path)
			}
		}
	}
	for _, args := range [][]string{{"-c", "files/app.py"}, {"-m", "files/app.py"}} {
		if _, rules := explained(t, p.dir, nil, append([]string{"--preset", "python", "--", python}, args...)...); rules[p.files] != nil {
			t.Errorf("%q is no script", args)
		}
	}
}
