package flow

import (
	"strings"

	"github.com/rootbound/rootbound/internal/vet/ir"
)

func (r pyRules) zipMethod(fr *frame, recv *Val, name string, a *callArgs) *Val {
	t := fr.x.t
	switch name {
	case "namelist":
		return t.of(vObj, "membernames", recv.args...)
	case "infolist":
		return t.of(vObj, "members", recv.args...)
	case "extract", "extractall": // refuses what leads out by itself
		fr.reach(a.at(boolInt(name == "extract"), "path"), sink{name: "ZipFile." + name, does: "writes", dir: true}, a.expr)
	case "write":
		fr.reach(a.at(0, "filename"), sink{name: "ZipFile.write", does: "packs"}, a.expr)
	case "__enter__":
		return recv
	}
	return t.unknown("zip "+name, recv)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (r pyRules) tarMethod(fr *frame, recv *Val, name string, a *callArgs) *Val {
	t := fr.x.t
	switch name {
	case "add":
		fr.reach(a.at(0, "name"), sink{name: "TarFile.add", does: "packs"}, a.expr)
	case "getnames":
		return t.of(vObj, "membernames", recv.args...)
	case "getmembers":
		return t.of(vObj, "members", recv.args...)
	case "next":
		return t.make(Val{op: vObj, text: "member", args: recv.args})
	case "extractall", "extract":
		fr.tarExtract(recv, name, a)
	}
	return t.unknown("tar "+name, recv)
}

// tarExtract: without a filter, tarfile writes where the archive says.
func (fr *frame) tarExtract(recv *Val, name string, a *callArgs) {
	if f := a.at(-1, "filter"); f != nil && !f.isConst("fully_trusted") && f.op != vNothing {
		return
	}
	members := a.at(-1, "members")
	if name == "extract" {
		members = a.at(0, "member")
	}
	if members != nil && fr.membersChecked(members) {
		return
	}
	fr.unpack(recv, "TarFile."+name, a)
}

// membersChecked: some condition was asked about the members' names.
func (fr *frame) membersChecked(members *Val) bool {
	if members.op == vSeq || members.op == vFunc || members.op == vUnknown && strings.HasPrefix(members.text, "call") {
		return true
	}
	return fr.asksAboutMembers()
}

func (fr *frame) asksAboutMembers() bool {
	for _, one := range fr.st.facts {
		for _, v := range one.pred.args {
			if mentionsArchive(v, 6) {
				return true
			}
		}
	}
	return false
}

func mentionsArchive(v *Val, depth int) bool {
	if v.op == vSource && v.src.Via == "archive" {
		return true
	}
	if depth == 0 {
		return false
	}
	for _, a := range v.args {
		if mentionsArchive(a, depth-1) {
			return true
		}
	}
	return false
}

func (fr *frame) unpack(archive *Val, name string, a *callArgs) {
	if f := a.at(-1, "filter"); f != nil && f.op == vConst {
		return
	}
	if f := a.at(2, "format"); f != nil && f.isConst("zip") || archive.op == vConst || fr.allConst(archive) {
		return
	}
	if fr.entry == nil || fr.entry.route == nil && !archive.tainted {
		return
	}
	fr.note("archive-escape", Unsafe, posOf(a.expr), name, sentence(name)+" writes members where the archive says: '..', absolute names and links lead out of the directory")
}

func posOf(e *ir.Expr) ir.Pos {
	if e == nil {
		return ir.Pos{}
	}
	return e.Pos
}

func (fr *frame) allConst(v *Val) bool {
	for _, a := range v.args {
		if a.op != vConst && a.op != vNothing {
			return false
		}
	}
	return v.op == vObj && len(v.args) > 0
}
