package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/wire"
)

// date is a time as Partner Center writes it. A year up to 1 or from 9999 is
// .NET's way to say that there is none.
type date struct{ time.Time }

// UnmarshalJSON reads RFC 3339 with any number of fractional digits, and the
// same without a zone, which is UTC.
func (d *date) UnmarshalJSON(b []byte) error {
	var s *string
	if err := json.Unmarshal(b, &s); err != nil {
		return errors.New("a date is not a string")
	}
	if s == nil {
		return nil
	}
	t, err := parseDate(*s)
	if err != nil {
		return err
	}
	if t.Year() > 1 && t.Year() < 9999 {
		d.Time = t
	}
	return nil
}

func parseDate(s string) (time.Time, error) {
	// An offset may pass a day, which a time could not be marshaled with.
	t, err := time.Parse(time.RFC3339Nano, s)
	if err == nil {
		return t.UTC(), nil
	}
	if t, err = time.Parse("2006-01-02T15:04:05", s); err == nil {
		return t, nil
	}
	return time.Time{}, errors.New("cannot read a date")
}

// page is the envelope of every list.
type page[T any] struct {
	Items items[T] `json:"items"`
	Links struct {
		Next struct {
			URI     string `json:"uri"`
			Headers []struct {
				Key   string `json:"key"`
				Value string `json:"value"`
			} `json:"headers"`
		} `json:"next"`
	} `json:"links"`
	ContinuationToken string `json:"continuationToken"`
	// TotalCount is the number of items that the list claims to have. A form that is
	// not documented claims nothing.
	TotalCount json.RawMessage `json:"totalCount"`
	// Code is there in an error, which has no items to be believed.
	Code json.RawMessage `json:"code"`
}

// items are the items of a page, of which at most max are decoded: an item of two
// bytes takes a hundred times as many in memory.
type items[T any] struct {
	list []T
	max  int
}

// UnmarshalJSON decodes item by item, so that it can end early.
func (i *items[T]) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(b))
	if token, err := decoder.Token(); err != nil || token != json.Delim('[') {
		return errors.New("items are not a list")
	}
	i.list = []T{}
	for decoder.More() {
		if len(i.list) == i.max {
			return fmt.Errorf("the page has more than %d items", i.max)
		}
		var item T
		if err := decoder.Decode(&item); err != nil {
			return wire.JSONError(err)
		}
		i.list = append(i.list, item)
	}
	return nil
}

// maxItemFields bounds the values of a page, wherever they are, for each item that it may
// have. Documented items have fewer than 30.
const maxItemFields = 50

// checkID returns an error for an id that is no segment of a path.
func checkID(id string) error {
	switch strings.TrimSpace(id) {
	case "":
		return errors.New("the id is missing")
	case ".", "..":
		return errors.New("the id is not valid")
	}
	return nil
}

var errNoItems = errors.New("items are missing, so it is not a list")

// decodePage decodes a page of at most maxItems items.
func decodePage[T any](body []byte, maxItems int) (page[T], error) {
	p := page[T]{Items: items[T]{max: maxItems}}
	if bytes.Count(body, []byte{','}) > maxItems*maxItemFields {
		return p, fmt.Errorf("the page has more than %d values for each of %d items", maxItemFields, maxItems)
	}
	if err := wire.Decode(body, &p); err != nil {
		return p, err
	}
	if p.Items.list == nil {
		return p, errNoItems
	}
	if code := strings.Trim(string(p.Code), `"`); code != "" && code != "null" {
		return p, fmt.Errorf("the list is an error with code %q", decodeCode(p.Code))
	}
	for i := range p.Items.list {
		if err := checkItem(&p.Items.list[i]); err != nil {
			return p, fmt.Errorf("item %d: %w", i, err)
		}
	}
	return p, nil
}

// checkItem returns the error of an item that has a check of its own.
func checkItem(item any) error {
	if checker, ok := item.(interface{ check() error }); ok {
		return checker.check()
	}
	return nil
}

// checkWhole returns an error if a list of one page has fewer items than it claims.
// Samples show records that claim more than they have, so that of these only an empty
// list is suspect.
func (p *page[T]) checkWhole(endpoint Endpoint) error {
	n := len(p.Items.list)
	claimed, err := strconv.Atoi(string(p.TotalCount))
	if err == nil && claimed > n && (n == 0 || endpoint == EndpointCustomers) {
		return fmt.Errorf("the list claims %d items and has %d", claimed, n)
	}
	return nil
}

// token returns the continuation token, which the link to the next page carries
// as a header to send along, or which stands beside the items.
func (p *page[T]) token() string {
	for _, header := range p.Links.Next.Headers {
		if strings.EqualFold(header.Key, continuationHeader) {
			return header.Value
		}
	}
	return p.ContinuationToken
}

// wireAttributes state which resource a body or an item is.
type wireAttributes struct {
	ObjectType string `json:"objectType"`
}

// check returns an error for another resource than the one requested. Nothing stated is
// no error.
func (a wireAttributes) check(want string) error {
	if got := a.ObjectType; got != "" && !strings.EqualFold(got, want) {
		return fmt.Errorf("the body is a %.50q, not a %s", got, want)
	}
	return nil
}

// checkSubject returns an error if a body states the id of another customer than the
// one requested.
func checkSubject(got, want string) error {
	if got != "" && CanonicalID(got) != CanonicalID(want) {
		return errors.New("the body is about another customer")
	}
	return nil
}

// oddFields counts the fields that were left out because they do not have the
// documented form, and warns of each field when it occurs 1, 10, 100, … times.
type oddFields struct {
	logger log.Logger

	mu     sync.Mutex // guards counts
	counts map[string]int
}

func (f *oddFields) note(endpoint Endpoint, fields []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, field := range fields {
		key := string(endpoint) + " " + field
		f.counts[key]++
		if isPowerOfTen(f.counts[key]) {
			_ = level.Warn(f.logger).Log("msg", "a field does not have the documented form and is left out", "endpoint", endpoint, "field", field, "count", f.counts[key])
		}
	}
}

func isPowerOfTen(n int) bool {
	for n >= 10 && n%10 == 0 {
		n /= 10
	}
	return n == 1
}
