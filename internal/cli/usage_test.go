package cli_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli"
)

// Periods that have ended make forecasts that do not depend on the time of the
// test: they are the cost.
const ended = `"billingStartDate":"2020-01-01T00:00:00Z","billingEndDate":"2020-02-01T00:00:00Z"`

// spenders returns a partner with five customers, one of each kind.
func spenders(t *testing.T) *partner {
	t.Helper()
	p := newPartner(t)
	p.on(listPath, listOf("Contoso", "Ärger & Söhne", "株式会社ひまわり", "Fabrikam", "Adventure Works"))
	for id, body := range map[string]string{
		"c0": `{"totalCost":1500.5,"usdTotalCost":1600,"currencyCode":"EUR","budget":{"amount":1000},"lastModifiedDate":"2020-01-31T08:00:00Z",` + ended + `}`,
		"c1": `{"totalCost":-20.25,"currencyLocale":"de-DE","budget":{},"billingStartDate":"2020-01-05T00:00:00-07:00","billingEndDate":"2020-02-04T00:00:00-07:00"}`,
		"c2": `{"totalCost":250000,"currencyCode":"JPY","budget":{"amount":1000000},` + ended + `}`,
		"c4": `{"totalCost":99.994,"currencyCode":"EUR","budget":{"amount":0}}`,
	} {
		p.on("/v1/customers/"+id+"/usagesummary", respond(http.StatusOK, body))
	}
	p.on("/v1/customers/c3/usagesummary", apiError(400, "3000", "Customer does not have usage data."))
	return p
}

// listOfAny responds with customers of any names, as listOf does.
func listOfAny(t *testing.T, names ...string) http.HandlerFunc {
	t.Helper()
	var items []map[string]any
	for i, name := range names {
		items = append(items, map[string]any{"id": fmt.Sprintf("c%d", i), "companyProfile": map[string]string{"companyName": name}})
	}
	body, err := json.Marshal(map[string]any{"items": items})
	if err != nil {
		t.Fatal(err)
	}
	return respond(http.StatusOK, string(body))
}

func checkRun(t *testing.T, args []string, wantStatus int, wantOut, wantErr string) {
	t.Helper()
	status, stdout, stderr := clitest.Run(t, args...)
	if status != wantStatus {
		t.Errorf("The exit status is %d, want %d", status, wantStatus)
	}
	if diff := cmp.Diff(wantOut, stdout); diff != "" {
		t.Errorf("Standard output:\n%s", diff)
	}
	if diff := cmp.Diff(wantErr, stderr); diff != "" {
		t.Errorf("Standard error:\n%s", diff)
	}
}

func TestUsageTable(t *testing.T) {
	checkTranscript(t, spenders(t).flags("usage")...)
}

// Customers are sorted by name as in a telephone book, by amounts within their
// currency, and by share across currencies. Customers without figures come last.
func TestUsageSort(t *testing.T) {
	t.Parallel()
	for order, want := range map[string]string{
		"":            "c0 c1 c2 c3 c4",
		"name":        "c4 c1 c0 c3 c2",
		"cost":        "c0 c4 c1 c2 c3",
		"forecast":    "c0 c1 c4 c2 c3",
		"budget-used": "c0 c2 c4 c1 c3",
	} {
		for _, format := range []string{"table", "csv", "json"} {
			t.Run(order+" "+format, func(t *testing.T) {
				args := spenders(t).flags("usage", "--output="+format)
				if order != "" {
					args = append(args, "--sort="+order)
				}
				_, stdout, _ := clitest.Run(t, args...)
				got := strings.Join(regexp.MustCompile(`\bc\d\b`).FindAllString(stdout, -1), " ")
				if got != want {
					t.Errorf("The order is %s, want %s", got, want)
				}
			})
		}
	}
}

