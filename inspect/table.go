package inspect

import (
	"path"
	"regexp"
	"strings"

	"github.com/rootbound/rootbound/internal/finding"
)

// isWhole says whether what lies within a directory of that name is reported by the directory alone.
func isWhole(elem string) bool {
	what, ok := wholes[lower(elem)]
	return ok && what != ""
}

// wholes are directories that are reported once.
var wholes = func() map[string]finding.ID {
	m := map[string]finding.ID{}
	for _, e := range []string{".git", ".svn", ".hg", ".bzr", "cvs", "_darcs", ".fslckout", ".jj"} {
		m[e] = finding.VersionControl
	}
	for _, e := range []string{".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker"} {
		m[e] = finding.EnvironmentFile
	}
	for _, e := range []string{"node_modules", "vendor", "__pycache__", ".venv", "venv", ".idea", ".vscode", ".terraform", ".tox", ".pytest_cache"} {
		m[e] = finding.ApplicationFile
	}
	return m
}()

// names are files, in lower case, that are what they are called.
var names = table(map[finding.ID]string{
	finding.VersionControl: ".gitattributes .gitmodules .hgignore .hgsub .svnignore .gitignore",
	finding.EnvironmentFile: `.env .envrc .htpasswd .htdigest .netrc _netrc .npmrc .yarnrc.yml .pypirc .pgpass .my.cnf .mylogin.cnf .git-credentials .boto .s3cfg .dockercfg
		wp-config.php configuration.php localsettings.php config.inc.php settings.local.php local_settings.py credentials.json client_secret.json secrets.yml
		secrets.yaml secrets.json secrets.toml master.key database.yml web.config appsettings.json appsettings.production.json application.properties
		terraform.tfstate terraform.tfvars kubeconfig .bash_history .zsh_history .mysql_history .psql_history .python_history .sh_history .rediscli_history
		rootbound.toml shadow passwd.db .rhosts .shosts`,
	finding.KeyFile:        "id_rsa id_dsa id_ecdsa id_ecdsa_sk id_ed25519 id_ed25519_sk ssh_host_rsa_key ssh_host_ecdsa_key ssh_host_ed25519_key ssh_host_dsa_key identity.age",
	finding.EditorLeftover: ".ds_store thumbs.db ehthumbs.db desktop.ini .directory nohup.out .netrwhist .viminfo",
	finding.DumpFile:       "core dump.rdb appendonly.aof heapdump",
	finding.ApplicationFile: `.htaccess phpinfo.php info.php test.php adminer.php composer.json composer.lock package-lock.json yarn.lock pnpm-lock.yaml npm-shrinkwrap.json
		gemfile gemfile.lock pipfile pipfile.lock poetry.lock dockerfile docker-compose.yml docker-compose.yaml compose.yaml makefile rakefile vagrantfile jenkinsfile
		.gitlab-ci.yml .travis.yml .dockerignore .editorconfig manage.py wsgi.py eval-stdin.php`,
})

// endings are extensions, in lower case.
var endings = table(map[finding.ID]string{
	finding.KeyFile:         ".p12 .pfx .jks .keystore .bks .ppk .kdbx .kdb .pkcs12 .agekey",
	finding.BackupFile:      ".bak .old .orig .save .backup .bkp .bck .copy .rej .dist .bak1 .bak2",
	finding.EditorLeftover:  ".swp .swo .swn .un~ .kate-swp",
	finding.DumpFile:        ".sql .dump .pgdump .sqlite .sqlite3 .db .db3 .mdb .accdb .hprof .dmp .mdmp .bson .rdb .ldif .frm .ibd .myd",
	finding.EnvironmentFile: ".tfstate .tfvars .ovpn",
	finding.ApplicationFile: ".pyc .pyo",
})

// packed are extensions of compression and archives; the name without them may say more. True are those of archives.
var packed = map[string]bool{".gz": false, ".bz2": false, ".xz": false, ".zst": false, ".zip": true, ".7z": true, ".tar": true, ".tgz": true, ".rar": true}

var (
	numberedCore = regexp.MustCompile(`^core\.\d+$`)
	setAside     = regexp.MustCompile(`(?:^|[-_. ])(?:backup|bak|dump|snapshot)(?:[-_. \d]|$)`)
	setAsideOne  = regexp.MustCompile(`(?:^|[-_. ])(?:backup|bak|dump|snapshot)[-_. \d]*$`) // of a file that is compressed by itself
	copied       = regexp.MustCompile(`^copy of | - copy(?: \(\d+\))?\.|\(copy\)`)
)

func table(of map[finding.ID]string) map[string]finding.ID {
	m := map[string]finding.ID{}
	for id, words := range of {
		for _, w := range strings.Fields(words) {
			m[w] = id
		}
	}
	return m
}

// byName is the rule that a name falls under by itself, and what shows it.
func byName(elem string, isDir bool) (rule finding.ID, evidence string) {
	low := lower(elem)
	if isDir {
		return wholes[low], ""
	}
	if low == ".git" { // a file that leads to the directory
		return finding.VersionControl, ""
	}
	if id, ok := names[low]; ok {
		if id == finding.VersionControl { // says only that there is one
			id = finding.ApplicationFile
		}
		return id, ""
	}
	if strings.HasPrefix(low, ".env.") || strings.HasSuffix(low, ".env") {
		return finding.EnvironmentFile, ""
	}
	if strings.HasSuffix(low, "~") || (low[0] == '#' && strings.HasSuffix(low, "#")) || strings.HasPrefix(low, ".#") || strings.HasPrefix(low, ".~lock.") {
		return finding.EditorLeftover, ""
	}
	ext := path.Ext(low)
	if ext == "" {
		return "", ""
	}
	if id, ok := endings[ext]; ok {
		return id, ""
	}
	if numberedCore.MatchString(low) {
		return finding.DumpFile, ""
	}
	return packedByName(low, ext)
}

// packedByName looks at archives and what is in front of their extensions.
func packedByName(low, ext string) (finding.ID, string) {
	if copied.MatchString(low) {
		return finding.BackupFile, ""
	}
	archive, isPacked := packed[ext]
	if !isPacked {
		return "", ""
	}
	for isPacked {
		low = strings.TrimSuffix(low, ext)
		ext = path.Ext(low)
		var inner bool
		inner, isPacked = packed[ext]
		archive = archive || inner
	}
	if id, ok := endings[ext]; ok {
		return id, ""
	}
	if archive && setAside.MatchString(low) || setAsideOne.MatchString(low) {
		return finding.BackupFile, ""
	}
	return "", ""
}
