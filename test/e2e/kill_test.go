package e2e_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
)

const (
	kills           = 100
	restartedFleet  = 50
	longestLifetime = 300 * time.Millisecond
)

// victim is an exporter that is killed again and again, and its two files.
type victim struct {
	sim              *simulator.Simulator
	args             []string
	token, cacheFile string
}

// newVictim has a token rotated about every 120 ms, and at each start, and its cache written
// after each scrape.
func newVictim(t *testing.T) *victim {
	t.Helper()
	sim := simulator.New(simulator.Config{Customers: simulator.Fleet(restartedFleet), TokenLife: 240 * time.Millisecond, PublicClient: true})
	v := &victim{sim: sim, token: filepath.Join(t.TempDir(), "token"), cacheFile: filepath.Join(t.TempDir(), "cache.json")}
	v.args = append(flagsFor(t, sim, v.token), "--cache.file="+v.cacheFile, "--cache.ttl=0s")
	return v
}

// flagsFor serves a simulator for public clients, stores a refresh token for it,
// and returns the flags that lead the program to both.
func flagsFor(tb testing.TB, sim *simulator.Simulator, token string) []string {
	tb.Helper()
	server := httptest.NewServer(sim)
	tb.Cleanup(server.Close)
	if err := os.WriteFile(token, []byte(simulator.RefreshToken), 0o600); err != nil {
		tb.Fatal(err)
	}
	return []string{
		"--partner.tenant-id=" + simulator.TenantID, "--partner.client-id=" + simulator.ClientID,
		"--partner.refresh-token-file=" + token, "--partner.api-url=" + server.URL, "--partner.login-url=" + server.URL,
		"--web.listen-address=127.0.0.1:0",
	}
}

// listening matches the line of the log that says where the program listens.
var listening = regexp.MustCompile(`address=(127\.0\.0\.1:\d+)`)

// TestKilled kills the exporter a hundred times in the middle of its work, as a
// machine that fails does, and looks at what it leaves.
func TestKilled(t *testing.T) {
	v := newVictim(t)
	snapshots := 0
	for range kills {
		v.liveAndDie(t)
		if v.checkCacheFile(t) {
			snapshots++
		}
		v.checkToken(t)
		if t.Failed() {
			return
		}
	}
	if snapshots < kills/2 {
		t.Errorf("There was a cache file after %d of %d kills, too few to say anything", snapshots, kills)
	}
	left := v.temporary(t)
	v.liveWell(t)
	if still := v.temporary(t); len(still) != 0 {
		t.Errorf("Of the temporary files %q, a start leaves %q", left, still)
	}
	calls := v.sim.Stats().Calls
	t.Logf("%d kills, %d cache files, temporary files %q, calls %v", kills, snapshots, left, calls)
}

// liveWell starts the exporter and ends it in order.
func (v *victim) liveWell(t *testing.T) {
	t.Helper()
	cmd, lines := v.start(t)
	// Several lines have the address, and a second signal would end it at once.
	for signaled := false; lines.Scan(); {
		if signaled || !listening.MatchString(lines.Text()) {
			continue
		}
		signaled = true
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// temporary returns the files beside the token and the cache file, and makes them an
// hour old.
func (v *victim) temporary(t *testing.T) []string {
	t.Helper()
	var names []string
	old := time.Now().Add(-time.Hour)
	for _, file := range []string{v.token, v.cacheFile} {
		entries, err := os.ReadDir(filepath.Dir(file))
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if entry.Name() == filepath.Base(file) {
				continue
			}
			names = append(names, entry.Name())
			if err := os.Chtimes(filepath.Join(filepath.Dir(file), entry.Name()), old, old); err != nil {
				t.Error(err)
			}
		}
	}
	return names
}

// start starts the exporter, and returns it with the lines of its log.
func (v *victim) start(t *testing.T) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := program(t.Context(), v.args...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(stderr)
}

// liveAndDie starts the exporter, scrapes it without a pause, and kills it at
// some moment.
func (v *victim) liveAndDie(t *testing.T) {
	t.Helper()
	cmd, lines := v.start(t)
	for lines.Scan() {
		if match := listening.FindStringSubmatch(lines.Text()); match != nil {
			v.scrapeUntilKilled(t, cmd, "http://"+match[1]+"/metrics")
			break
		}
	}
	for lines.Scan() { // Whoever does not read lets the exporter wait.
		if strings.Contains(lines.Text(), "cannot be used") {
			t.Errorf("It says %s", lines.Text())
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Error("It ended by itself")
	}
}

func (v *victim) scrapeUntilKilled(t *testing.T, cmd *exec.Cmd, url string) {
	t.Helper()
	death := time.AfterFunc(rand.N(longestLifetime), func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Errorf("It cannot be killed: %v", err)
		}
	})
	defer death.Stop()
	transport := &http.Transport{DisableKeepAlives: true}
	for {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			return // It is dead.
		}
		resp.Body.Close()
	}
}

// checkCacheFile says whether there is a file. If there is one, it is whole.
func (v *victim) checkCacheFile(t *testing.T) bool {
	t.Helper()
	content, err := os.ReadFile(v.cacheFile)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	var snapshot struct {
		Format    int               `json:"format"`
		Customers []json.RawMessage `json:"customers"`
	}
	if err := errors.Join(err, json.Unmarshal(content, &snapshot)); err != nil {
		t.Errorf("The cache file is no snapshot: %v", err)
	}
	if snapshot.Format != 1 || len(snapshot.Customers) != restartedFleet {
		t.Errorf("The cache file has format %d and %d customers", snapshot.Format, len(snapshot.Customers))
	}
	return true
}

func (v *victim) checkToken(t *testing.T) {
	t.Helper()
	content, err := os.ReadFile(v.token)
	if err != nil || !v.sim.AcceptsRefreshToken(strings.TrimSpace(string(content))) {
		t.Errorf("The token file holds %d bytes that the server refuses, %v", len(content), err)
	}
	info, err := os.Stat(v.token)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("The token file has mode %v, %v", info.Mode(), err)
	}
	if slices.Contains(content, 0) {
		t.Error("The token file has holes")
	}
}
