package cache

import (
	"encoding/json"
	"fmt"
	"os"
)

// ReadFile returns the customers that the file of a [Cache] holds, in no order,
// and the [Config.Owner] whose they are. An owner, if given, has to be the file's.
// Nothing happens to the file, so that it may be one that an exporter is using.
func ReadFile(path, owner string) (customers []Customer, fileOwner string, err error) {
	content, err := os.ReadFile(path) //nolint:gosec // It is the file that the user names.
	if err != nil {
		return nil, "", err
	}
	var head struct {
		Format *int   `json:"format"`
		Owner  string `json:"owner"`
	}
	// What else is wrong with the content, decodeSaved finds.
	if json.Unmarshal(content, &head) == nil && head.Format == nil {
		return nil, "", fmt.Errorf("%s: it is not a cache file", path)
	}
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
