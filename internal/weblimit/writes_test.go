package weblimit_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/weblimit"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/weblimit/weblimittest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// written is how a handler's write of a large body ended.
type written struct {
	bytes int
	took  time.Duration
	err   error
}

const large = 1 << 20

// respond starts a server that writes a large body to a reader, and returns how that
// ends and the reader.
func respond(t *testing.T, times weblimit.WriteTimes) (<-chan written, net.Conn) {
	t.Helper()
	result := make(chan written, 1)
	server := &http.Server{Handler: weblimit.Writes(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		began := time.Now()
		n, err := io.WriteString(w, strings.Repeat("x", large))
		result <- written{n, time.Since(began), err}
	}), times), WriteTimeout: time.Hour, ReadHeaderTimeout: time.Hour}
	return result, weblimittest.Get(t, server, "/")
}

// A reader that does not read ends the response after the time for a piece.
func TestReaderThatStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		result, _ := respond(t, weblimit.WriteTimes{Stalled: 30 * time.Second, Whole: time.Hour})
		got := <-result
		if !errors.Is(got.err, os.ErrDeadlineExceeded) || got.took != 30*time.Second {
			t.Errorf("the write ended after %v with %v, want a timeout after 30 s", got.took, got.err)
		}
	})
}

// A slow reader that reads a piece in time gets all of the response.
func TestReaderThatIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		result, reader := respond(t, weblimit.WriteTimes{Stalled: 30 * time.Second, Whole: time.Hour})
		go readSlowly(reader, 16<<10, 10*time.Second)
		got := <-result
		if got.err != nil || got.bytes != large || got.took < 10*time.Minute {
			t.Errorf("%d bytes were written in %v with %v, want 1 MiB in more than 10 minutes", got.bytes, got.took, got.err)
		}
	})
}

// A reader that makes progress for ever does not get a response for ever.
func TestReaderThatNeverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		result, reader := respond(t, weblimit.WriteTimes{Stalled: 30 * time.Second, Whole: 2 * time.Minute})
		go readSlowly(reader, 16<<10, 10*time.Second)
		got := <-result
		if !errors.Is(got.err, os.ErrDeadlineExceeded) || got.took != 2*time.Minute {
			t.Errorf("the write ended after %v with %v, want a timeout after 2 minutes", got.took, got.err)
		}
	})
}

// readSlowly reads so many bytes in each interval until the connection ends.
func readSlowly(conn net.Conn, bytes int64, interval time.Duration) {
	for {
		if _, err := io.CopyN(io.Discard, conn, bytes); err != nil {
			return
		}
		time.Sleep(interval)
	}
}

// Over real connections, a reader that stalls loses its connection, and one on the
// same server that reads gets everything.
func TestReadersOverLoopback(t *testing.T) {
	ended := make(chan error, 2)
	server := httptest.NewServer(weblimit.Writes(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, err := io.WriteString(w, strings.Repeat("x", 32*large)) // More than the kernel buffers.
		ended <- err
	}), weblimit.WriteTimes{Stalled: 200 * time.Millisecond, Whole: time.Minute}))
	t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: slow\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the response to the reader that stalls ended with %v, want a timeout", err)
		}
	case <-ctx.Done():
		t.Fatal("the response to the reader that stalls does not end")
	}
	stalled, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer stalled.Body.Close()
	if n, err := io.Copy(io.Discard, stalled.Body); err == nil {
		t.Errorf("the response to the reader that stalls looks whole, with %d bytes", n)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != 32*large {
		t.Errorf("the other reader got %d bytes and %v, want 32 MiB", n, err)
	}
}
