package finding

import (
	"slices"

	"github.com/rootbound/rootbound/internal/reason"
)

// vetRules are the rules that only vet knows. What probe finds by a request, and vet by what lets it, is one rule of probe's.
var vetRules = slices.Concat(vetNameRules, vetCheckRules, vetServerRules)

const (
	fixFlask = "return send_from_directory(BASE, name)           # refuses what leads out; links: rootbound serve or gate in front"
	fixGo    = "dir, err := rootbound.Open(base, rootbound.Config{})   // once\n...\nerr = dir.Send(w, r, name, rootbound.SendOptions{})    // the kernel keeps it beneath"
)

var vetNameRules = []Rule{
	{
		ID: "path-from-request", Tools: []string{"vet"}, Severity: High, Refused: []reason.Code{reason.NameTraversal},
		Sentence: "a name from a request reaches a file, and can climb out of the directory by '..'",
		Remedy:   "Give the name to what refuses to leave the directory, instead of joining it to a path.",
		Why: "Joining a base and a name is no check: `base/../../etc/passwd` begins with the base and ends elsewhere. Whoever sends the name " +
			"reads, replaces or removes any file that the program may.",
		Example: "return send_file(os.path.join(BASE, request.args[\"file\"]))\nhttp.ServeFile(w, r, filepath.Join(base, r.FormValue(\"file\")))",
		Fix:     fixFlask + "\n\n" + fixGo,
	},
	{
		ID: "absolute-name", Tools: []string{"vet"}, Severity: High, Refused: []reason.Code{reason.NameAbsolute},
		Sentence: "a name from a request can be an absolute path, which takes the place of what it is joined to",
		Remedy:   "Refuse absolute names: by send_from_directory or safe_join in Python, by rootbound.Open in Go.",
		Why:      "`os.path.join(\"/srv/files\", \"/etc/passwd\")` and `Path(\"/srv/files\") / \"/etc/passwd\"` are `/etc/passwd`: taking out '..' does not help.",
		Example:  "name = request.args[\"file\"].replace(\"..\", \"\")\nopen(os.path.join(BASE, name))",
		Fix:      fixFlask,
	},
	{
		ID: "upload-name", Tools: []string{"vet"}, Severity: High, Refused: []reason.Code{reason.NameTraversal},
		Sentence: "the file name of an upload decides where it is written",
		Remedy:   "Choose the stored name yourself (a random one), and keep the client's only as the download name.",
		Why:      "The client writes the file name of a part as it likes: `filename=\"../../app.py\"` replaces the application.",
		Example:  "f = request.files[\"file\"]\nf.save(os.path.join(UPLOADS, f.filename))",
		Fix:      "f.save(os.path.join(UPLOADS, secrets.token_hex(16)))\n\npending, err := dir.Create(name)   // Go: beneath the directory, never over what exists",
	},
	{
		ID: "archive-escape", Tools: []string{"vet"}, Severity: High, Refused: []reason.Code{reason.NameTraversal},
		Sentence: "the names within an archive decide where files are written",
		Remedy:   "Extract with tarfile's filter=\"data\"; in Go create each member beneath an opened directory.",
		Why:      "A member named `../../.ssh/authorized_keys`, or a link followed by a member beneath it, leaves the directory of extraction (\"zip slip\").",
		Example:  "for m in zf.infolist():\n    open(os.path.join(dest, m.filename), \"wb\")",
		Fix:      "tar.extractall(dest, filter=\"data\")\n\nroot, err := os.OpenRoot(dest)\nf, err := root.Create(member.Name)",
	},
	{
		ID: "replace-traversal", Tools: []string{"vet"}, Severity: High, Refused: []reason.Code{reason.NameTraversal},
		Sentence: "taking '../' out of a name makes '../' of '....//'",
		Remedy:   "Refuse the name instead of mending it.",
		Why:      "Replacing looks once, from left to right; what is left over is not looked at again.",
		Example:  "name = request.args[\"file\"].replace(\"../\", \"\")",
		Fix:      fixFlask,
	},
	{
		ID: "decode-after-check", Tools: []string{"vet"}, Severity: High, Refused: []reason.Code{reason.NameTraversal},
		Sentence: "a name is decoded after it was checked",
		Remedy:   "Decode once, before any check; the framework has already done it.",
		Why:      "`%252e%252e%252f` passes a check for '..' and is '../' after another decoding. The same goes for base64 and for Unicode normalisation.",
		Example:  "if \"..\" in name: abort(400)\nopen(os.path.join(BASE, unquote(name)))",
		Fix:      fixFlask,
	},
}

