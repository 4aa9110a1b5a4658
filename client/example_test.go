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
	microsoft.HandleFunc("GET /v1/customers", page("", "a", "b"))
	microsoft.HandleFunc("GET /v1/customers/a/usagesummary", answer(200, `{"totalCost":12.5,"currencyCode":"SEK","budget":{"amount":20}}`))
	microsoft.HandleFunc("GET /v1/customers/b/usagesummary", answer(404, `{"code":"3000"}`))
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
		Cloud:            client.Cloud{APIURL: server.URL, LoginURL: server.URL},
		TenantID:         "fake-tenant",
		ClientID:         "fake-client-id",
		RefreshTokenFile: tokenFile,
	})
	if err != nil {
		panic(err)
	}
	defer c.Close()

	ctx := context.Background()
	customers, err := c.Customers(ctx)
	if err != nil {
		panic(err)
	}
	for _, customer := range customers {
		summary, err := c.UsageSummary(ctx, customer.ID)
		var failure *client.Error
		switch {
		case client.IsNoUsage(err):
			fmt.Println(customer.Name, "uses no Azure")
		case errors.As(err, &failure):
			fmt.Println(customer.Name, "fails; what to do:", failure.Hint())
		default:
			fmt.Println(customer.Name, "spent", summary.TotalCost, summary.Currency, "of", *summary.Budget)
		}
	}
	// Output:
	// Company a spent 12.5 SEK of 20
	// Company b uses no Azure
}
