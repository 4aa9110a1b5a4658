package client_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// An answer tells how far this machine's clock is wrong. What the resolution of
// the header and the length of the call explain is no error.
func TestClockSkew(t *testing.T) {
	for name, test := range map[string]struct {
		date  func(now time.Time) string
		want  time.Duration
		known bool
	}{
		"agrees":             {func(now time.Time) string { return now.Format(http.TimeFormat) }, 0, true},
		"within the call":    {func(now time.Time) string { return now.Add(-time.Second).Format(http.TimeFormat) }, 0, true},
		"at the tolerance":   {func(now time.Time) string { return now.Add(-2 * time.Second).Format(http.TimeFormat) }, 0, true},
		"past the tolerance": {func(now time.Time) string { return now.Add(-3 * time.Second).Format(http.TimeFormat) }, 2 * time.Second, true},
		"a second behind":    {func(now time.Time) string { return now.Add(time.Second).Format(http.TimeFormat) }, -time.Second, true},
		"ahead":              {func(now time.Time) string { return now.Add(-10 * time.Minute).Format(http.TimeFormat) }, 10*time.Minute - time.Second, true},
		"behind":             {func(now time.Time) string { return now.Add(10 * time.Minute).Format(http.TimeFormat) }, -10 * time.Minute, true},
		"nothing that dates": {func(time.Time) string { return "yesterday" }, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := scriptedClient(t, &scripted{delay: time.Second, answer: func(int) *http.Response {
					return respond(200, `{"totalCost":1}`, "Date: "+test.date(time.Now().UTC()))
				}})
				if _, known := c.ClockSkew(); known {
					t.Error("the time is known before anybody was asked")
				}
				if _, err := c.UsageSummary(t.Context(), "id"); err != nil {
					t.Fatal(err)
				}
				if got, known := c.ClockSkew(); got != test.want || known != test.known {
					t.Errorf("%s, %t, want %s, %t", got, known, test.want, test.known)
				}
			})
		})
	}
}
