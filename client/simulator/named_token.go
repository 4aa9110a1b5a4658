package simulator

import (
	"encoding/json"
	"net/http"
	"strings"
)

var tokenFaults = []namedFault{
	{"expires-in-zero", "each token response has `expires_in` 0", onToken, rewrite(setAll(object{"expires_in": 0}))},
	{"expires-in-negative", "each token response has `expires_in` -1", onToken, rewrite(setAll(object{"expires_in": -1}))},
	{"expires-in-nonsense", "each token response has the text `soon` as `expires_in`", onToken, rewrite(setAll(object{"expires_in": "soon"}))},
	{"expires-in-fraction", "each token response has `expires_in` 3599.5", onToken, rewrite(setAll(object{"expires_in": 3599.5}))},
	{"numeric-refresh-token", "each token response has a number as `refresh_token`, which is accepted afterwards", onToken, rewrite(numericRefreshToken)},
	{
		"crlf-token", "the access token of each token response has a line break", onToken,
		rewrite(setAll(object{"access_token": "token\r\nX-Injected: 1"})),
	},
	{
		"crlf-refresh-token", "the refresh token of each token response has a line break", onToken,
		rewrite(setAll(object{"refresh_token": "token\r\nX-Injected: 1"})),
	},
	{"token-429", "each request to the token endpoint is refused with 429 and no `Retry-After`", onToken, func(e exchange) bool {
		throttle(e.w, 0)
		return true
	}},
	{"grant-blip", "the first request to the token endpoint is refused with AADSTS70000", onToken, func(e exchange) bool {
		if e.turn > 1 {
			return false
		}
		(&tokenError{http.StatusBadRequest, "invalid_grant", 70000, "The grant is not valid."}).write(e.w)
		return true
	}},
	{"echoed-secret", "each request to the token endpoint is refused with a description that has the secret and the refresh token in upper case and with `%2D`", onToken, echoSecret},
}

// numericRefreshToken replaces the refresh token by a number.
func numericRefreshToken(e exchange, body object) {
	number := json.Number("9000000001")
	body["refresh_token"] = number
	e.sim.mu.Lock()
	defer e.sim.mu.Unlock()
	e.sim.refresh[number.String()] = true
}

func echoSecret(e exchange) bool {
	if e.r.ParseForm() != nil {
		return false
	}
	var echoes []string
	for _, name := range []string{"client_secret", "refresh_token"} {
		secret := e.r.PostForm.Get(name)
		echoes = append(echoes, strings.ToUpper(secret), strings.ReplaceAll(secret, "-", "%2D"))
	}
	(&tokenError{http.StatusBadRequest, "invalid_request", 900144, "Not accepted: " + strings.Join(echoes, " ")}).write(e.w)
	return true
}