func TestUsageSelects(t *testing.T) {
	for name, test := range map[string]struct {
		more []string
		want string
	}{
		"over budget":       {[]string{"--over-budget"}, "c0 c4"},
		"part of a name":    {[]string{"--name=WORKS|söhne"}, "c1 c4"},
		"anchored":          {[]string{"--name=^a"}, "c4"},
		"every name":        {[]string{"--name="}, "c0 c1 c2 c3 c4"},
		"an unknown name":   {[]string{"--name=nobody"}, ""},
		"ids":               {[]string{"c3", "c1", " c1", "C3 "}, "c3 c1"},
		"an id over budget": {[]string{"c1", "c0", "--over-budget"}, "c0"},
		"names":             {[]string{"fabrikam", "ÄRGER & Söhne"}, "c3 c1"},
		"a name twice":      {[]string{"Contoso", "c0"}, "c0"},
		"a quarter used":    {[]string{"--over=24.9%"}, "c0 c2 c4"},
		"just a quarter":    {[]string{"--over=25%"}, "c0 c4"},
		"half as much more": {[]string{"--over=150%"}, "c0 c4"},
		"twice the budget":  {[]string{"--over=200%"}, "c4"},
		"included":          {[]string{"--customers.include=c[0-2]"}, "c0 c1 c2"},
		"included by name":  {[]string{"--customers.include=contoso|Fabri"}, "c0"},
		"excluded":          {[]string{"--customers.exclude=.*works|c3"}, "c0 c1 c2"},
		"all three":         {[]string{"--customers.include=c.", "--customers.exclude=c0", "--name=o"}, "c4"},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := clitest.Run(t, spenders(t).flags("usage", test.more...)...)
			got := strings.Join(regexp.MustCompile(`\bc\d\b`).FindAllString(stdout, -1), " ")
			wantErr := ""
			if name == "an unknown name" {
				wantErr = "azure_csp_exporter: note: no customer matches --name\n"
			}
			if status != 0 || stderr != wantErr || got != test.want {
				t.Errorf("The customers are %q, exit status %d, want %q: %s", got, status, test.want, stderr)
			}
			if test.want == "" && stdout != "" {
				t.Errorf("Standard output is %q, want none", stdout)
			}
		})
	}
}

// A customer given by its GUID is fetched without the list, and gets the name in its
// usage.
func TestUsageOfIDsListsNobody(t *testing.T) {
	p := newPartner(t)
	p.on("/v1/customers/00000000-0000-4000-8000-00000000000A/usagesummary", respond(200, `{"resourceName":"Contoso","totalCost":1,"currencyCode":"EUR"}`))
	checkTranscript(t, p.flags("usage", "00000000-0000-4000-8000-00000000000A", "--output=csv")...)
}

// Customers given by name or domain are found in the list, and a GUID that it lacks is
// fetched all the same.
func TestUsageOfNamesAndDomains(t *testing.T) {
	p := newPartner(t)
	p.on(listPath, respond(200, `{"items":[
		{"id":"c0","companyProfile":{"companyName":"Contoso","domain":"contoso.example"}},
		{"id":"c1","companyProfile":{"companyName":"Fabrikam","domain":"fabrikam.example"}},
		{"id":"c2","companyProfile":{"companyName":"Contoso","domain":"other.example"}}]}`))
	for _, id := range []string{"c0", "c1", "c2", "00000000-0000-4000-8000-00000000000a"} {
		p.on("/v1/customers/"+id+"/usagesummary", respond(200, `{"totalCost":0.1,"currencyCode":"EUR"}`))
	}
	checkTranscript(t, p.flags("usage", "Fabrikam.Example", "contoso", "unknown.example", "00000000-0000-4000-8000-00000000000a")...)
}

func TestUsageJSON(t *testing.T) {
	status, stdout, stderr := clitest.Run(t, spenders(t).flags("usage", "--output=json")...)
	checkGolden(t, status, stdout, stderr)
	var rows []map[string]any
	if err := json.Unmarshal([]byte(stdout), &rows); err != nil || len(rows) != 5 || len(rows[3]) != 13 {
		t.Errorf("The output is not five objects: %v, %v", rows, err)
	}
	checkRun(t, spenders(t).flags("usage", "--output=json", "--name=nobody"), 0, "[]\n", "azure_csp_exporter: note: no customer matches --name\n")
}

