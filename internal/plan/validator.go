package plan

import (
	"strconv"
	"strings"
	"time"
)

// ETag is the entity tag of a file of that size in bytes, last written at mtime: "<mtime>-<size>", both hexadecimal,
// the time in nanoseconds. Replicas that copy files with their times agree on it, which is why it holds no inode.
//
// It is a strong validator as far as the clock of the file system is fine enough to give two writes two times, which
// most clocks are not while the writes come within some milliseconds. A caller that has just seen the file written
// (less than two seconds ago) asks for a weak one, as 8.8.1 demands.
func ETag(size int64, mtime time.Time, weak bool) string {
	var buf [40]byte
	b := buf[:0]
	if weak {
		b = append(b, 'W', '/')
	}
	b = append(b, '"')
	// Not UnixNano, which is undefined outside the years 1678 to 2262. This wraps around instead.
	b = strconv.AppendUint(b, uint64(mtime.Unix())*1e9+uint64(mtime.Nanosecond()), 16)
	b = append(b, '-')
	b = strconv.AppendUint(b, uint64(size), 16)
	b = append(b, '"')
	return string(b)
}

// preconditions evaluates 13.2.2, steps 1 to 4, and gives 304, 412 or 0 to go on.
func preconditions(r *Request, f *File, o *Options) int {
	if o.NoConditional {
		return 0
	}
	if r.IfMatch != "" {
		if !matches(r.IfMatch, f.ETag, sameStrong) {
			return 412
		}
	} else if date, ok := datePresent(r.IfUnmodifiedSince, r, f, o); ok && modifiedAfter(f, date) {
		return 412
	}
	if r.IfNoneMatch != "" {
		if matches(r.IfNoneMatch, f.ETag, sameWeak) {
			return 304
		}
	} else if date, ok := datePresent(r.IfModifiedSince, r, f, o); ok && !modifiedAfter(f, date) {
		return 304
	}
	return 0
}

// datePresent gives the date of If-Modified-Since or If-Unmodified-Since. Either is ignored where it is no valid date
// (two of them are none) and where the file has no modification date (13.1.3, 13.1.4).
func datePresent(field string, r *Request, f *File, o *Options) (time.Time, bool) {
	if field == "" {
		return time.Time{}, false
	}
	if _, ok := lastModified(f, o); !ok {
		return time.Time{}, false
	}
	return parseDate(field, r.Now)
}

// modifiedAfter compares by the second, as finely as Last-Modified tells.
func modifiedAfter(f *File, date time.Time) bool { return f.ModTime.Unix() > date.Unix() }

// lastModified gives the modification date, in UTC, if there is one that HTTP can write.
func lastModified(f *File, o *Options) (time.Time, bool) {
	if o.NoLastModified || f.ModTime.IsZero() {
		return time.Time{}, false
	}
	t := f.ModTime.UTC()
	return t, t.Year() >= 1 && t.Year() <= 9999
}

// ifRange evaluates 13.1.5. A field that is neither an entity tag nor a date cannot match, so the whole is sent.
func ifRange(r *Request, f *File, o *Options) bool {
	field := trimOWS(r.IfRange)
	if field == "" {
		return true
	}
	if strings.IndexByte(field[:min(3, len(field))], '"') >= 0 {
		tag, rest := cutTag(field)
		return rest == "" && sameStrong(tag, f.ETag)
	}
	date, ok := datePresent(field, r, f, o)
	// Equal, not merely earlier; and strong. Whoever got the file in the second in which it was written must not use
	// the date here (13.1.5), so a date that is old enough now stands for one version.
	return ok && !f.WeakDate && !isWeak(f.ETag) && f.ModTime.Unix() == date.Unix()
}

// matches says whether If-Match's or If-None-Match's value names the entity tag. "*" names any file, also one without
// a tag. A value that is neither "*" nor a list of tags, such as `"a", *` or one with a tag cut short, names none at
// all, whatever stands before the fault: 13.1.1 and 13.1.2 put it under "otherwise". So a broken If-Match is a 412,
// and a broken If-None-Match sends the file.
func matches(field, etag string, same func(a, b string) bool) bool {
	field = trimOWS(field)
	if field == "*" {
		return true
	}
	found := false
	for field != "" {
		if field[0] == ',' { // an empty element (5.6.1.2)
			field = trimOWS(field[1:])
			continue
		}
		tag, rest := cutTag(field)
		rest = trimOWS(rest)
		if tag == "" || rest != "" && rest[0] != ',' {
			return false
		}
		found = found || same(tag, etag)
		field = rest
	}
	return found
}

// cutTag takes an entity tag (8.8.3) from the start of s; tag is "" where there is none.
func cutTag(s string) (tag, rest string) {
	start := 0
	if isWeak(s) {
		start = 2
	}
	if start >= len(s) || s[start] != '"' {
		return "", s
	}
	for i := start + 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return s[:i+1], s[i+1:]
		case c < 0x21 || c == 0x7f:
			return "", s
		}
	}
	return "", s
}

// IsETag says whether s is one complete entity tag, weak or strong.
func IsETag(s string) bool {
	tag, rest := cutTag(s)
	return tag != "" && rest == ""
}

func isWeak(tag string) bool { return strings.HasPrefix(tag, "W/") }

// sameStrong is the strong comparison of 8.8.3.2.
func sameStrong(a, b string) bool { return a == b && a != "" && !isWeak(a) }

// sameWeak is the weak comparison of 8.8.3.2.
func sameWeak(a, b string) bool {
	return b != "" && strings.TrimPrefix(a, "W/") == strings.TrimPrefix(b, "W/")
}

// trimOWS cuts optional white space (5.6.3) from both ends.
func trimOWS(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}
