package rootbound

import (
	"strconv"
	"strings"
	"testing"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/tree"
)

// linkTree is what TestOpen asks.
var linkTree = []string{
	"plain.txt=" + inside, "sub/inside.txt=" + inside, "sub/deep/x.txt=" + inside,
	".git/config=" + canary, "private/key.txt=" + canary, ".rootbound-1/x=" + canary, "notes.md=" + canary,
	"out.txt => ../outside/canary.txt", "absout.txt => OUT/canary.txt", "sub/out.txt => ../../outside/canary.txt",
	"evil => ../base_evil/canary.txt", "absevil => BASE_evil/canary.txt", "absdots => BASE/../outside/canary.txt",
	"dotsin => sub/../../outside/canary.txt",
	"dirout => ../outside", "dirslash => ../outside/", "absdirout => OUT", "up => ..", "fsroot => /",
	"chain1 => chain2", "chain2 => sub/../out.txt", "chaindir => sub/climb", "sub/climb => ../..",
	"loop => loop", "ping => pong", "pong => ping", "dangling => nowhere", "danglingout => ../outside/nowhere", "danglingabs => BASE/nowhere",
	"back => ../base/plain.txt",
	"procroot => /proc/self/root", "procfd => /proc/self/fd/0", "proccwd => /proc/self/cwd", "null => /dev/null",
	"in.txt => plain.txt", "sub/in.txt => ../plain.txt", "indir => sub", "inslash => sub/", "here => .", "inup => sub/deep/../../plain.txt",
	"fileslash => plain.txt/", "filedot => plain.txt/.",
	"absin => BASE/plain.txt", "absdir => BASE/sub", "absup => BASE/sub/../plain.txt", "self => BASE", "selfslash => BASE/", "sub/abschain => ../absin",
	"tohidden => .git/config", "tohiddendir => .git", "todenied => private/key.txt", "todenieddir => private", "toreserved => .rootbound-1/x", "tomd => notes.md",
	"abshidden => BASE/.git/config",
	"topipe => pipe", "pipe |", "sock @",
}

// linkCase is a name and what each policy makes of it: a reason, or "" where it is served. Where os.Root gives
// another answer than openat2, root says which.
type linkCase struct {
	name           string
	refuse, within Reason
	rootWithin     Reason // "same" unless set
	leaks          bool   // the control must read the canary
}

const served = Reason("")

