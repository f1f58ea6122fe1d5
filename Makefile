# weir. The two commands that matter: make run, make test. make help lists all.

SHELL := bash
GO ?= go
# Where make run listens: the host part of the addresses.
LISTEN ?= 127.0.0.1
# yes or no: the embedded store, whose engine takes a C++ compiler to link.
STORE ?= yes
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X main.version=$(VERSION)
# The same octets from the same sources, wherever they are.
SPLUNKFLAGS := -trimpath -buildvcs=false -ldflags '-s -w -buildid='

# Four targets share a folder's name.
.PHONY: help build run test test-real check generate fuzz clean \
	fluentbit fluentbit-native grafana splunk plugins packages \
	soak bench bench-shared bench-collector bench-fluentbit bench-grafana bench-splunk bench-plugins

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## bin/weir, with the embedded store; STORE=no leaves it out, and needs no C compiler
	@GO=$(GO) STORE=$(STORE) collector/packaging/binary.sh $$($(GO) env GOARCH) bin/weir '$(LDFLAGS)'

run: build ## run the collector on $(LISTEN):2055, :4739 and :6343 with an office as demo, and show flows; the API is on 127.0.0.1:8085
	bin/weir run --demo --print --data build/data --listen $(LISTEN):2055 --listen $(LISTEN):4739 --listen $(LISTEN):6343

test: ## unit tests and goldens
	@[ $(STORE) = no ] || collector/packaging/compiler.sh >/dev/null
	$(GO) test ./... ./testdata

test-real: build ## real exporters, hosts as their masters drive them; installs what it needs
	.ci/real

check: ## format, vet, staticcheck, rules, generated files, builds for every platform
	@files=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); if [ -n "$$files" ]; then echo "gofmt these: $$files" >&2; exit 1; fi
	$(GO) vet ./... ./testdata ./.ci/rules
	cd shared/bench && $(GO) vet ./...
	$(GO) tool staticcheck ./... ./testdata ./.ci/rules
	$(GO) test -count=1 ./.ci/rules
	.ci/generated
	CGO_ENABLED=0 $(GO) build ./...
	for os in windows darwin; do GOOS=$$os CGO_ENABLED=0 $(GO) build ./shared/... ./collector/source/... ./collector/pipeline/... ./splunk/... ./grafana/... || exit 1; done
	$(GO) test -race -short ./shared/... ./collector/... ./plugins/...
	$(GO) mod verify >/dev/null && $(GO) mod tidy -diff

generate: ## everything that is made from the column table, the registries, the settings and detect.proto; Grafana's dashboards
	$(GO) generate ./shared/ie ./shared/flow ./collector/config
	$(GO) generate ./plugins/... ./splunk/... ./fluentbit/... ./grafana/...

fuzz: ## each fuzz target for FUZZTIME (60 s)
	@set -e; for p in $$($(GO) list ./shared/... ./collector/... ./grafana/pkg/... ./splunk/... ./plugins/...); do \
		for f in $$($(GO) test -list '^Fuzz' $$p | grep ^Fuzz || true); do \
			echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(or $(FUZZTIME),60s) -fuzzminimizetime 1x $$p; done; done

fluentbit: ## in_weir.so for Linux with glibc 2.17 and later: build/fluentbit/linux_{amd64,arm64}, and build for this machine
	GO=$(GO) fluentbit/packaging/build.sh

fluentbit-native: ## build/in_weir.so by this machine's C compiler: for a glibc as new as its own
	CGO_ENABLED=1 $(GO) build -buildmode=c-shared -trimpath -ldflags '-s -w' -o build/in_weir.so ./fluentbit/cmd/in_weir

# What Grafana runs on. PLATFORMS='linux/amd64' is sooner done.
PLATFORMS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64
GRAFANAVERSION = $$(sed -n 's/^  "version": "\(.*\)",/\1/p' grafana/package.json)
# The same octets from the same sources, with what the plugin SDK's own build says of itself.
GRAFANAFLAGS = -trimpath -buildvcs=false -tags arrow_json_stdlib \
	-ldflags "-s -w -buildid= -X 'github.com/grafana/grafana-plugin-sdk-go/build/buildinfo.buildInfoJSON={\"pluginID\":\"weir-flows-datasource\",\"version\":\"$(GRAFANAVERSION)\"}'"

