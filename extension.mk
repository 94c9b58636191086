# The extension itself, by PostgreSQL's PGXS. Use it through Makefile, which sees to what it needs.

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
PQL_VERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" pql.control)

EXTENSION = pql
MODULE_big = pql
OBJS = $(sort $(patsubst %.c,%.o,$(wildcard src/*.c)))
SCRIPT = sql/pql--$(PQL_VERSION).sql
DATA_built = $(SCRIPT)
DATA = $(wildcard sql/upgrade/*.sql)

PARTS := $(addprefix sql/parts/,$(shell sed 's/\#.*//' sql/parts/ORDER))
MODELS := $(sort $(wildcard sql/models/*.json sql/models/aside/*.json))

PG_CPPFLAGS = -DPQL_VERSION='"$(PQL_VERSION)"'
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers
SHLIB_LINK = -Wl,-Bsymbolic-functions
EXTRA_CLEAN = $(SCRIPT)

# JIT could inline nothing of ours, and building for it takes as long again.
override with_llvm := no

include $(PGXS)

$(OBJS): $(wildcard src/*.h)

# One file, in the order of sql/parts/ORDER; the shipped models become calls of pql.ship_model.
$(SCRIPT): $(PARTS) $(MODELS) sql/parts/ORDER scripts/join-sql pql.control
	scripts/join-sql $(PQL_VERSION) $(PARTS) > $@.tmp
	mv $@.tmp $@
