package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// TestProbeUnanswered: a server that falls silent is not one on which nothing was found, for whoever reads the exit status alone.
func TestProbeUnanswered(t *testing.T) {
	var asked atomic.Int64
	end := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) > 50 {
			<-end
		}
		http.NotFound(w, r)
	}))
	defer server.Close()
	defer close(end)
	var out, told strings.Builder
	args := []string{"probe", "--http", "1.1", "--timeout", "300ms", "--workers", "32", server.URL}
	status := run(context.Background(), args, strings.NewReader(""), &out, &told, func(string) string { return "" })
	if status != exitUsage || !strings.Contains(told.String(), "it stopped answering") || !strings.Contains(out.String(), "cut short after") {
		t.Errorf("exit status %d, %q:\n%s", status, told.String(), out.String())
	}
}
