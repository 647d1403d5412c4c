package main

import (
	"fmt"
	"slices"
	"strings"
)

// row is one kind of work, done by several servers in turn.
type row struct {
	name, work  string
	unit        string
	servers     []string
	variant     variant
	bound       bound
	lane        bool // the fast lane must answer nearly all of it
	n           int  // requests a round, or seconds of wrk
	connections int
	once        bool // one round, of a server started for it
	job         func(b *bench, s *server) (job, error)
	measure     func(b *bench, r *row, s *server) (sample, error)
}

// job is what the load asks of one server, and what it must get.
type job struct {
	requests [][]byte
	want     expectation
	name     string // file whose bytes are compared before anything is measured; "": none
}

const (
	perRequest = "µs CPU/request"
	perLarge   = "µs CPU/100 MiB"
	p99        = "µs p99"
	overIdle   = "MB"
)

const (
	kib     = 1 << 10
	mib     = 1 << 20
	large   = 100 * mib
	oneFile = 1 * mib // what each idle connection has fetched
)

var nginxes = []string{nginxSafe, nginxStrict}

// rows is all that is measured, in the order of the table.
var rows = []*row{
	{name: "1k", work: "1 KiB file", servers: everyone, bound: bound{0.75, []string{nginxSafe}}, lane: true, n: 50_000, job: file(kib)},
	{name: "10k", work: "10 KiB file", servers: everyone, bound: bound{0.75, []string{nginxSafe}}, lane: true, n: 40_000, job: file(10 * kib)},
	{name: "4k-random", work: "10,000 files of 4 KiB at random", servers: everyone, bound: bound{0.75, []string{nginxSafe}}, lane: true, n: 200_000, job: manyNames},
	{name: "4k-nocache", work: "the same, cache off", servers: uncached, variant: variant{noCache: true}, bound: bound{0.60, []string{nginxStrict}}, n: 30_000, job: manyNames},
	{name: "100k", work: "100 KiB file", servers: everyone, bound: bound{1, nginxes}, n: 20_000, job: file(100 * kib)},
	{name: "1m", work: "1 MiB file", servers: everyone, bound: bound{1, nginxes}, n: 4_000, job: file(mib)},
	{name: "100m", work: "100 MiB file", servers: everyone, bound: bound{1, nginxes}, n: 64, job: file(large)},
	{name: "range", work: "random 1 KiB range of a 100 MiB file", servers: everyone, bound: bound{1, []string{nginxSafe}}, n: 40_000, job: ranges},
	{name: "304", work: "304 answers", servers: everyone, bound: bound{0.75, []string{nginxSafe}}, lane: true, n: 60_000, job: notModified},
	{name: "missing", work: "10,000 missing names at random", servers: everyone, bound: bound{0.50, []string{nginxSafe}}, lane: true, n: 200_000, job: missing},
	{name: "traversal", work: "traversal names", servers: everyone, bound: bound{0.50, []string{nginxSafe}}, lane: true, n: 30_000, job: traversal},
	{name: "connect", work: "1 KiB file, a new connection each", servers: everyone, bound: bound{1, []string{nginxSafe}}, n: 15_000, job: closing, measure: measureFresh},
	{name: "tls-1k", work: "1 KiB file, TLS 1.3", servers: cachers, variant: variant{tls: true}, bound: bound{1.2, []string{nginxSafe}}, n: 2, job: file(kib), measure: measureWrk},
	{name: "tls-100m", work: "100 MiB file, TLS 1.3", servers: cachers, variant: variant{tls: true}, bound: bound{1.2, []string{nginxSafe}}, n: 2, unit: perLarge, job: file(large), measure: measureWrkBytes},
	{name: "h2", work: "1 KiB file, HTTP/2, 100 streams", servers: cachers, variant: variant{tls: true}, bound: bound{3, []string{nginxSafe}}, n: 40_000, job: file(kib), measure: measureH2},
	{name: "p99", work: "1 KiB file while 16 clients download 100 MiB files: 99 % are answered within", servers: cachers, bound: bound{1.5, []string{nginxSafe}}, n: 3_000, connections: 16, unit: p99, job: file(kib), measure: measureLatency},
	{name: "idle", work: "10,000 idle connections, after a 1 KiB file each", servers: cachers, bound: bound{40, nil}, n: 10_000, unit: overIdle, once: true, job: file(kib), measure: measureIdle},
	{name: "idle-large", work: "10,000 idle connections, after a 1 MiB file each", servers: cachers, bound: bound{40, nil}, n: 10_000, unit: overIdle, once: true, job: file(oneFile), measure: measureIdle},
	{name: "gate-10k", work: "10 KiB file that an application names by X-Accel-Redirect", servers: gates, variant: variant{gate: true}, bound: bound{2, []string{nginxStrict}}, n: 15_000, job: file(10 * kib)},
	{name: "gate-100m", work: "100 MiB file that an application names", servers: gates, variant: variant{gate: true}, bound: bound{2, []string{nginxStrict}}, n: 64, job: file(large)},
	{name: "gate-plain", work: "10 KiB that an application sends through the gate", servers: gates, variant: variant{gate: true}, bound: bound{3, []string{nginxStrict}}, n: 15_000, job: plain},
	{name: "audit", work: "1 KiB file, every request recorded, beside the same without a record", servers: twins, variant: variant{audit: true}, bound: bound{1.10, []string{bare}}, lane: true, n: 200_000, job: file(kib)},
	{name: "sandbox", work: "1 KiB file, in the sandbox, beside the same without", servers: twins, variant: variant{open: true}, bound: bound{1.03, []string{bare}}, lane: true, n: 50_000, job: file(kib)},
	{name: "basic", work: "1 KiB file for a user with a password (bcrypt, cost 10), beside the same for everybody", servers: twins, variant: variant{basic: true}, bound: bound{1.15, []string{bare}}, lane: true, n: 50_000, job: withPassword},
	{name: "basic-nginx", work: "the same, beside nginx with auth_basic", servers: []string{ours, nginxSafe}, variant: variant{basic: true}, bound: bound{0.002, []string{nginxSafe}}, n: 60, job: withPassword},
	{name: "distinct", work: "memory after 100,000 distinct files", servers: cachers, bound: bound{cacheMB + 40, nil}, n: 100_000, unit: overIdle, once: true, job: distinctNames, measure: measureDistinct},
}

