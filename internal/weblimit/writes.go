package weblimit

import (
	"net/http"
	"time"
)

// pieceSize is the size of the pieces in which a response is written. The time for
// one piece is what a slow reader gets.
const pieceSize = 32 << 10

// WriteTimes are how long a reader may take.
type WriteTimes struct {
	// Stalled bounds the write of 32 KiB, so that it is the longest time without
	// progress.
	Stalled time.Duration
	// Whole bounds the time from the first write of a response to the last one.
	Whole time.Duration
}

// Writes returns a handler whose responses end with an error when a reader takes
// longer than these times. It replaces the server's WriteTimeout, which goes on
// bounding the time before the first write.
func Writes(next http.Handler, times WriteTimes) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&timedWriter{ResponseWriter: w, control: http.NewResponseController(w), times: times}, r)
	})
}

// timedWriter sets a new deadline for each piece that it writes.
type timedWriter struct {
	http.ResponseWriter

	control *http.ResponseController
	times   WriteTimes
	end     time.Time // of the whole response, zero before the first write
}

// Unwrap makes the writer known to [http.ResponseController].
func (t *timedWriter) Unwrap() http.ResponseWriter { return t.ResponseWriter }

func (t *timedWriter) Write(b []byte) (written int, err error) {
	for err == nil && written < len(b) {
		t.extend()
		var n int
		n, err = t.ResponseWriter.Write(b[written:min(written+pieceSize, len(b))])
		written += n
	}
	return written, err
}

// extend sets the deadline of the next piece.
func (t *timedWriter) extend() {
	now := time.Now()
	if t.end.IsZero() {
		t.end = now.Add(t.times.Whole)
	}
	deadline := now.Add(t.times.Stalled)
	if t.end.Before(deadline) {
		deadline = t.end
	}
	_ = t.control.SetWriteDeadline(deadline) // A writer without deadlines, as in a test, has none.
}
