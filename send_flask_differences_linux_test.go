package rootbound

import "strings"

// flaskSendDifferences is where Flask's send_file answers otherwise, and why ours stands. The first that fits explains
// a disagreement.
var flaskSendDifferences = []sendDifference{
	{
		"fields of a refusal",
		"15.5.13 asks for none, 15.5.17 for Content-Range; a refusal of ours has a page of its own, says nothing of the file and is no-store",
		func(d *sendDisagreement) bool {
			return d.aspect != "status" && d.ours.status >= 400 && d.aspect != "Content-Range"
		},
	},
	{
		"If-Match: *",
		`13.1.1: "If the field value is "*", the condition is true if the origin server has a current representation"`,
		func(d *sendDisagreement) bool {
			return d.has("If-Match", "star") && (d.statuses(200, 412) || d.statuses(206, 412) || d.statuses(304, 412) || d.statuses(416, 412))
		},
	},
	{
		"preconditions before the range",
		"13.2.2: steps 1 to 4 are the preconditions, step 5 is the range",
		func(d *sendDisagreement) bool {
			return d.kind("Range") != "" && (d.statuses(304, 206, 416) || d.statuses(412, 206, 416))
		},
	},
	{
		"Range on HEAD",
		"14.2: GET is the only method for which range handling is defined",
		func(d *sendDisagreement) bool { return d.method == "HEAD" && d.statuses(200, 206, 416) },
	},
	{
		"If-Unmodified-Since",
		"13.2.2, step 2: without If-Match, If-Unmodified-Since is evaluated, and if false the answer is 412",
		func(d *sendDisagreement) bool {
			return d.has("If-Unmodified-Since", "older") && d.kind("If-Match") == "" && d.statuses(412, 200, 304)
		},
	},
	{
		"If-Match on a file without an entity tag",
		`13.1.1: true if "any of the listed tags match"; "Otherwise, the condition is false"`,
		func(d *sendDisagreement) bool {
			return d.choice.ETag == "-" && d.has("If-Match", "match", "mismatch", "list", "weak") && d.statuses(412, 200, 304)
		},
	},
	{
		"If-None-Match or If-Modified-Since after an If-Match that holds",
		"13.2.2, step 1: when true, continue to step 3",
		func(d *sendDisagreement) bool { return d.has("If-Match", "match", "list") && d.statuses(304, 200) },
	},
	{
		"If-None-Match: * on a file without an entity tag",
		`13.1.2: "If the field value is "*", the condition is false if the origin server has a current representation"`,
		func(d *sendDisagreement) bool {
			return d.choice.ETag == "-" && d.has("If-None-Match", "star") && d.statuses(304, 200)
		},
	},
	{
		"If-None-Match on a file without an entity tag",
		`13.1.3: "A recipient MUST ignore If-Modified-Since if the request contains an If-None-Match header field"`,
		func(d *sendDisagreement) bool {
			return d.choice.ETag == "-" && d.kind("If-None-Match") != "" && d.has("If-Modified-Since", "equal", "newer") && d.statuses(200, 304)
		},
	},
	{
		"another unit",
		`14.2: "MUST ignore a Range header field that contains a range unit it does not understand"`,
		func(d *sendDisagreement) bool { return d.has("Range", "other unit") && d.statuses(200, 416) },
	},
	{
		"invalid ranges",
		`14.2: "MAY ignore or reject a Range header field that contains an invalid ranges-specifier"; ours ignores`,
		func(d *sendDisagreement) bool {
			return d.has("Range", "garbage", "reversed", "no unit") && d.statuses(200, 416)
		},
	},
	{
		"signs among the digits",
		"14.1.1: first-pos = 1*DIGIT",
		func(d *sendDisagreement) bool { return d.has("Range", "signed") && d.statuses(200, 206) },
	},
	{
		"If-Range with a weak entity tag",
		`13.1.5: "MUST use the strong comparison function"`,
		func(d *sendDisagreement) bool { return d.has("If-Range", "weak") && d.statuses(200, 206, 416) },
	},
	{
		"If-Range with a later date",
		"13.1.5: the date must match exactly",
		func(d *sendDisagreement) bool { return d.has("If-Range", "newer") && d.statuses(200, 206, 416) },
	},
	{
		"If-Range on a file without an entity tag, beside If-Modified-Since",
		"13.1.5: an entity tag that does not match makes it false; theirs takes the date of another field instead",
		func(d *sendDisagreement) bool {
			return d.choice.ETag == "-" && d.has("If-Range", "match", "mismatch", "garbage") && d.has("If-Modified-Since", "equal", "newer") && d.statuses(200, 206, 416)
		},
	},
	{
		"If-Range with a date beside If-None-Match or If-Match",
		"13.2.2, step 5: only If-Range decides whether Range counts",
		func(d *sendDisagreement) bool {
			return d.has("If-Range", "equal") && d.kind("If-None-Match")+d.kind("If-Match") != "" && d.statuses(206, 200)
		},
	},
	{
		"no satisfiable range in an empty file",
		`14.2: "ranges-specifier is unsatisfiable ..., the server SHOULD send a 416"`,
		func(d *sendDisagreement) bool { return d.size == 0 && d.statuses(416, 200) },
	},
	{
		"several ranges",
		"14.1.2 has a list of them, 15.3.7.2 the answer to it",
		func(d *sendDisagreement) bool { return d.has("Range", "multiple") && d.statuses(206, 416) },
	},
	{
		"suffix longer than the file",
		`14.1.2: "If the selected representation is shorter than the specified suffix-length, the entire representation is used"`,
		func(d *sendDisagreement) bool { return d.has("Range", "long suffix") && d.statuses(206, 416) },
	},
	{
		"suffix of length zero",
		"14.1.2: satisfiable is a suffix-range with a non-zero suffix-length",
		func(d *sendDisagreement) bool { return d.has("Range", "zero suffix") && d.statuses(416, 206) },
	},
	{
		"Accept-Ranges before anybody asks for one",
		`14.3: "A server that supports range requests for the target resource MAY respond with" it; theirs is in 206 only`,
		func(d *sendDisagreement) bool {
			return d.ours.status == 200 && !d.choice.Unconditional && d.values("Accept-Ranges", "bytes", "")
		},
	},
	{
		"Last-Modified of a 304 without an entity tag",
		`15.4.5 has it "useful for guiding cache updates ... if the response does not have an ETag"`,
		func(d *sendDisagreement) bool {
			return d.ours.status == 304 && d.choice.ETag == "-" && d.aspect == "Last-Modified" && d.theirs.header.Get("Last-Modified") == ""
		},
	},
	{
		"Content-Disposition of a 304",
		"15.4.5 lists what a 304 has; the cache has this one",
		func(d *sendDisagreement) bool {
			return d.ours.status == 304 && d.aspect == "Content-Disposition" && d.ours.header.Get("Content-Disposition") == ""
		},
	},
	{
		"max_age=0",
		"RFC 9111, 5.2.2.4: no-cache says all that max-age=0 could add",
		func(d *sendDisagreement) bool { return d.values("Cache-Control", "no-cache", "no-cache, max-age=0") },
	},
	{
		"modified in the future",
		`8.8.2.1: "the server MUST replace that with the value of the Date header field"`,
		func(d *sendDisagreement) bool {
			return d.choice.Modified > flaskTime.Unix()+86400 && d.aspect == "Last-Modified" && d.ours.header.Get("Last-Modified") != ""
		},
	},
	{
		"the caller's type",
		"sent as it is; Flask appends charset=utf-8 to it, whatever is in the file",
		func(d *sendDisagreement) bool {
			return d.choice.Type != "" && d.values("Content-Type", d.choice.Type, d.choice.Type+"; charset=utf-8")
		},
	},
	{
		"type of the file and not of the name offered for it",
		"8.3: the type is that of the representation; a download name must not turn text into a page",
		func(d *sendDisagreement) bool {
			return d.choice.Type == "" && d.choice.Name != "" && d.aspect == "Content-Type" && d.theirs.header.Get("Content-Type") == flaskGuess(d.choice.Name)
		},
	},
	{
		"no known extension",
		"the content tells, and never an active type",
		func(d *sendDisagreement) bool {
			return d.choice.Type == "" && d.values("Content-Type", "text/plain; charset=utf-8", "application/octet-stream")
		},
	},
	{
		"a charset that the text is not in",
		"8.3.2: the parameter names the encoding; a wrong one is worse than none",
		func(d *sendDisagreement) bool {
			return d.file == "latin1.txt" && d.values("Content-Type", "text/plain", "text/plain; charset=utf-8")
		},
	},
	{
		"a charset on XML",
		"RFC 7303, 3.2: it would overrule what the XML declaration says",
		func(d *sendDisagreement) bool {
			return d.file == "feed.xml" && d.values("Content-Type", "application/xml", "text/xml; charset=utf-8")
		},
	},
	{
		"type of a compressed archive",
		"8.4: an encoding inherent in the media type is not restated; theirs has clients unpack what they asked for",
		func(d *sendDisagreement) bool {
			return d.file == "all.tar.gz" && (d.values("Content-Type", "application/gzip", "application/x-tar") || d.values("Content-Encoding", "", "gzip"))
		},
	},
	{
		"directories in a download name",
		`RFC 6266, 4.3: "recipients ... MUST NOT be able to write into any location other than one to which they are specifically entitled"`,
		func(d *sendDisagreement) bool {
			return strings.Contains(d.choice.Name, "/") && d.aspect == "Content-Disposition" && !strings.Contains(d.ours.header.Get(d.aspect), "/")
		},
	},
	{
		"a dot before a download name",
		"RFC 6266, 4.3: a download must not become a hidden file",
		func(d *sendDisagreement) bool {
			return strings.HasPrefix(d.choice.Name, ".") && d.aspect == "Content-Disposition" && strings.Contains(d.ours.header.Get(d.aspect), "filename=htaccess")
		},
	},
	{
		"bidi controls in a download name",
		"RFC 6266, 4.3: what is shown as one extension must not be saved as another",
		func(d *sendDisagreement) bool {
			return strings.Contains(d.choice.Name, "\u202e") && d.aspect == "Content-Disposition" && strings.Contains(d.ours.header.Get(d.aspect), "photo_gpj.exe")
		},
	},
}

// flaskGuess is what Flask makes of a download name.
func flaskGuess(name string) string {
	switch name[strings.LastIndexByte(name, '.')+1:] {
	case "pdf":
		return "application/pdf"
	case "html":
		return "text/html; charset=utf-8"
	case "txt":
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}
