package simulator_test

import (
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
)

// A graph of the simulation is alive: what a customer has spent rises from day to
// day, never falls within a billing period, reaches the month's cost at its end
// and begins anew with the next one.
func TestCostsFollowTheBillingPeriod(t *testing.T) {
	for _, plan := range []simulator.Plan{simulator.AzurePlan, simulator.Legacy} {
		synctest.Test(t, func(t *testing.T) {
			customer := simulator.Customer{ID: "c", Plan: plan, Currency: "EUR", Locale: "de-DE", PerUSD: 0.5, Month: 3100, Anniversary: 10}
			sim := simulator.New(simulator.Config{Customers: []simulator.Customer{customer}, TokenLife: 10000 * time.Hour})
			c := newCaller(t, sim)
			var last simulator.Figures
			var lastCost, yesterday float64
			rollovers := 0
			for hour := range 100 * 24 {
				got := read[struct{ TotalCost, USDTotalCost float64 }](t, c.get("/v1/customers/c/usagesummary"))
				f := customer.Figures(time.Now())
				switch {
				case hour > 0 && !f.Start.Equal(last.Start):
					rollovers++
					if got.TotalCost > 20 || lastCost < 3080 {
						t.Errorf("At the turn of the period, %v, the cost goes from %v to %v, want from 3100 to 0", f.Start, lastCost, got.TotalCost)
					}
				case got.TotalCost < lastCost:
					t.Errorf("At %v the cost falls from %v to %v", time.Now(), lastCost, got.TotalCost)
				case hour%24 == 0 && hour > 0 && got.TotalCost == yesterday:
					t.Errorf("Nothing was spent on the day before %v", time.Now())
				}
				if plan == simulator.AzurePlan && got.USDTotalCost != got.TotalCost/0.5 {
					t.Errorf("%v EUR are %v USD, want twice as many", got.TotalCost, got.USDTotalCost)
				}
				if hour%24 == 0 {
					yesterday = got.TotalCost
				}
				last, lastCost = f, got.TotalCost
				time.Sleep(time.Hour)
			}
			if rollovers < 3 {
				t.Errorf("In 100 days there were %d new periods, want 3 or 4", rollovers)
			}
		})
	}
}

