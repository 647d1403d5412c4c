package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/rootbound/rootbound/internal/reason"
	"github.com/rootbound/rootbound/internal/request"
)

// metric is one row of the table below.
type metric struct {
	name   string
	kind   string // counter, gauge or histogram
	labels []string
	help   string
}

// metricTable is every metric of the server's own. The names and labels are settled: dashboards hold them. No label
// ever holds a name, an address or anything else that a client can choose freely.
var metricTable = []metric{
	{"rootbound_requests_total", "counter", []string{"method", "status", "lane"}, "Requests answered. Methods that are not served are \"other\"."},
	{"rootbound_request_seconds", "histogram", []string{"lane"}, "Time from the request's header to the last byte handed to the system, in seconds."},
	{"rootbound_sent_bytes_total", "counter", []string{"lane"}, "Body bytes handed to the system."},
	{"rootbound_refusals_total", "counter", []string{"reason"}, "Requests refused, by reason code."},
	{"rootbound_aborted_sends_total", "counter", []string{"cause"}, "Answers that ended early: the client went away or was too slow, or the file changed or failed."},
	{"rootbound_requests_in_flight", "gauge", nil, "Requests that are being answered."},
	{"rootbound_open_files", "gauge", nil, "Files and directories that are open to be sent."},
	{"rootbound_connections", "gauge", nil, "Connections that are open."},
	{"rootbound_connections_refused_total", "counter", nil, "Connections turned away at the connection limit."},
	{"rootbound_watched_total", "counter", []string{"rule"}, "Requests to which a rule of the gate would have given another answer, while --watch only tries them."},
	{"rootbound_audit_records_total", "counter", nil, "Records taken up by the audit log."},
	{"rootbound_audit_lost_total", "counter", nil, "Records that the audit log had no room for; their number stands in it."},
	{"rootbound_audit_failing", "gauge", nil, "1 while the audit log cannot be written."},
	{"rootbound_containment_info", "gauge", []string{"mechanism", "proven"}, "Mounts by what confines them, and whether a self-test proved it."},
	{"rootbound_sandbox_enforced", "gauge", []string{"part"}, "1 where the kernel holds the process to that part of the sandbox, as it was found by trying."},
	{"rootbound_build_info", "gauge", []string{"version"}, "1, with the version as a label."},
}

// Causes of an aborted send.
const (
	causeClient  = "client-gone"
	causeSlow    = "client-slow"
	causeChanged = "changed-while-sent"
	causeFailed  = "read-failed"
)

// watchedRules are named as the flags that make them.
var watchedRules = map[request.Watched]string{request.WatchedTake: "take", request.WatchedUniform: "uniform-errors"}

// metrics are the server's numbers, in a registry of their own.
type metrics struct {
	registry    *prometheus.Registry
	requests    *prometheus.CounterVec
	seconds     *prometheus.HistogramVec
	bytes       *prometheus.CounterVec
	refusals    *prometheus.CounterVec
	aborted     *prometheus.CounterVec
	inFlight    prometheus.Gauge
	openFiles   prometheus.Gauge
	connections prometheus.Gauge
	refused     prometheus.Counter
	watched     *prometheus.CounterVec
	containment *prometheus.GaugeVec
	build       *prometheus.GaugeVec
	sandbox     *prometheus.GaugeVec
}