var linkCases = []linkCase{
	{name: "plain.txt"},
	{name: "sub/inside.txt"},
	{name: "missing", refuse: reason.Missing, within: reason.Missing},
	{name: "missing/x", refuse: reason.Missing, within: reason.Missing},
	{name: "plain.txt/x", refuse: reason.NotDirectory, within: reason.NotDirectory},
	{name: "sub", refuse: reason.Directory, within: reason.Directory},

	// Refused as names, whatever the file system holds.
	{name: "../outside/canary.txt", refuse: reason.NameTraversal, within: reason.NameTraversal, leaks: true},
	{name: "sub/../../outside/canary.txt", refuse: reason.NameTraversal, within: reason.NameTraversal, leaks: true},
	{name: ".git/config", refuse: reason.NameHidden, within: reason.NameHidden, leaks: true},
	{name: ".git/absent", refuse: reason.NameHidden, within: reason.NameHidden},
	{name: "private/key.txt", refuse: reason.NameDenied, within: reason.NameDenied, leaks: true},

	// Out by a link to a file.
	{name: "out.txt", refuse: reason.LinkRefused, within: reason.LinkEscape, leaks: true},
	{name: "absout.txt", refuse: reason.LinkRefused, within: reason.LinkEscape, leaks: true},
	{name: "sub/out.txt", refuse: reason.LinkRefused, within: reason.LinkEscape, leaks: true},
	{name: "evil", refuse: reason.LinkRefused, within: reason.LinkEscape, leaks: true},
	{name: "absevil", refuse: reason.LinkRefused, within: reason.LinkEscape, leaks: true},
	{name: "absdots", refuse: reason.LinkRefused, within: reason.LinkEscape, leaks: true},
	{name: "dotsin", refuse: reason.LinkRefused, within: reason.LinkEscape, leaks: true},
	{name: "danglingout", refuse: reason.LinkRefused, within: reason.LinkEscape},

	// Out by a link to a directory.
	{name: "dirout/canary.txt", refuse: reason.LinkRefused, within: reason.LinkEscape, leaks: true},
	{name: "dirslash/canary.txt", refuse: reason.LinkRefused, within: reason.LinkEscape, leaks: true},
	{name: "absdirout/canary.txt", refuse: reason.LinkRefused, within: reason.LinkEscape, leaks: true},
	{name: "up/outside/canary.txt", refuse: reason.LinkRefused, within: reason.LinkEscape, leaks: true},
	{name: "up/base/plain.txt", refuse: reason.LinkRefused, within: reason.LinkEscape}, // out and back in
	{name: "back", refuse: reason.LinkRefused, within: reason.LinkEscape},              // likewise
	{name: "dirout", refuse: reason.LinkRefused, within: reason.LinkEscape},

	// Out by a chain.
	{name: "chain1", refuse: reason.LinkRefused, within: reason.LinkEscape, leaks: true},
	{name: "chaindir/outside/canary.txt", refuse: reason.LinkRefused, within: reason.LinkEscape, leaks: true},
	{name: "here/here/out.txt", refuse: reason.LinkRefused, within: reason.LinkEscape, leaks: true},
	{name: "self/out.txt", refuse: reason.LinkRefused, within: reason.LinkEscape, leaks: true},

	// Links that lead nowhere.
	{name: "loop", refuse: reason.LinkRefused, within: reason.LinkLoop},
	{name: "ping", refuse: reason.LinkRefused, within: reason.LinkLoop},
	{name: "dangling", refuse: reason.LinkRefused, within: reason.Missing},
	{name: "danglingabs", refuse: reason.LinkRefused, within: reason.Missing},
	{name: "fileslash", refuse: reason.LinkRefused, within: reason.NotDirectory},
	{name: "filedot", refuse: reason.LinkRefused, within: reason.NotDirectory},

	// Magic links of /proc, and a device.
	{name: "procfd", refuse: reason.LinkRefused, within: reason.LinkEscape},
	{name: "proccwd/go.mod", refuse: reason.LinkRefused, within: reason.LinkEscape},
	{name: "null", refuse: reason.LinkRefused, within: reason.LinkEscape},

	// Links that stay within.
	{name: "in.txt", refuse: reason.LinkRefused, within: served},
	{name: "sub/in.txt", refuse: reason.LinkRefused, within: served},
	{name: "indir/inside.txt", refuse: reason.LinkRefused, within: served},
	{name: "inslash/inside.txt", refuse: reason.LinkRefused, within: served},
	{name: "here/here/plain.txt", refuse: reason.LinkRefused, within: served},
	{name: "inup", refuse: reason.LinkRefused, within: served},
	{name: "indir", refuse: reason.LinkRefused, within: reason.Directory},
	{name: "absin", refuse: reason.LinkRefused, within: served},
	{name: "absdir/inside.txt", refuse: reason.LinkRefused, within: served},
	{name: "absdir/deep/x.txt", refuse: reason.LinkRefused, within: served},
	{name: "absup", refuse: reason.LinkRefused, within: served},
	{name: "self/plain.txt", refuse: reason.LinkRefused, within: served},
	{name: "self/self/sub/inside.txt", refuse: reason.LinkRefused, within: served},
	{name: "selfslash/plain.txt", refuse: reason.LinkRefused, within: served},
	{name: "sub/abschain", refuse: reason.LinkRefused, within: served},
	{name: "rw8", refuse: reason.LinkRefused, within: served},
	{name: "rw9", refuse: reason.LinkRefused, within: reason.LinkLoop},
	{name: "rel8", refuse: reason.LinkRefused, within: served},
	// os.Root gives up after 8 links, the kernel after 40 (path_resolution(7)).
	{name: "rel9", refuse: reason.LinkRefused, within: served, rootWithin: reason.LinkLoop},
	{name: "rel41", refuse: reason.LinkRefused, within: reason.LinkLoop},

	// Links to what the rules refuse under its own name.
	{name: "tohidden", refuse: reason.LinkRefused, within: reason.OpenedName, leaks: true},
	{name: "tohiddendir/config", refuse: reason.LinkRefused, within: reason.OpenedName, leaks: true},
	{name: "abshidden", refuse: reason.LinkRefused, within: reason.OpenedName, leaks: true},
	{name: "todenied", refuse: reason.LinkRefused, within: reason.OpenedName, leaks: true},
	{name: "todenieddir/key.txt", refuse: reason.LinkRefused, within: reason.OpenedName, leaks: true},
	{name: "toreserved", refuse: reason.LinkRefused, within: reason.OpenedName, leaks: true},
	{name: "tomd", refuse: reason.LinkRefused, within: reason.OpenedName, leaks: true},

	// What is no regular file.
	{name: "pipe", refuse: reason.SpecialFile, within: reason.SpecialFile},
	{name: "topipe", refuse: reason.LinkRefused, within: reason.SpecialFile},
	{name: "sock", refuse: reason.SpecialFile, within: reason.SpecialFile},
}

