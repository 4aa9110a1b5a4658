package cache

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
)

// beginning matches what a cache file of any version begins with.
var beginning = regexp.MustCompile(`^\s*\{\s*"format"\s*:\s*[0-9]`)

// maxBeginning bounds the match, in bytes.
const maxBeginning = 256

// CheckFile returns an error for a file that a [Cache] must neither replace nor rename,
// since it holds something else. A file that is empty or does not exist is none.
func CheckFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path) //nolint:gosec // It is the file that the user names.
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // It is only read.
	head, err := io.ReadAll(io.LimitReader(f, maxBeginning))
	if err == nil && len(head) > 0 && !beginning.Match(head) {
		err = fmt.Errorf("%s is not a cache file: choose another file, or remove it", path)
	}
	return err
}

// ReadFile returns the customers that the file of a [Cache] holds, in no order,
// and the [Config.Owner] whose they are. An owner, if given, has to be the file's.
// Nothing happens to the file, so that it may be one that an exporter is using.
func ReadFile(path, owner string) (customers []Customer, fileOwner string, err error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, "", fmt.Errorf("%s is not a regular file", path)
	}
	content, err := os.ReadFile(path) //nolint:gosec // It is the file that the user names.
	if err != nil {
		return nil, "", err
	}
	var head struct {
		Owner string `json:"owner"`
	}
	if len(content) > 0 && !beginning.Match(content) {
		return nil, "", fmt.Errorf("%s: it is not a cache file", path)
	}
	_ = json.Unmarshal(content, &head) // What is wrong with the content, decodeSaved finds.
	if owner == "" {
		owner = head.Owner
	}
	s, err := decodeSaved(content, owner)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	for i := range s.Customers {
		customers = append(customers, s.Customers[i].customer())
	}
	return customers, s.Owner, nil
}

func (s *savedCustomer) customer() Customer {
	e := entry{customer: s.Customer, status: s.Status, figures: s.Figures, fetchedAt: s.Fetched}
	return e.snapshot(s.Fetched, 0) // Figures of any age count.
}
