# Targets for work on the exporter. "make help" lists them.

VERSION  := $(shell cat VERSION)
REVISION := $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
BRANCH   := $(shell git rev-parse --abbrev-ref HEAD 2>/dev/null || echo unknown)
META     := github.com/prometheus/common/version
LDFLAGS  := -s -w -X $(META).Version=$(VERSION) -X $(META).Revision=$(REVISION) -X $(META).Branch=$(BRANCH)

GO            ?= go
PROMTOOL      ?= promtool
FUZZTIME      ?= 30s
BINARY        := azure_csp_exporter

.DEFAULT_GOAL := build

.PHONY: build
build: ## Build the static program.
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "$(LDFLAGS)" -o $(BINARY)$$($(GO) env GOEXE) .

# The systems that the program is built for, besides the one at hand.
SYSTEMS := windows/amd64 windows/arm64 darwin/amd64 darwin/arm64 linux/amd64 linux/arm64 linux/arm linux/386

.PHONY: cross
cross: ## Build the program for each system that it supports.
	@for system in $(SYSTEMS); do \
		echo "build for $$system"; \
		GOOS=$${system%/*} GOARCH=$${system#*/} CGO_ENABLED=0 $(GO) build -trimpath -o /dev/null . || exit 1; \
	done
	GOOS=windows $(GO) vet ./internal/atomicfile ./internal/cli .

.PHONY: windows-check
windows-check: ## Run the program for Windows under wine, which has to be installed.
	.ci/check-windows

.PHONY: test
test: ## Run the tests.
	$(GO) test ./...

.PHONY: race
race: ## Run the tests with the race detector.
	$(GO) test -race ./...

.PHONY: e2e
e2e: ## Install what the tests beside other programs need, and run them.
	.ci/install-e2e
	cd test/e2e && PATH="$(CURDIR)/.build/tools:$$PATH" $(GO) test -timeout 20m -parallel 6 ./...

.PHONY: lint
lint: ## Run the linters, which it installs if there are none, and check the format.
	@test -z "$$(gofmt -l .)" || { gofmt -l .; exit 1; }
	$$(.ci/find-linter) run
	cd test/e2e && $(GO) vet ./...

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME.
	@for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
		done; \
	done

.PHONY: cover
cover: ## Print the coverage of client, collector and cache, and check that it is 90 % or more.
	@mkdir -p .build
	@for package in client collector internal/cache; do \
		$(GO) test -coverpkg=./$$package -coverprofile=.build/cover.out ./$$package ./collector >/dev/null || exit 1; \
		percent=$$($(GO) tool cover -func=.build/cover.out | awk '$$1 == "total:" { sub("%", "", $$3); print $$3 }'); \
		echo "coverage of $$package: $$percent %, at least 90 %"; \
		awk -v have="$$percent" 'BEGIN { exit !(have + 0 >= 90) }' || exit 1; \
	done

.PHONY: soak
soak: ## Run the soak test for three minutes.
	cd test/e2e && $(GO) test -run TestSoak -v . -soak 3m

.PHONY: bench
bench: ## Print a table of what is measured, as ratios taken in one run; it takes about two minutes.
	@( $(GO) test -run '^$$' -bench . -benchtime 1x ./client ./collector; cd test/e2e && $(GO) test -run '^$$' -bench . -benchtime 1x . ) | awk '\
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

.PHONY: rules
rules: ## Check and test the recording rules, the alerts and Alertmanager's configuration.
	$(PROMTOOL) check rules dashboards/rules/*.yml
	$(PROMTOOL) test rules dashboards/rules/tests/*.yml
	amtool check-config dashboards/alertmanager/alertmanager.yml

.PHONY: doccheck
doccheck: ## Compare the documentation with the program.
	$(GO) test -run 'Docs|Transcripts' ./internal/cli

.PHONY: tidy
tidy: ## Check that the modules list what they need.
	$(GO) mod tidy -diff
	cd test/e2e && $(GO) mod tidy -diff

.PHONY: image
image: ## Build the container image.
	docker build -t azure_csp_exporter \
		--build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) --build-arg BRANCH=$(BRANCH) .

.PHONY: image-check
image-check: ## Build the image with buildah, without a registry, and run the demo from it.
	.ci/check-image

.PHONY: stack-check
stack-check: ## Start the stack on other ports, check it and stop it.
	DEMO_PORT=20058 PROMETHEUS_PORT=29090 ALERTMANAGER_PORT=29093 dashboards/stack --check

.PHONY: demo-check
demo-check: ## Start the static program's demo, scrape it, check the exposition and stop it.
	.ci/check-demo

.PHONY: ci
ci: ## Run all that the continuous integration runs.
	.ci/run

.PHONY: clean
clean: ## Remove what was built.
	rm -rf .build $(BINARY)

.PHONY: help
help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
