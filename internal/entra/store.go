package entra

import (
	"context"
	"errors"
	"io/fs"
	"sync"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/atomicfile"
)

// TokenStore keeps a refresh token in place of a file.
type TokenStore interface {
	// Load returns the refresh token.
	Load(ctx context.Context) (string, error)
	// Save replaces it.
	Save(ctx context.Context, token string) error
}

// store holds the refresh token, and keeps it in a file or in a TokenStore.
type store struct {
	file          string
	tokens        TokenStore // nil if there is a file
	bootstrapFile string     // "" if there is none

	mu      sync.Mutex // guards the fields below
	readErr error      // of the last read
	refresh string     // "" before the first exchange of a bootstrap token
	written string     // the file's content as this process knows it
	issued  time.Time  // of the token in the file
}

// sweep removes the temporary files of processes that were killed, which may hold a
// refresh token.
func (s *store) sweep() error {
	if s.tokens != nil {
		return nil
	}
	return atomicfile.Sweep(s.file)
}

// read returns the stored refresh token, and when it was stored if that is known.
func (s *store) read(ctx context.Context) (token string, modified time.Time, err error) {
	if s.tokens == nil {
		return ReadSecret(s.file)
	}
	if token, err = s.tokens.Load(ctx); err != nil {
		return "", time.Time{}, err
	}
	token, err = decodeSecret([]byte(token))
	return token, time.Time{}, err
}

// load reads the refresh token file. It is not there yet while there is only a
// bootstrap token. A TokenStore is first read by an exchange.
func (s *store) load() error {
	if s.tokens != nil {
		return nil
	}
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

// reload takes over a refresh token that another process has stored, for instance
// after a new sign-in. If it cannot be read, the token in memory stays.
func (s *store) reload(ctx context.Context) {
	token, modified, err := s.read(ctx)
	s.mu.Lock()
	s.readErr = err
	s.mu.Unlock()
	if err == nil && token != s.content() {
		s.take(token, modified)
	}
}

// unread returns why there is no refresh token in memory, nil if a bootstrap token
// takes its place.
func (s *store) unread() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readErr == nil || s.tokens == nil || s.bootstrapFile != "" {
		return nil
	}
	return &FileError{"RefreshTokens", s.readErr}
}

func (s *store) content() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written
}

// files returns the content of both token files, to be compared. A TokenStore is not
// read for it.
func (s *store) files() string {
	var stored string
	if s.tokens == nil {
		stored, _, _ = ReadSecret(s.file)
	}
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
// stores it if it is not stored yet. It holds no lock while it writes,
// since a disk may hang; only one exchange runs at a time.
func (s *store) save(ctx context.Context, refresh string) error {
	s.mu.Lock()
	if refresh != "" {
		s.refresh = refresh
	}
	refresh, written := s.refresh, s.written
	s.mu.Unlock()
	if refresh == written {
		return nil
	}
	if err := s.write(ctx, refresh); err != nil {
		return err
	}
	s.take(refresh, time.Now())
	return nil
}

func (s *store) write(ctx context.Context, refresh string) error {
	if s.tokens != nil {
		return s.tokens.Save(ctx, refresh)
	}
	return atomicfile.Write(s.file, []byte(refresh+"\n"))
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