func TestUsageCSV(t *testing.T) {
	p := spenders(t)
	p.on(listPath, listOfAny(t, `=HYPERLINK("x"), "y"`, "-1", "two\nlines", "\u001b[2J", "plain"))
	status, stdout, stderr := clitest.Run(t, p.flags("usage", "--output=csv")...)
	checkGolden(t, status, stdout, stderr)
	if rows, err := csv.NewReader(strings.NewReader(stdout)).ReadAll(); err != nil || len(rows) != 6 {
		t.Errorf("The output is not six records: %v", err)
	}
}

// An empty output is explained on the standard error, and is not a failure.
func TestEmptyOutputIsExplained(t *testing.T) {
	const none, unmatched = "azure_csp_exporter: note: there are no customers\n", "azure_csp_exporter: note: no customer matches --name\n"
	for _, command := range []string{"usage", "customers"} {
		p := newPartner(t)
		p.on(listPath, listOf())
		checkRun(t, p.flags(command), 0, "", none)
		checkRun(t, spenders(t).flags(command, "--name=^tailspin$"), 0, "", unmatched)
	}
	empty := clitest.Write(t, `{"format":1,"owner":"global/x","selection":"","up":true,"ready":true,"customers":[]}`)
	checkRun(t, []string{"usage", "--from-cache", "--cache.file=" + empty}, 0, "", "azure_csp_exporter: figures of global/x, which has none yet\n"+none)
	checkRun(t, []string{"usage", "--from-cache", "--cache.file=" + clitest.Write(t, cached), "--name=^tailspin toys$"}, 0, "", figuresOf+unmatched)
}

// Customers that fail are rows with their status. The failures are grouped by cause,
// with a hint for each, and an ended relationship is none unless --strict is set.
func TestUsageFailsInPart(t *testing.T) {
	for name, more := range map[string][]string{
		"table": nil, "csv": {"--output=csv"}, "json": {"--output=json"}, "strict": {"--strict"}, "verbose": {"-v"}, "named": {"Adventure Works", "c5"},
	} {
		t.Run(name, func(t *testing.T) {
			p := spenders(t)
			p.on(listPath, listOfAny(t, "Contoso", "Ärger \u001b[31m", "株式会社ひまわり", "Fabrikam", "Adventure Works", "A", "B", "C", "D"))
			p.on("/v1/customers/c0/usagesummary", apiError(403, "20002", "No relationship."))
			p.on("/v1/customers/c1/usagesummary", respond(403, `{"code":"20002","description":"No\u001b[31m relationship."}`))
			p.on("/v1/customers/c4/usagesummary", apiError(404, "60003", "Not found."))
			for _, id := range []string{"c5", "c6", "c7", "c8"} {
				p.on("/v1/customers/"+id+"/usagesummary", apiError(403, "12345", "Not allowed."))
			}
			checkTranscript(t, p.flags("usage", append(more, "--api.concurrency=1")...)...)
		})
	}
}

func TestUsageOfAnUnknownCustomer(t *testing.T) {
	p := spenders(t)
	p.on("/v1/customers/nobody/usagesummary", apiError(404, "60003", "The tenant is not found."))
	checkTranscript(t, p.flags("usage", "nobody", "c3", "--output=json")...)
}

// If the list breaks off, the customers that were listed are printed.
func TestListBreaksOff(t *testing.T) {
	p := spenders(t)
	p.on(listPath, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("MS-ContinuationToken") != "" {
			respond(403, `{"code":"900150","description":"No."}`)(w, r)
			return
		}
		respond(200, `{"items":[{"id":"c3","companyProfile":{"companyName":"Fabrikam"}}],"continuationToken":"more"}`)(w, r)
	})
	const wantErr = `azure_csp_exporter: failed (permission): customers: HTTP 403: code 900150: No. (request 11111111-1111-4111-8111-111111111111, correlation 22222222-2222-4222-8222-222222222222)
azure_csp_exporter: hint: give the user who signed in the Admin agent role in Partner Center, then run azure_csp_exporter login with the same flags
azure_csp_exporter: error: incomplete: 1 failure
`
	checkRun(t, p.flags("usage"), 1, `NAME      ID  CURRENCY  COST  BUDGET  USED      FORECAST  FROM  TO  MODIFIED
Fabrikam  c3  -            -       -  no usage         -  -     -   -
`, wantErr)
	p.tokenFile = clitest.Write(t, "fake-refresh-1\n") // The first exchange rotated it.
	checkRun(t, p.flags("customers"), 1, `NAME      ID  DOMAIN  RELATIONSHIP
Fabrikam  c3  -       -
`, wantErr)
}

