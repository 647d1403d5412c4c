package server

import (
	"bytes"
	"fmt"
	"net/url"
	"runtime/pprof"
	"strconv"
	"time"

	"github.com/rootbound/rootbound/internal/plan"
)

// cpuProfile is the name of the profile that takes a time, as in net/http/pprof.
const cpuProfile = "profile"

// longestProfile bounds that time.
const longestProfile = 5 * time.Minute

func isProfileName(name string) bool {
	return name == "" || name == cpuProfile || pprof.Lookup(name) != nil
}

// profilePage is one profile, in the format of `go tool pprof`, or as text with debug=1. Without a name it is the list
// of them. They hold the addresses and names of code, and nothing of any request.
func profilePage(name, query string) plan.Plan {
	q, err := url.ParseQuery(query)
	if err != nil {
		q = nil
	}
	var b bytes.Buffer
	if name == "" {
		for _, p := range pprof.Profiles() {
			fmt.Fprintf(&b, "%d %s\n", p.Count(), p.Name())
		}
		return page("text/plain; charset=utf-8", b.String())
	}
	if name == cpuProfile {
		if err := profileCPU(&b, q.Get("seconds")); err != nil {
			return page("text/plain; charset=utf-8", "another CPU profile is being taken\n")
		}
		return page("application/octet-stream", b.String())
	}
	debug, ctype := 0, "application/octet-stream"
	if d, err := strconv.Atoi(q.Get("debug")); err == nil && d > 0 {
		debug, ctype = d, "text/plain; charset=utf-8"
	}
	if err := pprof.Lookup(name).WriteTo(&b, debug); err != nil {
		return page("text/plain; charset=utf-8", "the profile could not be taken\n")
	}
	return page(ctype, b.String())
}

func profileCPU(b *bytes.Buffer, seconds string) error {
	d := 30 * time.Second
	if n, err := strconv.Atoi(seconds); err == nil && n > 0 {
		d = min(time.Duration(n)*time.Second, longestProfile)
	}
	if err := pprof.StartCPUProfile(b); err != nil {
		return err
	}
	time.Sleep(d)
	pprof.StopCPUProfile()
	return nil
}
