package finding

// The rules of inspect about what files are and hold.
const (
	VersionControl  = ID("version-control")
	EnvironmentFile = ID("environment-file")
	KeyFile         = ID("key-file")
	BackupFile      = ID("backup-file")
	EditorLeftover  = ID("editor-leftover")
	DumpFile        = ID("dump-file")
	ApplicationFile = ID("application-file")
	Credential      = ID("credential")
	TypeMismatch    = ID("type-mismatch")
)

var inspectContentRules = []Rule{
	{
		ID: VersionControl, Tools: []string{"inspect"}, Severity: High,
		Sentence: "it belongs to a version control system",
		Remedy:   "Publish an export instead (git archive), never a working copy.",
		Why:      "From `.git` the whole history can be fetched file by file, with everything that was ever committed: sources, passwords, keys.",
		Example:  "files/.git/config",
		Fix:      "git archive --output=site.tar HEAD\nrootbound serve --deny .git files",
	},
	{
		ID: EnvironmentFile, Tools: []string{"inspect"}, Severity: High,
		Sentence: "it holds the settings of a program, and they usually hold its passwords",
		Remedy:   "Move it out of the directory, and change what it holds if it was served.",
		Why:      "These names are the first that scanners ask for: `.env`, `wp-config.php`, `.htpasswd`, `.npmrc`, `.aws/credentials`.",
		Example:  "files/.env\nfiles/.aws/credentials",
		Fix:      "mv files/.env /etc/app/env && chmod 600 /etc/app/env",
	},
	{
		ID: KeyFile, Tools: []string{"inspect"}, Severity: High,
		Sentence: "it is a private key, or a certificate with one",
		Remedy:   "Move it out of the directory, and replace the key if it was served.",
		Why:      "Whoever has the key is whoever it belongs to: the server, the user, the signer.",
		Example:  "files/server.key\nfiles/id_ed25519",
		Fix:      "mv files/server.key /etc/ssl/private/ && chmod 600 /etc/ssl/private/server.key",
	},
	{
		ID: BackupFile, Tools: []string{"inspect"}, Severity: Medium,
		Sentence: "it is a copy that somebody set aside",
		Remedy:   "Remove it, or keep it elsewhere.",
		Why:      "A copy of a program is handed out as text where the program itself is run, and a copy of a protected file has a name that no rule knows.",
		Example:  "files/config.php.bak\nfiles/site-backup.tar.gz",
		Fix:      "rootbound serve --deny '*.bak' --deny '*.old' files",
	},
	{
		ID: EditorLeftover, Tools: []string{"inspect"}, Severity: Low,
		Sentence: "an editor or a file manager left it behind",
		Remedy:   "Remove it.",
		Why:      "Swap files and autosaves hold what was edited, under a name that no rule knows; `.DS_Store` and `Thumbs.db` hold the names of all that lay beside them.",
		Example:  "files/.config.php.swp\nfiles/.DS_Store",
		Fix:      "find files \\( -name '*.swp' -o -name '*~' -o -name .DS_Store \\) -delete",
	},
	{
		ID: DumpFile, Tools: []string{"inspect"}, Severity: High,
		Sentence: "it is a database, or a dump of one or of a program's memory",
		Remedy:   "Move it out of the directory.",
		Why:      "A dump is everything at once: accounts, hashes, sessions; an image of memory has keys in the clear.",
		Example:  "files/backup.sql\nfiles/app.sqlite3\nfiles/core.4711",
		Fix:      "mv files/backup.sql /var/backups/",
	},
	{
		ID: ApplicationFile, Tools: []string{"inspect"}, Severity: Low,
		Sentence: "it is a part of an application or its installation, not content",
		Remedy:   "Publish only what is meant to be downloaded.",
		Why:      "It tells an attacker what runs and in which version, and files that came with packages (`phpinfo`, tests, examples) have been holes of their own where they were served.",
		Example:  "files/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php\nfiles/Dockerfile",
		Fix:      "rootbound serve --deny vendor --deny node_modules files",
	},
	{
		ID: Credential, Tools: []string{"inspect"}, Severity: High,
		Sentence: "its content looks like a credential",
		Remedy:   "Take the credential out, and replace it: whoever could read the file may have it.",
		Why:      "A token works for whoever has it, from anywhere. The rules are those of gitleaks; the evidence names the rule and shows only the first characters.",
		Example:  "files/deploy.sh:12  github-pat  ghp_...",
		Fix:      "mv files/deploy.sh /srv/ops/",
	},
	{
		ID: TypeMismatch, Tools: []string{"inspect"}, Severity: Medium,
		Sentence: "its content is of another type than its extension says",
		Remedy:   "Give it the extension of what it is, and send files with X-Content-Type-Options: nosniff, as rootbound does.",
		Why:      "A page that calls itself an image passes a list of allowed extensions, and a browser that guesses the type runs it with the rights of your site.",
		Example:  "files/avatar.png: text/html",
		Fix:      "rootbound serve files      # always nosniff; active types as downloads",
	},
}
