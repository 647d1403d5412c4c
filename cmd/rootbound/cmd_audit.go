package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/rootbound/rootbound/audit"
	"github.com/rootbound/rootbound/internal/durable"
	"github.com/rootbound/rootbound/internal/readfile"
)

type auditCmd struct {
	Verify auditVerifyCmd `cmd:"" help:"Check that a log is what was written, and name the first record that is not."`
	Search auditSearchCmd `cmd:"" help:"Say who had, or was refused, a file."`
	Export auditExportCmd `cmd:"" help:"Send the records to a syslog daemon or an OpenTelemetry collector, each once and in order."`
	Keygen auditKeygenCmd `cmd:"" help:"Make the key that signs checkpoints."`
}

// maxCheckpoints bounds a file of checkpoints, in bytes.
const maxCheckpoints = 256 << 20

type auditVerifyCmd struct {
	File        string `arg:"" type:"string" help:"The log; full files beside it are read first."`
	Key         string `name:"key" placeholder:"KEY" help:"The public key of the checkpoints, or a file that holds it."`
	Checkpoints string `name:"checkpoints" placeholder:"FILE" help:"Checkpoints that were kept elsewhere. Needs --key."`
	Format      string `name:"format" placeholder:"FORMAT" default:"text" enum:"text,json" help:"text (default) or json."`

	spoiled int // lines of Checkpoints that are none
}

// Run exits with 1 where the log is not what was written.
func (c *auditVerifyCmd) Run(s *surroundings) error {
	o, err := c.options()
	if err != nil {
		return err
	}
	r, err := audit.Verify(c.File, o)
	if err != nil {
		return unreadableLog(c.File, err)
	}
	if c.Format == "json" {
		err = writeDocument(s.stdout, r)
	} else {
		err = writeVerdict(s.stdout, r, o, c.spoiled)
	}
	if err == nil && r.Fault != nil {
		err = &alreadyTold{exitFindings}
	}
	return err
}

func (c *auditVerifyCmd) options() (o audit.VerifyOptions, err error) {
	if c.Key == "" {
		if c.Checkpoints != "" {
			return o, usage("--checkpoints", "checkpoints say nothing without the key they were signed with", "Add --key")
		}
		return o, nil
	}
	if o.Key, err = publicKey(c.Key); err != nil {
		return o, err
	}
	if c.Checkpoints == "" {
		return o, nil
	}
	b, err := readNamed("--checkpoints "+strconv.Quote(c.Checkpoints), c.Checkpoints, maxCheckpoints)
	if err != nil {
		return o, err
	}
	if o.Elsewhere, c.spoiled = audit.ReadCheckpoints(b); len(o.Elsewhere) == 0 {
		return o, usage("--checkpoints "+strconv.Quote(c.Checkpoints), "it holds no checkpoint", "Give the file that --checkpoint-to wrote, or what it sent, one after the other")
	}
	return o, nil
}

// publicKey reads --key: the key itself, or a file that holds it.
func publicKey(given string) (note.Verifier, error) {
	text := given
	if b, err := readfile.Read(given, maxKeys); err == nil {
		text = strings.TrimSpace(string(b))
	}
	key, err := note.NewVerifier(text)
	if err != nil {
		return nil, usage("--key "+strconv.Quote(given), "it is neither a public key nor a file that holds one", `Give what "rootbound audit keygen" printed`)
	}
	return key, nil
}

