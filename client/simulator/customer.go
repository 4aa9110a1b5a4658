package simulator

import (
	"math"
	"time"
)

// Plan is how a customer buys Azure.
type Plan int

// The plans.
const (
	// AzurePlan bills by calendar month in UTC and states a currency code.
	AzurePlan Plan = iota
	// Legacy is MS-AZR-0145P: it bills by anniversary month in the partner's
	// zone, and states a culture in the currency's place.
	Legacy
)

// Answer is the kind of response to a request for a customer's usage.
type Answer int

// The kinds of responses.
const (
	Usage    Answer = iota // figures
	NoUsage                // code 3000
	NoAccess               // 403, code 20002
	NotFound               // 404, code 60003
)

// relationship is how every customer relates to the invented partner.
const relationship = "reseller"

// Customer is a customer of the invented partner.
type Customer struct {
	// ID is the tenant, Name and Domain the company's.
	ID, Name, Domain string
	// Plan is how the customer buys, Answer the response to requests for its usage.
	Plan   Plan
	Answer Answer
	// Currency is the ISO 4217 code (Azure plan), Locale the culture (legacy).
	Currency, Locale string
	// PerUSD is how much of the currency a US dollar buys.
	PerUSD float64
	// Month is what a whole billing period costs, in the currency.
	Month float64
	// Budget is the budget in the currency, nil for none.
	Budget *float64
	// Anniversary is the day of the month on which a legacy period begins, 1-28.
	Anniversary int
}

// Figures are a customer's at one moment.
type Figures struct {
	// Cost is in the customer's currency, USD the same in US dollars.
	Cost, USD float64
	// Start and End are the billing period as Partner Center states it.
	Start, End time.Time
	// Modified is when the figures changed last.
	Modified time.Time
}

// Figures returns what the customer has spent by now. Figures change once a
// minute, which is far livelier than Microsoft's.
func (c Customer) Figures(now time.Time) Figures {
	modified := now.UTC().Truncate(time.Minute)
	start, end := c.period(now)
	until := end
	if c.Plan == Legacy {
		until = end.AddDate(0, 0, 1)
	}
	cost := c.Month * progress(modified.Sub(start), until.Sub(start))
	return Figures{Cost: cost, USD: cost / c.PerUSD, Start: start, End: end, Modified: modified}
}

// progress is the used share of a period's cost. It rises all the time, faster
// by day than by night.
func progress(elapsed, whole time.Duration) float64 {
	const rhythm = 0.6
	days := whole.Hours() / 24
	share := max(float64(elapsed)/float64(whole), 0)
	turn := 2 * math.Pi * days
	return share + rhythm*(1-math.Cos(turn*share))/turn
}

// period returns the billing period. Azure plan states the first instant after
// it as its end, legacy states its last day.
func (c Customer) period(now time.Time) (start, end time.Time) {
	if c.Plan == AzurePlan {
		year, month, _ := now.UTC().Date()
		start = time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
		return start, start.AddDate(0, 1, 0)
	}
	zone := time.FixedZone("", -7*60*60)
	year, month, _ := now.In(zone).Date()
	start = time.Date(year, month, c.Anniversary, 0, 0, 0, 0, zone)
	if start.After(now) {
		start = start.AddDate(0, -1, 0)
	}
	return start, start.AddDate(0, 1, -1)
}
