package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whoever reads only the beginning, as head does, ends the program without a word.
func TestABrokenPipeEndsTheProgramQuietly(t *testing.T) {
	const customers = 5000 // more than a pipe holds
	var b strings.Builder
	b.WriteString(`{"format":1,"owner":"global/fake.example","customers":[`)
	for i := range customers {
		fmt.Fprintf(&b, `{"customer":{"id":"c%d","name":"Customer %d"},"status":"no_usage"},`, i, i)
	}
	file := filepath.Join(t.TempDir(), "cache.json")
	if err := os.WriteFile(file, []byte(strings.TrimSuffix(b.String(), ",")+"]}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"table", "csv", "json"} {
		cmd := program(t.Context(), "usage", "--from-cache", "--cache.file="+file, "--output="+format)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
			t.Error(err)
		}
		stdout.Close()
		if err := cmd.Wait(); err == nil {
			t.Errorf("%s was printed to its end", format)
		}
		if want := "azure_csp_exporter: figures of global/fake.example, which has none yet\n"; stderr.String() != want {
			t.Errorf("It said %q, want %q", &stderr, want)
		}
	}
}