func writeVerdict(w io.Writer, r *audit.Report, o audit.VerifyOptions, spoiled int) error {
	var b strings.Builder
	for _, f := range r.Files {
		fmt.Fprintf(&b, "read %s\n", oneLine(f))
	}
	fmt.Fprintf(&b, "%d records in order, from number %d on\n", r.Records, r.First)
	switch {
	case r.First > 0 && r.Removed >= r.First:
		b.WriteString("files before the first were removed by the log's own rules, as it says\n")
	case r.First > 0:
		b.WriteString("files before the first are not here, and the log does not say that it removed them\n")
	}
	if r.Lost > 0 {
		fmt.Fprintf(&b, "%d records were lost while the disk took none, as the log itself says\n", r.Lost)
	}
	if r.Torn > 0 {
		fmt.Fprintf(&b, "the last line is torn (%d bytes): a crash, or a writer at work\n", r.Torn)
	}
	switch {
	case o.Key == nil && r.Checkpoints > 0:
		fmt.Fprintf(&b, "%d checkpoints, not checked: give --key\n", r.Checkpoints)
	case o.Key == nil:
		b.WriteString("no checkpoints: a log that was cut off at its end, or written anew, looks like this one too\n")
	default:
		fmt.Fprintf(&b, "%d checkpoints in the log and %d kept elsewhere, good; they speak for the first %d records\n", r.Checkpoints, r.Elsewhere, r.Covered)
	}
	if spoiled > 0 {
		fmt.Fprintf(&b, "%d lines among the checkpoints kept elsewhere are none, and were left out\n", spoiled)
	}
	if len(r.Open) > 0 {
		fmt.Fprintf(&b, "%d decisions without an end: the process died, or they are being answered\n", len(r.Open))
		for _, id := range r.Open[:min(len(r.Open), 20)] {
			fmt.Fprintf(&b, "  request %s\n", oneLine(id))
		}
	}
	if r.Fault != nil {
		fmt.Fprintf(&b, "CHANGED: %s\n", oneLine(r.Fault.Error()))
	} else {
		b.WriteString("good\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

type auditSearchCmd struct {
	File    string    `arg:"" type:"string" help:"The log; full files beside it are read first."`
	Name    string    `name:"name" placeholder:"NAME" help:"A file, or a directory with all beneath it."`
	Subject string    `name:"subject" placeholder:"WHO" help:"Who asked."`
	Client  string    `name:"client" placeholder:"ADDR" help:"From which address."`
	ID      string    `name:"request" placeholder:"ID" help:"One request."`
	Reason  string    `name:"reason" placeholder:"CODE" help:"Refused for this reason, such as no-grant."`
	Since   time.Time `name:"since" placeholder:"TIME" format:"2006-01-02T15:04:05Z07:00" help:"Not before, as 2026-01-31T00:00:00Z."`
	Until   time.Time `name:"until" placeholder:"TIME" format:"2006-01-02T15:04:05Z07:00" help:"Before."`
	Format  string    `name:"format" placeholder:"FORMAT" default:"text" enum:"text,json" help:"text (default) or json, one record a line."`
}

// Run prints what it finds, oldest first. Nothing found is no failure.
func (c *auditSearchCmd) Run(s *surroundings) error {
	q := audit.Query{Name: c.Name, Subject: c.Subject, Client: c.Client, ID: c.ID, Reason: c.Reason, Since: c.Since, Until: c.Until}
	encoder := json.NewEncoder(s.stdout)
	err := audit.Search(c.File, q, func(r audit.Record) error {
		if c.Format == "json" {
			return encoder.Encode(r)
		}
		_, err := fmt.Fprintln(s.stdout, recordText(&r))
		return err
	})
	var pe *fs.PathError
	if errors.As(err, &pe) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, audit.ErrNone) {
		return unreadableLog(c.File, err)
	}
	return err
}

func unreadableLog(path string, err error) error {
	if errors.Is(err, audit.ErrNone) {
		err = fs.ErrNotExist
	}
	return unreadable("log "+strconv.Quote(path), err)
}

// recordText is one record for people.
func recordText(r *audit.Record) string {
	who := r.Subject
	if who == "" {
		who = "anyone"
	}
	s := fmt.Sprintf("%s %-7s %s %s from %s", r.Time.UTC().Format("2006-01-02 15:04:05Z"), r.Kind, r.ID, strconv.Quote(who), r.Client)
	switch {
	case r.Kind == audit.Decided && r.Allowed:
		s += " may " + oneLine(r.Action)
	case r.Kind == audit.Decided:
		s += " may not " + oneLine(r.Action) + " (" + string(r.Reason) + ")"
	default:
		s += fmt.Sprintf(" %d, %d bytes %s", r.Status, r.Bytes, r.Result)
	}
	if s += " " + strconv.Quote(r.Name); r.File != "" {
		s += " (" + strconv.Quote(r.File) + ")"
	}
	return oneLine(s)
}

type auditKeygenCmd struct {
	File string `arg:"" type:"string" help:"Where the private key goes. It must not exist."`
	Name string `name:"name" placeholder:"NAME" default:"rootbound-audit" help:"Name of the key, for its signatures."`
}

// Run writes the private key and prints the public one.
func (c *auditKeygenCmd) Run(s *surroundings) error {
	private, public, err := note.GenerateKey(nil, c.Name)
	if err != nil {
		return usage("--name "+strconv.Quote(c.Name), "a key's name has no spaces and no +", "Give another")
	}
	if _, err := os.Lstat(c.File); err == nil {
		return usage("file "+strconv.Quote(c.File), "it exists", "Name another, or remove it: a key that is gone cannot be made again")
	}
	if err := durable.WriteFile(c.File, []byte(private+"\n"), 0o600); err != nil {
		return usage("file "+strconv.Quote(c.File), cause(err), "Name a file in a directory that this user may write to")
	}
	_, err = fmt.Fprintln(s.stdout, public)
	return err
}

// writeDocument prints one JSON document.
func writeDocument(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
