package entra

import (
	"errors"
	"io/fs"
	"sync"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/atomicfile"
)

// store holds the refresh token and keeps it in a file.
type store struct {
	file          string
	bootstrapFile string // "" if there is none

	mu      sync.Mutex // guards the fields below
	refresh string     // "" before the first exchange of a bootstrap token
	written string     // the file's content as this process knows it
	issued  time.Time  // of the token in the file
}

// sweep removes the temporary files of processes that were killed, which may hold a
// refresh token.
func (s *store) sweep() error { return atomicfile.Sweep(s.file) }

// load reads the refresh token. It is not there yet while there is only a
// bootstrap token.
func (s *store) load() error {
	token, modified, err := ReadSecret(s.file)
	if errors.Is(err, fs.ErrNotExist) && s.bootstrapFile != "" {
		if _, s.issued, err = ReadSecret(s.bootstrapFile); err != nil {
			return &FileError{"BootstrapRefreshTokenFile", err}
		}
		return nil
	}
	if err != nil {
		return &FileError{"RefreshTokenFile", err}
	}
	s.take(token, modified)
	return nil
}

// reload takes over a refresh token that another process has written to the file,
// for instance after a new sign-in. Without a readable file, the token in memory
// stays.
func (s *store) reload() {
	token, modified, err := ReadSecret(s.file)
	if err == nil && token != s.content() {
		s.take(token, modified)
	}
}

func (s *store) content() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written
}

// files returns the content of both token files, to be compared.
func (s *store) files() string {
	stored, _, _ := ReadSecret(s.file)
	provided, _, _ := ReadSecret(s.bootstrapFile)
	return stored + "\n" + provided
}

func (s *store) take(token string, modified time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh, s.written, s.issued = token, token, modified
}

// adopt replaces the token by one that the file does not hold yet.
func (s *store) adopt(token string, modified time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh, s.issued = token, modified
}

// save keeps a rotated refresh token, or the present one if that is "", and
// writes it to the file if it is not there. It holds no lock while it writes,
// since a disk may hang; only one exchange runs at a time.
func (s *store) save(refresh string) error {
	s.mu.Lock()
	if refresh != "" {
		s.refresh = refresh
	}
	refresh, written := s.refresh, s.written
	s.mu.Unlock()
	if refresh == written {
		return nil
	}
	if err := atomicfile.Write(s.file, []byte(refresh+"\n")); err != nil {
		return err
	}
	s.take(refresh, time.Now())
	return nil
}

func (s *store) token() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refresh
}

func (s *store) issuedAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.issued
}
