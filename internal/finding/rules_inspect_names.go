package finding

import "github.com/rootbound/rootbound/internal/reason"

// The rules of inspect about names.
const (
	NameUTF8        = ID(reason.NameUTF8)
	NameControl     = ID(reason.NameControl)
	NameBackslash   = ID(reason.NameBackslash)
	NamePortable    = ID(reason.NamePortable)
	NameHidden      = ID(reason.NameHidden)
	NameCase        = ID("name-case")
	NameNormalForm  = ID("name-normal-form")
	NameSpoof       = ID("name-spoof")
	PredictableName = ID("predictable-names")
)

var inspectNameRules = []Rule{
	{
		ID: NameUTF8, Tools: []string{"inspect"}, Severity: Low, Refused: []reason.Code{reason.NameUTF8},
		Sentence: "a name is not valid UTF-8",
		Remedy:   "Rename it.",
		Why:      "It cannot be asked for by a correct client, and programs that decode names differently see different files. Such names come from old archives, or from an attack.",
		Example:  `files/r\xe9sum\xe9.pdf`,
		Fix:      "convmv -f latin1 -t utf8 -r --notest files",
	},
	{
		ID: NameControl, Tools: []string{"inspect"}, Severity: Medium, Refused: []reason.Code{reason.NameControl},
		Sentence: "a name holds a control character",
		Remedy:   "Rename it.",
		Why:      "Printed on a terminal or into a log, a header or a script's list, the name does something else than being shown: it begins a new line, a new header, an escape sequence.",
		Example:  `files/a\r\nSet-Cookie: x`,
		Fix:      "find files -name '*[[:cntrl:]]*' -print0",
	},
	{
		ID: NameBackslash, Tools: []string{"inspect"}, Severity: Low, Refused: []reason.Code{reason.NameBackslash},
		Sentence: "a name holds a backslash",
		Remedy:   "Rename it.",
		Why:      "Windows, and whatever unpacks an archive there, reads it as a separator: `..\\..\\x` leaves the directory.",
		Example:  `files/..\..\evil.txt`,
		Fix:      `find files -name '*\\*'`,
	},
	{
		ID: NamePortable, Tools: []string{"inspect"}, Severity: Low, Refused: []reason.Code{reason.NamePortable},
		Sentence: "another system would misread the name",
		Remedy:   "Rename it, and refuse such names (--names portable).",
		Why: "Device names (`CON`, `aux.txt`), colons, trailing dots and spaces mean something else on Windows: a device, a hidden stream, the file without them. " +
			"A rule about one name is then passed by another.",
		Example: "files/aux.txt\nfiles/report.pdf.",
		Fix:     "rootbound serve --names portable files\nrootbound.Open(\"files\", rootbound.Config{Names: rootbound.Portable})   // Go",
	},
	{
		ID: NameHidden, Tools: []string{"inspect", "probe"}, Severity: Info, Refused: []reason.Code{reason.NameHidden},
		Sentence: "names are hidden (they begin with a dot)",
		Remedy:   "Remove what is not meant for download; rootbound refuses hidden names unless --hidden is given.",
		Why:      "Settings and state hide behind such names. Most servers leave them out of listings and hand them out to whoever asks.",
		Example:  "files/.config/token",
		Fix:      "rootbound serve files      # without --hidden",
	},
	{
		ID: NameCase, Tools: []string{"inspect"}, Severity: Low,
		Sentence: "names in one directory differ in case alone",
		Remedy:   "Rename all but one.",
		Why:      "On a file system that folds case they are one file, and a rule about the one is passed by the other.",
		Example:  "files/Secret.txt\nfiles/secret.txt",
		Fix:      "mv files/Secret.txt files/secret-2.txt",
	},
	{
		ID: NameNormalForm, Tools: []string{"inspect"}, Severity: Low,
		Sentence: "a name is not in Unicode's composed form (NFC), or two names are the same in it",
		Remedy:   "Rename it to its composed form.",
		Why:      "Two spellings look the same: macOS takes them for one, Linux for two. Rules, links and logs about the one are not about the other.",
		Example:  `files/re\u0301sume\u0301.pdf`,
		Fix:      "convmv -f utf8 -t utf8 --nfc -r --notest files",
	},
	{
		ID: NameSpoof, Tools: []string{"inspect"}, Severity: Medium,
		Sentence: "a name holds characters that are invisible or turn the direction of writing",
		Remedy:   "Rename it.",
		Why:      "What a person reads is not the name: `gpj.exe` can be shown as `exe.jpg`.",
		Example:  `files/photo\u202egpj.exe`,
		Fix:      "mv files/photo*gpj.exe files/photo.exe",
	},
	{
		ID: PredictableName, Tools: []string{"inspect"}, Severity: Low,
		Sentence: "names in a directory can be guessed",
		Remedy:   "Do not rely on names being unknown: ask who may (grants, signed links), or store files under random names.",
		Why: "Whoever knows one name of a sequence knows all of them: numbers, dates, short names, words. Guessing costs a request a name, and a " +
			"server that is not told to slow it down answers thousands in a second.",
		Example: "files/invoices/invoice-0001.pdf ... invoice-0420.pdf",
		Fix:     "rootbound link create --link-keys link.keys --expires 24h invoices/invoice-0042.pdf\nd.Create(rand.Text(), rootbound.CreateOptions{})        # Go: 128 bits of crypto/rand\nstored = secrets.token_urlsafe(16)                      # Flask: keep the human name for download_name\nrootbound serve --policies policies.cedar --users users files",
	},
}
