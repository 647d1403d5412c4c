package main

// controls names, for each class, the twins whose very mistake it is about: each of them must leak. That a class
// leaks from some other twin too proves little.
var controls = map[string][]string{
	"traversal-plain":       {"naive-join"},
	"traversal-encoded":     {"check-before-decode"},
	"traversal-double":      {"decode-twice"},
	"traversal-triple":      {"decode-thrice"},
	"traversal-overlong":    {"overlong-utf8"},
	"traversal-percent-u":   {"percent-u"},
	"traversal-backslash":   {"backslash"},
	"traversal-best-fit":    {"best-fit"},
	"traversal-params":      {"params"},
	"traversal-slashes":     {"naive-join"},
	"traversal-control":     {"drop-control"},
	"traversal-windows":     {"windows-names"},
	"traversal-bad-percent": {"drop-bad-percent"},
	"traversal-bad-utf8":    {"drop-bad-utf8"},
	"traversal-mixed":       {"layers"},
	"traversal-strip":       {"strip-once"},
	"sibling-prefix":        {"prefix-compare", "concatenate"},
	"absolute":              {"absolute-join"},
	"file-url":              {"file-url"},
	"nul":                   {"nul-cut"},
	"newline":               {"line-anchors", "dollar-newline"},
	"trailing":              {"windows-names", "naive-join"},
	"stream":                {"windows-names"},
	"hidden":                {"hidden-served", "rule-before-clean"},
	"case-fold":             {"case-fold"},
	"normalization":         {"normalization"},
	"query-fragment":        {"check-before-query", "cut-after-check"},
	"target-form":           {"absolute-form"},
	"alias":                 {"alias-off-by-slash"},
	"length":                {"naive-join"},
	"link-file":             {"follow-links"},
	"link-dir":              {"follow-links", "leaf-links"},
	"link-chain":            {"follow-links"},
	"link-hidden":           {"follow-links"},
	"link-sidecar":          {"sidecar"},
	"link-index":            {"index"},
	"hard-link":             {"follow-links", "hidden-served"},
}

// silent lists the classes that can leak from no twin, each with the reason. They stay in the corpus since a server
// must refuse them all the same; a class that starts to leak must leave this table.
var silent = map[string]string{
	"traversal-multi-dot": "only Windows 9x and NetWare climb by three dots",
	"unc":                 "only Windows opens shares; elsewhere the harm is a redirect to another host, which holds no canary",
	"drive":               "only Windows has drives and device prefixes",
	"device":              "only Windows opens devices by these names; a device holds no canary",
	"tilde":               "only a shell or expanduser reads it, and no canary lies in a home directory",
	"link-loop":           "the kernel ends a loop with an error; the harm is an error that tells, or time",
	"link-dangling":       "nothing to read at the other end; the harm is an answer that tells, or a write through the link",
	"link-inside":         "stays in the base: what leaks is nothing, what is tested is that the policy holds",
	"special":             "an open of a FIFO blocks; TestFIFO of package undefended shows that a twin opens it",
}
