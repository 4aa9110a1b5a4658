package client

import (
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What any request to the authority can be authenticated with. The form of an
// assertion is tested with the exchanges.
func TestClientAuthentication(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("fake-client-secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		cfg  Config
		want url.Values
	}{
		"public client": {Config{}, nil},
		"secret":        {Config{ClientSecretFile: file}, url.Values{"client_secret": {"fake-client-secret"}}},
	} {
		got, err := test.cfg.clientAuthentication()
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%s: got %v (-want +got):\n%s", name, err, diff)
		}
	}
	if _, err := (Config{ClientSecretFile: file + "-missing"}).clientAuthentication(); err == nil {
		t.Error("A secret that cannot be read is none.")
	}
}
