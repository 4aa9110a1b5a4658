package cli_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
)

// cached is a file as an exporter keeps it, half-way through a period.
const cached = `{"format":1,"owner":"global/fake-partner.example","selection":"","up":true,"ready":true,"customers":[
{"customer":{"id":"C1","name":"Fabrikam"},"status":"no_usage"},
{"customer":{"id":"c2","name":"Contoso"},"status":"ok","fetched":"2026-11-16T00:00:00Z","figures":{
  "total_cost":600,"currency":"EUR","budget":1000,"billing_start":"2026-11-01T00:00:00Z","billing_end":"2026-12-01T00:00:00Z"}},
{"customer":{"id":"c3","name":"Adventure Works"},"status":"error","fetched":"2026-11-15T00:00:00Z","figures":{
  "total_cost":700,"currency":"EUR","budget":500,"billing_start":"2026-11-01T00:00:00-07:00","billing_end":"2026-11-30T00:00:00-07:00"}},
{"customer":{"id":"c4","name":"Tailspin"},"status":"pending"}]}`

const figuresOf = "azure_csp_exporter: figures of global/fake-partner.example, fetched between 2026-11-15T00:00:00Z and 2026-11-16T00:00:00Z\n"

// The file has the figures as of when it was written, and needs no partner. Neither the
// file nor its folder changes.
func TestUsageFromCache(t *testing.T) {
	file := clitest.Write(t, cached)
	for _, path := range []string{file, filepath.Dir(file)} {
		if err := os.Chmod(path, 0o500); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Dir(file), 0o700) })
	checkRun(t, []string{"usage", "--from-cache", "--cache.file=" + file}, 0,
		`NAME             ID  CURRENCY    COST   BUDGET  USED       FORECAST  FROM        TO          MODIFIED
Adventure Works  c3  EUR       700.00   500.00  140% over   1531.91  2026-11-01  2026-11-30  -
Contoso          c2  EUR       600.00  1000.00   60%        1200.00  2026-11-01  2026-11-30  -
Fabrikam         c1  -              -        -  no usage          -  -           -           -
Tailspin         c4  -              -        -  pending           -  -           -           -

TOTAL     COST  CUSTOMERS
EUR    1300.00          2
`, figuresOf)
	checkRun(t, []string{"usage", "--from-cache", "--cache.file=" + file, "--over-budget", "--partner.tenant-id=fake-partner.example"}, 0,
		`NAME             ID  CURRENCY    COST  BUDGET  USED       FORECAST  FROM        TO          MODIFIED
Adventure Works  c3  EUR       700.00  500.00  140% over   1531.91  2026-11-01  2026-11-30  -
`, figuresOf)
	checkRun(t, []string{"usage", "--from-cache", "--cache.file=" + file, "C2", "c9", "--output=csv"}, 1,
		`customer_id,customer_name,status,currency,total_cost,total_cost_usd,budget,budget_used,forecast,billing_period_start,billing_period_end,last_modified,fetched
c2,Contoso,ok,EUR,600,,1000,0.6,1200,2026-11-01T00:00:00Z,2026-12-01T00:00:00Z,,2026-11-16T00:00:00Z
`, figuresOf+`azure_csp_exporter: failed: no customer has the id, domain or name "c9"
azure_csp_exporter: error: incomplete: 1 failure
`)
	if content, err := os.ReadFile(file); err != nil || string(content) != cached {
		t.Errorf("The file holds %s, %v", content, err)
	}
	if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) != 1 {
		t.Errorf("The folder holds %v, %v", entries, err)
	}
}

// A wrong file is an error of one line, and does not change.
func TestUsageFromABadCache(t *testing.T) {
	for name, test := range map[string]struct{ content, want string }{
		"broken":               {cached[:200], "FILE: it is broken: unexpected end of JSON input"},
		"another's":            {strings.Replace(cached, "fake-partner", "other-partner", 1), `FILE: it belongs to "global/other-partner.example", not to "global/fake-partner.example"`},
		"a newer exporter's":   {strings.Replace(cached, `"format":1`, `"format":2`, 1), "FILE: it has format 2 of a newer exporter, not 1"},
		"something else":       {`{}`, "FILE: it is not a cache file"},
		"missing":              {"", "open FILE: no such file or directory"},
		"not of this exporter": {`{"format":1,"owner":"global/fake-partner.example","customers":[{"status":"fine"}]}`, "FILE: its customer 0 makes no sense"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "missing")
			if test.content != "" {
				file = clitest.Write(t, test.content)
			}
			status, stdout, stderr := clitest.Run(t, "usage", "--from-cache", "--cache.file="+file, "--partner.tenant-id=fake-partner.example")
			want := "azure_csp_exporter: error: --cache.file: " + test.want + "\n"
			if got := strings.ReplaceAll(stderr, file, "FILE"); status != 1 || stdout != "" || got != want {
				t.Errorf("Exit status %d, output %q and %q, want 1 and %q", status, stdout, got, want)
			}
			entries, err := os.ReadDir(filepath.Dir(file))
			if content, _ := os.ReadFile(file); err != nil || string(content) != test.content || len(entries) > 1 {
				t.Errorf("The file holds %q and the folder %v, %v", content, entries, err)
			}
		})
	}
}

