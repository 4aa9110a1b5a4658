package entra

import (
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"
)

// An odd lifetime or form of a refresh token does not lose the rotated token.
func TestDecodeToken(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	in := now.Add
	for body, want := range map[string]struct {
		access, refresh string
		expiry          time.Time
	}{
		`{"access_token":"a","refresh_token":"r","expires_in":3599}`:        {"a", "r", in(3599 * time.Second)},
		`{"access_token":"a","refresh_token":"r","expires_in":"3599"}`:      {"a", "r", in(3599 * time.Second)},
		`{"access_token":"a","refresh_token":"r","expires_in":3599.5}`:      {"a", "r", in(3599500 * time.Millisecond)},
		`{"access_token":"a","refresh_token":"r","expires_in":"3599.5"}`:    {"a", "r", in(3599500 * time.Millisecond)},
		`{"access_token":"a","refresh_token":12345678901,"expires_in":1e3}`: {"a", "12345678901", in(1000 * time.Second)},
		`{"access_token":"a","refresh_token":"r","expires_in":0}`:           {"a", "r", time.Time{}},
		`{"access_token":"a","refresh_token":"r","expires_in":-1}`:          {"a", "r", time.Time{}},
		`{"access_token":"a","refresh_token":"r","expires_in":"soon"}`:      {"a", "r", time.Time{}},
		`{"access_token":"a","refresh_token":"r","expires_in":"NaN"}`:       {"a", "r", time.Time{}},
		`{"access_token":"a","refresh_token":"r","expires_in":1e300}`:       {"a", "r", time.Time{}},
		`{"access_token":"a","refresh_token":"r","expires_in":{}}`:          {"a", "r", time.Time{}},
		`{"access_token":"a","refresh_token":["r"],"expires_in":[]}`:        {"a", "", time.Time{}},
		`{"access_token":"a","refresh_token":"r\r\nX: y"}`:                  {"a", "", time.Time{}},
		`{"access_token":"a"}`: {"a", "", time.Time{}},
	} {
		got, err := decodeToken([]byte(body), now)
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		if got.AccessToken != want.access || got.RefreshToken != want.refresh || !got.Expiry.Equal(want.expiry) {
			t.Errorf("%s: got %q, %q, %v, want %v", body, got.AccessToken, got.RefreshToken, got.Expiry, want)
		}
	}
	for body, want := range map[string]*oauth2.Token{
		``: nil, `[]`: nil, `{}`: {}, `{"access_token":[],"refresh_token":"r"}`: {RefreshToken: "r"},
		`{"access_token":"a b","refresh_token":"r"}`: {RefreshToken: "r"},
	} {
		got, err := decodeToken([]byte(body), now)
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b *oauth2.Token) bool {
			return (a == nil) == (b == nil) && (a == nil || a.AccessToken == b.AccessToken && a.RefreshToken == b.RefreshToken)
		})); diff != "" || err == nil {
			t.Errorf("%s: got %v (-want +got):\n%s", body, err, diff)
		}
	}
}

func FuzzDecodeToken(f *testing.F) {
	for _, body := range []string{"", "null", "[]", "{}", `{"access_token":"a","refresh_token":1,"expires_in":"3599.5"}`, `{"access_token":null,"expires_in":-1e400}`} {
		f.Add([]byte(body))
	}
	now := time.Now()
	f.Fuzz(func(t *testing.T, body []byte) {
		token, err := decodeToken(body, now)
		if err == nil && (token == nil || token.AccessToken == "") {
			t.Errorf("got %v without an error", token)
		}
		if token != nil && !token.Expiry.IsZero() && token.Expiry.Before(now) {
			t.Errorf("The token expired at %v", token.Expiry)
		}
	})
}

// printed matches ids and codes, which go into messages unquoted.
var printed = regexp.MustCompile(`^[0-9A-Za-z:-]*$`)

func FuzzDecodeError(f *testing.F) {
	for _, body := range []string{
		"", "null", "[]", "{}", "<html>", `{"error":"invalid_grant","error_description":"AADSTS70000: x","trace_id":"\n753be5e9-0eeb-4229-b3d8-28a2b1832f00\n"}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := decodeError(body)
		if err != nil && *e != (Error{}) {
			t.Errorf("got %+v beside the error %v", e, err)
		}
		if e.Code != "" && !regexp.MustCompile(`^AADSTS[0-9]{4,8}$`).MatchString(e.Code) {
			t.Errorf("The code is %q", e.Code)
		}
		if !printed.MatchString(e.TraceID) || !printed.MatchString(e.CorrelationID) {
			t.Errorf("The ids are %q and %q", e.TraceID, e.CorrelationID)
		}
		if (e.Name == "") != (err != nil) {
			t.Errorf("got %+v", e)
		}
	})
}
