package client_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return moment
}

// Azure plan states the first instant after the period as its end, and legacy
// usage the last day: both periods below are whole.
func TestPeriod(t *testing.T) {
	tests := map[string]struct{ start, end, want string }{
		"azure plan":                  {"2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z"},
		"azure plan at the year":      {"2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		"legacy":                      {"2026-10-26T00:00:00-07:00", "2026-11-25T00:00:00-07:00", "2026-11-26T00:00:00-07:00"},
		"legacy, calendar month":      {"2026-11-01T00:00:00-07:00", "2026-11-30T00:00:00-07:00", "2026-12-01T00:00:00-07:00"},
		"legacy, end of a short year": {"2027-01-31T00:00:00-08:00", "2027-02-27T00:00:00-08:00", "2027-02-28T00:00:00-08:00"},
		"legacy over a clock change":  {"2026-10-05T00:00:00-07:00", "2026-11-04T00:00:00-08:00", "2026-11-05T00:00:00-08:00"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := client.UsageSummary{BillingStart: at(t, test.start), BillingEnd: at(t, test.end)}
			start, end := s.Period()
			if !start.Equal(at(t, test.start)) || !end.Equal(at(t, test.want)) {
				t.Errorf("It is from %v to %v, want %s to %s", start, end, test.start, test.want)
			}
		})
	}
	for _, s := range []client.UsageSummary{{}, {BillingStart: at(t, "2026-11-01T00:00:00Z")}, {BillingEnd: at(t, "2026-11-01T00:00:00Z")}} {
		if start, end := s.Period(); !start.IsZero() || !end.IsZero() {
			t.Errorf("%v is from %v to %v, want neither", s, start, end)
		}
	}
}

func TestForecast(t *testing.T) {
	azurePlan := client.UsageSummary{BillingStart: at(t, "2026-11-01T00:00:00Z"), BillingEnd: at(t, "2026-12-01T00:00:00Z")}
	azurePlan.TotalCost = 50
	// These are 30 days like those of the other, since the last one counts.
	legacy := client.UsageSummary{BillingStart: at(t, "2026-11-01T00:00:00-07:00"), BillingEnd: at(t, "2026-11-30T00:00:00-07:00")}
	legacy.TotalCost = -50
	tests := map[string]struct {
		summary client.UsageSummary
		at      string
		want    float64 // 0 for none
	}{
		"half of the period":        {azurePlan, "2026-11-16T00:00:00Z", 100},
		"half of a legacy period":   {legacy, "2026-11-16T00:00:00-07:00", -100},
		"the first day":             {azurePlan, "2026-11-02T00:00:00Z", 0},
		"just after the first day":  {azurePlan, "2026-11-02T12:00:00Z", 1000},
		"before the period":         {azurePlan, "2026-10-31T00:00:00Z", 0},
		"after the period":          {azurePlan, "2027-01-01T00:00:00Z", 50},
		"a period that is unknown":  {client.UsageSummary{Usage: azurePlan.Usage}, "2026-11-16T00:00:00Z", 0},
		"a period that ends before": {client.UsageSummary{Usage: azurePlan.Usage, BillingStart: azurePlan.BillingEnd, BillingEnd: azurePlan.BillingStart}, "2026-12-16T00:00:00Z", 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := test.summary.Forecast(at(t, test.at))
			if got == nil && test.want != 0 || got != nil && *got != test.want {
				t.Errorf("It is %v, want %v", got, test.want)
			}
		})
	}
}

func TestBudget(t *testing.T) {
	tests := map[string]struct {
		cost, budget float64 // a budget of -1 is none
		used         float64 // -1 for none
		over         bool
	}{
		"within":         {50, 200, 0.25, false},
		"all of it":      {200, 200, 1, false},
		"over":           {300, 200, 1.5, true},
		"a credit":       {-50, 200, -0.25, false},
		"no budget":      {50, -1, -1, false},
		"a budget of 0":  {50, 0, -1, true},
		"0 of 0 is kept": {0, 0, -1, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			u := client.Usage{TotalCost: test.cost}
			if test.budget >= 0 {
				u.Budget = &test.budget
			}
			used := u.BudgetUsed()
			if used == nil && test.used != -1 || used != nil && *used != test.used || u.OverBudget() != test.over {
				t.Errorf("Used %v, over %v, want %v and %v", used, u.OverBudget(), test.used, test.over)
			}
		})
	}
}

// A cache asks again at the stated end, and a day later if the period lasts until then.
func TestPeriodEnds(t *testing.T) {
	end := time.Date(2019, 2, 28, 0, 0, 0, 0, time.UTC)
	want := []time.Time{end, time.Date(2019, 3, 1, 0, 0, 0, 0, time.UTC)}
	if diff := cmp.Diff(want, client.UsageSummary{BillingEnd: end}.PeriodEnds()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := (client.UsageSummary{}).PeriodEnds(); got != nil {
		t.Errorf("got %v without an end", got)
	}
}
