# Targets for work on the exporter. "make help" lists them.

VERSION  := $(shell cat VERSION)
REVISION := $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
BRANCH   := $(shell git rev-parse --abbrev-ref HEAD 2>/dev/null || echo unknown)
META     := github.com/prometheus/common/version
LDFLAGS  := -s -w -X $(META).Version=$(VERSION) -X $(META).Revision=$(REVISION) -X $(META).Branch=$(BRANCH)

GO            ?= go
GOLANGCI_LINT ?= golangci-lint
PROMTOOL      ?= promtool
FUZZTIME      ?= 30s
BINARY        := azure_csp_exporter

.DEFAULT_GOAL := build

.PHONY: build
build: ## Build the static program.
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "$(LDFLAGS)" -o $(BINARY) .

.PHONY: test
test: ## Run the tests.
	$(GO) test ./...

.PHONY: race
race: ## Run the tests with the race detector.
	$(GO) test -race ./...

.PHONY: lint
lint: ## Run the linters and look at the format.
	$(GOLANGCI_LINT) run

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME.
	@for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
		done; \
	done

.PHONY: cover
cover: ## Print the coverage of each function.
	@mkdir -p .build
	$(GO) test -coverprofile=.build/cover.out ./...
	$(GO) tool cover -func=.build/cover.out

.PHONY: soak
soak: ## Run the soak test for three minutes.
	$(GO) test -run TestSoak -v ./internal/cli -soak 3m

.PHONY: bench
bench: ## Print a table of what is measured, as ratios taken in one run; it takes about two minutes.
	@$(GO) test -run '^$$' -bench . -benchtime 1x . ./client ./collector | awk '\
		/^(FAIL|---|panic)/ { print; failed = 1 } \
		/^Benchmark/ { sub(/^Benchmark/, "", $$1); sub(/-[0-9]+$$/, "", $$1); \
			for (i = 3; i < NF; i += 2) if ($$(i+1) != "ns/op") printf "%-24s %12s  %s\n", $$1, $$i, $$(i+1) } \
		END { exit failed }'

.PHONY: demo
demo: ## Run the exporter on a simulated partner.
	$(GO) run . demo

.PHONY: dashboards
dashboards: ## Generate the Grafana dashboards.
	$(GO) generate ./dashboards/...

.PHONY: stack
stack: ## Start the demo, Prometheus and Alertmanager, with a history of 35 days.
	dashboards/stack

.PHONY: check-metrics
check-metrics: ## Check the metrics of a demo that runs.
	curl -sf http://127.0.0.1:10058/metrics | $(PROMTOOL) check metrics

.PHONY: check-rules
check-rules: ## Check and test the recording rules, the alerts and Alertmanager's configuration.
	$(PROMTOOL) check rules dashboards/rules/*.yml
	$(PROMTOOL) test rules dashboards/rules/tests/*.yml
	amtool check-config dashboards/alertmanager/alertmanager.yml

.PHONY: ci
ci: ## Run all that the continuous integration runs.
	.ci/run

.PHONY: clean
clean: ## Remove what was built.
	rm -rf .build $(BINARY)

.PHONY: help
help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
