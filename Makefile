# SPDX-License-Identifier: Apache-2.0
# nairi-bridge. `make help` lists the targets. V=1 shows the commands; SANITIZE=address,undefined or thread builds with it.

CC      ?= gcc
B       ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
VERSION := 0.1.0

comma := ,
ifdef SANITIZE
  # Every variant has its own objects, so that no object of one is linked into another.
  override B := $(B)/$(subst $(comma),-,$(SANITIZE))
  SANFLAGS := -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all
endif
say = $(if $(V),,@printf '  %-6s %s\n' '$(1)' '$(2)';)

include tests/support/packages.mk

PKGS := libmicrohttpd libcurl libcjson yaml-0.1 sqlite3 libcrypto libgit2 libseccomp
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla -Wcast-qual \
        -Wconversion -Wsign-conversion -Wpointer-arith -Wwrite-strings -Wundef -fno-common -Werror
HARDEN := $(if $(SANITIZE),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2) -fstack-protector-strong -fPIE -fcf-protection
OPT  ?= -O2 -g
CFLAGS_ALL = -std=gnu11 $(OPT) $(WARN) $(HARDEN) $(SANFLAGS) -D_GNU_SOURCE -DBRIDGE_VERSION='"$(VERSION)"' \
             $(if $(FAULTS),-DFAULT_POINTS) -I. -I$(B)/gen $(INCLUDES) -pthread $(CFLAGS)
LDFLAGS_ALL = $(SANFLAGS) -pie -Wl,-z,relro,-z,now -Wl,--as-needed -pthread $(LDFLAGS)
# Asked once, and only when something is built: `make help` and `make demo` run before the packages are there.
INCLUDES = $(eval INCLUDES := $(subst -I,-isystem ,$(shell pkg-config --cflags-only-I $(PKGS) 2>/dev/null)))$(INCLUDES)
LIBS = $(eval LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null))$(LIBS)

