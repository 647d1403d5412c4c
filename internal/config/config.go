// Package config is the one configuration schema: the keys of the TOML file and the flags of the command line are the
// same struct, so that neither can have what the other lacks.
package config

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// File is a configuration file. It is one schema for all commands; each reads the tables it needs.
type File struct {
	Serve    Serve      `toml:"serve"`
	Mount    []Mount    `toml:"mount"`
	Gate     Gate       `toml:"gate"`
	Upstream []Upstream `toml:"upstream"`
	Audit    Audit      `toml:"audit"`
	State    State      `toml:"state"`
	Grant    []Grant    `toml:"grant"`
}

// Grant says who may do what: a table [[grant]]. Package authz says what the keys mean, and checks them.
type Grant struct {
	User          string   `toml:"user"`
	Group         string   `toml:"group"`
	Authenticated *bool    `toml:"authenticated"`
	Anyone        *bool    `toml:"anyone"`
	On            string   `toml:"on"`
	May           []string `toml:"may"`
	Deny          *bool    `toml:"deny"`
	Refuse        *int     `toml:"refuse"`
}

// Mount is one base directory and where it is seen.
type Mount struct {
	// Name is the first element of the names beneath it; "" is the whole server.
	Name string `toml:"name"`
	// Dir is the directory's path. In a file it is relative to the file.
	Dir string `toml:"dir"`
}

// Common holds what every command that serves takes. A field that is nil or empty was not given: the default then
// holds, which Settings fills in. The tag choices lists the values a word may have; a list tagged merge:"add" holds
// what the file says together with what the flags say, every other flag wins over the file.
type Common struct {
	Listen       []string `toml:"listen" name:"listen" placeholder:"ADDR" sep:"none" group:"where" help:"Address to listen on: HOST:PORT (port 0 takes a free one) or unix:PATH (mode 0600). Repeatable. Default 127.0.0.1:8080, or the sockets systemd gives."`
	TrustedProxy []string `toml:"trusted-proxy" name:"trusted-proxy" placeholder:"CIDR" sep:"none" group:"where" help:"Peers whose Forwarded and X-Forwarded-For are believed. Repeatable."`
	Admin        string   `toml:"admin" name:"admin" placeholder:"ADDR" group:"where" help:"Address of its own for the pages under /-/ (metrics, health). Same form as --listen."`

	Names     string   `toml:"names" name:"names" placeholder:"POLICY" choices:"local portable strict" group:"what" help:"Names that are served: local (default: no traversal, nothing absolute), portable (also nothing another system would misread) or strict (letters, digits and _.- alone)."`
	Symlinks  string   `toml:"symlinks" name:"symlinks" placeholder:"POLICY" choices:"refuse within" group:"what" help:"Symbolic links: refuse (default) or within (follow those that stay beneath DIR)."`
	Hardlinks string   `toml:"hardlinks" name:"hardlinks" placeholder:"POLICY" choices:"allow refuse" group:"what" help:"Files that have other names too: allow (default) or refuse."`
	Hidden    *bool    `toml:"hidden" name:"hidden" group:"what" help:"Serve names that start with a dot."`
	WellKnown *bool    `toml:"well-known" name:"well-known" group:"what" help:"Serve .well-known/ and nothing else that starts with a dot."`
	Deny      []string `toml:"deny" name:"deny" merge:"add" placeholder:"GLOB" sep:"none" group:"what" help:"Never served, nor what is beneath: asking for it is refused. Repeatable; adds to the file. To only leave names out of listings use --hide."`
	Allow     []string `toml:"allow" name:"allow" placeholder:"GLOB" sep:"none" group:"what" help:"Serve only files that match one of these. Repeatable."`
	SitePages *bool    `toml:"site" name:"site" group:"what" help:"Serve a website: index.html answers for its directory, 404.html for what is missing, pages may run scripts."`

	CrossOrigin *bool  `toml:"cross-origin" name:"cross-origin" group:"how" help:"Let pages of other origins embed the files."`
	TLSCert     string `toml:"tls-cert" name:"tls-cert" placeholder:"FILE" group:"how" help:"Certificate chain in PEM; the addresses then speak HTTPS. Read again on SIGHUP."`
	TLSKey      string `toml:"tls-key" name:"tls-key" placeholder:"FILE" group:"how" help:"Private key of the certificate, in PEM."`

	MaxConnections *int      `toml:"max-connections" name:"max-connections" placeholder:"N" group:"limits" help:"Connections open at once. Default 16384."`
	MinRate        *int64    `toml:"min-rate" name:"min-rate" placeholder:"BYTES" group:"limits" help:"Bytes a second, over a minute, that a client must take or send. Default 1024."`
	Grace          *Duration `toml:"grace" name:"grace" placeholder:"DURATION" group:"limits" help:"How long running downloads may take after SIGTERM. Default 30s."`

	AccessLog string `toml:"access-log" name:"access-log" placeholder:"on|off" choices:"on off" group:"process" help:"One line a request on standard error. Default on."`
	LogFormat string `toml:"log-format" name:"log-format" placeholder:"FORMAT" choices:"auto text json" group:"process" help:"auto (default: text on a terminal, JSON elsewhere), text or json."`
	Profiles  *bool  `toml:"profiles" name:"profiles" group:"process" help:"Show profiles under /-/debug/pprof/, where /-/metrics is shown."`
	Sandbox   string `toml:"sandbox" name:"sandbox" placeholder:"auto|require|off" choices:"auto require off" group:"process" help:"Have the kernel hold the process to what it serves: auto (default: all that this kernel can), require (or do not start) or off."`
	User      string `toml:"user" name:"user" placeholder:"NAME" group:"process" help:"As root: become this user once directories, sockets and keys are open."`
}

