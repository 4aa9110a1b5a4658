package client

import "time"

// firstDay is the part of a billing period in which the cost so far does not predict
// the cost at the end.
const firstDay = 24 * time.Hour

// PeriodEnds returns the instants at which the billing period may end, in their order:
// the stated end, and a day later. Azure plan states the first instant after the
// period, legacy usage states its last day. It returns none where the API states no
// end.
func (s UsageSummary) PeriodEnds() []time.Time {
	if s.BillingEnd.IsZero() {
		return nil
	}
	return []time.Time{s.BillingEnd, s.BillingEnd.AddDate(0, 0, 1)}
}

// Period returns when the billing period began and the first instant after it,
// both zero where the API does not state both. The stated end is that instant if it is
// on the day of the month on which the period began, as for Azure plan.
func (s UsageSummary) Period() (start, end time.Time) {
	if s.BillingStart.IsZero() || s.BillingEnd.IsZero() {
		return time.Time{}, time.Time{}
	}
	ends := s.PeriodEnds()
	if s.BillingEnd.Day() == s.BillingStart.Day() {
		return s.BillingStart, ends[0]
	}
	return s.BillingStart, ends[1]
}

// Forecast returns what the billing period will have cost at its end if spending
// goes on as it did until a moment: the cost over the elapsed share of the
// period. It is nil within the first day, and where the period is not known.
func (s UsageSummary) Forecast(at time.Time) *float64 {
	start, end := s.Period()
	elapsed, whole := at.Sub(start), end.Sub(start)
	if start.IsZero() || elapsed <= firstDay || whole <= 0 {
		return nil
	}
	forecast := s.TotalCost / min(elapsed.Seconds()/whole.Seconds(), 1)
	return &forecast
}

// BudgetUsed returns the used share of the budget, 1 for all of it. It is nil
// without a budget, and of a budget of 0, which has no shares.
func (u Usage) BudgetUsed() *float64 {
	if u.Budget == nil || *u.Budget <= 0 {
		return nil
	}
	used := u.TotalCost / *u.Budget
	return &used
}

// OverBudget reports whether the cost has passed the budget. Without a budget it
// never has.
func (u Usage) OverBudget() bool { return u.Budget != nil && u.TotalCost > *u.Budget }