BRIDGE_C  := $(filter-out bridge/main.c,$(wildcard bridge/*.c bridge/*/*.c)) $(wildcard handlers/*.c config/*.c)
SANDBOX_C := $(wildcard tests/sandbox/*.c)
SQL       := $(sort $(wildcard bridge/store/migrations/*.sql))
UNIT      := $(patsubst tests/%.c,%,$(wildcard tests/unit/test_*.c tests/contract/test_*.c tests/fault/test_*.c))
SLOW      := unit/test_git_service # half a minute against a real HTTP server: not in `make check`
FUZZERS   := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

obj = $(patsubst %.c,$(B)/obj/%.o,$(1))
BRIDGE_O := $(call obj,$(BRIDGE_C))

.PHONY: all
all: $(B)/nairi-bridge $(B)/nairi-sandbox ## build the program and the sandbox

$(B)/nairi-bridge: $(call obj,bridge/main.c) $(BRIDGE_O)
	$(call say,LINK,$@) $(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

$(B)/nairi-sandbox: $(call obj,$(SANDBOX_C))
	$(call say,LINK,$@) $(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

$(B)/obj/%.o: %.c | $(B)/gen/migrations.h
	@mkdir -p $(@D)
	$(call say,CC,$<) $(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(B)/gen/migrations.h: $(SQL) tests/support/embed_sql.sh
	@mkdir -p $(@D)
	$(call say,GEN,$@) sh tests/support/embed_sql.sh $(SQL) > $@.new && mv $@.new $@

# ---- tests ----

# One binary a module: its test file, and every room of the bridge to link against.
$(B)/tests/%: $(B)/obj/tests/%.o $(BRIDGE_O)
	@mkdir -p $(@D)
	$(call say,LINK,$@) $(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS) $(if $(findstring fuzz/,$*),,-lcmocka)

$(B)/tests/fuzz/%: $(B)/obj/tests/fuzz/%.o $(B)/obj/tests/fuzz/replay.o $(BRIDGE_O)
	@mkdir -p $(@D)
	$(call say,LINK,$@) $(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

.PHONY: unit replay
unit: $(addprefix $(B)/tests/,$(UNIT))
replay: $(addprefix $(B)/tests/fuzz/,$(FUZZERS))

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

# A suite is "name=command"; tests/support/run_all.py adds them up. The sanitizer builds also have the fault points.
ASAN := build/test/address-undefined
TSAN := build/test/thread
SUB  := $(MAKE) --no-print-directory
E2E  := $(sort $(wildcard tests/e2e/test_*.py))

define suite_asan
"build-asan=$(SUB) -j$(JOBS) B=build/test SANITIZE=address,undefined FAULTS=1 all unit replay" \
"unit=sh tests/support/unit.sh $(addprefix $(ASAN)/tests/,$(UNIT))" \
"replay=$(foreach f,$(FUZZERS),$(ASAN)/tests/fuzz/$(f) tests/fuzz/corpus/$(f) &&) true"
endef
define suite_e2e
"sandbox=python3 tests/sandbox/selftest.py $(ASAN)/nairi-sandbox" \
$(foreach t,$(E2E),"$(notdir $(basename $(t)))=BRIDGE=$(ASAN)/nairi-bridge SANDBOX=build/nairi-sandbox python3 $(t)") \
$(foreach t,$(sort $(wildcard tests/fault/test_*.py)),"$(notdir $(basename $(t)))=BRIDGE=$(ASAN)/nairi-bridge SANDBOX=build/nairi-sandbox python3 $(t)")
endef
# The same scenarios when the first try of every transaction comes to nothing.
define suite_again
$(foreach t,start commands batch follow,"again-$(t)=FAULT=first-try BRIDGE=$(ASAN)/nairi-bridge SANDBOX=build/nairi-sandbox python3 tests/e2e/test_$(t).py")
endef
define suite_tsan
"build-tsan=$(SUB) -j$(JOBS) B=build/test SANITIZE=thread all" \
"tsan=BRIDGE=$(TSAN)/nairi-bridge SANDBOX=build/nairi-sandbox python3 tests/e2e/test_forward.py"
endef
define suite_rest
"clang=$(SUB) -j$(JOBS) B=build/clang CC=clang-14 all" \
"lint=$(SUB) lint" \
"fuzz=$(SUB) fuzz SECONDS=5 SEED=1" \
"interop=BRIDGE=$(ASAN)/nairi-bridge SANDBOX=build/nairi-sandbox sh tests/interop/run.sh" \
"demo=$(SUB) demo" \
"bench=$(SUB) bench SHORT=1" \
"install=$(SUB) install DESTDIR=build/install-test PREFIX=/usr && build/install-test/usr/bin/nairi-bridge version"
endef
JOBS ?= $(shell nproc)

.PHONY: check
check: ## the fast tests: unit, contract, lint (under a minute once built)
	@sh tests/support/install.sh $(PACKAGES_TEST)
	@python3 tests/support/run_all.py "build=$(SUB) -j$(JOBS) all unit" \
		"unit=sh tests/support/unit.sh $(addprefix $(B)/tests/,$(filter-out $(SLOW),$(UNIT)))" "lint=$(SUB) lint"

.PHONY: test
test: ## every test, with sanitizers; installs what it needs
	@sh tests/support/install.sh $(PACKAGES_TEST)
	@python3 tests/support/run_all.py "build=$(SUB) -j$(JOBS) all" $(suite_asan) $(suite_e2e) $(suite_again) $(suite_tsan) $(suite_rest)

.PHONY: demo
demo: ## see it work: installs, builds, runs one delivery through sandbox and bridge, cleans up
	@sh tests/support/install.sh $(PACKAGES_DEMO)
	@$(SUB) -s -j$(JOBS) all
	@sh tests/support/demo.sh $(B)/nairi-bridge $(B)/nairi-sandbox

.PHONY: bench
bench: all ## how fast, as ratios from one run (SHORT=1: a smoke test of the benchmark itself)
	@sh tests/support/install.sh $(PACKAGES_BENCH)
	@mkdir -p $(B)/tests/bench
	$(call say,CC,tests/bench/bare.c) $(CC) -std=gnu11 -O2 $(WARN) -o $(B)/tests/bench/bare tests/bench/bare.c -lmicrohttpd
	@BRIDGE=$(B)/nairi-bridge SANDBOX=$(B)/nairi-sandbox BARE=$(B)/tests/bench/bare python3 tests/bench/bench.py $(if $(SHORT),--short)

SECONDS ?= 60
SEED ?= 0
.PHONY: fuzz
fuzz: ## libFuzzer over every parser, SECONDS=60 each, SEED=0 (another one each time)
	@sh tests/support/install.sh $(PACKAGES_TEST)
	@$(SUB) -j$(JOBS) B=build/fuzz CC=clang-14 OPT="-O1 -g" \
		SANFLAGS="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all" fuzz-programs
	@SECONDS_EACH=$(SECONDS) SEED=$(SEED) sh tests/support/fuzz.sh build/fuzz $(FUZZERS)

.PHONY: fuzz-programs
fuzz-programs: $(addprefix $(B)/run/,$(FUZZERS))
$(B)/run/%: $(B)/obj/tests/fuzz/%.o $(BRIDGE_O)
	@mkdir -p $(@D)
	$(call say,LINK,$@) $(CC) $(LDFLAGS_ALL) -fsanitize=fuzzer -o $@ $^ $(LIBS)

.PHONY: lint
lint: ## includes point down, banned calls, headers stand alone, shell, man pages
	@sh tests/support/lint_arrows.sh
	@for h in $(sort $(wildcard bridge/*.h bridge/*/*.h handlers/*.h config/*.h)); do \
		$(CC) -fsyntax-only -x c $(filter-out -Werror,$(CFLAGS_ALL)) -Wno-unused $$h || exit 1; done
	@shellcheck tests/support/*.sh tests/interop/*.sh .ci/run
	@for m in docs/*.scd; do scdoc < $$m > /dev/null || exit 1; done
	@echo lint: ok

MAN := $(patsubst docs/%.scd,$(B)/man/%,$(wildcard docs/*.scd))
$(B)/man/%: docs/%.scd
	@mkdir -p $(@D)
	$(call say,MAN,$@) scdoc < $< > $@

.PHONY: install
install: $(B)/nairi-bridge $(MAN) ## DESTDIR= PREFIX=/usr/local: program, man pages, sample configuration, systemd unit
	install -D -m 755 $(B)/nairi-bridge $(DESTDIR)$(PREFIX)/bin/nairi-bridge
	for m in $(MAN); do install -D -m 644 $$m $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$$(basename $$m) || exit 1; done
	install -D -m 644 config/nairi-bridge.yaml $(DESTDIR)$(PREFIX)/share/doc/nairi-bridge/examples/nairi-bridge.yaml
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|/usr/bin/|$(PREFIX)/bin/|' config/nairi-bridge.service > $(DESTDIR)$(PREFIX)/lib/systemd/system/nairi-bridge.service

.PHONY: clean
clean: ## remove everything that was built
	rm -rf build

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | sort | awk -F'\t' '{ printf "  make %-10s %s\n", $$1, $$2 }'
