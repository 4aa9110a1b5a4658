// Package simulator is a Partner Center to try things on: an [http.Handler] with
// the token endpoint, the customers, their usage summaries and the usage records
// of an invented partner.
//
// It follows what is known of the real API down to its quirks (byte order marks,
// twin names, continuation tokens, error bodies), checks what a client sends and
// refuses what the real one would refuse. Costs grow along each customer's
// billing period with the clock. Faults are switched on by
// name with [Simulator.SetFault], or by their share of the requests with
// [Simulator.SetFaults].
//
// It serves both hosts, Partner Center and Entra ID, under one address:
//
//	sim := simulator.New(simulator.Config{Customers: simulator.Fleet(40)})
//	server := httptest.NewServer(sim)
//	cloud := client.Cloud{APIURL: server.URL, LoginURL: server.URL, Scope: simulator.Scope}
package simulator
