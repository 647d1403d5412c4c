package finding

import "github.com/rootbound/rootbound/internal/reason"

// The rules that probe alone reports; it also reports link-escape and name-hidden, as inspect does.
const (
	NameTraversal      = ID(reason.NameTraversal)
	NameAbsolute       = ID(reason.NameAbsolute)
	NameNUL            = ID(reason.NameNUL)
	SiblingPrefix      = ID("sibling-prefix")
	AliasSlash         = ID("alias-slash")
	AllowlistNewline   = ID("allowlist-newline")
	CheckThenOpen      = ID("check-then-open")
	ExistenceOracle    = ID("existence-oracle")
	ExistenceTiming    = ID("existence-timing")
	PathDisclosed      = ID("path-disclosed")
	StackTrace         = ID("stack-trace")
	RangeAmplification = ID("range-amplification")
	HeaderInjection    = ID("header-injection")
	UploadEscape       = ID("upload-escape")
	GuessUnlimited     = ID("guess-unlimited")
)

const (
	serveFiles  = "rootbound serve --download-route /download files"
	dirSend     = "dir, err := rootbound.Open(\"files\", rootbound.Config{})\n...\nerr = dir.Send(w, r, name, rootbound.SendOptions{})"
	flaskSends  = "@app.get(\"/download\")\ndef download():\n    return send_from_directory(BASE, request.args[\"file\"])   # links are still followed: see link-escape"
	takenRoute  = "rootbound gate --upstream http://127.0.0.1:5000 --root files --take 'GET /download?file={name}'"
	oneAnswer   = "Answer whatever cannot be served, for any reason that the file system gives, with one and the same 404."
	leavesNames = "Open names beneath a held base directory (openat2, os.Root) instead of checking their text."
)