// Azure plan bills calendar months in UTC and states their end as the first
// instant after; legacy bills months from the anniversary in the partner's zone,
// and states their last day.
func TestBillingPeriods(t *testing.T) {
	legacy := simulator.Customer{Plan: simulator.Legacy, Anniversary: 28, PerUSD: 1}
	tests := map[string]struct {
		customer        simulator.Customer
		now, start, end string
	}{
		"Azure plan":                       {simulator.Customer{PerUSD: 1}, "2024-02-29T23:59:59Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"},
		"Azure plan, in UTC":               {simulator.Customer{PerUSD: 1}, "2024-02-29T23:59:59-07:00", "2024-03-01T00:00:00Z", "2024-04-01T00:00:00Z"},
		"Azure plan, over new year":        {simulator.Customer{PerUSD: 1}, "2023-12-31T12:00:00Z", "2023-12-01T00:00:00Z", "2024-01-01T00:00:00Z"},
		"legacy":                           {legacy, "2024-03-05T00:00:00Z", "2024-02-28T00:00:00-07:00", "2024-03-27T00:00:00-07:00"},
		"legacy, from the first instant":   {legacy, "2024-03-28T00:00:00-07:00", "2024-03-28T00:00:00-07:00", "2024-04-27T00:00:00-07:00"},
		"legacy, not before":               {legacy, "2024-03-28T06:59:59Z", "2024-02-28T00:00:00-07:00", "2024-03-27T00:00:00-07:00"},
		"legacy, over new year":            {legacy, "2024-01-02T00:00:00Z", "2023-12-28T00:00:00-07:00", "2024-01-27T00:00:00-07:00"},
		"legacy, from the first of months": {simulator.Customer{Plan: simulator.Legacy, Anniversary: 1, PerUSD: 1}, "2024-02-15T00:00:00Z", "2024-02-01T00:00:00-07:00", "2024-02-29T00:00:00-07:00"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			now, err := time.Parse(time.RFC3339, test.now)
			if err != nil {
				t.Fatal(err)
			}
			f := test.customer.Figures(now)
			if diff := cmp.Diff([]string{test.start, test.end}, []string{f.Start.Format(time.RFC3339), f.End.Format(time.RFC3339)}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Figures change once a minute, at the same moment for everybody, and say so.
func TestFiguresChangeByTheMinute(t *testing.T) {
	c := simulator.Customer{PerUSD: 1, Month: 1000}
	at := func(second int) simulator.Figures {
		return c.Figures(time.Date(2024, 5, 17, 12, 30, second, 0, time.UTC))
	}
	if diff := cmp.Diff(at(0), at(59)); diff != "" {
		t.Errorf("Within a minute: %s", diff)
	}
	if got := at(60); got.Cost <= at(59).Cost || !got.Modified.Equal(time.Date(2024, 5, 17, 12, 31, 0, 0, time.UTC)) {
		t.Errorf("The minute after has %+v, after %+v", got, at(59))
	}
}

// A fleet of any size is the same in every run, and a larger one begins with the
// smaller.
func TestFleetIsDeterministic(t *testing.T) {
	if diff := cmp.Diff(simulator.Fleet(120), simulator.Fleet(120)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(simulator.Fleet(40), simulator.Fleet(120)[:40]); diff != "" {
		t.Error(diff)
	}
	if got := len(simulator.Fleet(0)); got != 0 {
		t.Errorf("A fleet of none has %d", got)
	}
}

// Even the demo's fleet has every kind of customer.
func TestFleetVariety(t *testing.T) {
	kinds, scripts := map[string]int{}, map[string]bool{}
	for _, c := range simulator.Fleet(48) {
		f := c.Figures(time.Date(2024, 5, 31, 23, 59, 0, 0, time.UTC))
		kinds[[]string{"usage", "no usage", "no access", "not found"}[c.Answer]]++
		kinds[[]string{"Azure plan", "legacy"}[c.Plan]]++
		kinds[c.Currency+c.Locale]++
		switch {
		case c.Budget == nil:
			kinds["no budget"]++
		case c.Plan == simulator.AzurePlan && f.Cost > *c.Budget:
			kinds["over budget"]++
		case c.Plan == simulator.AzurePlan:
			kinds["within budget"]++
		}
		if c.Month == 0 {
			kinds["spends nothing"]++
		}
		for name, table := range unicode.Scripts {
			if strings.ContainsFunc(c.Name, func(r rune) bool { return unicode.Is(table, r) }) {
				scripts[name] = true
			}
		}
	}
	want := map[string]int{
		"usage": 41, "no usage": 4, "no access": 2, "not found": 1, "Azure plan": 34, "legacy": 14,
		"EUR": 4, "USD": 4, "GBP": 4, "SEK": 5, "JPY": 4, "CHF": 4, "PLN": 5, "BRL": 4,
		"de-DE": 2, "en-US": 2, "en-GB": 2, "sv-SE": 1, "ja-JP": 2, "de-CH": 2, "pl-PL": 1, "pt-BR": 2,
		"no budget": 9, "over budget": 7, "within budget": 20, "spends nothing": 3,
	}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Error(diff)
	}
	for _, script := range []string{"Latin", "Han", "Hiragana", "Cyrillic", "Greek", "Arabic", "Hangul", "Hebrew", "Thai", "Devanagari"} {
		if !scripts[script] {
			t.Errorf("No name is in %s", script)
		}
	}
}

// Customers are told apart by id and domain; legacy ones have their id in upper
// case, as in Microsoft's sample, and a culture in the currency's place.
func TestFleetIdentities(t *testing.T) {
	lower := regexp.MustCompile(`^[0-9a-f]{8}-5c1e-4000-8000-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	for _, c := range simulator.Fleet(1000) {
		id := c.ID
		if c.Plan == simulator.Legacy {
			if id != strings.ToUpper(id) || c.Currency != "" || c.Locale == "" {
				t.Errorf("The legacy customer %s has currency %q and culture %q", c.ID, c.Currency, c.Locale)
			}
			id = strings.ToLower(id)
		} else if c.Currency == "" || c.Locale != "" {
			t.Errorf("The customer %s has currency %q and culture %q", c.ID, c.Currency, c.Locale)
		}
		if !lower.MatchString(id) || c.Name == "" || c.PerUSD <= 0 || c.Anniversary < 1 || c.Anniversary > 28 {
			t.Errorf("A customer is %+v", c)
		}
		if seen[id] || seen[c.Domain] {
			t.Errorf("%s %s is there twice", c.ID, c.Domain)
		}
		seen[id], seen[c.Domain] = true, true
	}
}
