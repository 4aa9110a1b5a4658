package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestProbe(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /-/healthy", func(http.ResponseWriter, *http.Request) {})
	server := httptest.NewServer(mux)
	defer server.Close()
	gone := httptest.NewServer(mux)
	gone.Close()

	for name, test := range map[string]struct{ address, want string }{
		"alive":          {server.URL + "/-/healthy", ""},
		"not found":      {server.URL + "/-/other", "404 Not Found"},
		"nobody":         {gone.URL + "/-/healthy", "refused"},
		"not an address": {"http://127.0.0.1:port", "invalid port"},
	} {
		t.Run(name, func(t *testing.T) {
			err := probe(t.Context(), test.address)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("probe: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("probe: %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestProbeEndsWithItsContext(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	defer close(release)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := probe(ctx, server.URL); err == nil {
		t.Error("probe waits for a server that does not answer, and finds it alive")
	}
}

func TestAddress(t *testing.T) {
	if got := address(nil); got != defaultAddress {
		t.Errorf("without an argument: %q, want %q", got, defaultAddress)
	}
	if got := address([]string{"http://127.0.0.1:1/x", "more"}); got != "http://127.0.0.1:1/x" {
		t.Errorf("with an argument: %q", got)
	}
}
