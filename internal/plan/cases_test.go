package plan

import (
	"strings"
)

// A value of a field, and in what it is odd: a listed difference refers to that.
type value struct{ text, odd string }

// In these values {E} stands for the opaque tag of the file and {D} for its modification date.
var (
	tagLists = []value{
		{"", ""},
		{"*", ""},
		{`{E}`, ""},
		{`W/{E}`, ""},
		{`"other"`, ""},
		{`"other", W/"x",{E}`, ""},
		{`,, {E} ,`, ""},
		{`"a,b{E}`, "malformed after"},
		{`"a,b", "c"`, ""},
		{`{E}, "cut`, "malformed after"},
		{`"cut, {E}`, "malformed"},
		{`unquoted`, "malformed"},
		{`{E} {E}`, "malformed after"},
		{`"other", *`, "star in list"},
		{`w/{E}`, "malformed"},
	}
	dates = []value{
		{"", ""},
		{"{D}", ""},
		{"Thu, 29 Feb 2024 11:59:59 GMT", ""},
		{"Thu, 29 Feb 2024 12:00:01 GMT", "later"},
		{"Thursday, 29-Feb-24 12:00:00 GMT", ""},
		{"Thu Feb 29 12:00:00 2024", ""},
		{"{D}, {D}", "no date"},
		{"yesterday", "no date"},
		{"Thu, 29 Feb 2024 12:00:00 +0000", "no date"},
		{"Wed, 28 Feb 2024 23:59:60 GMT", "leap"},
		{"Thu, 29 Feb 2024 23:59:60 GMT", "leap later"},
	}
	ifRanges = []value{
		{"", ""},
		{`{E}`, ""},
		{`W/{E}`, ""},
		{`"other"`, ""},
		{`{E}, "x"`, "junk after tag"},
		{`"cut`, "malformed"},
		{"{D}", "date"},
		{"Thu, 29 Feb 2024 12:00:01 GMT", ""},
		{"Thu, 29 Feb 2024 11:59:59 GMT", ""},
		{"Thursday, 29-Feb-24 12:00:00 GMT", "date"},
		{"yesterday", ""},
		{"*", ""},
	}
	rangeValues = []value{
		{"", ""},
		{"bytes=0-0", ""},
		{"bytes=0-", ""},
		{"bytes=10-19", ""},
		{"bytes=990-2000", ""},
		{"bytes=999-999", ""},
		{"bytes=-1", ""},
		{"bytes=-1000", ""},
		{"bytes=-5000", ""},
		{"bytes=00010-0019", ""},
		{"bytes=0-9,20-29", ""},
		{"bytes=0-9, 20-29 ,-10", ""},
		{"bytes=0-9,\t20-29", "tab"},
		{"bytes= 0-9", ""},
		{"bytes=20-29,0-9", ""},
		{"bytes=0-9,,20-29,", "empty element"},
		{"bytes=,", "no range"},
		{"bytes=0-9,5000-", ""},
		{"bytes=1000-", "past"},
		{"bytes=5000-5001", "past"},
		{"bytes=5000-,6000-", "past"},
		{"bytes=0-9,10-19", "coalesced"},
		{"bytes=10-19,0-14", "coalesced"},
		{"bytes=0-9,20-29,5-24", "coalesced"},
		{"bytes=0-9,30-39,0-9", "coalesced"},
		{"bytes=0-599,400-999", "too much"},
		{"bytes=0-,0-", "too much"},
		{"bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,24-24,26-26,28-28,30-30", ""},
		{"bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,24-24,26-26,28-28,30-30,32-32", "many"},
		{"bytes=" + strings.Repeat("0-0,", 400), "many"},
		{"bytes=-0", "zero suffix"},
		{"bytes=0-0,-0", "zero suffix beside"},
		{"bytes=0-99999999999999999999", "huge last"},
		{"bytes=-99999999999999999999", "huge suffix"},
		{"bytes=9223372036854775807-", "huge past"},
		{"bytes=9223372036854775808-", "huge past"},
		{"bytes=99999999999999999999-99999999999999999998", "invalid huge"},
		{"Bytes=0-9", "case"},
		{"BYTES=10-19", "case"},
		{"items=0-9", "unit"},
		{"bytes =0-9", "unit"},
		{"bytes", "unit"},
		{"0-9", "unit"},
		{"bytes=9-0", "invalid"},
		{"bytes=0-9,9-0", "invalid"},
		{"bytes=0-9,x", "invalid"},
		{"bytes=a-b", "invalid"},
		{"bytes=-", "invalid"},
		{"bytes=5", "invalid"},
		{"bytes=--5", "invalid"},
		{"bytes=0-9-19", "invalid"},
		{"bytes=0-9, bytes=20-29", "invalid"},
		{"bytes=0x0-9", "invalid"},
		{"bytes=0 - 9", "inner space"},
		{"bytes=0-9 20-29", "invalid"},
		{"bytes=+1-9", "plus"},
		{"bytes=0-+9", "plus"},
	}
)

// An exchange is one request for one file.
type exchange struct {
	method                   string
	ifMatch, ifNoneMatch     value
	ifModified, ifUnmodified value
	rng, ifRange             value
	file                     *File
}

// exchanges gives the product of conditionals over the first files, and that of ranges with If-Range and a few
// conditionals over all.
func exchanges(first int, files ...*File) []exchange {
	var out []exchange
	none := value{}
	for i, f := range files {
		for _, method := range []string{"GET", "HEAD"} {
			for _, im := range tagLists {
				if i >= first {
					break
				}
				for _, inm := range tagLists {
					for _, d := range dates {
						out = append(out, exchange{method, im, inm, d, none, none, none, f},
							exchange{method, im, inm, none, d, value{"bytes=10-19", ""}, none, f})
					}
				}
			}
			for _, ims := range dates {
				for _, ius := range dates {
					out = append(out, exchange{method, none, none, ims, ius, none, none, f})
				}
			}
			for _, rng := range rangeValues {
				for _, ir := range ifRanges {
					out = append(out, exchange{method, none, none, none, none, rng, ir, f},
						exchange{method, none, value{`"other"`, ""}, none, none, rng, ir, f},
						exchange{method, none, value{`{E}`, ""}, none, none, rng, ir, f})
				}
			}
		}
	}
	return out
}

// request fills the placeholders in.
func (x *exchange) request() *Request {
	opaque := strings.TrimPrefix(x.file.ETag, "W/")
	if opaque == "" {
		opaque = `"absent"`
	}
	fill := strings.NewReplacer("{E}", opaque, "{D}", writtenDate)
	return &Request{
		Method:            x.method,
		IfMatch:           fill.Replace(x.ifMatch.text),
		IfNoneMatch:       fill.Replace(x.ifNoneMatch.text),
		IfModifiedSince:   fill.Replace(x.ifModified.text),
		IfUnmodifiedSince: fill.Replace(x.ifUnmodified.text),
		Range:             fill.Replace(x.rng.text),
		IfRange:           fill.Replace(x.ifRange.text),
	}
}
