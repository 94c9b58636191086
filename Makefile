# pql: product-qualified leads inside PostgreSQL
#
#   make demo    the main job on simulated data, on a throw-away cluster
#   make check   all tests
#
# Both install what is missing on Debian and Ubuntu, and leave nothing running. `make help` lists the rest.

PG_CONFIG ?= pg_config
export PG_CONFIG
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
extension := $(MAKE) --no-print-directory -f extension.mk

## make             builds the extension
## make install     installs it into the PostgreSQL of pg_config (or PG_CONFIG=…)
.PHONY: all install uninstall clean
all install uninstall clean:
	@$(extension) $@

## make demo        the main job on simulated data
## make demo-real   the main job on real free-trial data in $PQL_DATA, where that is
.PHONY: demo demo-real
demo demo-real: ready
	@scripts/with-cluster demo/$(if $(filter demo,$@),run,real)

## make bench       scoring everybody against SQL, DuckDB and chDB; gathering against built-in aggregates
##                  (an hour or more; bench/score --help and bench/gather --help tell of smaller runs)
.PHONY: bench
bench: ready
	@PGOPTS_EXTRA="-c shared_buffers=4GB" scripts/with-cluster bench/score
	@scripts/with-cluster bench/gather

## make relay       builds tools/relay/pql-relay, which delivers alerts to Slack and answers /claim
.PHONY: relay
relay:
	@scripts/install-deps relay
	@$(MAKE) --no-print-directory -s -C tools/relay

## make report      the dashboards as one page, build/report.html: of the demo or, with PGDATABASE=…, of that database
## make report-test the report, and the queries for Grafana and Metabase, on the demo's data
.PHONY: report report-test report-ready
report: ready report-ready
	@mkdir -p build
ifdef PGDATABASE
	@dashboards/report --out build/report.html
else
	@echo 'Playing the demo …'
	@scripts/with-cluster sh -c 'demo/run >build/demo.log && \
		PGDATABASE=pql_pilot dashboards/report --as-of 2026-11-02 --out build/report.html'
endif
	@echo $(CURDIR)/build/report.html

report-test: ready report-ready
	@scripts/install-deps report-test
	@mkdir -p build
	@scripts/with-cluster sh -c 'demo/run >build/demo.log && cd dashboards && npm test --silent'

report-ready:
	@scripts/install-deps report
	@[ dashboards/node_modules/.package-lock.json -nt dashboards/package-lock.json ] || \
		(cd dashboards && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)

.PHONY: ready
ready:
	@scripts/install-deps build
	@$(extension) -s all
	@$(SUDO) $(extension) -s install PG_CONFIG=$(PG_CONFIG) >/dev/null

## make check       all tests, as many files at a time as there are processors; warnings are errors.
##                  TESTS="names" runs some, JOBS=1 one after another
.PHONY: check
check:
	@scripts/install-deps build test relay
	@$(extension) -s clean
	@$(extension) -s all COPT=-Werror
	@$(MAKE) --no-print-directory -s -C tools/relay clean all
	@$(SUDO) $(extension) -s install PG_CONFIG=$(PG_CONFIG) >/dev/null
	@scripts/with-cluster scripts/check $(TESTS)

## make sanitize    tests with AddressSanitizer and UndefinedBehaviorSanitizer in the library. TESTS="names"
.PHONY: sanitize
sanitize: ready
	@scripts/install-deps test
	@$(SUDO) env PG_CONFIG=$(PG_CONFIG) scripts/sanitize $(TESTS)

## make stress      refresh beside loaders for two minutes, and through 200 kills of backends and the postmaster
.PHONY: stress
stress: ready
	@scripts/install-deps test
	@PQL_STRESS_SECONDS=120 scripts/with-cluster prove test/t/refresh.t
	@PQL_KILLS=200 scripts/with-cluster prove test/t/crash.t

## make pilot       four simulated weeks of reps at work, a refresh in each of the 40,320 minutes, against the oracle (some ten minutes)
.PHONY: pilot
pilot: ready
	@scripts/install-deps test
	@PQL_PILOT_STEP=1 PQL_PILOT_SHARE=1 scripts/with-cluster prove -v test/t/pilot.t

## make fuzz        libFuzzer on everything that reads what it is given
.PHONY: fuzz
fuzz: ready
	@scripts/install-deps fuzz
	@test/fuzz/run

.PHONY: help
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)