var vetCheckRules = []Rule{
	{
		ID: "guarded-name", Tools: []string{"vet"}, Severity: Low,
		Sentence: "a name from a request cannot lead out as text; links, or the time between check and open, remain",
		Remedy:   "Open beneath the directory with rootbound (library, serve or gate): then no link leads out, and nothing is checked apart from what is opened.",
		Why: "A check of text says nothing of symbolic links, and one of the resolved path only where they led when it looked. A pattern that ends in '$' lets a " +
			"newline by in Python; different answers for what is forbidden and what is missing tell what exists.",
		Example: "name = secure_filename(request.args[\"file\"])\nreturn send_from_directory(BASE, name)",
		Fix:     "rootbound serve --download-route /download files\n\n" + fixGo,
	},
	{
		ID: "unauthenticated-files", Tools: []string{"vet"}, Severity: Info,
		Sentence: "a route hands out files, and nothing in it asks who it is that asks",
		Remedy:   "If the files are not for everybody, ask: a decorator such as login_required, a signed link, or grants of rootbound serve.",
		Why:      "It may be meant so. Names that can be guessed are then no protection.",
		Example:  "@app.get(\"/download\")\ndef download(): ...",
		Fix:      "@app.get(\"/download\")\n@login_required\ndef download(): ...",
	},
	{
		ID: "debug-mode", Tools: []string{"vet"}, Severity: Medium,
		Sentence: "debug mode is on",
		Remedy:   "Turn it on by the environment of a developer's machine, never in source.",
		Why:      "Errors then show source, paths and settings, and Werkzeug's debugger runs the code that it is sent.",
		Example:  "app.run(debug=True)",
		Fix:      "app.run()",
	},
	{
		ID: "sendfile-header", Tools: []string{"vet"}, Severity: Low,
		Sentence: "X-Sendfile is on: a front that neither takes it nor strips it gives the client the path and no file",
		Remedy:   "Put `rootbound gate` (or a front that takes the header) before every way to the application.",
		Why:      "The header names a path of the server. A front that does not know it passes it on; one that is reached directly shows it to anybody.",
		Example:  "app.config[\"USE_X_SENDFILE\"] = True",
		Fix:      "rootbound gate --upstream http://127.0.0.1:5000 --root files",
	},
	{
		ID: "writable-tree", Tools: []string{"vet"}, Severity: Low,
		Sentence: "a tree is served with links followed, and the same program writes into it",
		Remedy:   "Serve it by rootbound's Dir.Handler, which follows no link.",
		Why:      "Whoever can make a link in the tree, by an archive or by a second service, reads what it points to.",
		Example:  "http.Handle(\"/\", http.FileServer(http.Dir(base)))\nos.Create(filepath.Join(base, name))",
		Fix:      "http.Handle(\"/\", dir.Handler(rootbound.HandlerConfig{}))",
	},
}

var vetServerRules = []Rule{
	{
		ID: "root-holds-application", Tools: []string{"vet"}, Severity: High,
		Sentence: "the document root holds more than what is meant to be served",
		Remedy:   "Make a directory that holds nothing but what is served, and name that.",
		Why:      "Source, settings with their secrets, `.git` and databases are files like any other to a web server.",
		Example:  "root /srv/app;",
		Fix:      "root /srv/app/public;",
	},
	{
		ID: "accel-not-internal", Tools: []string{"vet"}, Severity: High,
		Sentence: "a location for X-Accel-Redirect is not internal",
		Remedy:   "Write `internal;` into it.",
		Why:      "The application decides who may have a file and names it in a header; whoever asks for the location directly is not asked.",
		Example:  "location /protected/ {\n    alias /srv/files/;\n}",
		Fix:      "location /protected/ {\n    internal;\n    alias /srv/files/;\n}",
	},
	{
		ID: "links-followed", Tools: []string{"vet"}, Severity: Low, Refused: []reason.Code{reason.LinkEscape},
		Sentence: "symbolic links beneath the directory are followed out of it",
		Remedy:   "nginx: disable_symlinks on from=$document_root. Apache: Options -FollowSymLinks. Better: rootbound serve.",
		Why:      "Whoever can make a link in the directory, by an upload, an archive or an account, reads what it points to.",
		Example:  "Options Indexes FollowSymLinks",
		Fix:      "Options -Indexes -FollowSymLinks",
	},
	{
		ID: "sendfile-path-root", Tools: []string{"vet"}, Severity: High,
		Sentence: "XSendFilePath allows any file of the system",
		Remedy:   "Name the one directory that holds what is sent.",
		Why:      "The header is then as good as a shell's `cat`: each fault in the application that lets a name through reads any file.",
		Example:  "XSendFile On\nXSendFilePath /",
		Fix:      "XSendFilePath /srv/files",
	},
}