// cacheMB is the default size of the cache, 64 MiB. The row of distinct files
// may hold that and the constant that the idle connections may.
const cacheMB = 67

func init() {
	for _, r := range rows {
		if r.connections == 0 {
			r.connections = 64
		}
		if r.unit == "" {
			r.unit = perRequest
		}
		if r.measure == nil {
			r.measure = measureKeepAlive
		}
	}
}

// pickRows returns the rows of a list of names, in the table's order.
func pickRows(list string) ([]*row, error) {
	if list == "" || list == "all" {
		return rows, nil
	}
	names := strings.Split(list, ",")
	var picked []*row
	for _, r := range rows {
		if slices.Contains(names, r.name) {
			picked = append(picked, r)
		}
	}
	if len(picked) != len(names) {
		return nil, fmt.Errorf("-rows %s: want some of %s", list, strings.Join(rowNames(), ","))
	}
	return picked, nil
}

// pickServers returns the servers of a list of names.
func pickServers(list string) ([]string, error) {
	if list == "" || list == "all" {
		return known, nil
	}
	names := strings.Split(list, ",")
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("-servers %s: want some of %s", list, strings.Join(known, ","))
		}
	}
	return names, nil
}

func rowNames() []string {
	var names []string
	for _, r := range rows {
		names = append(names, r.name)
	}
	return names
}

// request writes what a client sends, and not a byte more: a target goes out as
// it stands here, dots and all.
func request(s *server, target string, headers ...string) []byte {
	text := "GET " + target + " HTTP/1.1\r\nHost: " + s.addr + "\r\n"
	for _, h := range headers {
		text += h + "\r\n"
	}
	return []byte(text + "\r\n")
}

func file(size int64) func(*bench, *server) (job, error) {
	return func(b *bench, s *server) (job, error) {
		name, err := b.files.hot(size)
		return job{[][]byte{request(s, "/"+name)}, expectation{[]int{200}, size}, name}, err
	}
}

func closing(b *bench, s *server) (job, error) {
	name, err := b.files.hot(kib)
	return job{[][]byte{request(s, "/"+name, "Connection: close")}, expectation{[]int{200}, kib}, name}, err
}

func manyNames(b *bench, s *server) (job, error) {
	j := job{want: expectation{[]int{200}, 4 * kib}, name: many(0)}
	for i := range b.files.count {
		j.requests = append(j.requests, request(s, "/"+many(i)))
	}
	return j, b.files.many()
}

func distinctNames(b *bench, s *server) (job, error) {
	j := job{want: expectation{[]int{200}, kib}, name: distinct(0)}
	for i := range b.files.distinct {
		j.requests = append(j.requests, request(s, "/"+distinct(i)))
	}
	return j, b.files.distinctFiles()
}

// ranges are at places that have nothing to do with pages or blocks.
func ranges(b *bench, s *server) (job, error) {
	name, err := b.files.hot(large)
	j := job{want: expectation{[]int{206}, kib}}
	for i := range int64(1000) {
		at := i * 7919 * 1009 % (large - kib)
		j.requests = append(j.requests, request(s, "/"+name, fmt.Sprintf("Range: bytes=%d-%d", at, at+kib-1)))
	}
	return j, err
}

// notModified sends back the validators that the server gave, as a browser does.
func notModified(b *bench, s *server) (job, error) {
	name, err := b.files.hot(kib)
	if err != nil {
		return job{}, err
	}
	resp, _, err := s.get(name)
	if err != nil {
		return job{}, err
	}
	var headers []string
	if etag := resp.Header.Get("ETag"); etag != "" {
		headers = append(headers, "If-None-Match: "+etag)
	}
	if date := resp.Header.Get("Last-Modified"); date != "" {
		headers = append(headers, "If-Modified-Since: "+date)
	}
	return job{[][]byte{request(s, "/"+name, headers...)}, expectation{[]int{304}, 0}, ""}, nil
}

func missing(b *bench, s *server) (job, error) {
	j := job{want: expectation{[]int{404}, -1}}
	for i := range b.files.count {
		j.requests = append(j.requests, request(s, "/"+many(i)+".missing"))
	}
	return j, b.files.many()
}

// climbs are targets that try to leave, plain and disguised. What no server may
// do is answer 200; which refusal it is differs, and nginx ends the connection
// with most of them.
var climbs = []string{
	"/../../../../etc/passwd",
	"/files/../../../../etc/passwd",
	"/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
	"/..%2f..%2f..%2fetc%2fpasswd",
	"/files/%2e%2e%2f%2e%2e%2f%2e%2e%2fetc/passwd",
	`/..\..\..\etc\passwd`,
	"/..%5c..%5c..%5cetc%5cpasswd",
	"/%252e%252e/%252e%252e/etc/passwd",
}

func traversal(b *bench, s *server) (job, error) {
	j := job{want: expectation{[]int{400, 403, 404}, -1}}
	for _, target := range climbs {
		j.requests = append(j.requests, request(s, target))
	}
	_, err := b.files.hot(kib)
	return j, err
}
