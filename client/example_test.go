package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// A program that prints what each customer has spent. Here a small server
// stands for Microsoft's.
func Example() {
	microsoft := http.NewServeMux()
	microsoft.HandleFunc("POST /fake-tenant/oauth2/v2.0/token", tokenAnswer("fake-access-token-1", "fake-refresh-token-2"))
	microsoft.HandleFunc("GET /v1/customers", page("", "a", "b", "c", "d"))
	microsoft.HandleFunc("GET /v1/customers/a/usagesummary", answer(200, `{"totalCost":12.5,"currencyCode":"SEK","budget":{"amount":20}}`))
	microsoft.HandleFunc("GET /v1/customers/b/usagesummary", answer(404, `{"code":"3000"}`))
	microsoft.HandleFunc("GET /v1/customers/c/usagesummary", answer(403, `{"code":"20002"}`))
	microsoft.HandleFunc("GET /v1/customers/d/usagesummary", answer(200, `{"totalCost":7,"currencyCode":"EUR"}`))
	server := httptest.NewServer(microsoft)
	defer server.Close()

	folder, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	tokenFile := filepath.Join(folder, "refresh-token")
	if err := os.WriteFile(tokenFile, []byte("fake-refresh-token-1"), 0o600); err != nil {
		panic(err)
	}

	c, err := client.New(client.Config{
		Cloud:            client.Cloud{APIURL: server.URL, LoginURL: server.URL, Scope: "https://fake.example/.default offline_access"},
		TenantID:         "fake-tenant",
		ClientID:         "fake-client-id",
		RefreshTokenFile: tokenFile,
	})
	if err != nil {
		panic(err)
	}
	defer c.Close()

	for one, err := range c.Summaries(context.Background()) {
		failure, _ := errors.AsType[*client.Error](err)
		switch {
		case client.IsNoUsage(err):
			fmt.Println(one.Customer.Name, "uses no Azure")
		case err != nil: // Without a customer, it is the list that failed.
			fmt.Println(one.Customer.Name, "failed:", failure.Hint())
		case one.Summary.Budget == nil:
			fmt.Println(one.Customer.Name, "spent", one.Summary.TotalCost, one.Summary.Currency)
		default:
			fmt.Println(one.Customer.Name, "spent", one.Summary.TotalCost, one.Summary.Currency, "of", *one.Summary.Budget)
		}
	}
	// Output:
	// Company a spent 12.5 SEK of 20
	// Company b uses no Azure
	// Company c failed: the customer has ended the relationship, or not yet accepted it: renew it in Partner Center, or exclude the customer
	// Company d spent 7 EUR
}
