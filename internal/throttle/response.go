package throttle

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// maxRetryAfter bounds Retry-After.
const maxRetryAfter = 24 * time.Hour

// Backoff returns the delay before a retry: exponential backoff with full jitter,
// that is, random up to first, doubled with each attempt, and at most longest.
func Backoff(first time.Duration, attempt int, longest time.Duration) time.Duration {
	bound := longest
	if attempt < 10 {
		bound = min(first<<attempt, longest)
	}
	return rand.N(bound) + 1 //nolint:gosec // A delay need not be unpredictable.
}

// OutcomeOf returns what a response states about the limits. Only a 429 counts: a
// 503 is about one resource, and its request alone waits.
func OutcomeOf(resp *http.Response) Outcome {
	return Outcome{
		Refused: resp.StatusCode == http.StatusTooManyRequests,
		After:   RetryAfter(resp.Header),
	}
}

// RetryAfter parses the Retry-After header, which is a number of seconds or a
// date. A date counts from the Date header of the same response, so that the skew
// of the local clock does not matter, and from now if there is none. RetryAfter
// returns at most 24 hours, and 0 if the header is absent or invalid.
func RetryAfter(header http.Header) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	from, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		from = time.Now()
	}
	return min(max(at.Sub(from), 0), maxRetryAfter)
}
