# Everything that a person or a machine runs here. `make help` lists the targets.

SHELL := bash
.DEFAULT_GOAL := help
.NOTPARALLEL:

VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS   := -s -w -X main.version=$(VERSION)
BUILD     := go build -ldflags '$(LDFLAGS)'
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

# Programs that need no C library run anywhere; with one setting for everything
# nothing is compiled twice. Only the race detector needs C.
export CGO_ENABLED := 0
RACE := CGO_ENABLED=1 go test -race

# The packages whose goroutines and processes meet; the race detector costs too much on the rest.
CONCURRENT := ./gitstore/... ./tools/...
FUZZTIME   ?= 20s

# Linters, and a git host to test against, are built once, at these versions, into a cache outside the repository.
TOOLS       := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/skein-tools
GOLANGCI    := $(TOOLS)/golangci-lint-v2.15.0
GOVULNCHECK := $(TOOLS)/govulncheck-v1.5.0
GITEA       := $(TOOLS)/gitea-v1.26.0
CONFORMANCE := 0.1.16
INSPECTOR   := 2.12.0

.PHONY: help build install demo test race lint fuzz bench bench-peers conformance host check soak cross

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

build: ## build ./bin/skein
	@mkdir -p bin
	$(BUILD) -o bin/ ./cmd/skein

install: ## put skein where `go install` puts programs
	go install -ldflags '$(LDFLAGS)' ./cmd/skein

demo: build ## two agents hold a conversation through a fresh store; shows what is left on disk
	@go run ./cmd/skein-demo -skein bin/skein

test: ## run every test
	go test -timeout 30m ./...

race: ## run the tests of the concurrent packages under the race detector
	$(RACE) $(CONCURRENT)

lint: $(GOLANGCI) $(GOVULNCHECK) ## check style, package directions and known vulnerabilities
	$(GOLANGCI) run ./...
	@$(GOVULNCHECK) ./... || { code=$$?; [ $$code -ne 3 ] || exit 3; \
		echo "govulncheck could not run (the reason is above); its database has to be reachable"; }

fuzz: ## fuzz each target for FUZZTIME (20s)
	@grep -r --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]*' . | sed 's/func //; s/\/[^/:]*:/ /' | \
	while read -r dir target; do \
		echo "fuzz $$dir $$target"; \
		go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$dir" || exit 1; \
	done

bench: build ## measure every figure of gitstore/BENCHMARKS.md (BENCH=-quick for a short run, BENCH=-update to publish)
	@go run ./cmd/skein-bench -skein bin/skein $(BENCH)

bench-peers: build ## compare with other systems, installing them from the network
	@go run ./cmd/skein-bench -peers -skein bin/skein $(BENCH)

conformance: ## run MCP's public conformance suite and inspector against the server (Node.js 22 or newer, and the network)
	SKEIN_CONFORMANCE='npx --yes @modelcontextprotocol/conformance@$(CONFORMANCE)' go test -count=1 -v -run '^TestConformance$$' ./tools
	SKEIN_INSPECTOR='npx --yes @modelcontextprotocol/inspector@$(INSPECTOR)' go test -count=1 -v -run '^TestInspector$$' ./cmd/skein

host: $(GITEA) ## run skein against a whole git host, Gitea (a C compiler and OpenSSH; the network once)
	SKEIN_GITEA=$(GITEA) go test -count=1 -timeout 30m -v -run '^TestHost$$' ./cmd/skein

check: lint cross test ## everything that must hold before a change lands: lint, all platforms, tests, races
	$(RACE) -short -timeout 40m -skip 'PowerLoss|FailingCalls|DiesAtEachStep|HarmedIndex|TenThousand|PolicyLosesNothing' $(CONCURRENT)

soak: $(GITEA) ## the long forms of the crash, power-loss and load tests, and `make host`
	SKEIN_SOAK=1 SKEIN_GITEA=$(GITEA) go test -count=1 -timeout 4h ./gitstore/... ./tools/... ./cmd/...

cross: # build and vet for every platform
	@for platform in $(PLATFORMS); do \
		echo "build and vet $$platform"; \
		export GOOS=$${platform%/*} GOARCH=$${platform#*/}; \
		go build ./... && go vet ./... || exit 1; \
	done

# The version is part of the program's name, so that a change of it builds a new one.
$(TOOLS)/golangci-lint-%:
	@$(call fetch,github.com/golangci/golangci-lint/v2/cmd/golangci-lint,golangci-lint,$*)

$(TOOLS)/govulncheck-%:
	@$(call fetch,golang.org/x/vuln/cmd/govulncheck,govulncheck,$*)

# Gitea is built with its pages in it, which takes a copy that can be written to.
$(TOOLS)/gitea-%:
	@echo "building gitea $* into $(TOOLS)"; set -e; rm -rf $(TOOLS)/new/gitea-source; mkdir -p $(TOOLS)/new; cd $(TOOLS)/new; \
	source=$$(go mod download -json code.gitea.io/gitea@$* | sed -n 's/.*"Dir": "\(.*\)".*/\1/p'); \
	cp -r "$$source" gitea-source; chmod -R u+w gitea-source; cd gitea-source; \
	go generate -tags bindata ./modules/options ./modules/public ./modules/templates ./modules/migration; \
	CGO_ENABLED=1 go build -tags 'bindata sqlite sqlite_unlock_notify' -o ../gitea .; \
	cd ..; rm -rf gitea-source; mv gitea $@

define fetch
echo "building $(2) $(3) into $(TOOLS)"; mkdir -p $(TOOLS)/new; \
GOFLAGS= GOBIN=$(TOOLS)/new go install $(1)@$(3) && mv $(TOOLS)/new/$(2) $@
endef
