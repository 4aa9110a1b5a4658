package client

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"strconv"
	"strings"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/wire"
)

// pageSize is the most customers Partner Center's own tools ask for at once.
const pageSize = 500

// Customer is one of the partner's customers as the list of customers has it
// (Microsoft: Customer, GET /v1/customers).
type Customer struct {
	// ID is the customer's Entra tenant (id) as the API spells it. It is
	// opaque: usually a GUID, in either case. Compare it by [CanonicalID].
	ID string `json:"id"`
	// Name is the company's name (companyProfile.companyName), any Unicode text,
	// not unique. It is the domain where the API states no name.
	Name string `json:"name"`
	// Domain is the customer's domain (companyProfile.domain), or "".
	Domain string `json:"domain"`
	// Relationship is how the customer relates to the partner
	// (relationshipToPartner), such as "reseller", or "".
	Relationship string `json:"relationship"`
}

// CanonicalID returns the form of a customer id by which customers are joined
// and labelled: Partner Center mixes upper and lower case in one document.
func CanonicalID(id string) string {
	return strings.ToLower(strings.TrimSpace(strings.ToValidUTF8(id, "\uFFFD")))
}

// Customers returns every customer of the partner, following the pages to the
// end. An error may come with the customers that were found until then. If it
// is [ErrTruncated], the responses are valid but their pages have no end that
// makes sense, and the list may lack customers.
func (c *Client) Customers(ctx context.Context) ([]Customer, error) {
	return collect(c.CustomerPages(ctx))
}

// CustomerPages yields the customers that [Client.Customers] returns page by
// page, as they arrive: up to 500 at once. An error comes last, and alone.
func (c *Client) CustomerPages(ctx context.Context) iter.Seq2[[]Customer, error] {
	items := pages(ctx, c, request{
		endpoint: EndpointCustomers,
		path:     "/v1/customers?size=" + strconv.Itoa(pageSize),
		limit:    maxPage,
		maxItems: maxPageItems,
	}, func(w wireCustomer) string { return CanonicalID(w.id()) })
	return func(yield func([]Customer, error) bool) {
		for page, err := range items {
			if !yield(customersOf(page), err) {
				return
			}
		}
	}
}

func customersOf(page []wireCustomer) []Customer {
	customers := make([]Customer, len(page))
	for i, item := range page {
		customers[i] = item.customer()
	}
	return customers
}

// wireCustomer is an item of the list of customers.
type wireCustomer struct {
	ID             string
	CompanyProfile wireProfile
	// RelationshipToPartner is a string on the wire and a number in the contract.
	RelationshipToPartner json.RawMessage
	Attributes            wireAttributes
}

// UnmarshalJSON implements [json.Unmarshaler].
func (w *wireCustomer) UnmarshalJSON(body []byte) error {
	var o wire.Object
	if err := json.Unmarshal(body, &o); err != nil {
		return err
	}
	return o.DecodeAll(map[string]any{
		"id": &w.ID, "companyProfile": &w.CompanyProfile, "relationshipToPartner": &w.RelationshipToPartner, "attributes": &w.Attributes,
	})
}

// wireProfile is the profile of a customer. A field that does not have the documented
// form is left out: it would cost the whole list.
type wireProfile struct{ TenantID, Domain, CompanyName string }

// UnmarshalJSON implements [json.Unmarshaler].
func (w *wireProfile) UnmarshalJSON(body []byte) error {
	var o wire.Object
	if err := json.Unmarshal(body, &o); err != nil {
		return err
	}
	_ = o.DecodeEach(map[string]any{"tenantId": &w.TenantID, "domain": &w.Domain, "companyName": &w.CompanyName})
	return nil
}

func (w wireCustomer) id() string {
	if w.ID != "" {
		return w.ID
	}
	return w.CompanyProfile.TenantID
}

// check returns an error for another resource than a customer, and for an unusable id: a
// list that has one is a bad response.
func (w wireCustomer) check() error {
	return cmp.Or(w.Attributes.check("Customer"), checkID(w.id()))
}

func (w wireCustomer) customer() Customer {
	name := w.CompanyProfile.CompanyName
	if name == "" {
		name = w.CompanyProfile.Domain
	}
	return Customer{
		ID:           w.id(),
		Name:         name,
		Domain:       w.CompanyProfile.Domain,
		Relationship: text(w.RelationshipToPartner),
	}
}
