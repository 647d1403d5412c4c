package vet

import (
	"slices"
	"testing"

	"github.com/rootbound/rootbound/internal/finding"
)

const (
	flask  = "import os\nfrom flask import Flask, request, send_from_directory\nfrom flask_login import login_required\napp = Flask(__name__)\n"
	django = "from pathlib import Path\nINSTALLED_APPS = []\n"
	goHead = "package x\n\nimport (\n\t\"net/http\"\n\t\"os\"\n\t\"path/filepath\"\n)\n\n"
)

// TestRulesOfServing: what is about how files are served and not about a name is found where it is, and is not where it is
// put right. The corpus has the rules on names.
func TestRulesOfServing(t *testing.T) {
	for _, tt := range []struct {
		rule       finding.ID
		file       string
		bad, right string
	}{
		{
			"debug-mode", "app.py",
			flask + "if __name__ == '__main__':\n    app.run(debug=True)\n",
			flask + "if __name__ == '__main__':\n    app.run(debug=os.environ.get('DEV') == '1')\n",
		},
		{"debug-mode", "app.py", flask + "app.config.update(DEBUG=True)\n", flask + "app.config.update(DEBUG=False)\n"},
		{"debug-mode", "shop/settings.py", django + "DEBUG = True\n", django + "DEBUG = True\nimport os\nDEBUG = os.environ.get('DEV') == '1'\n"},
		{"sendfile-header", "app.py", flask + "app.config['USE_X_SENDFILE'] = True\n", flask + "app.config['USE_X_SENDFILE'] = False\n"},
		{"sendfile-header", "app.py", flask + "app.config.from_mapping(USE_X_SENDFILE=True)\n", flask + "app.config.from_mapping(SECRET_KEY='x')\n"},
		{
			"unauthenticated-files", "app.py",
			flask + "@app.get('/<name>')\ndef f(name):\n    return send_from_directory('files', name)\n",
			flask + "@app.get('/<name>')\n@login_required\ndef f(name):\n    return send_from_directory('files', name)\n",
		},
		{
			"unauthenticated-files", "app.py",
			flask + "@app.get('/<name>')\ndef f(name):\n    return send_from_directory('files', name)\n",
			flask + "@app.before_request\ndef who():\n    pass\n\n@app.get('/<name>')\ndef f(name):\n    return send_from_directory('files', name)\n",
		},
		{
			"writable-tree", "x.go",
			goHead + "const base = \"/srv/files\"\n\nfunc put(w http.ResponseWriter, r *http.Request) { os.Create(filepath.Join(base, filepath.Base(r.FormValue(\"n\")))) }\n\n" +
				"func main() { http.HandleFunc(\"/put\", put); http.Handle(\"/\", http.FileServer(http.Dir(base))) }\n",
			goHead + "const base = \"/srv/files\"\n\nfunc put(w http.ResponseWriter, r *http.Request) { os.Create(filepath.Join(\"/srv/new\", filepath.Base(r.FormValue(\"n\")))) }\n\n" +
				"func main() { http.HandleFunc(\"/put\", put); http.Handle(\"/\", http.FileServer(http.Dir(base))) }\n",
		},
		{
			"links-followed", "site.conf",
			"server {\n location / {\n root /srv/files;\n }\n}\n",
			"server {\n location = /robots.txt {\n alias /srv/files/robots.txt;\n }\n}\n",
		},
		{
			"guarded-name", "app.py",
			flask + "D = os.open('files', os.O_RDONLY)\n@app.get('/<name>')\ndef f(name):\n    if name in ('.', '..'):\n        return ''\n    return os.read(os.open(name, os.O_RDONLY, dir_fd=D), 9)\n",
			flask + "D = os.open('files', os.O_RDONLY)\n@app.get('/<name>')\ndef f(name):\n    if name in ('.', '..'):\n        return ''\n    return os.read(os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=D), 9)\n",
		},
	} {
		for text, want := range map[string]bool{tt.bad: true, tt.right: false} {
			found := slices.ContainsFunc(run(t, write(t, map[string]string{tt.file: text})).Findings, func(f finding.Finding) bool { return f.Rule == tt.rule })
			if found != want {
				t.Errorf("%s is found: %v, want %v, in\n%s", tt.rule, found, want, text)
			}
		}
	}
}
