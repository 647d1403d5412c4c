package main

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/rootbound/rootbound/audit"
	"github.com/rootbound/rootbound/internal/config"
)

// auditSettings understands what file and flags say about the record.
func auditSettings(file, flags config.Audit) (*config.AuditSettings, error) {
	if _, problems := flags.Settings(); len(problems) > 0 {
		p := problems[0]
		return nil, usage(auditFlag(p.Key), p.Rule, p.Remedy)
	}
	merged := config.Merge(file, flags)
	settings, problems := merged.Settings()
	if len(problems) > 0 {
		return nil, usage(problems[0].Key, problems[0].Rule, problems[0].Remedy)
	}
	if key, rule, remedy := settings.Check(); rule != "" {
		return nil, usage(auditFlag(key), rule, remedy)
	}
	return settings, nil
}

// auditFlag is the flag of a key of [audit].
func auditFlag(key string) string {
	for _, f := range config.Flags[config.Audit]() {
		if "audit."+f.Tag.Get("toml") == key {
			return "--" + f.Tag.Get("name")
		}
	}
	return "--audit"
}

// auditKey signs checkpoints, and reviews.
type auditKey struct {
	signer   note.Signer
	verifier string // as it is shown
}

// loadAuditKey reads a private key of keygen's; nil where there is none.
func loadAuditKey(path string) (*auditKey, error) {
	if path == "" {
		return nil, nil
	}
	return loadSigningKey("--audit-key "+strconv.Quote(path), path)
}

// loadSigningKey reads a private key of keygen's.
func loadSigningKey(what, path string) (*auditKey, error) {
	b, err := readNamed(what, path, maxKeys)
	if err != nil {
		return nil, err
	}
	text := strings.TrimSpace(string(b))
	signer, err := note.NewSigner(text)
	if err != nil { // which would tell of the key
		return nil, usage(what, "it is no private key of rootbound audit keygen", "Make one with rootbound audit keygen")
	}
	public, err := audit.PublicKey(text)
	if err != nil {
		return nil, usage(what, "its public half cannot be told", "Make another with rootbound audit keygen")
	}
	return &auditKey{signer, public}, nil
}

// auditLog is the log of a process, to be opened and closed in its time.
type auditLog struct {
	key *auditKey
	log *audit.Log
}

// newAuditLog reads the key, with the rights that the process started with; nil where nothing is recorded.
func newAuditLog(p *process) (*auditLog, error) {
	if p.Audit.File == "" {
		return nil, nil
	}
	key, err := loadAuditKey(p.Audit.Key)
	return &auditLog{key: key}, err
}

// open opens the log, as the user that will write it.
func (a *auditLog) open(p *process) error {
	if a == nil {
		return nil
	}
	s := p.Audit
	cfg := audit.Config{
		Path: s.File, Required: s.Required, MaxBytes: s.MaxSize, KeepFiles: s.Keep, KeepFor: s.KeepFor, Log: p.log,
		Containment: func() string { return p.bases[0].dir.Containment().Mechanism }, // the same for all of a process
	}
	if a.key != nil {
		cfg.Signer, cfg.Verifier = a.key.signer, a.key.verifier
	}
	switch {
	case s.ToURL != "":
		cfg.KeepElsewhere = audit.ToURL(s.ToURL)
	case s.ToFile != "":
		cfg.KeepElsewhere = audit.ToFile(s.ToFile)
		if err := audit.TryFile(s.ToFile); err != nil {
			return usage("--checkpoint-to "+strconv.Quote(s.ToFile), cause(err), "Name a file that this user may write to")
		}
	}
	log, err := audit.Open(cfg)
	if err != nil {
		return usage("--audit "+strconv.Quote(s.File), whyNoLog(err, s.File), "Name a file that this user may write to, in a directory that it may add files to, or move a damaged log away")
	}
	a.log = log
	p.log.Info("recording", "file", s.File, "required", s.Required, "checkpoints", a.key != nil, "elsewhere", s.ToFile != "" || s.ToURL != "")
	if a.key != nil {
		p.log.Info("checkpoints are checked with", "key", a.key.verifier)
	}
	return nil
}

// whyNoLog is an error of audit.Open without what the message says anyway.
func whyNoLog(err error, path string) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return cause(err)
	}
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), "audit: "), path+": ")
}

// close writes what is left. Nobody answers requests any more. The second time it does nothing.
func (a *auditLog) close(p *process) error {
	if a == nil || a.log == nil {
		return nil
	}
	log := a.log
	a.log = nil
	if err := log.Close(); err != nil {
		p.log.Error("the end of the audit log could not be written", "file", log.Path(), "error", cause(err))
		return &alreadyTold{exitFindings}
	}
	return nil
}
