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

hash := \#
# Said here, for what a compiler says of a missing header tells nobody what to install.
ifeq ($(filter clean uninstall,$(MAKECMDGOALS)),)
ifneq ($(shell printf '$(hash)include <libpsl.h>\n$(hash)include <idn2.h>\n' | $(CC) $(CPPFLAGS) -E -x c - >/dev/null 2>&1 || echo missing),)
$(error pql needs the headers of libpsl and libidn2 (Debian, Ubuntu: libpsl-dev libidn2-dev; Fedora: libpsl-devel libidn2-devel; Alpine: libpsl-dev libidn2-dev). scripts/install-deps build installs them)
endif
endif

PARTS := $(addprefix sql/parts/,$(shell sed 's/\#.*//' sql/parts/ORDER))
MODELS := $(sort $(wildcard sql/models/*.json sql/models/aside/*.json))
DOMAINS := $(sort $(wildcard sql/domains/*.txt))

PG_CPPFLAGS = -DPQL_VERSION='"$(PQL_VERSION)"'
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers
SHLIB_LINK = -Wl,-Bsymbolic-functions -lpsl -lidn2
EXTRA_CLEAN = $(SCRIPT)

# JIT could inline nothing of ours, and building for it takes as long again.
override with_llvm := no

include $(PGXS)

$(OBJS): $(wildcard src/*.h)

# One file, in the order of sql/parts/ORDER; the shipped models become calls of pql.ship_model, lists of
# domains calls of pql.ship_email_domains.
$(SCRIPT): $(PARTS) $(MODELS) $(DOMAINS) sql/parts/ORDER scripts/join-sql pql.control
	scripts/join-sql $(PQL_VERSION) $(PARTS) > $@.tmp
	mv $@.tmp $@