var probeRules = []Rule{
	{
		ID: NameTraversal, Tools: []string{"probe"}, Severity: High, Refused: []reason.Code{reason.NameTraversal, reason.NameEncodedSeparator, reason.NameBackslash, reason.NameEncoding},
		Sentence: "a name with `..`, plain or disguised, is answered with a file outside of the base directory", Remedy: leavesNames,
		Why: "Whoever may ask for a name may ask for `../../etc/passwd`, or for one of the hundreds of spellings that a check of the text does not " +
			"know and a later layer reads as that: encoded twice, with backslashes, with characters that are dropped or mapped after the check. " +
			"All files that the server's user may read are open.",
		Example: "GET /download?file=../../etc/passwd\nGET /download?file=....//....//etc/passwd\nGET /%252e%252e/%252e%252e/etc/passwd",
		Fix:     serveFiles + "\n\n" + dirSend + "\n\n" + flaskSends,
	},
	{
		ID: NameAbsolute, Tools: []string{"probe"}, Severity: High, Refused: []reason.Code{reason.NameAbsolute},
		Sentence: "an absolute name or a file: URL replaces the base directory", Remedy: leavesNames,
		Why:     "`os.path.join(BASE, \"/etc/passwd\")` is `/etc/passwd`, and so it is in Ruby's `File.expand_path` and Node's `path.resolve`. No `..` is needed, so a check for it passes.",
		Example: "GET /download?file=/etc/passwd\nGET /download?file=file:///etc/passwd",
		Fix:     serveFiles + "\n\n" + flaskSends,
	},
	{
		ID: NameNUL, Tools: []string{"probe"}, Severity: High, Refused: []reason.Code{reason.NameNUL},
		Sentence: "a NUL ends the name after its extension was checked", Remedy: "Refuse names that hold a NUL before anything else looks at them.",
		Why:     "A check of the ending sees `.png`; the system call sees what stands before the NUL.",
		Example: "GET /download?file=../secret.txt%00.png",
		Fix:     serveFiles,
	},
	{
		ID: SiblingPrefix, Tools: []string{"probe", "vet"}, Severity: High, Refused: []reason.Code{reason.NameTraversal},
		Sentence: "a directory beside the base directory, whose name only begins like it, can be read", Remedy: leavesNames,
		Why:     "`path.startswith(\"/srv/files\")` is true of `/srv/files_private/x`. The comparison lacks the separator.",
		Example: "path = os.path.abspath(os.path.join(BASE, name))\nif not path.startswith(BASE): abort(403)\n\nGET /download?file=../files_private/secret.txt",
		Fix:     "os.path.commonpath([BASE, path]) == BASE      # the text; links still lead out\n\n" + serveFiles,
	},
	{
		ID: AliasSlash, Tools: []string{"probe", "vet"}, Severity: High, Refused: []reason.Code{reason.NameTraversal},
		Sentence: "a URL prefix without its slash leads out of the directory behind it", Remedy: "End both the location and its alias with a slash.",
		Why:     "With `location /static { alias /srv/files/; }` the path `/static../app.py` becomes `/srv/files/../app.py`.",
		Example: "location /static { alias /srv/files/; }\n\nGET /static../app.py",
		Fix:     "location /static/ { alias /srv/files/; }\n\nrootbound serve --mount static=/srv/files",
	},
	{
		ID: AllowlistNewline, Tools: []string{"probe"}, Severity: Low, Refused: []reason.Code{reason.NameControl},
		Sentence: "an allowlist lets a newline at the end of a name by", Remedy: "Match names to their very end: re.fullmatch, or \\A...\\z.",
		Why: "`$` matches before a last newline, in Python and Perl always and in Ruby at every line. A name that the list forbids gets by, into logs and headers, " +
			"and on to what removes the newline again.",
		Example: "GET /download?file=report.pdf%0a",
		Fix:     "if not re.fullmatch(r\"[A-Za-z0-9_.-]+\", name): abort(400)\n\nrootbound serve --names strict files",
	},
	{
		ID: CheckThenOpen, Tools: []string{"probe"}, Severity: High, Refused: []reason.Code{reason.LinkEscape, reason.LinkRefused},
		Sentence: "a link that is swapped in between check and open is followed out of the base directory", Remedy: "Open first, confined to the base directory, and ask everything of the open descriptor.",
		Why: "The path that was checked and the path that is opened are two walks through the file system. Whoever can rename within the directory (an upload, " +
			"another user, an unpacked archive) makes them two different files.",
		Example: "if os.path.realpath(path).startswith(BASE + os.sep):\n    return send_file(path)        # another file by now",
		Fix:     serveFiles + "\n\n" + takenRoute,
	},
	{
		ID: ExistenceOracle, Tools: []string{"probe"}, Severity: Medium,
		Sentence: "answers tell which files exist outside of the base directory", Remedy: oneAnswer,
		Why: "403 here and 404 there, another length, another header: an attacker reads from it which users, programs and versions a machine has, name by name, " +
			"without a single file being handed out.",
		Example: "GET /download?file=../../etc/passwd   403\nGET /download?file=../../etc/passwx   404",
		Fix:     serveFiles + "\n\nrootbound gate --upstream http://127.0.0.1:5000 --root files --uniform-errors /download",
	},
	{
		ID: ExistenceTiming, Tools: []string{"probe"}, Severity: Low,
		Sentence: "the time of an answer tells which files exist outside of the base directory", Remedy: "Refuse a name that leaves the base directory before the file system is asked about it.",
		Why:     "The answers are the same, but one comes later: the server opens, reads or resolves what lies outside before it refuses.",
		Example: "GET /download?file=../../etc/passwd   404 after 2.1 ms\nGET /download?file=../../etc/passwx   404 after 0.4 ms",
		Fix:     serveFiles,
	},
	{
		ID: PathDisclosed, Tools: []string{"probe"}, Severity: Low,
		Sentence: "an answer names an absolute path of the server", Remedy: "Send a fixed text with each status, and the cause to the log.",
		Why:     "It tells where the base directory is, how the user is called, and how many levels an attack must climb.",
		Example: "500 [Errno 2] No such file or directory: '/home/alice/app/files/x'",
		Fix:     serveFiles + "\n\n; php.ini\ndisplay_errors = Off",
	},
	{
		ID: StackTrace, Tools: []string{"probe"}, Severity: Low,
		Sentence: "an answer holds a stack trace", Remedy: "Switch debugging off, and send a fixed text with each status.",
		Why:     "It names files, lines, versions and sometimes values; Werkzeug's debugger, if it is on, runs code for whoever has its PIN.",
		Example: "500 Traceback (most recent call last): ...",
		Fix:     "app.run(debug=False)           # Flask\nNODE_ENV=production node app   # Express",
	},
	{
		ID: RangeAmplification, Tools: []string{"probe"}, Severity: Medium,
		Sentence: "overlapping ranges are answered with several times the file", Remedy: "Answer ranges that add up to more than the file with the whole file, and bound their number (RFC 9110 section 14.2).",
		Why:     "One request of two kilobytes makes the server read and send a large file hundreds of times (CVE-2011-3192).",
		Example: "GET /large.bin\nRange: bytes=0-,0-,0-,0-,0-,0-,...",
		Fix:     serveFiles + "   # at most 16 ranges, together at most the file",
	},
	{
		ID: HeaderInjection, Tools: []string{"probe"}, Severity: High, Refused: []reason.Code{reason.NameControl},
		Sentence: "a line end in the name begins a header of the attacker's", Remedy: "Refuse control characters in names, and write headers through something that does.",
		Why:     "Content-Disposition or Location made from the name by putting strings together: the attacker sets cookies, or a whole second answer, for whoever follows the link.",
		Example: "GET /download?file=x%0d%0aSet-Cookie:%20session=1",
		Fix:     serveFiles,
	},
	{
		ID: UploadEscape, Tools: []string{"probe"}, Severity: High, Refused: []reason.Code{reason.NameTraversal, reason.NameAbsolute},
		Sentence: "an uploaded file was stored outside of the directory", Remedy: "Take the last element of the name alone, and create it beneath a held directory without replacing anything.",
		Why:     "The file name of a multipart form is whatever the client writes. Stored as it stands it becomes a program, a configuration or a key elsewhere.",
		Example: "Content-Disposition: form-data; name=\"file\"; filename=\"../app/templates/index.html\"",
		Fix:     "file.save(os.path.join(UPLOADS, secure_filename(file.filename)))      # Flask; links are still followed\n\npending, err := dir.Create(rootbound.SecureFilename(name))             // Go",
	},
	{
		ID: GuessUnlimited, Tools: []string{"probe"}, Severity: Info,
		Sentence: "guesses at file names are never slowed", Remedy: "Bound the rate of refusals for each client where names are all that protects a file, or protect it by a credential or a signed link.",
		Why:     "Names with dates, numbers or words are guessed at some thousand a second. On loopback, or where everything served is public, that does not matter.",
		Example: "GET /invoice-0001.pdf   404\nGET /invoice-0002.pdf   404\n...",
		Fix:     "rootbound serve --users users --listen :8443 --tls-cert cert.pem --tls-key key.pem files",
	},
}