// Serve holds the flags of `serve` and the keys of [serve].
type Serve struct {
	Common     `embed:""`
	Federation `embed:""`

	Public    *bool    `toml:"public" name:"public" group:"where" help:"Everybody may read. Without it only loopback addresses and Unix sockets are accepted."`
	Users     string   `toml:"users" name:"users" placeholder:"FILE" group:"where" help:"Only those in FILE may read, with the password they have there (htpasswd -B writes it). Read again when it changes. With --public a password is not needed, but must hold."`
	Groups    string   `toml:"groups" name:"groups" placeholder:"FILE" group:"where" help:"Groups of users, GROUP: USER USER a line, that grants may name. Read again when it changes."`
	Policies  string   `toml:"policies" name:"policies" placeholder:"FILE" group:"where" help:"Cedar policies: only what they, or a [[grant]] of the configuration file, permit may be had. Read again when it changes."`
	LinkKeys  string   `toml:"link-keys" name:"link-keys" placeholder:"FILE" group:"where" help:"Keys of signed links, ID:BASE64 a line, mode 0600: who has a link that one of them signed may have what it names (rootbound link create). Without --users, --policies and --public links are the only way in. Read again when it changes."`
	WhenStale string   `toml:"links-when-stale" name:"links-when-stale" placeholder:"refuse|allow" choices:"refuse allow" group:"where" help:"What signed links do while the state has been out of reach for over ten seconds, so that nobody knows which were taken back. Default refuse; those with uses or a password are refused either way."`
	Login     *bool    `toml:"login" name:"login" group:"where" help:"Browsers sign in on the page /-/login, and out again. Needs a state to keep sessions in."`
	BaseURL   string   `toml:"base-url" name:"base-url" placeholder:"URL" group:"where" help:"What clients reach the server by, such as https://files.example: behind a proxy that speaks TLS, cookies are then for TLS alone."`
	Host      []string `toml:"host" name:"host" placeholder:"NAME" sep:"none" group:"where" help:"Further host name that loopback answers for, beside its address and localhost (against DNS rebinding). Repeatable."`

	Hide       []string `toml:"hide" name:"hide" merge:"add" placeholder:"GLOB" sep:"none" group:"what" help:"Not listed, but served to whoever knows the name. Repeatable; adds to the file. To refuse names use --deny."`
	Listing    string   `toml:"listing" name:"listing" placeholder:"on|off" choices:"on off" group:"what" help:"Show what directories hold. Default: on where every address is loopback, off elsewhere."`
	DownloadAt string   `toml:"download-route" name:"download-route" placeholder:"PATH" group:"what" help:"Also answer PATH?file=NAME, as attachments."`

	Inspect string `toml:"inspect" name:"inspect" placeholder:"on|off" choices:"on off" group:"process" help:"After the start, look at the directories for a moment and log what rootbound inspect would find. Default on."`

	Precompressed string    `toml:"precompressed" name:"precompressed" placeholder:"on|off" choices:"on off" group:"how" help:"Send NAME.br, NAME.zst or NAME.gz to clients that accept it. Default on."`
	MaxAge        *Duration `toml:"max-age" name:"max-age" placeholder:"DURATION" group:"how" help:"How long caches may keep a file without asking again, such as 5m. Default 0s: ask every time."`
	Cache         *Size     `toml:"cache" name:"cache" placeholder:"SIZE" group:"how" help:"Memory for small files that are asked for often, such as 256MiB. Default 64MiB; 0 keeps nothing."`
	CacheCheck    *Duration `toml:"cache-check" name:"cache-check" placeholder:"DURATION" group:"how" help:"How long a file in memory is believed before it is opened again. Default 1s."`
	FastLane      string    `toml:"fast-lane" name:"fast-lane" placeholder:"on|off" choices:"on off" group:"how" help:"Answer HTTP/1.1 by event loops (Linux), with TLS or without. Default on; off leaves everything to the general server, to find faults."`
}

