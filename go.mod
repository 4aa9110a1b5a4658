module github.com/azure-csp-exporter/azure_csp_exporter

go 1.26.0

require (
	github.com/go-kit/log v0.2.1
	github.com/google/renameio/v2 v2.0.2
	github.com/google/uuid v1.6.0
	golang.org/x/oauth2 v0.37.0
	golang.org/x/text v0.43.0
)

require github.com/go-logfmt/logfmt v0.5.1 // indirect
