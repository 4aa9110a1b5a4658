package usage

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
)

// Names are customers as a user names them: by id, domain or name, whatever the case.
type Names []string

// names reports whether a customer has the id, domain or name.
func names(name string, c client.Customer) bool {
	name = strings.TrimSpace(name)
	return client.CanonicalID(name) == client.CanonicalID(c.ID) || strings.EqualFold(name, c.Domain) || strings.EqualFold(name, c.Name)
}

// Find returns the named customers of a list in the order of the names, and the names
// that no customer has.
func (n Names) Find(customers []client.Customer) (found []client.Customer, missing Names) {
	known := map[string]bool{}
	for _, name := range n {
		matched := false
		for _, customer := range customers {
			if !names(name, customer) {
				continue
			}
			matched = true
			if id := client.CanonicalID(customer.ID); !known[id] {
				known[id] = true
				found = append(found, customer)
			}
		}
		if !matched {
			missing = append(missing, name)
		}
	}
	return found, missing
}

// FindRows returns the named customers as Find does, with their usage.
func (n Names) FindRows(rows []cache.Customer) (found []cache.Customer, missing Names) {
	var customers []client.Customer
	byID := map[string]cache.Customer{}
	for _, row := range rows {
		customers = append(customers, row.Customer)
		byID[client.CanonicalID(row.ID)] = row
	}
	named, missing := n.Find(customers)
	for _, customer := range named {
		found = append(found, byID[client.CanonicalID(customer.ID)])
	}
	return found, missing
}

// Missing is the error for a name that no customer has.
func Missing(name string) error {
	return fmt.Errorf("no customer has the id, domain or name %q", name)
}

// Pages returns the named customers in place of the list of all customers. It reads
// that list only if one of the names is not a GUID.
func (n Names) Pages(list func(context.Context) iter.Seq2[[]client.Customer, error]) func(context.Context) iter.Seq2[[]client.Customer, error] {
	return func(ctx context.Context) iter.Seq2[[]client.Customer, error] {
		return func(yield func([]client.Customer, error) bool) {
			customers, err := n.list(ctx, list)
			if err != nil && !yield(nil, err) {
				return
			}
			found, missing := n.Find(customers)
			if !yield(found, nil) || err != nil { // An incomplete list proves nothing missing.
				return
			}
			for _, name := range missing {
				if !yield(nil, Missing(name)) {
					return
				}
			}
		}
	}
}

// list returns the customers among which the names are found. A GUID is an id, even if
// the list lacks it.
func (n Names) list(ctx context.Context, list func(context.Context) iter.Seq2[[]client.Customer, error]) (customers []client.Customer, last error) {
	if slices.ContainsFunc(n, func(name string) bool { return !isGUID(name) }) {
		for page, err := range list(ctx) {
			customers = append(customers, page...)
			if err != nil {
				last = err
			}
		}
	}
	_, missing := n.Find(customers)
	for _, name := range missing {
		if isGUID(name) {
			customers = append(customers, client.Customer{ID: strings.TrimSpace(name)})
		}
	}
	return customers, last
}

func isGUID(text string) bool {
	text = strings.TrimSpace(text)
	return len(text) == 36 && uuid.Validate(text) == nil
}