// Gate holds the flags of `gate` and the keys of [gate].
type Gate struct {
	Common `embed:""`

	Watch *bool `toml:"watch" name:"watch" group:"routes" help:"Only log and count what --take and --uniform-errors would do. A file that is named outside of its directory is refused all the same."`
}

// Audit holds the flags about the audit log, of `serve` and of `gate`, and the keys of [audit].
type Audit struct {
	File         string    `toml:"file" name:"audit" placeholder:"FILE" group:"audit" help:"Record every request in FILE: who got or was refused what, chained by hashes. See rootbound audit verify."`
	Required     *bool     `toml:"required" name:"audit-required" group:"audit" help:"No record, no file: nothing is sent before its record is on disk."`
	Key          string    `toml:"key" name:"audit-key" placeholder:"FILE" group:"audit" help:"Private key that signs checkpoints of the record, made by rootbound audit keygen."`
	CheckpointTo string    `toml:"checkpoint-to" name:"checkpoint-to" placeholder:"FILE|URL" group:"audit" help:"Also keep checkpoints elsewhere: appended to FILE, or sent to URL by POST. Needs --audit-key."`
	MaxSize      *Size     `toml:"max-size" name:"audit-max-size" placeholder:"SIZE" group:"audit" help:"Begin a new file at this size. Default 64MiB."`
	Keep         *int      `toml:"keep" name:"audit-keep" placeholder:"N" group:"audit" help:"Full files to keep. Default: all."`
	KeepFor      *Duration `toml:"keep-for" name:"audit-keep-for" placeholder:"DURATION" group:"audit" help:"How long to keep full files, such as 2160h. Default: for ever."`
}

// Upstream is one application behind a gate: a table [[upstream]], or flags.
type Upstream struct {
	URL           string    `toml:"url" name:"upstream" placeholder:"URL" group:"upstream" help:"The application: http://HOST:PORT, https://HOST:PORT or unix:PATH."`
	At            string    `toml:"at" name:"at" placeholder:"PATH" group:"upstream" help:"The path beneath which requests are this application's. Default /."`
	Root          []string  `toml:"root" name:"root" placeholder:"[PATH=]DIR" sep:"none" group:"upstream" help:"Directory that X-Sendfile may name files in, and that --take answers from; PATH= where the application calls it otherwise. Repeatable."`
	Accel         []string  `toml:"accel" name:"accel" placeholder:"PREFIX=DIR" sep:"none" group:"upstream" help:"Directory behind a prefix of X-Accel-Redirect, such as /protected/=files. Repeatable."`
	Announce      string    `toml:"announce" name:"announce" placeholder:"HEADER" choices:"x-sendfile x-accel-redirect" group:"upstream" help:"Tell the application by X-Sendfile-Type that it may use x-sendfile or x-accel-redirect (Rack::Sendfile asks for it)."`
	Encoded       *bool     `toml:"encoded" name:"encoded" group:"upstream" help:"The application percent-encodes X-Sendfile, as for mod_xsendfile."`
	Temporary     *bool     `toml:"temporary" name:"temporary" group:"upstream" help:"Honour X-Sendfile-Temporary: remove the file when it was sent."`
	Timeout       *Duration `toml:"timeout" name:"upstream-timeout" placeholder:"DURATION" group:"upstream" help:"How long the application may take to begin its answer. Default 60s."`
	Take          []string  `toml:"take" name:"take" placeholder:"RULE" sep:"none" group:"routes" help:"Answer a route from the first --root instead of asking the application, such as 'GET /download?file={name}' or 'GET /files/{name}'. Repeatable."`
	Ask           string    `toml:"ask" name:"ask" placeholder:"PATH" group:"routes" help:"Ask the application at PATH whether a client may have what --take names: 2xx is yes, 401 and 403 are passed on."`
	UniformErrors []string  `toml:"uniform-errors" name:"uniform-errors" placeholder:"PATH" sep:"none" group:"routes" help:"Beneath PATH make every error of the application's the same 404. Repeatable."`
}

