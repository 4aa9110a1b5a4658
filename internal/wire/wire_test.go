package wire_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/wire"
)

// The documented key counts, whatever the order, and one in another case only without
// it. A field of another type leaves nothing behind.
func TestObject(t *testing.T) {
	for body, want := range map[string]struct {
		value *float64
		odd   []string
	}{
		`{"cost":1}`:                    {new(1.0), nil},
		`{"Cost":1}`:                    {new(1.0), nil},
		`{"cost":1,"COST":2}`:           {new(1.0), nil},
		`{"COST":2,"cost":1}`:           {new(1.0), nil},
		`{"cost":null,"COST":2}`:        {nil, nil},
		`{"cost":"1"}`:                  {nil, []string{"cost"}},
		`{"cost":{}}`:                   {nil, []string{"cost"}},
		`{"other":1}`:                   {nil, nil},
		`{"COST":3,"Cost":2,"other":1}`: {new(3.0), nil},
	} {
		var o wire.Object
		if err := json.Unmarshal([]byte(body), &o); err != nil {
			t.Fatal(err)
		}
		var value *float64
		odd := o.DecodeEach(map[string]any{"cost": &value})
		if diff := cmp.Diff(want.value, value); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
		if diff := cmp.Diff(want.odd, odd); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}
}

// Each form in which a server may repeat a secret is redacted, and nothing else.
func TestRedact(t *testing.T) {
	const secret = "a-b+c/~d"
	for text, want := range map[string]string{
		"you sent a-b+c/~d!":                          "you sent [redacted]!",
		"you sent A-B+C/~D!":                          "you sent [redacted]!",
		"a-b%2Bc%2F~d":                                "[redacted]",
		"a%2Db%2bc%2f%7Ed":                            "[redacted]",
		"%61%2d%62%2b%63%2f%7e%64":                    "[redacted]",
		"%2561%252D%2562%252B%2563%252F%257E%2564":    "[redacted]",
		"a-b+c/~":                                     "a-b+c/~",
		"Bearer xyz and eyJhbGciOiJub25lIn0.e30.sig1": "[redacted] and [redacted]",
		"two\nlines\x1b[31m":                          "two lines[31m",
	} {
		if got := wire.Redact(text, secret, ""); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