// Requests stop when all of them would fail.
func TestUsageAborts(t *testing.T) {
	t.Parallel()
	const customers = 200
	sim := simulator.New(simulator.Config{Customers: simulator.Fleet(customers)})
	refuse := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/usagesummary") {
			apiError(403, "900150", "The supplied role does not have the rights.")(w, r)
			return
		}
		sim.ServeHTTP(w, r)
	})
	status, stdout, stderr := clitest.Run(t, simulated(t, refuse, "usage", "--output=csv")...)
	failed := strings.Count(stdout, ",no_access,")
	if status != 1 || failed < 20 || failed > 20+8 || strings.Count(stderr, "\n") != 3 {
		t.Errorf("Exit status %d, %d failures:\n%s%s", status, failed, stdout, stderr)
	}
	if !strings.HasPrefix(stderr, fmt.Sprintf("azure_csp_exporter: failed (permission): %d customers: ", failed)) ||
		!strings.HasSuffix(stderr, fmt.Sprintf("\nazure_csp_exporter: error: aborted, every remaining request would fail: incomplete: %d failures\n", failed)) {
		t.Errorf("Standard error is %q", stderr)
	}
}

// Without a token there are no rows, and one failure.
func TestUsageWithoutToken(t *testing.T) {
	p := newPartner(t)
	p.on(tokenPath, tokenError("invalid_client", 7000215, "Invalid client secret provided."))
	for _, command := range []string{"usage", "customers"} {
		checkRun(t, p.flags(command), 1, "", `azure_csp_exporter: failed (auth): token: HTTP 400: code AADSTS7000215: invalid_client (request 11111111-1111-4111-8111-111111111111, correlation 22222222-2222-4222-8222-222222222222)
azure_csp_exporter: hint: the client secret is wrong: create a new client secret in the app registration and write it to the client secret file
azure_csp_exporter: error: incomplete: 1 failure
`)
	}
}

// Rows are printed as they arrive, in the order of the list, and no more requests are in
// flight than configured.
func TestUsageStreams(t *testing.T) {
	t.Parallel()
	const concurrency = 4
	sim := simulator.New(simulator.Config{Customers: clitest.Billed(60)})
	sim.SetFaults(simulator.Faults{Latency: 20 * time.Millisecond}) // Calls overlap.
	release := make(chan struct{})
	last := "/v1/customers/" + clitest.Billed(60)[59].ID + "/usagesummary"
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == last {
			<-release
		}
		sim.ServeHTTP(w, r)
	})
	for _, format := range []string{"csv", "json"} {
		t.Run(format, func(t *testing.T) {
			release = make(chan struct{})
			stdout, stderr, status := clitest.NewOutput(), clitest.NewOutput(), make(chan int, 1)
			args := simulated(t, handler, "usage", "--output="+format, fmt.Sprintf("--api.concurrency=%d", concurrency))
			go func() { status <- cli.Run(context.Background(), args, stdout, stderr) }()
			stdout.Await(t, strings.ToLower(clitest.Billed(60)[58].ID))
			close(release)
			if got := <-status; got != 0 {
				t.Errorf("Exit status %d: %s", got, stderr)
			}
			from := 0
			for i, customer := range clitest.Billed(60) {
				at := strings.Index(stdout.String()[from:], strings.ToLower(customer.ID))
				if at < 0 {
					t.Fatalf("Customer %d is missing or out of order", i)
				}
				from += at
			}
			if peak := sim.Stats().PeakInFlight; peak > concurrency || peak < 2 {
				t.Errorf("%d requests were in flight, want up to %d", peak, concurrency)
			}
		})
	}
}