// The file of an exporter has the figures of all customers.
func TestUsageFromTheExportersCache(t *testing.T) {
	sim := simulator.New(simulator.Config{Customers: clitest.Billed(30)})
	server := httptest.NewServer(sim)
	defer server.Close()
	file := filepath.Join(t.TempDir(), "cache.json")
	exporter := clitest.Start(t, clitest.SimulatedFlags(t, server.URL, "--cache.file="+file)...)
	exporter.Get("/metrics")
	exporter.Stop()
	status, stdout, stderr := clitest.Run(t, "usage", "--from-cache", "--cache.file="+file, "--output=csv")
	if status != 0 || strings.Count(stdout, ",ok,") != 30 {
		t.Errorf("Status %d: %s%s", status, stdout, stderr)
	}
}

// Flags that are missing, or cannot be combined, are named.
func TestWrongFlagsOfUsage(t *testing.T) {
	partner := newPartner(t)
	without := func(flag string) []string {
		var args []string
		for _, arg := range partner.flags("usage") {
			if !strings.HasPrefix(arg, flag+"=") {
				args = append(args, arg)
			}
		}
		return args
	}
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no tenant":        {without("--partner.tenant-id"), "required flag --partner.tenant-id not provided (only --from-cache works without)"},
		"no client":        {without("--partner.client-id"), "required flag --partner.client-id not provided (only --from-cache works without)"},
		"no token":         {without("--partner.refresh-token-file"), "required flag --partner.refresh-token-file not provided (only --from-cache works without)"},
		"no flags":         {[]string{"usage"}, "required flags --partner.tenant-id, --partner.client-id, --partner.refresh-token-file not provided (only --from-cache works without)"},
		"no file":          {[]string{"usage", "--from-cache"}, "--from-cache needs --cache.file"},
		"only a file":      {partner.flags("usage", "--cache.file=x"), "--cache.file needs --from-cache"},
		"two shares":       {partner.flags("usage", "--over=80%", "--over-budget"), "--over and --over-budget cannot be combined"},
		"no share":         {partner.flags("usage", "--over=80"), `--over: "80" is not a percentage such as 80%`},
		"share of nothing": {partner.flags("usage", "--over=0%"), `--over: "0%" is not a percentage such as 80%`},
		"include and id":   {partner.flags("usage", "--customers.include=x", "c0"), "--customers.include cannot be combined with customers as arguments"},
		"name and id":      {partner.flags("usage", "--name=x", "c0"), "--name cannot be combined with customers as arguments"},
		"an empty id":      {partner.flags("usage", " "), "a customer is empty"},
		"another format":   {partner.flags("usage", "--output=xml"), `--output: "xml" is not one of table, json, csv`},
		"another order":    {partner.flags("usage", "--sort=domain"), `--sort: "domain" is not one of name, cost, budget-used, forecast`},
		"order of lists":   {partner.flags("customers", "--sort=cost"), `--sort: "cost" is not one of name, domain`},
		"no expression":    {partner.flags("customers", "--name=("), "--name: `(` is not a regular expression: missing closing )"},
		"an id of a list":  {partner.flags("customers", "c0"), "unexpected c0"},
		"customers from a": {partner.flags("customers", "--from-cache"), "unknown long flag '--from-cache'"},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := clitest.Run(t, test.args...)
			if diff := cmp.Diff("azure_csp_exporter: error: "+test.want+", see --help\n", stderr); diff != "" || status != 2 || stdout != "" {
				t.Errorf("Exit status %d, want 2, standard output %q:\n%s", status, stdout, diff)
			}
		})
	}
}
