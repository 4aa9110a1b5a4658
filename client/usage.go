package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/wire"
)

// Usage is what a customer's usage summary and usage record have in common.
type Usage struct {
	// CustomerID is the customer's Entra tenant (resourceId, or its older twin
	// id) as the API spells it; see [CanonicalID].
	CustomerID string `json:"customer_id"`
	// CustomerName is the company's name (resourceName, or its older twin name).
	CustomerName string `json:"customer_name"`
	// TotalCost is the estimated cost of the billing period so far (totalCost),
	// in the billing currency. Credits can make it negative.
	TotalCost float64 `json:"total_cost"`
	// USDTotalCost is the same in US dollars (usdTotalCost), nil where the API
	// does not state it. Azure plan states it; legacy usage may state 0.
	USDTotalCost *float64 `json:"usd_total_cost,omitempty"`
	// Budget is the customer's monthly spending budget (budget.amount, else
	// budget.usageSpendingBudget) in the billing currency, nil where none is set.
	Budget *float64 `json:"budget,omitempty"`
	// Currency is the ISO 4217 code of the billing currency: currencyCode, else
	// the currency of currencyLocale's region, else "".
	Currency string `json:"currency"`
	// LastModified is when Microsoft last changed the figures
	// (lastModifiedDate), zero where the API does not say.
	LastModified time.Time `json:"last_modified,omitzero"`
}

// UsageSummary is a customer's Azure spending in the current billing period
// (Microsoft: CustomerUsageSummary).
type UsageSummary struct {
	Usage
	// BillingStart is when the billing period began (billingStartDate), zero
	// where the API does not say.
	BillingStart time.Time `json:"billing_start,omitzero"`
	// BillingEnd is the end of the billing period as the API states it
	// (billingEndDate), zero where it does not say. Azure plan states the first
	// instant after the period, legacy usage states its last day.
	BillingEnd time.Time `json:"billing_end,omitzero"`
}

// UsageRecord is a customer's Azure spending in the current month as the list
// of all customers' records has it, without billing dates (Microsoft:
// CustomerMonthlyUsageRecord).
type UsageRecord struct {
	Usage
	// PercentUsed is the used share of the budget in percent with two decimals
	// (percentUsed). It passes 100, and is 0 without a budget.
	PercentUsed float64 `json:"percent_used"`
	// AzurePlan reports whether the customer has an Azure plan (isUpgraded).
	AzurePlan bool `json:"azure_plan"`
}

// UsageSummary returns what the customer has spent in the current billing period
// (GET /v1/customers/{id}/usagesummary). A customer without Azure usage is an
// error for which [IsNoUsage] is true.
func (c *Client) UsageSummary(ctx context.Context, customerID string) (UsageSummary, error) {
	r := request{
		endpoint:   EndpointUsageSummary,
		customerID: customerID,
		path:       "/v1/customers/" + url.PathEscape(customerID) + "/usagesummary",
		limit:      maxResource,
	}
	if err := checkID(customerID); err != nil {
		return UsageSummary{}, c.failure(r, &Error{Reason: ReasonClient, Err: err})
	}
	a, err := c.fetch(ctx, r)
	if err != nil {
		return UsageSummary{}, err
	}
	summary, odd, err := decodeSummary(a.body, customerID)
	if err != nil {
		return UsageSummary{}, c.badResponse(r, a, err)
	}
	c.odd.note(r.endpoint, odd)
	return summary, nil
}

// UsageRecords returns the usage records of all customers
// (GET /v1/customers/usagerecords). Customers without usage may be missing. As
// with [Client.Customers], an error may come with the records found until then.
func (c *Client) UsageRecords(ctx context.Context) ([]UsageRecord, error) {
	items, err := collect(pages(ctx, c, request{
		endpoint: EndpointUsageRecords,
		path:     "/v1/customers/usagerecords",
		limit:    maxRecords,
		maxItems: maxRecordItems,
	}, func(w wireRecord) string { return CanonicalID(cmp.Or(w.ResourceID, w.ID)) }))

	records := make([]UsageRecord, len(items))
	for i, item := range items {
		records[i] = UsageRecord{
			Usage:       item.usage(),
			PercentUsed: item.PercentUsed,
			AzurePlan:   item.IsUpgraded,
		}
		c.odd.note(EndpointUsageRecords, item.odd)
	}
	return records, err
}

// wireUsage holds the fields that summary and record share on the wire.
type wireUsage struct {
	ResourceID   string
	ID           string
	ResourceName string
	Name         string
	Budget       *wireBudget
	TotalCost    *float64
	USDTotalCost *float64
	Code         string
	Locale       string
	LastModified date

	odd []string // secondary fields that do not have the documented form
}