// Duration is a time.Duration written as "5s", "1h30m" or "30d".
type Duration time.Duration

// UnmarshalText reads a duration, in whole days too ("30d"); a number without unit is an error.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if days, ok := strings.CutSuffix(string(text), "d"); ok {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		v = time.Duration(n) * 24 * time.Hour
	}
	if err != nil {
		return fmt.Errorf("%q is not a duration: write a number with its unit, such as 30s, 5m, 24h or 30d", text)
	}
	if v < 0 {
		return fmt.Errorf("%q is less than nothing", text)
	}
	*d = Duration(v)
	return nil
}

// Size is a number of bytes written as "64MiB"; units are KiB, MiB and GiB, and none for bytes.
type Size int64

// UnmarshalText reads a size.
func (z *Size) UnmarshalText(text []byte) error {
	digits, shift := string(text), 0
	for _, u := range []struct {
		name  string
		shift int
	}{{"KiB", 10}, {"MiB", 20}, {"GiB", 30}} {
		if d, ok := strings.CutSuffix(digits, u.name); ok {
			digits, shift = d, u.shift
			break
		}
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || n > math.MaxInt64>>shift {
		return fmt.Errorf("%q is not a size: write a number with its unit, such as 512KiB, 64MiB or 2GiB", text)
	}
	*z = Size(n << shift)
	return nil
}

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	// Line and Column say where in the file, from 1; 0 where it is not in a file.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// Key is the key or flag, such as "serve.listen".
	Key string `json:"key,omitempty"`
	// Rule says what is wrong.
	Rule string `json:"rule"`
	// Remedy says what to do.
	Remedy string `json:"remedy"`
}

// Merge returns what file and flags say together: flags win, but lists that take something away from what is shown
// or served (deny, hide) hold both, so that a flag never lifts what the file denies.
func Merge[T Serve | Gate | Audit | State](file, flags T) T {
	out := file
	o, f := reflect.ValueOf(&out).Elem(), reflect.ValueOf(flags)
	for _, sf := range fields(o.Type()) {
		from, to := f.FieldByIndex(sf.Index), o.FieldByIndex(sf.Index)
		switch {
		case from.IsZero():
		case sf.Tag.Get("merge") == "add":
			both := append(append([]string(nil), to.Interface().([]string)...), from.Interface().([]string)...)
			to.Set(reflect.ValueOf(both))
		default:
			to.Set(from)
		}
	}
	return out
}

// fields are those of a table, with those that it has in common with others.
func fields(t reflect.Type) []reflect.StructField {
	var out []reflect.StructField
	for _, f := range reflect.VisibleFields(t) {
		if !f.Anonymous {
			out = append(out, f)
		}
	}
	return out
}

// Flags lists the fields of a table's struct that are flags, in the order of the help.
func Flags[T Serve | Gate | Upstream | Audit | State]() []reflect.StructField {
	return fields(reflect.TypeFor[T]())
}

// Choices lists the words a key may have; nil where it is not one of some words.
func Choices(key string) []string {
	for _, f := range append(append(Flags[Serve](), Flags[Gate]()...), Flags[Upstream]()...) {
		if words := f.Tag.Get("choices"); words != "" && f.Tag.Get("toml") == key {
			return strings.Fields(words)
		}
	}
	return nil
}
