package client

import (
	"strings"

	"golang.org/x/text/currency"
	"golang.org/x/text/language"
)

// successors corrects the currencies of regions that changed theirs after 2017,
// where the tables of golang.org/x/text end.
var successors = map[string]string{
	"BG": "EUR", "CW": "XCG", "HR": "EUR", "MR": "MRU",
	"SL": "SLE", "ST": "STN", "SX": "XCG", "VE": "VES",
}

// CurrencyOf returns the ISO 4217 code that Partner Center states (currencyCode,
// Azure plan), else the currency of the culture's region (currencyLocale, legacy
// MS-AZR-0145P), else "". A culture without a region, such as "fr", names no
// currency.
func CurrencyOf(code, locale string) string {
	if code = strings.ToUpper(strings.TrimSpace(code)); isCurrencyCode(code) {
		return code
	}
	tag, err := language.Parse(locale)
	if err != nil {
		return ""
	}
	region, confidence := tag.Region()
	if confidence != language.Exact {
		return ""
	}
	if successor, ok := successors[region.String()]; ok {
		return successor
	}
	unit, ok := currency.FromRegion(region)
	if !ok {
		return ""
	}
	return unit.String()
}

// isCurrencyCode accepts by form, since new currencies appear before libraries
// know them.
func isCurrencyCode(s string) bool {
	if len(s) != 3 {
		return false
	}
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
