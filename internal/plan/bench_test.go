package plan

import "testing"

var sink Plan

func plainOptions() *Options {
	return &Options{CacheControl: "no-cache", Disposition: "inline", Vary: []string{"Accept-Encoding"}}
}

// TestAllocations: a plain answer costs two allocations, one for its fields and segment, one for its numbers and
// dates; a 304 one.
func TestAllocations(t *testing.T) {
	f, o := testFile(), plainOptions()
	tests := []struct {
		name string
		req  Request
		most float64
	}{
		{"200", Request{Method: "GET"}, 2},
		{"206", Request{Method: "GET", Range: "bytes=10-19"}, 2},
		{"304 by tag", Request{Method: "GET", IfNoneMatch: `"a", "v1"`}, 1},
		{"304 by date", Request{Method: "GET", IfModifiedSince: writtenDate}, 1},
	}
	for _, tt := range tests {
		if got := testing.AllocsPerRun(100, func() { sink = Make(&tt.req, f, o) }); got > tt.most {
			t.Errorf("%s: %v allocations, want at most %v", tt.name, got, tt.most)
		}
	}
}

func BenchmarkMake(b *testing.B) {
	f, o := testFile(), plainOptions()
	for name, r := range map[string]Request{
		"200":       {Method: "GET"},
		"304":       {Method: "GET", IfNoneMatch: `"v1"`},
		"206":       {Method: "GET", Range: "bytes=10-19"},
		"multipart": {Method: "GET", Range: "bytes=10-19,30-39,-5"},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sink = Make(&r, f, o)
			}
		})
	}
}
