package simulator

import (
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// Listed returns the customer as the list of customers has it.
func (c Customer) Listed() client.Customer {
	return client.Customer{ID: c.ID, Name: c.Name, Domain: c.Domain, Relationship: relationship}
}

// Summary returns the usage summary of a customer with usage at one moment, as a
// client reads it.
func (c Customer) Summary(now time.Time) client.UsageSummary {
	f := c.Figures(now)
	s := client.UsageSummary{
		Usage: client.Usage{
			CustomerID: c.ID, CustomerName: c.Name, TotalCost: f.Cost, Budget: c.Budget,
			Currency: client.CurrencyOf(c.Currency, c.Locale), LastModified: f.Modified,
		},
		BillingStart: f.Start,
		BillingEnd:   f.End,
	}
	if c.Plan == AzurePlan {
		s.USDTotalCost = &f.USD
	}
	return s
}
