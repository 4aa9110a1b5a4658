// Package weblimit bounds what the clients of an HTTP server can hold: connections,
// and the time for which they read a response.
package weblimit
