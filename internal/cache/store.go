package cache

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/atomicfile"
)

// fileFormat is the version of the file's format. It changes when an older
// exporter could misread a newer file.
const fileFormat = 1

// saved is what the file holds. It has no secret in it.
type saved struct {
	Format int    `json:"format"`
	Owner  string `json:"owner"`
	// Selection is which customers the file has.
	Selection string    `json:"selection"`
	Up        bool      `json:"up"`
	Ready     bool      `json:"ready"`
	ListDue   time.Time `json:"list_due"`
	// Missing and SuspectedAt are of a list that is not yet believed.
	Missing     []string        `json:"missing,omitempty"`
	SuspectedAt time.Time       `json:"suspected_at,omitzero"`
	UsageDenied bool            `json:"usage_denied,omitempty"`
	Success     time.Time       `json:"last_success"`
	Took        time.Duration   `json:"duration_ns"`
	Customers   []savedCustomer `json:"customers"`
}

type savedCustomer struct {
	Customer   client.Customer      `json:"customer"`
	Status     Status               `json:"status"`
	Figures    *client.UsageSummary `json:"figures,omitempty"`
	Fetched    time.Time            `json:"fetched"`
	Asked      time.Time            `json:"asked"`
	Summarized time.Time            `json:"summarized"`
	Due        time.Time            `json:"due"`
	Failures   int                  `json:"failures,omitempty"`
}

// store keeps the content of a cache in a file.
type store struct {
	path   string
	owner  string
	logger log.Logger

	mu     sync.Mutex // held while the file is replaced; guards failed
	failed bool       // whether the last attempt to write failed
}

func newStore(path, owner string, logger log.Logger) *store {
	return &store{path: path, owner: owner, logger: logger}
}

// unusable is logged of a file that is not read, or not kept.
const unusable = "the cache file cannot be used, going on without it"

// load returns what the file holds, nil if there is no file or an empty one. One that
// cannot be used is set aside, so that its content is not lost. A file that is not a
// cache file stays, and the cache is not kept.
func (f *store) load() *saved {
	if err := atomicfile.Sweep(f.path); err != nil {
		_ = level.Warn(f.logger).Log("msg", "a temporary cache file cannot be removed: remove it", "err", err)
	}
	if err := CheckFile(f.path); err != nil {
		f.failed = true
		_ = level.Warn(f.logger).Log("msg", unusable, "file", f.path, "err", err)
		return nil
	}
	content, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(content) == 0 {
		return nil
	}
	var s *saved
	if err == nil {
		s, err = decodeSaved(content, f.owner)
	}
	if err != nil {
		f.setAside(err)
		return nil
	}
	return s
}

// setAside renames the file, for a reason that is logged.
func (f *store) setAside(reason error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	keyvals := []any{"msg", unusable, "file", f.path, "err", reason}
	if aside, err := setAside(f.path); err != nil {
		keyvals = append(keyvals, "set_aside_err", err)
	} else {
		keyvals = append(keyvals, "set_aside", aside)
	}
	_ = level.Warn(f.logger).Log(keyvals...)
}

// setAside renames a file, or the one that it is a symbolic link to, and returns its
// new name.
func setAside(path string) (aside string, err error) {
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", err
	}
	aside = path + ".set-aside"
	if err := CheckFile(aside); err != nil {
		return "", err
	}
	return aside, os.Rename(path, aside)
}

// decodeSaved reads a file, and refuses what this exporter did not write for
// this partner.
func decodeSaved(content []byte, owner string) (*saved, error) {
	var s saved
	if err := json.Unmarshal(content, &s); err != nil {
		return nil, fmt.Errorf("it is broken: %w", err)
	}
	switch {
	case s.Format > fileFormat:
		return nil, fmt.Errorf("it has format %d of a newer exporter, not %d", s.Format, fileFormat)
	case s.Format != fileFormat:
		return nil, fmt.Errorf("it has format %d, not %d", s.Format, fileFormat)
	case s.Owner != owner:
		return nil, fmt.Errorf("it belongs to %.100q, not to %q", s.Owner, owner)
	}
	for i := range s.Customers {
		if !s.Customers[i].isValid() {
			return nil, fmt.Errorf("its customer %d makes no sense", i)
		}
	}
	return &s, nil
}

// isValid reports whether the record is one that an exporter writes.
func (s *savedCustomer) isValid() bool {
	return s.Customer.ID != "" && slices.Contains(Statuses(), s.Status) && (s.Status != StatusOK || s.Figures != nil)
}

// write replaces the file. A failure costs a warning, one for as long as it
// lasts: what is served does not depend on the file.
func (f *store) write(s *saved) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.Format, s.Owner = fileFormat, f.owner
	content, err := json.Marshal(s)
	if err == nil {
		err = CheckFile(f.path)
	}
	if err == nil {
		err = atomicfile.Write(f.path, content)
	}
	if failed := err != nil; failed != f.failed {
		f.failed = failed
		f.tell(err)
	}
}

func (f *store) tell(err error) {
	if err == nil {
		_ = level.Info(f.logger).Log("msg", "the cache file is written again", "file", f.path)
		return
	}
	_ = level.Warn(f.logger).Log("msg", "the cache file cannot be written: a restart will fetch every customer; free space or make its folder writable",
		"file", f.path, "err", err)
}

// save writes what the cache holds to its file, if it has one and holds anything.
func (c *Cache) save() {
	if c.store == nil {
		return
	}
	if s := c.saved(); s != nil {
		c.store.write(s)
	}
}

// saved returns the content for the file, or nil.
func (c *Cache) saved() *saved {
	s := &saved{Selection: c.cfg.selection(), Customers: c.entries.saved()}
	if listed := c.list.save(s); !listed && len(s.Customers) == 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unsavable {
		return nil
	}
	s.Ready, s.UsageDenied, s.Success, s.Took = c.ready, c.usageDenied, c.lastSuccessAt, c.lastDuration
	return s
}

// restore takes over the content of a file, which may be nil.
func (c *Cache) restore(s *saved, now time.Time) {
	if s == nil {
		return
	}
	c.list.restore(s, now)
	c.ready, c.usageDenied, c.lastSuccessAt, c.lastDuration = s.Ready, s.UsageDenied, earlier(s.Success, now), max(s.Took, 0)
	if s.Selection != c.cfg.selection() {
		c.list.expire(now)
		c.ready = false // Customers may be selected that are not in the file.
	}
	for _, saved := range s.Customers {
		if c.cfg.Selects(saved.Customer) && c.cfg.Shard.owns(saved.Customer.ID) {
			c.entries.restore(saved, now)
		}
	}
}

// entry returns the entry that a record describes.
func (s *savedCustomer) entry(now time.Time, ttl time.Duration) *entry {
	return &entry{
		customer:     s.Customer,
		status:       s.Status,
		figures:      s.Figures,
		fetchedAt:    earlier(s.Fetched, now),
		attemptedAt:  earlier(s.Asked, now),
		summarizedAt: earlier(s.Summarized, now),
		retryAt:      notFarAhead(s.Due, now, ttl),
		failures:     min(max(s.Failures, 0), maxFailures),
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// notFarAhead returns the time at which something is due. One that is further ahead than
// the TTL comes from a clock that was wrong, so that it is due now.
func notFarAhead(t, now time.Time, ttl time.Duration) time.Time {
	if t.After(now.Add(ttl)) {
		return now
	}
	return t
}
