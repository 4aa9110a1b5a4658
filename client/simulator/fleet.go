package simulator

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// companies have names in many scripts, and some that test what prints them.
var companies = []string{
	"Fabrikam Logistics", "Bäckerei Müller & Söhne", "株式会社ひまわり", "Café «Le Pont»",
	"Северный Ветер", "Ελληνικά Νησιά ΑΕ", "شركة النخيل", "Contoso \"Labs\" Ltd.",
	"삼두 소프트웨어", "תפוז טכנולוגיות", "Smørrebrød ApS", "Tailspin \\ Toys",
	"โรงงานไทย", "Łódzkie Młyny Sp. z o.o.", "Añejo Hermanos", "Adventure Works",
	"青山贸易有限公司", "Cửa Hàng Việt", "Wide World Importers", "Đặng & Con",
	"हिमालय ट्रेडर्स", "Northwind Traders", "Þingvellir ehf.", "🚲 Velo Emoji GmbH",
}

var currencies = []struct {
	code, locale string
	perUSD       float64
}{
	{"EUR", "de-DE", 0.92},
	{"USD", "en-US", 1},
	{"GBP", "en-GB", 0.79},
	{"SEK", "sv-SE", 10.4},
	{"JPY", "ja-JP", 151},
	{"CHF", "de-CH", 0.88},
	{"PLN", "pl-PL", 3.96},
	{"BRL", "pt-BR", 5.1},
}

// Fleet invents n customers, the same for the same n: five in seven on Azure
// plan, in eight currencies, most with a budget and some over it, some without
// usage, without access or unknown.
func Fleet(n int) []Customer {
	fleet := make([]Customer, n)
	for i := range fleet {
		fleet[i] = invent(i)
	}
	return fleet
}

func invent(i int) Customer {
	random := rand.New(rand.NewPCG(uint64(i), 3))
	money := currencies[i%len(currencies)]
	c := Customer{
		ID:          fmt.Sprintf("%08x-5c1e-4000-8000-%012x", i+1, random.Uint64()>>16),
		Name:        companies[i%len(companies)],
		Domain:      fmt.Sprintf("customer%d.onmicrosoft.com", i+1),
		Answer:      answerOf(i),
		PerUSD:      money.perUSD,
		Month:       monthOf(i, random) * money.perUSD,
		Anniversary: 1 + i%28,
	}
	if i >= len(companies) {
		c.Name = fmt.Sprintf("%s %d", c.Name, i/len(companies)+1)
	}
	c.Currency = money.code
	if i%7%3 == 2 {
		c.Plan, c.Currency, c.Locale = Legacy, "", money.locale
		c.ID = strings.ToUpper(c.ID)
	}
	c.Budget = budgetOf(i, c.Month)
	return c
}

func answerOf(i int) Answer {
	switch {
	case i%13 == 7:
		return NoUsage
	case i%29 == 11:
		return NoAccess
	case i%37 == 17:
		return NotFound
	}
	return Usage
}

// monthOf spreads the customers from 50 to 50,000 US dollars a month, with some
// who have a plan and spend nothing.
func monthOf(i int, random *rand.Rand) float64 {
	if i%17 == 5 {
		return 0
	}
	return 50 * math.Pow(1000, random.Float64())
}

// budgetOf leaves every fifth customer without a budget. Of the others, the
// tight ones pass theirs within the period.
func budgetOf(i int, month float64) *float64 {
	if i%5 == 3 {
		return nil
	}
	shares := []float64{1.6, 1.2, 0.8, 2.5, 0.3, 1.1}
	budget := math.Ceil(max(month, 50)*shares[i%len(shares)]/10) * 10
	return &budget
}