// chainTo makes n links that lead to plain.txt, each by the next.
func chainTo(prefix, target string, n int) []string {
	var out []string
	for i := range n {
		next := prefix + "-" + strconv.Itoa(i+1)
		if i == n-1 {
			next = "plain.txt"
		}
		name := prefix + "-" + strconv.Itoa(i)
		if i == 0 {
			name = prefix
		}
		out = append(out, name+" => "+target+next)
	}
	return out
}

func linkWorld(t testing.TB) string {
	t.Helper()
	entries := append([]string(nil), linkTree...)
	entries = append(entries, chainTo("rw8", "BASE/", 8)...)
	entries = append(entries, chainTo("rw9", "BASE/", 9)...)
	entries = append(entries, chainTo("rel8", "", 8)...)
	entries = append(entries, chainTo("rel9", "", 9)...)
	entries = append(entries, chainTo("rel41", "", 41)...)
	if tree.Devices() {
		entries = append(entries, "dev !")
	}
	return world(t, entries...)
}

func TestOpen(t *testing.T) {
	base := linkWorld(t)
	cases := append([]linkCase(nil), linkCases...)
	cases = append(cases, linkCase{name: expand("fsrootOUT/canary.txt", base), refuse: reason.LinkRefused, within: reason.LinkEscape, leaks: true})
	cases = append(cases, linkCase{name: expand("procrootOUT/canary.txt", base), refuse: reason.LinkRefused, within: reason.LinkEscape, leaks: true})
	if tree.Devices() {
		cases = append(cases, linkCase{name: "dev", refuse: reason.SpecialFile, within: reason.SpecialFile})
	}
	deny := []string{"/private", "*.md"}
	both(t, func(t *testing.T, noOpenat2 bool) {
		for _, links := range []Symlinks{SymlinksRefuse, SymlinksWithin} {
			d := openBaseDir(t, base, Config{Symlinks: links, Deny: deny, noOpenat2: noOpenat2})
			hidden := openBaseDir(t, base, Config{Symlinks: links, AllowHidden: true, noOpenat2: noOpenat2})
			for _, c := range cases {
				t.Run(links.String()+"/"+strings.ReplaceAll(c.name, "/", "_"), func(t *testing.T) {
					keepsDescriptors(t, func() {
						checkLinkCase(t, d, hidden, base, c)
					})
				})
			}
		}
	})
}

func checkLinkCase(t *testing.T, d, hidden *Dir, base string, c linkCase) {
	want := c.refuse
	if d.cfg.Symlinks == SymlinksWithin {
		want = c.within
		if c.rootWithin != "" && !d.useOpenat2() {
			want = c.rootWithin
		}
	}
	if c.name == "toreserved" {
		d = hidden // reserved names stay reserved
	}
	got, why := answer(d, c.name)
	if why != want || want == served && got != inside {
		t.Errorf("Open(%q) = %q, %q; want %q", c.name, got, why, want)
	}
	if c.leaks {
		leaksUndefended(t, base, c.name)
	}
	if want != served {
		_, err := d.Open(c.name)
		checkRefusal(t, err, base, c.name)
		status := 404
		if strings.HasPrefix(string(want), "name-") {
			status = 403
		}
		if Status(err) != status {
			t.Errorf("Open(%q): status %d, want %d", c.name, Status(err), status)
		}
	}
}
