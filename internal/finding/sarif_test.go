package finding

import (
	"bytes"
	"encoding/json"
	"net/url"
	"regexp"
	"testing"
	"time"
)

// TestSARIF checks what the schema of SARIF 2.1.0 requires of the objects that we write, and the rules of its text that a
// schema cannot hold.
func TestSARIF(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, sample(Options{}), "sarif", false); err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc["version"] != "2.1.0" {
		t.Errorf("version %v", doc["version"])
	}
	run := doc["runs"].([]any)[0].(map[string]any)
	driver := run["tool"].(map[string]any)["driver"].(map[string]any)
	if driver["name"] == "" {
		t.Error("the driver has no name")
	}
	rules := driver["rules"].([]any)
	for _, rule := range rules {
		checkSARIFRule(t, rule.(map[string]any))
	}
	results := run["results"].([]any)
	if len(results) != 4 {
		t.Errorf("%d results", len(results))
	}
	for _, result := range results {
		r := result.(map[string]any)
		rule := rules[int(r["ruleIndex"].(float64))].(map[string]any)
		if rule["id"] != r["ruleId"] {
			t.Errorf("ruleIndex leads to %v, not %v", rule["id"], r["ruleId"])
		}
		if r["message"].(map[string]any)["text"] == "" {
			t.Error("a result without a message")
		}
		checkSARIFPlaces(t, r["locations"])
	}
	call := run["invocations"].([]any)[0].(map[string]any)
	if call["executionSuccessful"] != true {
		t.Errorf("invocation %v", call)
	}
	for _, when := range []string{"startTimeUtc", "endTimeUtc"} {
		if s, _ := call[when].(string); !regexp.MustCompile(`Z$`).MatchString(s) {
			t.Errorf("%s is %q", when, s)
		} else if _, err := time.Parse(time.RFC3339, s); err != nil {
			t.Error(err)
		}
	}
}

func checkSARIFRule(t *testing.T, rule map[string]any) {
	t.Helper()
	level := rule["defaultConfiguration"].(map[string]any)["level"].(string)
	if !regexp.MustCompile(`^(none|note|warning|error)$`).MatchString(level) {
		t.Errorf("level %q", level)
	}
	if u, err := url.Parse(rule["helpUri"].(string)); err != nil || !u.IsAbs() {
		t.Errorf("helpUri %v", rule["helpUri"])
	}
}

func checkSARIFPlaces(t *testing.T, places any) {
	t.Helper()
	list, _ := places.([]any)
	if len(list) != 1 {
		t.Errorf("locations %v", places)
		return
	}
	physical := list[0].(map[string]any)["physicalLocation"].(map[string]any)
	uri := physical["artifactLocation"].(map[string]any)["uri"].(string)
	if _, err := url.Parse(uri); err != nil || uri == "" || regexp.MustCompile(`[\x00-\x20"<>\\^{|}\x7f-\x{10ffff}]`).MatchString(uri) {
		t.Errorf("uri %q is no URI reference (RFC 3986)", uri)
	}
	if region, ok := physical["region"].(map[string]any); ok && region["startLine"].(float64) < 1 {
		t.Errorf("region %v", region)
	}
}

func TestSARIFPlaces(t *testing.T) {
	for _, c := range []struct {
		place Place
		want  string
	}{
		{Place{Path: "a b/c#d?.txt"}, "a%20b/c%23d%3F.txt"},
		{Place{Path: "c:d/e"}, "./c:d/e"},
		{shown(Place{Path: "r\xe9"}), "r%E9"},
		{Place{URL: "http://127.0.0.1/a?b=c"}, "http://127.0.0.1/a?b=c"},
	} {
		got := c.place.sarif()
		if len(got) != 1 || got[0].Physical.Artifact.URI != c.want {
			t.Errorf("%+v becomes %+v, want %q", c.place, got, c.want)
		}
	}
	if got := (Place{}).sarif(); got != nil {
		t.Errorf("no place becomes %+v", got)
	}
	f := Finding{Rule: WorldWritable}
	if got := f.sarif(0).Locations; len(got) != 1 || got[0].Physical.Artifact.URI != "." {
		t.Errorf("a finding about the whole target is at %+v", got)
	}
}