func newMetrics(rec Recorder) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	rows := make(map[string]metric, len(metricTable))
	for _, r := range metricTable {
		rows[r.name] = r
	}
	counter := func(name string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: rows[name].help}, rows[name].labels)
		m.registry.MustRegister(v)
		return v
	}
	gauge := func(name string) *prometheus.GaugeVec {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: rows[name].help}, rows[name].labels)
		m.registry.MustRegister(v)
		return v
	}
	const seconds = "rootbound_request_seconds"
	m.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: seconds, Help: rows[seconds].help,
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60, 600},
	}, rows[seconds].labels)
	m.registry.MustRegister(m.seconds, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.requests = counter("rootbound_requests_total")
	m.bytes = counter("rootbound_sent_bytes_total")
	m.refusals = counter("rootbound_refusals_total")
	m.aborted = counter("rootbound_aborted_sends_total")
	m.inFlight = gauge("rootbound_requests_in_flight").WithLabelValues()
	m.openFiles = gauge("rootbound_open_files").WithLabelValues()
	m.connections = gauge("rootbound_connections").WithLabelValues()
	m.refused = counter("rootbound_connections_refused_total").WithLabelValues()
	m.watched = counter("rootbound_watched_total")
	ofRecord := func(name string, read func(request.RecordStats) float64) {
		get := func() float64 { return read(rec.Stats()) }
		if rows[name].kind == "counter" {
			m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: rows[name].help}, get))
			return
		}
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: rows[name].help}, get))
	}
	ofRecord("rootbound_audit_records_total", func(s request.RecordStats) float64 { return float64(s.Records) })
	ofRecord("rootbound_audit_lost_total", func(s request.RecordStats) float64 { return float64(s.Lost) })
	ofRecord("rootbound_audit_failing", func(s request.RecordStats) float64 {
		if s.Failing {
			return 1
		}
		return 0
	})
	m.containment = gauge("rootbound_containment_info")
	m.build = gauge("rootbound_build_info")
	m.sandbox = gauge("rootbound_sandbox_enforced")
	m.start()
	return m
}

// start makes every refusal and cause visible from the first scrape on, so that a rate over them is never blind to
// the first one.
func (m *metrics) start() {
	for _, e := range reason.All() {
		m.refusals.WithLabelValues(string(e.Code))
	}
	for _, c := range []string{causeClient, causeSlow, causeChanged, causeFailed} {
		m.aborted.WithLabelValues(c)
	}
	for _, rule := range watchedRules {
		m.watched.WithLabelValues(rule)
	}
	m.bytes.WithLabelValues(string(request.LaneNetHTTP))
	m.bytes.WithLabelValues(string(request.LaneFast))
}

// done counts one request.
func (m *metrics) done(f *request.Facts, out request.Outcome, took time.Duration) {
	lane := string(f.Lane)
	m.requestsOf(f, out).Inc()
	m.seconds.WithLabelValues(lane).Observe(took.Seconds())
	m.bytes.WithLabelValues(lane).Add(float64(out.Bytes))
	if out.Watched != 0 {
		m.countWatched(out.Watched)
	}
	switch {
	case out.Result == request.Aborted:
		m.aborted.WithLabelValues(abortCause(out.Cause)).Inc()
	case out.Reason != "":
		m.refusal(out.Reason)
	}
}

func (m *metrics) countWatched(rules request.Watched) {
	for bit, rule := range watchedRules {
		if rules&bit != 0 {
			m.watched.WithLabelValues(rule).Inc()
		}
	}
}

// requestsOf is the counter of requests like this one.
func (m *metrics) requestsOf(f *request.Facts, out request.Outcome) prometheus.Counter {
	return m.requests.WithLabelValues(methodLabel(f.Method), strconv.Itoa(out.Status), string(f.Lane))
}

// refusal counts by code; one that is not on the list is that of Unforeseen.
func (m *metrics) refusal(c reason.Code) { m.refusalOf(c).Inc() }

func (m *metrics) refusalOf(c reason.Code) prometheus.Counter {
	return m.refusals.WithLabelValues(string(reason.Lookup(c).Code))
}

func (m *metrics) turnedAway() {
	m.refused.Inc()
	m.refusal(reason.Overloaded)
}

func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return method
	}
	return "other"
}

// setContainment counts the mounts by what is at work for them now.
func (m *metrics) setContainment(mounts []Mount) {
	m.containment.Reset()
	for _, mt := range mounts {
		c := mt.Dir.Containment()
		m.containment.WithLabelValues(c.Mechanism, strconv.FormatBool(c.Proven)).Inc()
	}
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{DisableCompression: true})
}