grafana: ## the datasource: build/grafana/weir-flows-datasource-VERSION.zip, for PLATFORMS
	grafana/package/frontend.sh
	rm -f grafana/dist/gpx_*
	for p in $(PLATFORMS); do os=$${p%/*} arch=$${p#*/}; \
		CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch $(GO) build $(GRAFANAFLAGS) -o grafana/dist/gpx_weir_flows_$${os}_$$arch$$([ $$os != windows ] || echo .exe) ./grafana/pkg || exit 1; done
	$(GO) run ./grafana/package

splunk: ## the add-on for Splunk: build/splunk/TA-weir-VERSION.tgz, with binaries for Linux and Windows
	CGO_ENABLED=0 GOOS=linux GOARCH=amd64 $(GO) build $(SPLUNKFLAGS) -o build/splunk/linux_x86_64/bin/weir ./splunk/cmd/weir-splunk
	CGO_ENABLED=0 GOOS=windows GOARCH=amd64 $(GO) build $(SPLUNKFLAGS) -o build/splunk/windows_x86_64/bin/weir.exe ./splunk/cmd/weir-splunk
	$(GO) run ./splunk/package

packages: ## deb, rpm and tar.gz of weir, deb and rpm of the Fluent Bit plugin, for linux amd64 and arm64 in build/packages
	GO=$(GO) collector/packaging/build.sh
	GO=$(GO) fluentbit/packaging/packages.sh

bench: bench-shared bench-collector bench-fluentbit bench-grafana bench-splunk bench-plugins ## all figures

BENCHTIME = $(if $(filter small,$(SCALE)),0.1s,1s)
BENCHCOUNT = $(if $(filter small,$(SCALE)),1,5)
GOBENCH = $(GO) test -run '^$$' -benchtime $(BENCHTIME) -count $(BENCHCOUNT) -bench

bench-shared: ## the core beside goflow2: same bytes, same run
	cd shared/bench && $(GO) run .

bench-collector: build ## receive, decode and count beside nfcapd; the pipeline and the UDP reader; questions to the store
	@$(GO) run ./collector/bench
	@$(GOBENCH) . ./collector/... | .ci/figures collector
	@[ $(STORE) = no ] || { set -o pipefail; FLOWS=$(if $(filter small,$(SCALE)),1,'1,10,100') $(GO) test -run '^$$' -bench '^BenchmarkStore$$' -benchtime 1x -timeout 1h ./collector/store | grep -Ev '^(goos|goarch|pkg|cpu|PASS|ok|Benchmark)'; }

soak: build ## the collector for SOAK (2h) at RECORDS (100000) a second: fails when it grows
	$(GO) run ./collector/bench soak $(or $(SOAK),2h) $(or $(RECORDS),100000)

bench-fluentbit: ## from a datagram to events beside fluent-bit-go's encoder; in_weir.so in the harness
	@$(GO) run ./fluentbit/bench
	@$(GOBENCH) . ./fluentbit/input ./fluentbit/cmd/in_weir | .ci/figures fluentbit AgainstFluentBitGo/flat x '>=40' AgainstFluentBitGo/ecs x '>=30'

bench-grafana: build ## the datasource's backend over gRPC: what it asks a collector with 100 million flows, its own window, live streams; the window's queries and inserts
	@STORE=$(STORE) $(GO) run ./grafana/bench
	@$(GOBENCH) . ./shared/query/engine | .ci/figures grafana

bench-splunk: ## 100,000 flows/s for a minute through the program, stitched and to an event collector too, and while nobody reads; from v9 datagrams to events by CPU time; stitching; the event collector
	@$(GO) run ./splunk/bench
	@$(GOBENCH) . ./splunk/modinput ./splunk/hec | .ci/figures splunk Events/psv events/s '>=2500000' Events/psv octets '<=100' Stitch/apart=10000 flows/s '>=2500000' Datagrams events/cpu/s '>=2500000' 'Send/gzip=false' events/cpu/s '>=3000000'

bench-plugins: ## columns through go-plugin into a detector's process
	@$(GOBENCH) . ./plugins/host | .ci/figures plugins 'Feed/ipv6=false/rows=1000' rows/s '>=1500000' 'Feed/ipv6=true/rows=1000' rows/s '>=1500000'

clean: ## remove what was built
	rm -rf bin build grafana/dist
