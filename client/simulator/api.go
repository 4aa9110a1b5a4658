package simulator

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// maxSize is the most customers a page can have.
const maxSize = 500

// layout is how Partner Center writes a time.
const layout = "2006-01-02T15:04:05.9999999-07:00"

type object = map[string]any

func (s *Simulator) snapshot() []Customer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.customers
}

func (s *Simulator) customer(id string) (Customer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.byID[client.CanonicalID(id)]
	return c, ok
}

func (s *Simulator) serveCustomers(w http.ResponseWriter, r *http.Request) {
	customers := s.snapshot()
	size, err := strconv.Atoi(r.URL.Query().Get("size"))
	if err != nil || size < 0 || size > maxSize {
		(&apiError{http.StatusBadRequest, "2000", "The page size is not valid."}).write(w)
		return
	}
	if size == 0 {
		size = len(customers)
	}
	from, ok := offset(r)
	if !ok || from > len(customers) {
		(&apiError{http.StatusBadRequest, "2000", "The continuation token is not valid."}).write(w)
		return
	}
	to := min(from+size, len(customers))
	items := make([]object, 0, to-from)
	for _, c := range customers[from:to] {
		items = append(items, listed(c))
	}
	links := object{"self": link("/customers?size=" + strconv.Itoa(size))}
	if to < len(customers) {
		next := link("/customers?size=" + strconv.Itoa(size) + "&seekOperation=Next")
		next["headers"] = []object{{"key": "MS-ContinuationToken", "value": continuation(to)}}
		links["next"] = next
	}
	writeJSON(w, http.StatusOK, collection(items, links))
}

// offset is where a page begins. It moves on only for a token together with a
// seekOperation, as on the real one.
func offset(r *http.Request) (int, bool) {
	token := r.Header.Get("MS-ContinuationToken")
	if token == "" || !strings.EqualFold(r.URL.Query().Get("seekOperation"), "next") {
		return 0, true
	}
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return 0, false
	}
	from, err := strconv.Atoi(string(raw))
	return from, err == nil && from >= 0
}

func continuation(from int) string {
	return base64.StdEncoding.EncodeToString([]byte(strconv.Itoa(from)))
}

func listed(c Customer) object {
	return object{
		"id": c.ID,
		"companyProfile": object{
			"tenantId": c.ID, "domain": c.Domain, "companyName": c.Name,
			"attributes": object{"objectType": "CustomerCompanyProfile"},
		},
		"relationshipToPartner": relationship,
		"links":                 object{"self": link("/customers/" + c.ID)},
		"attributes":            object{"objectType": "Customer"},
	}
}

func (s *Simulator) serveSummary(w http.ResponseWriter, r *http.Request) {
	c, ok := s.customer(r.PathValue("id"))
	if !ok {
		c.Answer = NotFound
	}
	switch c.Answer {
	case Usage:
		writeJSON(w, http.StatusOK, summary(c, s.now()))
	case NoUsage:
		(&apiError{http.StatusBadRequest, "3000", "Customer does not have usage data."}).write(w)
	case NoAccess:
		(&apiError{http.StatusForbidden, "20002", "There is no commerce relationship with the customer."}).write(w)
	case NotFound:
		(&apiError{http.StatusNotFound, "60003", "The tenant is not found."}).write(w)
	}
}

func summary(c Customer, now time.Time) object {
	f := c.Figures(now)
	body := figures(c, f)
	body["billingStartDate"] = f.Start.Format(layout)
	body["billingEndDate"] = f.End.Format(layout)
	body["attributes"] = object{"objectType": "CustomerUsageSummary"}
	if c.Plan == Legacy {
		body["id"], body["name"] = c.ID, c.Name
		body["links"] = object{"self": link("/customers/" + c.ID + "/usagesummary")}
		return body
	}
	body["resourceId"], body["resourceName"] = c.ID, c.Name
	body["usdTotalCost"] = decimal(f.USD)
	return body
}

func (s *Simulator) serveRecords(w http.ResponseWriter, _ *http.Request) {
	now := s.now()
	items := []object{}
	for _, c := range s.snapshot() {
		if c.Answer == Usage {
			items = append(items, record(c, now))
		}
	}
	writeJSON(w, http.StatusOK, collection(items, object{"self": link("/customers/usagerecords")}))
}

func record(c Customer, now time.Time) object {
	f := c.Figures(now)
	body := figures(c, f)
	body["resourceId"], body["resourceName"] = c.ID, c.Name
	body["id"], body["name"] = c.ID, c.Name
	body["isUpgraded"] = c.Plan == AzurePlan
	body["percentUsed"] = 0
	body["usdTotalCost"] = 0
	if c.Budget != nil && *c.Budget != 0 {
		body["percentUsed"] = math.Round(f.Cost / *c.Budget * 1e4) / 100
	}
	if c.Plan == AzurePlan {
		body["usdTotalCost"] = decimal(f.USD)
	}
	body["attributes"] = object{"objectType": "CustomerMonthlyUsageRecord"}
	return body
}

// figures are the fields that summary and record share.
func figures(c Customer, f Figures) object {
	budget := object{"attributes": object{"objectType": "SpendingBudget"}}
	if c.Budget != nil {
		budget["amount"] = *c.Budget
	}
	body := object{
		"budget":           budget,
		"totalCost":        decimal(f.Cost),
		"lastModifiedDate": f.Modified.Format(layout),
	}
	if c.Plan == Legacy {
		body["currencyLocale"] = c.Locale
	} else {
		body["currencyCode"] = c.Currency
	}
	return body
}

// decimal writes an amount with the twenty fractional digits of the real one.
func decimal(v float64) json.Number { return json.Number(strconv.FormatFloat(v, 'f', 20, 64)) }

func collection(items []object, links object) object {
	return object{
		"totalCount": len(items), "items": items, "links": links,
		"attributes": object{"objectType": "Collection"},
	}
}

func link(uri string) object {
	return object{"uri": uri, "method": http.MethodGet, "headers": []object{}}
}
