package rootbound

import (
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/rootbound/rootbound/internal/reason"
)

// maxRewrites bounds how many links of one name are rewritten.
const maxRewrites = 8

// openRewritten serves an absolute link whose target is beneath the base. Neither openat2 with RESOLVE_BENEATH nor
// os.Root follows one. The first link on the way that the kernel will not follow is read from its descriptor; if
// its target starts with the base's own path, that part is cut off and the rest walked from the base again. The
// result is never cleaned as text (".." after a link is the kernel's to resolve), and every open is confined as
// before: a link that changes meanwhile can make this fail, but not leave the base.
func (d *Dir) openRewritten(text string, escape error) (*os.File, error) {
	for range maxRewrites {
		next, err := d.rewriteLink(text)
		if err != nil {
			return nil, err
		}
		if next == "" {
			return nil, systemReason(escape)
		}
		text = next
		f, err := d.openOnce(text)
		if err == nil {
			return f, nil
		}
		if reason.Of(err) != reason.LinkEscape {
			return nil, err
		}
	}
	return nil, reason.New(reason.LinkLoop, nil)
}

// rewriteLink finds the first element of text that is a link the kernel refuses to follow and returns text with
// that link replaced by where it leads, beneath the base; "" where it leads out.
func (d *Dir) rewriteLink(text string) (string, error) {
	if strings.HasPrefix(text, "/") {
		return "", nil
	}
	elems := strings.Split(text, "/")
	i, err := d.firstUnreached(elems)
	if err == nil { // a link that changed meanwhile
		return "", nil
	}
	err = systemReason(err)
	if elem := elems[i]; reason.Of(err) != reason.LinkEscape || elem == "" || elem == "." || elem == ".." {
		return "", err
	}
	target, isLink, err := d.linkAt(strings.Join(elems[:i+1], "/"))
	if err != nil {
		return "", systemReason(err)
	}
	led, ok := "", false
	if isLink {
		led, ok = d.lead(elems[:i], target)
	}
	if !ok {
		return "", nil
	}
	return joinRest(led, elems[i+1:]), nil
}

// firstUnreached returns the first element that no walk gets past, and why. What stops a walk stops every longer one,
// so it is found by halving: walking to each element in turn would cost the square of a name's depth.
func (d *Dir) firstUnreached(elems []string) (i int, why error) {
	i = sort.Search(len(elems), func(i int) bool {
		err := d.reaches(strings.Join(elems[:i+1], "/"))
		if err != nil {
			why = err // the last that is found is that of the first element
		}
		return err != nil
	})
	return i, why
}

// lead says where a link's target leads, as a name from the base: a relative one from the link's directory, an
// absolute one only beneath the base's own path.
func (d *Dir) lead(dir []string, target string) (string, bool) {
	if !filepath.IsAbs(target) {
		return strings.Join(append(dir[:len(dir):len(dir)], filepath.ToSlash(target)), "/"), true
	}
	for _, own := range []string{d.given, d.resolved} {
		if rest, ok := cutPath(filepath.ToSlash(target), filepath.ToSlash(own)); ok {
			return rest, true
		}
	}
	return "", false
}

func joinRest(led string, rest []string) string {
	return strings.Join(append([]string{led}, rest...), "/")
}

// cutPath cuts a leading path by whole elements: "/srv/base_evil" is not beneath "/srv/base". What remains is
// relative, "." for the path itself.
func cutPath(path, prefix string) (string, bool) {
	if prefix != "/" {
		rest, ok := strings.CutPrefix(path, prefix)
		if !ok || rest != "" && rest[0] != '/' {
			return "", false
		}
		path = rest
	}
	path = strings.TrimLeft(path, "/")
	if path == "" {
		path = "."
	}
	return path, true
}
