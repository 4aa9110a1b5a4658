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

// OutcomeOf returns what a response states about the limits.
func OutcomeOf(resp *http.Response) Outcome {
	after := RetryAfter(resp.Header.Get("Retry-After"))
	return Outcome{
		Refused: resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable && after > 0,
		After:   after,
	}
}

// RetryAfter parses a Retry-After header, which is a number of seconds or a date.
// It returns at most 24 hours, and 0 if the header is absent or invalid.
func RetryAfter(value string) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(time.Until(at), 0), maxRetryAfter)
	}
	return 0
}
