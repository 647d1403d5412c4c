package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// measureRow measures a row's servers in turn, round by round. What goes wrong
// is the row's error, and the next row starts with new servers.
func (b *bench) measureRow(r *row) Row {
	began := time.Now()
	samples := map[string][]sample{}
	err := b.rounds(r, samples)
	result := r.result(samples)
	if err != nil {
		result = r.result(nil)
		result.Error = err.Error()
		b.stopAll()
	}
	if b.opts.quick {
		result.Verdict = ""
	}
	fmt.Fprintf(b.progress, "%-10s %5.1f s  %s\n", r.name, time.Since(began).Seconds(), result.summary())
	return result
}

func (b *bench) rounds(r *row, samples map[string][]sample) error {
	rounds := b.opts.rounds
	if r.once {
		rounds = 1
	}
	for round := range rounds {
		for i := range r.servers {
			// Another one is first each time, so that none always follows the same.
			name := r.servers[(round+i)%len(r.servers)]
			s, err := b.measureOnce(r, name)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			samples[name] = append(samples[name], s)
		}
	}
	return nil
}

func (b *bench) measureOnce(r *row, name string) (sample, error) {
	if !r.once {
		s, err := b.server(name, r.variant)
		if err != nil {
			return sample{}, err
		}
		return r.measure(b, r, s)
	}
	s, err := b.start(name, r.variant)
	if err != nil {
		return sample{}, err
	}
	defer s.stop()
	return r.measure(b, r, s)
}

// server returns the running server of that name, or starts it.
func (b *bench) server(name string, v variant) (*server, error) {
	if name != ours { // the others know no such thing
		v.noCache, v.audit = false, false
		v.open = v.open && name == bare
		v.basic = v.basic && name != bare
	}
	key := fmt.Sprint(name, v)
	if b.servers[key] == nil {
		s, err := b.start(name, v)
		if err != nil {
			return nil, err
		}
		b.servers[key] = s
	}
	return b.servers[key], nil
}

func (b *bench) stopAll() {
	for key, s := range b.servers {
		s.stop()
		delete(b.servers, key)
	}
}

// describe says what is measured, on what.
func (b *bench) describe() (*Report, error) {
	version, err := exec.Command(b.rootbound, "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("rootbound --version: %w", err)
	}
	nginx, err := exec.Command(b.tools["nginx"], "-v").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("nginx -v: %w", err)
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return nil, err
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return nil, err
	}
	loadAverage, _, _ := strings.Cut(string(load), " ")
	return &Report{
		Rootbound: strings.TrimSpace(string(version)),
		Go:        runtime.Version(),
		Nginx:     strings.TrimSpace(strings.TrimPrefix(string(nginx), "nginx version: ")),
		Kernel:    unix.ByteSliceToString(name.Release[:]),
		CPU:       cpuModel(),
		Rounds:    b.opts.rounds,
		Scale:     b.opts.scale,
		Quick:     b.opts.quick,
		HasCache:  b.hasCache,
		Flags:     b.opts.serveFlags,
		Cores:     Cores{Servers: b.serverCore, Load: b.loadCore},
		Load:      loadAverage,
	}, nil
}

func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	lines := strings.Split(string(text), "\n")
	i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "model name") })
	if i < 0 {
		return runtime.GOARCH
	}
	_, model, _ := strings.Cut(lines[i], ": ")
	return model
}
