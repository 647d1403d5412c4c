package finding

import (
	"io"
	"net/url"
	"path"
	"strings"
	"time"
)

// The parts of SARIF 2.1.0 that we write (OASIS, sections in brackets).
type (
	sarifLog struct { // [3.13]
		Version string     `json:"version"`
		Schema  string     `json:"$schema"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct { // [3.14]
		Tool        sarifTool         `json:"tool"`
		Details     *sarifDetails     `json:"automationDetails,omitempty"`
		Invocations []sarifInvocation `json:"invocations"`
		Results     []sarifResult     `json:"results"`
		ColumnKind  string            `json:"columnKind"`
		Properties  map[string]any    `json:"properties,omitempty"`
	}
	sarifDetails struct { // [3.17]
		ID string `json:"id"`
	}
	sarifTool struct { // [3.18]
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct { // [3.19]
		Name    string      `json:"name"`
		Version string      `json:"version"`
		URI     string      `json:"informationUri"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct { // [3.49]
		ID         string         `json:"id"`
		Short      sarifText      `json:"shortDescription"`
		Full       *sarifText     `json:"fullDescription,omitempty"`
		Help       sarifText      `json:"help"`
		HelpURI    string         `json:"helpUri"`
		Default    sarifDefault   `json:"defaultConfiguration"`
		Properties map[string]any `json:"properties"`
	}
	sarifText struct { // [3.11], [3.12]
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifDefault struct { // [3.50]
		Level string `json:"level"`
	}
	sarifResult struct { // [3.27]
		RuleID       string            `json:"ruleId"`
		RuleIndex    int               `json:"ruleIndex"`
		Level        string            `json:"level"`
		Message      sarifText         `json:"message"`
		Locations    []sarifLocation   `json:"locations,omitempty"`
		Fingerprints map[string]string `json:"partialFingerprints"`
		Properties   map[string]any    `json:"properties"`
	}
	sarifLocation struct { // [3.28]
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct { // [3.29]
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct { // [3.4]
		URI string `json:"uri"`
	}
	sarifRegion struct { // [3.30]
		Line   int `json:"startLine"`
		Column int `json:"startColumn,omitempty"`
	}
	sarifInvocation struct { // [3.20]
		Successful    bool                `json:"executionSuccessful"`
		Began         string              `json:"startTimeUtc"`
		Ended         string              `json:"endTimeUtc"`
		Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct { // [3.58]
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations,omitempty"`
	}
)

const (
	sarifSchema = "https://json.schemastore.org/sarif-2.1.0.json"
	homepage    = "https://github.com/rootbound/rootbound"
)

// levels are SARIF's words [3.27.10], scores what code scanning sorts by.
var (
	levels = map[Severity]string{High: "error", Medium: "warning", Low: "note", Info: "note"}
	scores = map[Severity]string{High: "8.0", Medium: "5.5", Low: "3.0", Info: "0.0"}
)

// Run is a report as one of several runs of a SARIF log.
type Run struct {
	Report *Report
	// Category tells runs of the same tool apart.
	Category string
	// Under is put before the report's paths: where its target lies, seen from where whoever reads the log is.
	Under string
	// Failed is why the tool could not do its work; "" is that it could.
	Failed string
}

func writeSARIF(w io.Writer, r *Report) error { return WriteSARIF(w, Run{Report: r}) }

// WriteSARIF writes several reports as one log.
func WriteSARIF(w io.Writer, runs ...Run) error {
	log := sarifLog{Version: "2.1.0", Schema: sarifSchema, Runs: []sarifRun{}}
	for _, r := range runs {
		log.Runs = append(log.Runs, r.sarif())
	}
	return writeJSON(w, log)
}

func (o Run) sarif() sarifRun {
	r := o.Report
	run := sarifRun{
		Tool:       sarifTool{sarifDriver{Name: "rootbound " + r.Tool, Version: r.Version, URI: homepage, Rules: []sarifRule{}}},
		Results:    []sarifResult{},
		ColumnKind: "unicodeCodePoints",
		Properties: map[string]any{"target": r.Target, "counts": r.Counts, "accepted": r.Accepted, "more": r.More, "looked": r.Looked},
	}
	if o.Category != "" {
		run.Details = &sarifDetails{o.Category}
	}
	index := map[ID]int{}
	for i := range r.Findings {
		f := r.Findings[i]
		f.Place = f.Place.under(o.Under)
		if _, ok := index[f.Rule]; !ok {
			rule, _ := Lookup(f.Rule)
			index[f.Rule] = len(run.Tool.Driver.Rules)
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, rule.sarif())
		}
		run.Results = append(run.Results, f.sarif(index[f.Rule]))
	}
	call := sarifInvocation{Successful: o.Failed == "", Began: r.Began.Format(time.RFC3339), Ended: r.Ended.Format(time.RFC3339)}
	if o.Failed != "" {
		call.Notifications = append(call.Notifications, sarifNotification{Level: "error", Message: sarifText{Text: o.Failed}})
	}
	for _, n := range r.Notes {
		call.Notifications = append(call.Notifications, sarifNotification{Level: "warning", Message: sarifText{Text: n.Text}, Locations: n.Place.under(o.Under).sarif()})
	}
	run.Invocations = []sarifInvocation{call}
	return run
}

// under is the place, seen from where dir lies.
func (p Place) under(dir string) Place {
	if dir == "" || p.URL != "" {
		return p
	}
	if p.Bytes != nil {
		p.Bytes = []byte(path.Join(dir, string(p.Bytes)))
	}
	p.Path = path.Join(dir, p.Path)
	return p
}

func (r *Rule) sarif() sarifRule {
	out := sarifRule{
		ID: string(r.ID), Short: sarifText{Text: r.Sentence}, HelpURI: homepage + "/blob/main/" + r.Page(),
		Help:       sarifText{r.Remedy + "\n\n" + r.Fix, r.Remedy + "\n\n```text\n" + r.Fix + "\n```\n"},
		Default:    sarifDefault{levels[r.Severity]},
		Properties: map[string]any{"tags": []string{"security"}, "security-severity": scores[r.Severity]},
	}
	if r.Why != "" {
		out.Full = &sarifText{Text: r.Why}
	}
	return out
}

func (f *Finding) sarif(index int) sarifResult {
	text := f.Reason
	if f.Evidence != "" {
		text += "\n" + f.Evidence
	}
	properties := map[string]any{"severity": f.Severity.String(), "remedy": f.Remedy}
	if f.Repeat != "" {
		properties["repeat"] = f.Repeat
	}
	if len(f.Extra) > 0 {
		properties["extra"] = f.Extra
	}
	at := f.Place.sarif()
	if at == nil { // the whole target: code scanning takes no result without a place
		at = []sarifLocation{{sarifPhysical{Artifact: sarifArtifact{"."}}}}
	}
	return sarifResult{
		RuleID: string(f.Rule), RuleIndex: index, Level: levels[f.Severity], Message: sarifText{Text: text}, Locations: at,
		Fingerprints: map[string]string{"rootbound/v1": f.Fingerprint}, Properties: properties,
	}
}

// sarif is the place as a URI reference: relative to the target for paths.
func (p Place) sarif() []sarifLocation {
	uri := p.URL
	if p.Path != "" {
		name := p.Path
		if p.Bytes != nil {
			name = string(p.Bytes)
		}
		elements := strings.Split(name, "/")
		for i, e := range elements {
			elements[i] = url.PathEscape(e)
		}
		uri = strings.Join(elements, "/")
		if strings.Contains(elements[0], ":") { // else it reads as a scheme (RFC 3986 4.2)
			uri = "./" + uri
		}
	}
	if u, err := url.Parse(uri); err == nil && uri != "" {
		uri = u.String()
	} else {
		return nil
	}
	physical := sarifPhysical{Artifact: sarifArtifact{uri}}
	if p.Line > 0 {
		physical.Region = &sarifRegion{Line: p.Line, Column: p.Column}
	}
	return []sarifLocation{{physical}}
}
