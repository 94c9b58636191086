# pql: product-qualified leads inside PostgreSQL
#
#   make demo    the main job on simulated data, on a throw-away cluster
#   make check   all tests
#
# Both install what is missing on Debian and Ubuntu. `make help` lists the rest.

PQL_VERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" pql.control)
PG_CONFIG ?= pg_config
PGXS := $(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null))

EXTENSION = pql
MODULE_big = pql
OBJS = $(sort $(patsubst %.c,%.o,$(wildcard src/*.c)))
SCRIPT = sql/pql--$(PQL_VERSION).sql
DATA_built = $(SCRIPT)
DATA = $(wildcard sql/upgrade/*.sql)

PARTS := $(addprefix sql/parts/,$(shell sed 's/\#.*//' sql/parts/ORDER 2>/dev/null))
MODELS := $(sort $(wildcard sql/models/*.json))

PG_CPPFLAGS = -DPQL_VERSION='"$(PQL_VERSION)"'
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers
EXTRA_CLEAN = $(SCRIPT) build

# JIT could inline nothing of ours, and building for it takes as long again.
override with_llvm := no

.DEFAULT_GOAL := all

ifneq ($(PGXS),)
include $(PGXS)
else
# On a bare machine the first target to run installs PostgreSQL and starts make again.
all install:
	scripts/install-deps build
	$(MAKE) $@
endif

$(OBJS): $(wildcard src/*.h)

# One file, in the order of sql/parts/ORDER; the shipped models become calls of put_model.
$(SCRIPT): $(PARTS) $(MODELS) sql/parts/ORDER scripts/join-sql pql.control
	scripts/join-sql $(PQL_VERSION) $(PARTS) > $@.tmp
	mv $@.tmp $@

SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
export PG_CONFIG
quiet := $(MAKE) --no-print-directory -s

## make demo        the main job on simulated data, on a throw-away cluster
## make demo-real   the main job on real free-trial data in $PQL_DATA, where that is
.PHONY: demo demo-real
demo demo-real:
	@scripts/install-deps build
	@$(quiet) all
	@$(SUDO) $(quiet) install >/dev/null
	@scripts/with-cluster demo/$(if $(filter demo,$@),run,real)

## make check       all tests; warnings are errors. TESTS="names" runs some
.PHONY: check
check:
	@scripts/install-deps build test
	@$(quiet) clean >/dev/null
	@$(quiet) all COPT=-Werror
	@$(SUDO) $(quiet) install >/dev/null
	@scripts/with-cluster scripts/check $(TESTS)

.PHONY: help
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)
