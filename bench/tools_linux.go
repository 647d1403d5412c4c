package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// toolLimit ends a tool whose server does not answer.
const toolLimit = 2 * time.Minute

// wrkScript has wrk print its counts in a form that is the same in all versions.
const wrkScript = `done = function(summary, latency, requests)
	local e = summary.errors
	print(string.format('{"requests":%d,"bytes":%d,"errors":%d}', summary.requests, summary.bytes,
		e.connect + e.read + e.write + e.status + e.timeout))
end
`

// served is what a tool counted.
type served struct {
	Requests int64 `json:"requests"`
	Bytes    int64 `json:"bytes"`
	Errors   int64 `json:"errors"`
}

var wrkCounts = regexp.MustCompile(`\{"requests".*\}`)

// wrk loads a URL for some seconds. It speaks TLS with OpenSSL, which costs the
// load less than Go's would.
func (b *bench) wrk(url string, connections, seconds int) (served, error) {
	var s served
	script := b.path("done.lua")
	if err := os.WriteFile(script, []byte(wrkScript), 0o644); err != nil {
		return s, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), toolLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.tools["wrk"], "-t1", fmt.Sprintf("-c%d", connections), fmt.Sprintf("-d%ds", seconds),
		"--timeout", "60s", "-s", script, url)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return s, fmt.Errorf("wrk: %w: %s", err, out)
	}
	if err := json.Unmarshal(wrkCounts.Find(out), &s); err != nil {
		return s, fmt.Errorf("wrk: %w: %s", err, out)
	}
	if s.Errors > 0 {
		return s, fmt.Errorf("wrk: %d errors: %s", s.Errors, out)
	}
	return s, nil
}

var (
	h2Protocol = regexp.MustCompile(`(?m)^Application protocol: h2$`)
	h2Cipher   = regexp.MustCompile(`(?m)^Cipher: TLS_AES_128_GCM_SHA256$`)
	h2Good     = regexp.MustCompile(`(?m)^status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx$`)
	h2Total    = regexp.MustCompile(`(?m)^requests: (\d+) total, \d+ started, (\d+) done, (\d+) succeeded, 0 failed, 0 errored, 0 timeout$`)
)

// h2load sends n requests over one HTTP/2 connection, a hundred at a time.
func (b *bench) h2load(url string, n int) error {
	count := strconv.Itoa(n)
	ctx, cancel := context.WithTimeout(context.Background(), toolLimit)
	defer cancel()
	out, err := exec.CommandContext(ctx, b.tools["h2load"], "-n", count, "-c1", "-m100", url).CombinedOutput()
	if err != nil {
		return fmt.Errorf("h2load: %w: %s", err, out)
	}
	good, total := h2Good.FindSubmatch(out), h2Total.FindSubmatch(out)
	if !h2Protocol.Match(out) || !h2Cipher.Match(out) || good == nil || total == nil || string(good[1]) != count || string(total[3]) != count {
		return fmt.Errorf("h2load: want %d answers of 2xx over h2 with one cipher: %s", n, out)
	}
	return nil
}
