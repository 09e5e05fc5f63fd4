# Two makefiles in one:
#   - the extension's, by PostgreSQL's own rules (PGXS), so that
#     `make && make install PG_CONFIG=...` does what a DBA expects;
#   - the short names of the workflow (`make help`), each one script in scripts/.
# It never installs packages or starts a server by itself: the scripts do.
# The workflow targets work before PostgreSQL or any other package is there.

.DEFAULT_GOAL := all

# --- the extension ----------------------------------------------------------

EXTENSION = porcupine
EXTENSION_VERSION = 1.1
# The versions before it, oldest first; each has its frozen script and its delta in sql/upgrade.
OLD_VERSIONS = 1.0
MODULE_big = porcupine
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard extension/*.c)))

# The install script is its parts, one after the other, in this order.
SQL_PARTS = $(sort $(wildcard sql/[0-9][0-9]_*.sql))
FRESH_SCRIPT = sql/$(EXTENSION)--$(EXTENSION_VERSION).sql
# What updates the last version is made of the same parts, after what has to be said by hand (sql/upgrade/README.md).
LAST_VERSION = $(lastword $(OLD_VERSIONS))
LAST_SCRIPT = sql/upgrade/$(EXTENSION)--$(LAST_VERSION).sql
DELTA = sql/upgrade/$(LAST_VERSION)--$(EXTENSION_VERSION).sql
UPDATE_SCRIPT = sql/$(EXTENSION)--$(LAST_VERSION)--$(EXTENSION_VERSION).sql

DATA = $(wildcard sql/upgrade/$(EXTENSION)--*.sql)
DATA_built = $(FRESH_SCRIPT) $(UPDATE_SCRIPT)

# Server headers are "system" headers, so that -Wextra speaks of our code only.
# Its callbacks dictate their parameters, used or not; fields left out are zero on purpose.
PG_CPPFLAGS = -isystem $(shell $(PG_CONFIG) --includedir-server)
PG_CFLAGS = -Wextra -Wno-unused-parameter -Wno-missing-field-initializers $(WERROR_CFLAGS) $(CLANG_CFLAGS)
# The server loads modules into one name space; our calls shall reach our functions.
SHLIB_LINK = -lsodium -Wl,-Bsymbolic

# make WERROR=1: warnings are errors
ifdef WERROR
WERROR_CFLAGS = -Werror
endif
# make CC=clang: PostgreSQL was configured with gcc and hands out its flags
ifneq ($(findstring clang,$(CC)),)
CLANG_CFLAGS = -Wno-unknown-warning-option -Wno-ignored-optimization-argument
endif

# --- its tests against a running server: make installcheck -------------------

REGRESS = $(patsubst regress/sql/%.sql,%,$(sort $(wildcard regress/sql/*.sql)))
REGRESS_OPTS = --inputdir=regress --outputdir=.build/regress --load-extension=$(EXTENSION)
ISOLATION = $(patsubst regress/specs/%.spec,%,$(sort $(wildcard regress/specs/*.spec)))
ISOLATION_OPTS = --inputdir=regress --outputdir=.build/isolation --load-extension=$(EXTENSION)
TAP_TESTS = 1
PROVE_TESTS = regress/t/*.pl

installcheck: .build/regress .build/isolation
.build/regress .build/isolation:
	mkdir -p $@

EXTRA_CLEAN = .build/for-* .build/page.stamp .build/regress .build/isolation web/dist

# --- PostgreSQL's rules, where PostgreSQL is installed -----------------------

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)

ifneq ($(wildcard $(PGXS)),)
# bitcode for the server's JIT would need clang and gain nothing here
override with_llvm = no
include $(PGXS)
else
.PHONY: all install installcheck clean distclean
all install installcheck:
	@echo "PostgreSQL's server headers are missing ($(PG_CONFIG) --pgxs names no file):" >&2
	@echo "run 'make packages', or name the server's own pg_config: make PG_CONFIG=/path/to/pg_config" >&2
	@exit 1
clean:
	rm -rf $(EXTRA_CLEAN) $(OBJS) $(MODULE_big).so $(DATA_built)
distclean: clean
endif

# Rebuilt when a header changes, and when another server or compiler is asked for.
BUILT_FOR := .build/for-$(shell echo '$(CC) $(shell $(PG_CONFIG) --version 2>/dev/null) $(WERROR)' | tr -c 'A-Za-z0-9.\n' '_')
$(BUILT_FOR):
	@mkdir -p .build
	@rm -f .build/for-*
	@touch $@
$(OBJS): $(wildcard extension/*.h) $(BUILT_FOR)

# For a build by another compiler in the same place.
.PHONY: clean-extension
clean-extension:
	rm -f $(OBJS) $(MODULE_big).so

# Compared with what is there, for a part may have been taken away or renamed.
.PHONY: always
$(FRESH_SCRIPT): assembly = cat $(SQL_PARTS)
$(UPDATE_SCRIPT): assembly = awk -f sql/upgrade/assemble.awk $(LAST_SCRIPT) $(DELTA) $(SQL_PARTS)
$(DATA_built): always
	@test -n '$(SQL_PARTS)' || { echo 'no parts sql/NN_*.sql: is this a whole checkout?' >&2; exit 1; }
	@$(assembly) >$@.new || { rm -f $@.new; exit 1; }
	@if cmp -s $@.new $@; then rm $@.new; else echo 'assembling $@'; mv $@.new $@; fi

# --- the bridge and the page -------------------------------------------------

.PHONY: bridge page
bridge: ## build the bridge, bridge/porcupine-bridge
	$(MAKE) -C bridge

PAGE_SOURCES = $(shell find web -name node_modules -prune -o -path web/dist -prune -o -type f -print 2>/dev/null)

page: .build/page.stamp ## build the page, web/dist

.build/page.stamp: .build/npm.stamp openapi.yaml $(PAGE_SOURCES)
	scripts/with-node npm --prefix web run build
	@touch $@

.build/npm.stamp: web/package-lock.json
	scripts/with-node npm --prefix web ci --no-audit --no-fund
	@mkdir -p .build && touch $@

# What the example in Node.js needs.
.build/examples.stamp: examples/node/package-lock.json
	scripts/with-node npm --prefix examples/node ci --no-audit --no-fund
	@mkdir -p .build && touch $@

# --- the workflow --------------------------------------------------------------

.PHONY: run stop psql packages build bench bench-sql test deb test-deb test-versions test-upgrade torture test-valgrind test-discard sqlsmith fuzz test-docker attack sanitize lint help erase-data
run: ## install, build and start everything; Ctrl-C stops it (PORCUPINE_PORT, PORCUPINE_DIR)
	@scripts/run

stop: ## stop what `make run` started, from another terminal
	@scripts/stack down

psql: ## a prompt in the running database
	@scripts/stack psql

packages: ## install the Debian packages that `make run` needs
	@scripts/packages run

build: ## build extension, bridge and page, and install the extension
	@scripts/build

bench: build ## what it does a second and what that costs, beside limits of the same run (25 minutes; QUICK=1: three)
	@bench/run $(if $(QUICK),--quick)

bench-sql: build ## what pages, unread counts, snapshots and joins take among ten million events (QUICK=1: a hundred thousand)
	@bench/ten-million $(if $(QUICK),--quick)

test: ## run every test; SUITE="regress tap" chooses (scripts/test names them)
	@scripts/test $(SUITE)

sanitize: ## run the tests in which a bridge runs with one that watches over its memory and arithmetic (SUITE="sdk" chooses)
	@scripts/test sanitize $(SUITE)

# bookworm has PostgreSQL 15, trixie 17, forky 18
RELEASES = bookworm trixie forky
test-versions: ## test the extension on clean Debians with PostgreSQL 15, 17 and 18 (as root; RELEASES=forky: on one)
	@set -e; for release in $(RELEASES); do scripts/try-clean $$release scripts/test regress isolation tap; done

test-upgrade: ## take a chat from PostgreSQL 15 to 17, by pg_upgrade and by dump and restore, on clean Debians (as root)
	@scripts/test-upgrade

test-valgrind: ## run the suite regress on a PostgreSQL under valgrind (builds one; twenty minutes; not part of test)
	@scripts/test valgrind

test-discard: ## run the suite regress on a PostgreSQL with assertions that forgets its caches at once (DISCARD_TIME=1s of each statement; not part of test)
	@scripts/test discard

sqlsmith: ## random queries as a client on a PostgreSQL with assertions (QUERIES=100000 SEED=1; twenty minutes; not part of test)
	@scripts/test sqlsmith

SECONDS = 600
fuzz: ## libFuzzer on the bridge's parsers (TARGETS="json jwt" SECONDS=600 each; not part of test)
	@scripts/fuzz $(SECONDS) $(TARGETS)

deb: ## Debian packages of extension and bridge, into .build/deb
	@scripts/deb

test-deb: ## build them on a clean Debian 12 and install them on another (as root)
	@rm -rf .build/deb-tried
	@TRY_CLEAN_KEEP=$(CURDIR)/.build/deb-tried scripts/try-clean bookworm sh -c 'make deb && mkdir -p /srv/out && cp .build/deb/*.deb /srv/out'
	@TRY_CLEAN_BRING=$(CURDIR)/.build/deb-tried scripts/try-clean bookworm scripts/deb --try /srv/in

test-docker: ## build and start docker-compose.yml, use it and break it (needs Docker; not part of test)
	@scripts/test-docker

attack: build ## let sqlmap, wapiti and slowhttptest loose on a stack of its own (ten to twenty minutes; not part of test)
	@scripts/attack

torture: build ## break the pieces while people send, and account for it (OPTIONS="seconds=3600"; docs/torture.md)
	@faults/torture $(OPTIONS)

lint: ## run the static checks alone
	@scripts/test lint

erase-data: ## remove the private cluster with everything said in it: CONFIRM=yes
	@scripts/stack erase $(CONFIRM)

help: ## this list
	@echo 'make [target]:'
	@echo '  all          build the extension (the default), by PG_CONFIG=, CC=, WERROR=1'
	@echo '  install      install the extension into the server of PG_CONFIG'
	@echo '  installcheck test it against a server that runs and preloads it'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile
	@echo '  clean        remove what was built; data, tools and node_modules stay'
	@echo '  distclean    remove tools and node_modules too; data stays'

# Data is never a build product: only erase-data removes it.
.PHONY: clean-bridge clean-tools where-data
clean: clean-bridge where-data
clean-bridge:
	@test ! -f bridge/Makefile || $(MAKE) -s -C bridge clean
	@test ! -f faults/Makefile || $(MAKE) -s -C faults clean
where-data:
	@scripts/stack where

distclean: clean-tools
clean-tools:
	rm -rf .build web/node_modules web/sdk/node_modules examples/node/node_modules
