// Package client speaks to Microsoft Partner Center on behalf of a Cloud
// Solution Provider: it lists the partner's customers and reads what each of
// them has spent on Azure in the current billing period.
//
// A [Client] authenticates as an application together with a user (App+User),
// because Partner Center refuses usage to an application alone. It begins with
// a refresh token that a partner user with MFA consented to once, exchanges it
// at Microsoft Entra ID when an access token is needed, and keeps the rotated
// refresh token in a file so that it never dies of age:
//
//	cloud, _ := client.CloudByName("global")
//	c, err := client.New(client.Config{
//		Cloud:            cloud,
//		TenantID:         "contoso.onmicrosoft.com",
//		ClientID:         "00000000-0000-0000-0000-000000000000",
//		ClientSecretFile: "secret",
//		RefreshTokenFile: "refresh-token",
//	})
//	if err != nil {
//		return err
//	}
//	for one, err := range c.Summaries(ctx) {
//		if err == nil {
//			fmt.Println(one.Customer.Name, one.Summary.TotalCost, one.Summary.Currency)
//		}
//	}
//
// A secret and a refresh token that are in a vault come from [Config.ClientSecret] and
// [Config.RefreshTokens] in place of files.
//
// [SignIn] gets that first refresh token: it shows the user where to sign in and
// with which code, and waits until that is done.
//
// In place of a secret, the application can have a certificate, with which the
// Client signs a new assertion for each exchange.
//
// Every method takes a context and ends with it; [Config.Timeout] bounds each
// call besides. A Client is safe for concurrent use, and how many calls it
// makes at once is up to the caller.
//
// Every failure of a call is an [*Error]. Ask what kind it is with the Is
// functions rather than by status: a customer without Azure usage, for one, is
// an error to Partner Center and a valid result to its callers (see [IsNoUsage]).
// No error, and no line that a Client logs, holds a token, a secret, a key, an
// assertion or a body of the token endpoint.
//
// All amounts are estimates that Microsoft updates about once a day. They are
// in the customer's billing currency, which differs between customers: never
// add them up across currencies.
package client