// Ctrl-C prints the customers that were fetched, completes the format, and waits for no
// response.
func TestUsageIsInterrupted(t *testing.T) {
	for _, format := range []string{"table", "json", "csv"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			p, hang := spenders(t), make(chan struct{})
			t.Cleanup(func() { close(hang) })
			ctx, interrupt := context.WithCancel(t.Context())
			p.on("/v1/customers/c4/usagesummary", func(http.ResponseWriter, *http.Request) {
				interrupt()
				<-hang
			})
			var stdout, stderr strings.Builder
			status := cli.Run(ctx, p.flags("usage", "--output="+format, "--api.concurrency=1"), &stdout, &stderr)
			checkGolden(t, status, stdout.String(), stderr.String())
		})
	}
}

// Ctrl-C prints the customers that were listed.
func TestCustomersIsInterrupted(t *testing.T) {
	p, hang := newPartner(t), make(chan struct{})
	t.Cleanup(func() { close(hang) })
	ctx, interrupt := context.WithCancel(t.Context())
	p.on(listPath, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("MS-ContinuationToken") != "" {
			interrupt()
			<-hang
			return
		}
		respond(200, `{"items":[{"id":"c3","companyProfile":{"companyName":"Fabrikam"}}],"continuationToken":"more"}`)(w, r)
	})
	var stdout, stderr strings.Builder
	status := cli.Run(ctx, p.flags("customers", "--output=json"), &stdout, &stderr)
	checkGolden(t, status, stdout.String(), stderr.String())
}

// A reader that closes the pipe is no error message.
func TestUsageIntoABrokenPipe(t *testing.T) {
	for _, args := range [][]string{
		{"--output=csv"}, {"--output=json"}, {"--output=table"}, {"--output=csv", "--sort=cost"},
	} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Close()
		var stderr strings.Builder
		status := cli.Run(t.Context(), spenders(t).flags("usage", args...), w, &stderr)
		_ = w.Close()
		if status != 1 || stderr.String() != "" {
			t.Errorf("%v: exit status %d, standard error %q, want 1 and none", args, status, &stderr)
		}
	}
}

// A full disk is an error.
func TestUsageIntoAFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer func() { _ = full.Close() }()
	var stderr strings.Builder
	status := cli.Run(t.Context(), spenders(t).flags("customers"), full, &stderr)
	if want := "azure_csp_exporter: error: write /dev/full: no space left on device\n"; status != 1 || stderr.String() != want {
		t.Errorf("Exit status %d, standard error %q, want 1 and %q", status, &stderr, want)
	}
}

func TestCustomers(t *testing.T) {
	p := newPartner(t)
	p.on(listPath, respond(200, `{"items":[
		{"id":"C0","companyProfile":{"companyName":"Contoso","domain":"z.example"},"relationshipToPartner":"reseller"},
		{"id":"c1","companyProfile":{"domain":"a.example"}},
		{"id":"c2","companyProfile":{"companyName":"+1 \u0007\n\u202etxt","domain":"b.example"},"relationshipToPartner":"advisor"}]}`))
	for name, test := range map[string]struct {
		more []string
		want string
	}{
		"table": {nil, `NAME       ID  DOMAIN     RELATIONSHIP
Contoso    c0  z.example  reseller
a.example  c1  a.example  -
+1 ` + "\uFFFD \uFFFD" + `txt  c2  b.example  advisor
`},
		"sorted by domain": {[]string{"--sort=domain"}, `NAME       ID  DOMAIN     RELATIONSHIP
a.example  c1  a.example  -
+1 ` + "\uFFFD \uFFFD" + `txt  c2  b.example  advisor
Contoso    c0  z.example  reseller
`},
		"csv": {[]string{"--output=csv", "--sort=name"}, `customer_id,customer_name,domain,relationship
c2,"'+1 ` + "\uFFFD\n\u202e" + `txt",b.example,advisor
c1,a.example,a.example,
c0,Contoso,z.example,reseller
`},
		"json": {[]string{"--output=json", "--name=^cont"}, `[
  {"customer_id": "c0", "customer_name": "Contoso", "domain": "z.example", "relationship": "reseller"}
]
`},
	} {
		t.Run(name, func(t *testing.T) {
			p.tokenFile = clitest.Write(t, fmt.Sprintf("fake-refresh-%d\n", p.exchanges))
			checkRun(t, p.flags("customers", test.more...), 0, test.want, "")
		})
	}
}