// decode decodes the fields. Those that identify the customer or state its cost have
// to have the documented form; of the others, an odd one is left out.
func (w *wireUsage) decode(o wire.Object) error {
	budget := wireBudget{}
	w.odd = o.DecodeEach(map[string]any{
		"resourceName": &w.ResourceName, "name": &w.Name,
		"budget":           &budget,
		"usdTotalCost":     &w.USDTotalCost,
		"lastModifiedDate": &w.LastModified,
	})
	if !slices.Contains(w.odd, "budget") {
		w.Budget = &budget
	}
	return o.DecodeAll(map[string]any{
		"resourceId": &w.ResourceID, "id": &w.ID,
		"totalCost":    &w.TotalCost,
		"currencyCode": &w.Code, "currencyLocale": &w.Locale,
	})
}

type wireBudget struct {
	Amount *float64
	// Ammount is how Microsoft's published sample of legacy usage spells it.
	Ammount             *float64
	UsageSpendingBudget *float64
}

// UnmarshalJSON implements [json.Unmarshaler].
func (b *wireBudget) UnmarshalJSON(body []byte) error {
	var o wire.Object
	if err := json.Unmarshal(body, &o); err != nil {
		return err
	}
	return o.DecodeAll(map[string]any{"amount": &b.Amount, "ammount": &b.Ammount, "usageSpendingBudget": &b.UsageSpendingBudget})
}

func (b *wireBudget) amount() *float64 {
	switch {
	case b == nil:
		return nil
	case b.Amount != nil:
		return b.Amount
	case b.Ammount != nil:
		return b.Ammount
	}
	return b.UsageSpendingBudget
}

var errNoTotalCost = errors.New("totalCost is missing")

func (w *wireUsage) usage() Usage {
	return Usage{
		CustomerID:   cmp.Or(w.ResourceID, w.ID),
		CustomerName: cmp.Or(w.ResourceName, w.Name),
		TotalCost:    *w.TotalCost,
		USDTotalCost: w.USDTotalCost,
		Budget:       w.Budget.amount(),
		Currency:     CurrencyOf(w.Code, w.Locale),
		LastModified: w.LastModified.Time,
	}
}

func (w *wireUsage) check() error {
	if w.TotalCost == nil {
		return errNoTotalCost
	}
	return nil
}

// check returns an error for another resource than a record of a customer's usage, and
// for an unusable id, by which records are joined.
func (w *wireRecord) check() error {
	return cmp.Or(w.Attributes.check("CustomerMonthlyUsageRecord"), checkID(cmp.Or(w.ResourceID, w.ID)), w.wireUsage.check())
}

type wireRecord struct {
	wireUsage

	PercentUsed float64
	IsUpgraded  bool
	Attributes  wireAttributes
}

// UnmarshalJSON implements [json.Unmarshaler].
func (w *wireRecord) UnmarshalJSON(body []byte) error {
	var o wire.Object
	if err := json.Unmarshal(body, &o); err != nil {
		return err
	}
	if err := w.decode(o); err != nil {
		return err
	}
	w.odd = append(w.odd, o.DecodeEach(map[string]any{"percentUsed": &w.PercentUsed, "isUpgraded": &w.IsUpgraded})...)
	return o.Decode("attributes", &w.Attributes)
}

// decodeSummary decodes the usage summary of one customer. A body that names another
// customer or another kind of resource, as a cache on the way may return it, is an
// error. It also returns the secondary fields that do not have the documented form.
func decodeSummary(body []byte, customerID string) (UsageSummary, []string, error) {
	var o wire.Object
	if err := wire.Decode(body, &o); err != nil {
		return UsageSummary{}, nil, err
	}
	var w wireUsage
	if err := w.decode(o); err != nil {
		return UsageSummary{}, nil, err
	}
	var start, end date
	var attributes wireAttributes
	if err := o.DecodeAll(map[string]any{"billingStartDate": &start, "billingEndDate": &end, "attributes": &attributes}); err != nil {
		return UsageSummary{}, nil, err
	}
	if err := attributes.check("CustomerUsageSummary"); err != nil {
		return UsageSummary{}, nil, err
	}
	for _, id := range []string{w.ResourceID, w.ID} {
		if err := checkSubject(id, customerID); err != nil {
			return UsageSummary{}, nil, err
		}
	}
	if err := w.check(); err != nil {
		return UsageSummary{}, nil, err
	}
	return UsageSummary{Usage: w.usage(), BillingStart: start.Time, BillingEnd: end.Time}, w.odd, nil
}
