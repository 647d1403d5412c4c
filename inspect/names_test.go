package inspect

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/finding"
)

func randomName() string { return strings.ToLower(rand.Text()) }

func testWalk() *walk {
	return newWalk(Config{}.withDefaults(), finding.NewReport("inspect", "test", ".", finding.Options{PerRule: -1}))
}

func TestGuesses(t *testing.T) {
	numbered := func(format string, from, to, step int) (out []string) {
		for i := from; i <= to; i += step {
			out = append(out, fmt.Sprintf(format, i))
		}
		return out
	}
	var random, hashes []string
	for i := range 3000 {
		random = append(random, randomName()+".bin")
		hashes = append(hashes, fmt.Sprintf("%016x", uint64(i)*0x9e3779b97f4a7c15))
	}
	for _, c := range []struct {
		about string
		names []string
		want  string // in the evidence; "" is no finding
	}{
		{"a sequence", numbered("invoice-%04d.pdf", 1, 420, 1), "420 names that differ in numbers, such as invoice-0001.pdf to invoice-0420.pdf: 420 guesses"},
		{"with gaps", numbered("img%d.jpg", 1000, 2000, 10), "101 names that differ in numbers, such as img1000.jpg to img2000.jpg: 1001 guesses find all of them, 9.9 guesses a file"},
		{"far apart", numbered("img%d.jpg", 0, 1_000_000_000, 50_000_000), ""},
		{"dates", numbered("202601%02d.log", 1, 31, 1), "31 names that differ in dates"},
		{"dates in parts", []string{"2024-01-05.csv", "2024-06-01.csv", "2025-12-31.csv", "2025-03-04.csv", "2026-01-01.csv"}, "5 names that differ in dates, such as 2024-01-05.csv to 2026-01-01.csv: 1096 guesses"},
		{"few", numbered("part-%d", 1, 4, 1), ""},
		{"random", random, ""},
		{"hashes", hashes, ""},
		{"a sequence among random ones", slices.Concat(random, numbered("scan-%d.png", 1, 50, 1)), "50 names"},
		{"short", []string{"a.txt", "b.txt", "ab.txt", "xyz.txt", "q"}, "5 names of at most 3"},
		{"words", []string{"report.pdf", "Budget.xlsx", "q-and-a.txt", "unusual.txt", "readable.txt"}, "2 names such as Budget.xlsx"},
		{"huge numbers", []string{"1111111111111111111111", "2222222222222222222222", "3333333333333333333333", "4444444444444444444444", "5555555555555555555555"}, ""},
	} {
		w := testWalk()
		var g *guesses
		for chunk := range slices.Chunk(c.names, batch) {
			g = g.more(chunk)
		}
		w.guessable(&directory{guess: g})
		w.report.Finish()
		got := ""
		for _, f := range w.report.Findings {
			got += f.Evidence + "\n"
		}
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: found %q, want %q", c.about, got, c.want)
		}
	}
}

func TestByName(t *testing.T) {
	for elem, want := range map[string]finding.ID{
		"index.html": "", "report.pdf": "", "notes.txt": "", "archive.zip": "", "photo.tar.gz": "", "a": "", "core.css": "", "environment.txt": "",
		"backup of nothing.txt": "", "copycat.txt": "", "keynote.key": "", "README": "", "x.dbx": "", "restore.me": "", "backup-dr.1.gz": "",
		"backup.gz": finding.BackupFile, "db-dump_2024-01-01.xz": finding.BackupFile, "backup-site.zip": finding.BackupFile,
		".ENV": finding.EnvironmentFile, ".env.production": finding.EnvironmentFile, "wp-config.php": finding.EnvironmentFile,
		"wp-config.php.old": finding.BackupFile, "ID_RSA": finding.KeyFile, "vpn.pfx": finding.KeyFile, "db.sqlite3": finding.DumpFile,
		"dump.sql.zip": finding.DumpFile, "www_backup_2024.zip": finding.BackupFile, "photo - Copy (2).jpg": finding.BackupFile,
		"copy of x.doc": finding.BackupFile, ".x.swp": finding.EditorLeftover, "#x#": finding.EditorLeftover, ".~lock.x.odt#": finding.EditorLeftover,
		"phpinfo.php": finding.ApplicationFile, "mod.pyc": finding.ApplicationFile, "core.1": finding.DumpFile, ".git": finding.VersionControl,
	} {
		if got, _ := byName(elem, false); got != want {
			t.Errorf("byName(%q) = %q, want %q", elem, got, want)
		}
	}
	for elem, want := range map[string]finding.ID{".git": finding.VersionControl, "CVS": finding.VersionControl, "git": "", ".aws": finding.EnvironmentFile, "vendor": finding.ApplicationFile} {
		if got, _ := byName(elem, true); got != want {
			t.Errorf("byName(%q, directory) = %q, want %q", elem, got, want)
		}
	}
}
