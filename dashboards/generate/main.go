// Command generate writes the dashboards as JSON into the folder grafana of the
// current directory.
package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/azure-csp-exporter/azure_csp_exporter/dashboards"
)

func main() {
	if err := write("grafana"); err != nil {
		log.Fatal(err)
	}
}

func write(folder string) error {
	for _, d := range dashboards.All() {
		content, err := d.JSON()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, d.File()), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
