package entra

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

const (
	// maxFile is the largest file that is read, in bytes. Some files never end.
	maxFile = 64 << 10
	// readTimeout is how long a read may take. One of a FIFO without a writer, or of a
	// network file system without its server, does not end.
	readTimeout = 3 * time.Second
)

// reading is the read of a file, which may never end.
type reading struct {
	done     chan struct{} // closed at the end
	content  []byte
	modified time.Time
	err      error
}

// stalled are the reads that have taken longer than readTimeout, by path. The system
// cannot cancel them, so no other read of the file starts before they end: a file has
// one goroutine at most that outlives its caller.
var stalled = struct {
	mu    sync.Mutex
	reads map[string]*reading
}{reads: map[string]*reading{}}

// readFile returns the content of a file and its modification time. It fails after
// three seconds, and at once while an earlier read goes on that has taken longer.
func readFile(path string) ([]byte, time.Time, error) {
	stalled.mu.Lock()
	earlier := stalled.reads[path]
	stalled.mu.Unlock()
	if earlier != nil && !earlier.ended() {
		return nil, time.Time{}, errStalled(path)
	}
	r := startReading(path)
	ended := r.endsWithin(readTimeout)
	stalled.mu.Lock()
	defer stalled.mu.Unlock()
	if !ended {
		stalled.reads[path] = r
		return nil, time.Time{}, errStalled(path)
	}
	delete(stalled.reads, path)
	return r.content, r.modified, r.err
}

func startReading(path string) *reading {
	r := &reading{done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.content, r.modified, r.err = readBounded(path)
	}()
	return r
}

func (r *reading) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

func (r *reading) endsWithin(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-r.done:
		return true
	case <-timer.C:
		return false
	}
}

func errStalled(path string) error {
	return fmt.Errorf("%s cannot be read within %v: it may be a pipe that no process writes to, or on a network file system that does not respond: %w", path, readTimeout, os.ErrDeadlineExceeded)
}

// readBounded reads a file that is at most maxFile bytes large.
func readBounded(path string) (content []byte, modified time.Time, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, time.Time{}, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer func() { _ = file.Close() }() // It was only read.
	content, err = io.ReadAll(io.LimitReader(file, maxFile+1))
	switch {
	case err != nil:
		return nil, time.Time{}, err
	case len(content) > maxFile:
		return nil, time.Time{}, fmt.Errorf("%s holds more than %d KiB", path, maxFile>>10)
	}
	return content, info.ModTime(), nil
}
