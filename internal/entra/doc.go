// Package entra obtains access tokens from Microsoft Entra ID, for an application
// together with a user.
//
// A [Source] returns access tokens. It exchanges the user's refresh token at the
// token endpoint, authenticates the application by a [Credential], and stores the
// rotated refresh token. [SignIn] obtains the first refresh token by the device
// code flow of RFC 8628.
//
// golang.org/x/oauth2 supplies the types, but not the requests: its refresh grant
// sends no scope, it rejects some lifetimes and refresh tokens that authorities
// send, and does not return the status of a response that it cannot decode.
package entra
