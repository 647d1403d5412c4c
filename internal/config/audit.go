package config

import (
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// AuditSettings is Audit with every value understood. File is "" where there is no audit log; zeros are the log's own
// defaults.
type AuditSettings struct {
	File     string
	Required bool
	Key      string
	// ToFile and ToURL are where checkpoints are kept elsewhere: one of them, or none.
	ToFile, ToURL string
	MaxSize       int64
	Keep          int
	KeepFor       time.Duration
}

// minAuditSize bounds the size of full files from below: each holds a few hundred records at least.
const minAuditSize = 64 << 10

// Settings understands every value. The keys of the problems are those of a file, "audit.key".
func (a *Audit) Settings() (*AuditSettings, []Problem) {
	c := checker{table: "audit"}
	out := &AuditSettings{File: a.File, Required: isTrue(a.Required), Key: a.Key}
	if isURL(a.CheckpointTo) {
		out.ToURL = c.checkpointURL(a.CheckpointTo)
	} else {
		out.ToFile = a.CheckpointTo
	}
	if a.MaxSize != nil {
		if out.MaxSize = int64(*a.MaxSize); out.MaxSize < minAuditSize {
			c.problem("max-size", strconv.FormatInt(out.MaxSize, 10), "files this small hold next to nothing", "Use 64KiB or more")
		}
	}
	if a.Keep != nil {
		out.Keep = *a.Keep
		c.atLeastOne("keep", int64(out.Keep))
	}
	if a.KeepFor != nil {
		if out.KeepFor = time.Duration(*a.KeepFor); out.KeepFor == 0 {
			c.problem("keep-for", "0s", "nothing would be kept", "Use a time such as 2160h, or leave it out to keep all")
		}
	}
	return out, c.problems
}

// Check looks at what needs something else, in the file or on the command line.
func (s *AuditSettings) Check() (key, rule, remedy string) {
	switch {
	case s.File != "":
	case s.Required:
		return "audit.required", "there is no audit log to require", "Add --audit FILE"
	case s.Key != "":
		return "audit.key", "there is no audit log whose checkpoints it would sign", "Add --audit FILE"
	case s.MaxSize > 0 || s.Keep > 0 || s.KeepFor > 0:
		return "audit", "there is no audit log whose files could be kept", "Add --audit FILE"
	}
	if s.Key == "" && s.ToFile+s.ToURL != "" {
		return "audit.checkpoint-to", "checkpoints need a key to be signed with", "Add --audit-key FILE; rootbound audit keygen makes one"
	}
	return "", "", ""
}

// Beside makes paths of a file relative to its directory.
func (a *Audit) Beside(dir string) {
	for _, p := range []*string{&a.File, &a.Key, &a.CheckpointTo} {
		if *p != "" && !filepath.IsAbs(*p) && !isURL(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}

func isURL(text string) bool { return strings.Contains(text, "://") }

func (c *checker) checkpointURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		c.problem("checkpoint-to", "", "it is neither a file nor a URL that can be sent to", "Write a path, or https://HOST/PATH") // the text may hold a password
	}
	return text
}
