package simulator

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	monthStart       = "month-start"
	monthStartEffect = "the figures of the first five days of a month (UTC) stand as in its first hour, and the sixth day brings the backlog at once"
	// held is how much of a month has no new figures.
	held = 5 * 24 * time.Hour
)

var summaryFaults = []namedFault{
	{"another-customers-body", "each usage summary is that of the next customer with usage", onSummary, anotherCustomer},
	{
		"partner-wide-body", "each usage summary is that of the partner, with the cost 999999", onSummary,
		rewrite(func(_ exchange, body object) {
			for _, name := range []string{"id", "name"} {
				delete(body, name)
			}
			setAll(object{
				"resourceId": "99999999-9999-4999-8999-999999999999", "resourceName": "Partner", "totalCost": 999999,
				"attributes": object{"objectType": "PartnerUsageSummary"},
			})(exchange{}, body)
		}),
	},
	{
		"twin-keys", "each usage summary has a second cost of 999999 under `totalcost`", onSummary,
		rewrite(setAll(object{"totalcost": 999999})),
	},
	{
		"odd-secondary-fields", "the usage summary has a date without time, a cost in US dollars as text and a budget as a number", onSummary,
		rewrite(setAll(object{"lastModifiedDate": "2026-11-25", "usdTotalCost": "12,3", "budget": 5})),
	},
	{
		"offset-of-a-day", "the dates of each billing period have the offset +24:00", onSummary,
		rewrite(func(_ exchange, body object) {
			for _, name := range []string{"billingStartDate", "billingEndDate"} {
				if date, ok := body[name].(string); ok && len(date) > len("+00:00") {
					body[name] = date[:len(date)-len("+00:00")] + "+24:00"
				}
			}
		}),
	},
	{
		"without-cost", "no usage summary has a `totalCost`", onSummary,
		rewrite(func(_ exchange, body object) { delete(body, "totalCost") }),
	},
	{"empty-body", "each usage summary is a 200 without a body", onSummary, func(e exchange) bool {
		e.w.WriteHeader(http.StatusOK)
		return true
	}},
	{
		"turns-to-no-usage", "each usage summary is refused with the code 3000, no usage", onSummary,
		refuseUsage(http.StatusBadRequest, "3000", "Customer does not have usage data."),
	},
	{
		"no-relationship", "each usage summary is refused with the code 3000 and a description of a missing relationship", onSummary,
		refuseUsage(http.StatusBadRequest, "3000", "The partner does not have a relationship with the customer."),
	},
	{
		"role-lost", "usage summaries and records are refused with 403 and the code 900150", onUsage,
		refuseUsage(http.StatusForbidden, "900150", "The supplied role does not have the rights to perform the requested operation."),
	},
}

var recordFaults = []namedFault{
	{
		"duplicate-records", "the first usage record appears twice, the second time with the cost 999999", onRecords,
		rewrite(setItems(func(list []any) []any {
			if len(list) == 0 {
				return list
			}
			first, _ := list[0].(object)
			twin := object{}
			maps.Copy(twin, first)
			twin["totalCost"] = 999999
			return slices.Insert(list, 1, any(twin))
		}, true)),
	},
	{"slow-records", "the usage records do not arrive before the client leaves", onRecords, slow},
}

var refusalFaults = []namedFault{
	{"random-429", "one request in twenty is refused with 429 and a `Retry-After` of a second", onAPI, func(e exchange) bool {
		if e.sim.roll() >= 0.05 {
			return false
		}
		throttle(e.w, time.Second)
		return true
	}},
	{
		"retry-after-a-day", "the first customer's usage summary is refused with 503 and a `Retry-After` of a day", onSummary,
		firstCustomer(func(e exchange) {
			e.w.Header().Set("Retry-After", "86400")
			unavailable(e.w)
		}),
	},
	{
		"throttled-for-a-day", "the first customer's usage summary is refused with 429 and a `Retry-After` of a day", onSummary,
		firstCustomer(func(e exchange) { throttle(e.w, 24*time.Hour) }),
	},
	{
		"skewed-retry-after", "one request in twenty is refused with 429, by a clock that is two hours ahead, until a second later", onAPI,
		func(e exchange) bool {
			if e.sim.roll() >= 0.05 {
				return false
			}
			theirs := time.Now().UTC().Add(2 * time.Hour)
			e.w.Header().Set("Date", theirs.Format(http.TimeFormat))
			e.w.Header().Set("Retry-After", theirs.Add(time.Second).Format(http.TimeFormat))
			throttle(e.w, 0)
			return true
		},
	},
	{"half-401", "every other customer's usage summary is refused with 401, whatever the token", onSummary, func(e exchange) bool {
		_, index, ok := e.pathCustomer()
		if !ok || index%2 == 0 {
			return false
		}
		(&apiError{http.StatusUnauthorized, "400", "Access denied."}).write(e.w)
		return true
	}},
}

func refuseUsage(status int, code, description string) func(exchange) bool {
	return func(e exchange) bool {
		(&apiError{status, code, description}).write(e.w)
		return true
	}
}

// firstCustomer returns a play for the first customer of the list alone.
func firstCustomer(play func(exchange)) func(exchange) bool {
	return func(e exchange) bool {
		_, index, ok := e.pathCustomer()
		if !ok || index != 0 {
			return false
		}
		play(e)
		return true
	}
}

func anotherCustomer(e exchange) bool {
	asked, index, ok := e.pathCustomer()
	if !ok || asked.Answer != Usage {
		return false
	}
	all := e.sim.snapshot()
	for i := 1; i < len(all); i++ {
		if other := all[(index+i)%len(all)]; other.Answer == Usage {
			writeJSON(e.w, http.StatusOK, summary(other, e.sim.now()))
			return true
		}
	}
	return false
}

// now returns the time of the figures.
func (s *Simulator) now() time.Time {
	now := s.config.Now()
	if !s.hasFault(monthStart) {
		return now
	}
	year, month, _ := now.UTC().Date()
	first := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
	if now.Sub(first) >= held {
		return now
	}
	return minTime(now, first.Add(time.Hour))
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// page is what a proxy responds with, in the place of the server behind it.
const page = "<html><head><title>Sign in to the network</title></head><body>Access is controlled by a proxy.</body></html>"

// proxyFaults returns a fault for each status with which proxies send pages.
func proxyFaults() []namedFault {
	var faults []namedFault
	for _, status := range []string{"200", "302", "307", "400", "401", "403", "404", "407"} {
		play := func(e exchange) bool {
			writePage(e.w, status)
			return true
		}
		faults = append(faults,
			namedFault{"html-" + status + "-api", "each request to the API gets a proxy's page with " + status, onAPI, play},
			namedFault{"html-" + status + "-token", "each request to the token endpoint gets a proxy's page with " + status, onToken, play})
	}
	return faults
}

var pageStatus = map[string]int{
	"200": http.StatusOK, "302": http.StatusFound, "307": http.StatusTemporaryRedirect, "400": http.StatusBadRequest,
	"401": http.StatusUnauthorized, "403": http.StatusForbidden, "404": http.StatusNotFound, "407": http.StatusProxyAuthRequired,
}

func writePage(w http.ResponseWriter, status string) {
	for name := range w.Header() {
		if strings.HasPrefix(strings.ToUpper(name), "MS-") {
			w.Header().Del(name)
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if strings.HasPrefix(status, "3") {
		w.Header().Set("Location", "https://proxy.example/sign-in")
	}
	w.WriteHeader(pageStatus[status])
	_, _ = w.Write([]byte(page))
}
