package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// OTLP sends records to an OpenTelemetry collector by HTTP, as JSON (OTLP 1.x, "OTLP/HTTP", "JSON Protobuf Encoding"). The body
// of each log record is the record's line; its fields are attributes beside it.
type OTLP struct {
	url    string
	header http.Header
	client *http.Client
}

// NewOTLP makes an OTLP for the collector's whole URL, such as http://127.0.0.1:4318/v1/logs. The header is sent with each
// request. Redirects are not followed: records go where they were sent to.
func NewOTLP(url string, header http.Header, client *http.Client) *OTLP {
	c := *client
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &OTLP{url, header, &c}
}

// maxReply bounds what is read of a collector's answer, in bytes.
const maxReply = 64 << 10

// Send implements Sink.
func (o *OTLP) Send(ctx context.Context, batch []Exported) error {
	body, err := json.Marshal(otlpOf(batch, time.Now()))
	if err != nil {
		return &permanentError{fmt.Errorf("otlp: %w", err)}
	}
	ctx, cancel := context.WithTimeout(ctx, sendPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.url, bytes.NewReader(body))
	if err != nil {
		return &permanentError{fmt.Errorf("otlp: %w", withoutURL(err))}
	}
	for k, v := range o.header {
		req.Header[k] = v
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := o.client.Do(req)
	if err != nil {
		return fmt.Errorf("otlp: %w", withoutURL(err))
	}
	defer res.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(res.Body, maxReply))
	if err != nil {
		return fmt.Errorf("otlp: the answer broke off: %w", err)
	}
	return otlpVerdict(res, reply)
}

// otlpVerdict reads an answer: which statuses to try again, and that a success may be partial (OTLP 1.x, "Failures").
func otlpVerdict(res *http.Response, reply []byte) error {
	refused := fmt.Errorf("otlp: the collector answers %s", strconv.Itoa(res.StatusCode))
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		if n, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && n > 0 {
			return &laterError{refused, min(time.Duration(n)*time.Second, longestPause)}
		}
		return refused
	default:
		return &permanentError{refused}
	}
	var said struct {
		PartialSuccess struct {
			Rejected json.Number `json:"rejectedLogRecords"` // an int64 in JSON may be a string
			Message  string      `json:"errorMessage"`
		} `json:"partialSuccess"`
	}
	if len(bytes.TrimSpace(reply)) == 0 {
		return nil
	}
	if err := json.Unmarshal(reply, &said); err != nil {
		return &permanentError{errors.New("otlp: the answer is not that of a collector: look at the URL, which ends with /v1/logs")}
	}
	if n, err := said.PartialSuccess.Rejected.Int64(); err == nil && n > 0 {
		return &permanentError{fmt.Errorf("otlp: the collector rejected %d of the records: %q", n, said.PartialSuccess.Message)}
	}
	return nil
}

// withoutURL leaves out what may hold a secret.
func withoutURL(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}

// Close implements Sink.
func (o *OTLP) Close() error {
	o.client.CloseIdleConnections()
	return nil
}

// The messages of opentelemetry.proto.collector.logs.v1, as far as they are needed. Numbers of 64 bits are strings.
type (
	otlpRequest struct {
		ResourceLogs []otlpResourceLogs `json:"resourceLogs"`
	}
	otlpResourceLogs struct {
		Resource  otlpResource    `json:"resource"`
		ScopeLogs []otlpScopeLogs `json:"scopeLogs"`
	}
	otlpResource struct {
		Attributes []otlpAttribute `json:"attributes"`
	}
	otlpScopeLogs struct {
		Scope      otlpScope    `json:"scope"`
		LogRecords []otlpRecord `json:"logRecords"`
	}
	otlpScope struct {
		Name string `json:"name"`
	}
	otlpRecord struct {
		Time       string          `json:"timeUnixNano"`
		Observed   string          `json:"observedTimeUnixNano"`
		Severity   int             `json:"severityNumber"`
		Body       otlpValue       `json:"body"`
		Attributes []otlpAttribute `json:"attributes"`
	}
	otlpAttribute struct {
		Key   string    `json:"key"`
		Value otlpValue `json:"value"`
	}
	otlpValue struct {
		Text   *string `json:"stringValue,omitempty"`
		Number *string `json:"intValue,omitempty"`
	}
)

// Severities of OpenTelemetry's data model: INFO, and WARN for what was refused.
const (
	otlpInfo = 9
	otlpWarn = 13
)

func otlpOf(batch []Exported, now time.Time) otlpRequest {
	records := make([]otlpRecord, len(batch))
	for i := range batch {
		records[i] = otlpRecordOf(&batch[i], now)
	}
	return otlpRequest{[]otlpResourceLogs{{
		Resource:  otlpResource{[]otlpAttribute{otlpText("service.name", "rootbound")}},
		ScopeLogs: []otlpScopeLogs{{otlpScope{"github.com/rootbound/rootbound/audit"}, records}},
	}}}
}

func otlpRecordOf(e *Exported, now time.Time) otlpRecord {
	r := otlpRecord{
		Time: strconv.FormatInt(e.Time.UnixNano(), 10), Observed: strconv.FormatInt(now.UnixNano(), 10),
		Severity: otlpInfo, Body: otlpValue{Text: &e.Line},
	}
	if e.Reason != "" || e.Kind == Lost {
		r.Severity = otlpWarn
	}
	seq := strconv.FormatUint(e.Seq, 10)
	r.Attributes = append(r.Attributes, otlpText("audit.kind", string(e.Kind)), otlpAttribute{"audit.seq", otlpValue{Number: &seq}}, otlpText("audit.hash", e.Hash))
	for _, a := range []struct{ key, value string }{
		{"audit.request_id", e.ID},
		{"enduser.id", e.Subject},
		{"audit.auth", e.Method},
		{"client.address", e.Client},
		{"audit.action", e.Action},
		{"audit.name", e.Name},
		{"audit.file", e.File},
		{"audit.reason", string(e.Reason)},
		{"audit.policy", e.Policy},
		{"audit.result", string(e.Result)},
	} {
		if a.value != "" {
			r.Attributes = append(r.Attributes, otlpText(a.key, a.value))
		}
	}
	if e.Status != 0 {
		status, sent := strconv.Itoa(e.Status), strconv.FormatInt(e.Bytes, 10)
		r.Attributes = append(r.Attributes, otlpAttribute{"http.response.status_code", otlpValue{Number: &status}}, otlpAttribute{"audit.bytes", otlpValue{Number: &sent}})
	}
	return r
}

func otlpText(key, value string) otlpAttribute { return otlpAttribute{key, otlpValue{Text: &value}} }
