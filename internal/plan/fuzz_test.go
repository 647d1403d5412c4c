package plan

import (
	"strings"
	"testing"
)

// FuzzRange holds every Range field to the bounds of the file.
func FuzzRange(f *testing.F) {
	for _, v := range rangeValues {
		for _, size := range []int64{0, 1, 1000, 1<<63 - 1} {
			f.Add(v.text, size)
		}
	}
	f.Fuzz(func(t *testing.T, field string, size int64) {
		if size < 0 {
			size = ^size
		}
		file := testFile()
		file.Size = size
		r := &Request{Method: "GET", Range: field}
		p := Make(r, file, &Options{})
		checkPlan(t, r, file, p)
		if p.Status != 200 && p.Status != 206 && p.Status != 416 {
			t.Errorf("Range %q: %d", field, p.Status)
		}
		var ends []Segment
		for _, s := range p.Segments {
			if s.Text != "" {
				continue
			}
			for _, e := range ends {
				if s.Off <= e.Off+e.Len && e.Off <= s.Off+s.Len && p.Status == 206 {
					t.Errorf("Range %q: segments %+v and %+v overlap or touch", field, e, s)
				}
			}
			ends = append(ends, s)
		}
	})
}

// FuzzConditional holds the preconditions to 13.2.2, step by step, and to what a tag can change.
func FuzzConditional(f *testing.F) {
	for i, v := range tagLists {
		fill := strings.NewReplacer("{E}", `"v1"`, "{D}", writtenDate)
		tags := fill.Replace(v.text)
		date := fill.Replace(dates[i%len(dates)].text)
		ifRange := fill.Replace(ifRanges[i%len(ifRanges)].text)
		f.Add(tags, "", date, "", ifRange, `"v1"`)
		f.Add("", tags, "", date, ifRange, `W/"v1"`)
		f.Add("", "", date, date, ifRange, "")
	}
	f.Fuzz(func(t *testing.T, ifMatch, ifNoneMatch, ifModified, ifUnmodified, ifRange, etag string) {
		if tag, rest := cutTag(etag); tag == "" || rest != "" {
			etag = "" // a file's tag is a tag or none
		}
		file := testFile()
		file.ETag = etag
		r := &Request{
			Method: "GET", Range: "bytes=0-9", IfMatch: ifMatch, IfNoneMatch: ifNoneMatch, IfModifiedSince: ifModified,
			IfUnmodifiedSince: ifUnmodified, IfRange: ifRange,
		}
		p := Make(r, file, &Options{})
		checkPlan(t, r, file, p)
		checkConditional(t, r, p)

		// The tag is the better validator: beside it the date has no effect (13.1.3, 13.1.4).
		dateless := *r
		if ifMatch != "" {
			dateless.IfUnmodifiedSince = ""
		}
		if ifNoneMatch != "" {
			dateless.IfModifiedSince = ""
		}
		if q := Make(&dateless, file, &Options{}); q.Status != p.Status {
			t.Errorf("%+v: %d, without the dates %d", r, p.Status, q.Status)
		}
		untagged := *file
		untagged.ETag = ""
		if q := Make(r, &untagged, &Options{}); ifMatch != "" && trimOWS(ifMatch) != "*" && q.Status != 412 {
			t.Errorf("If-Match %q holds for a file without a tag: %d", ifMatch, q.Status)
		}
	})
}

func checkConditional(t *testing.T, r *Request, p Plan) {
	t.Helper()
	switch p.Status {
	case 412:
		if r.IfMatch == "" && r.IfUnmodifiedSince == "" {
			t.Errorf("412 for %+v", r)
		}
	case 304:
		if r.IfNoneMatch == "" && r.IfModifiedSince == "" {
			t.Errorf("304 for %+v", r)
		}
	case 200:
		if r.IfRange == "" {
			t.Errorf("200 for a range without If-Range: %+v", r)
		}
	case 206:
	default:
		t.Errorf("%d for %+v", p.Status, r)
	}
}

// FuzzAcceptEncoding: what is chosen is there, was named or starred, and dropping it never makes identity worse.
func FuzzAcceptEncoding(f *testing.F) {
	for _, s := range []string{
		"", "gzip", "br;q=0.5, gzip;q=0.8", "*;q=0", "identity;q=0, *", "x-gzip", "gzip;q=1.0, identity; q=0.5, *;q=0",
		",, ,", "gzip;q=0.0001", "gzip;;q=1", "*;q=1;q=0", strings.Repeat("a,", 100),
	} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, field string, has bool) {
		available := []string{"br", "zstd", "gzip"}
		coding, identity := Negotiate(field, has, available)
		lower := strings.ToLower(field)
		switch coding {
		case "":
		case "br", "zstd", "gzip":
			if !has || !strings.Contains(lower, coding) && !strings.Contains(lower, "*") {
				t.Errorf("Negotiate(%q) = %q, which the field does not name", field, coding)
			}
			w, listed := weightOf(field, coding)
			if listed && w == 0 {
				t.Errorf("Negotiate(%q) = %q, which the field refuses", field, coding)
			}
		default:
			t.Errorf("Negotiate(%q) = %q, which is not there", field, coding)
		}
		none, same := Negotiate(field, has, nil)
		if none != "" || same != identity {
			t.Errorf("Negotiate(%q) = %q, %v without codings, %v with", field, none, same, identity)
		}
		if !identity && !strings.Contains(lower, "identity") && !strings.Contains(lower, "*") {
			t.Errorf("Negotiate(%q) refuses identity unasked", field)
		}
	})
}
