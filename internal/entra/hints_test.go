package entra

import (
	"strings"
	"testing"
)

// A hint to sign in names the command that does so.
func TestHintsNameTheCommand(t *testing.T) {
	for _, hints := range []map[string]string{hintsByCode, hintsByName} {
		for code, hint := range hints {
			if strings.Contains(hint, "sign in") && !strings.Contains(hint, "run azure_csp_exporter login") {
				t.Errorf("The hint of %s names no command: %s", code, hint)
			}
		}
	}
}
