module github.com/azure-csp-exporter/azure_csp_exporter/test/e2e

go 1.26.0

require (
	github.com/google/go-cmp v0.7.0
	github.com/google/go-jsonnet v0.21.0
	go.yaml.in/yaml/v3 v3.0.5
)

require (
	golang.org/x/crypto v0.36.0 // indirect
	golang.org/x/sys v0.31.0 // indirect
	sigs.k8s.io/yaml v1.4.0 // indirect
)
