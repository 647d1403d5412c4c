package rootbound

import "strings"

// maxEnding is how long the ending of a name can be that is kept, without its dot.
const maxEnding = 10

// CreateUnguessable starts an upload that is stored in a directory ("." is the base) under a name nobody can guess:
// RandomName, with the ending of what its sender calls it, by which its type is known later. called is nothing but text:
// it can lead nowhere, and may hold what no name may.
//
// Pending.Name is what it is stored under, and Pending.DownloadName what to offer when it is sent
// (SendOptions.DownloadName): keep both. Refusals are those of Create.
func (d *Dir) CreateUnguessable(dir, called string, o CreateOptions) (*Pending, error) {
	last := called[strings.LastIndexAny(called, `/\`)+1:]
	text := RandomName() + ending(last)
	if dir != "." {
		text = dir + "/" + text
	}
	p, err := d.Create(text, o)
	if err != nil {
		return nil, err
	}
	p.downloadName = last
	return p, nil
}

// ending is the part of a name from its last dot on, in lower case; "" where it is not of a few letters and digits.
func ending(called string) string {
	i := strings.LastIndexByte(called, '.')
	if i <= 0 || len(called)-i-1 > maxEnding || i == len(called)-1 {
		return ""
	}
	e := strings.ToLower(called[i:])
	for _, c := range []byte(e[1:]) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return ""
		}
	}
	return e
}

// DownloadName is what to offer the file as when it is sent: what CreateUnguessable was told that its sender calls it,
// without any directory, or else the last element of Name.
func (p *Pending) DownloadName() string {
	if p.downloadName != "" {
		return p.downloadName
	}
	return p.name.Last()
}
