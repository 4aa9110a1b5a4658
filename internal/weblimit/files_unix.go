//go:build unix

package weblimit

import (
	"math"
	"syscall"
)

// openFileLimit returns how many files the process may open, and whether there is such
// a bound.
func openFileLimit() (int, bool) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, false
	}
	return int(min(uint64(limit.Cur), math.MaxInt32)), true //nolint:unconvert // It is signed on some systems.
}
