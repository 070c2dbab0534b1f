# Liquidnet. Two commands matter: `make experiment-core-limited` and `make test`.
# Each installs what is missing (Debian packages, listed in vm/packages.txt; for tests vm/packages-test.txt too), builds,
# and runs.

CC      ?= gcc
CLANG   ?= clang
BPFTOOL ?= $(or $(shell command -v bpftool),/usr/sbin/bpftool)
# A virtual machine that shares this tree with its host keeps its programs apart: its provisioning writes where.
BUILD   ?= $(or $(shell cat /etc/liquidnet/build 2>/dev/null),build)
export BUILD # what is built is what tests and benches run
TRIALS  ?=
SANITIZE ?=
V        ?=
Q        := $(if $(V),,@)
say       = $(if $(V),@:,@printf '  %-5s %s\n' $(1))

VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
# Programs that say their version are built anew when it changes, on every commit.
$(shell mkdir -p $(BUILD); echo '$(VERSION)' | cmp -s - $(BUILD)/version || echo '$(VERSION)' >$(BUILD)/version)
WARN    := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wmissing-prototypes -Wstrict-prototypes
CFLAGS  ?= -O2 -g
ALL_CFLAGS := -std=gnu17 -D_GNU_SOURCE $(WARN) -Werror=implicit-function-declaration \
              -fno-omit-frame-pointer -I. -I$(BUILD)/gen $(CFLAGS) \
              -DLIQUIDNET_VERSION='"$(VERSION)"'
ifneq ($(SANITIZE),)
ALL_CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=undefined
LDFLAGS    += -fsanitize=address,undefined
endif

# What each program links besides the two libraries of our own.
LIB_LIBS       := -lsystemd -ljansson -lyaml -lmnl -lm
LIBS_detour    := -lnftables -lnetfilter_conntrack -lcrypto
LIBS_client    := -lcrypto
LIBS_link      := -lbpf
LIBS_lb        := -lzookeeper_mt
LIBS_mux       := -lbpf $(LIBS_lb)
LIBS_agent     := $(LIBS_mux)
LIBS_kibbutz   := -lnftables -lsodium -lcrypto
LIBS_provider  := -lnftables -lcrypto
LIBS_cc        := -lbpf
LIBS_analysis  := -lpcap -lcrypto
LIBS_harness   := $(LIBS_analysis) -lbpf

NODES   := $(notdir $(patsubst %/,%,$(dir $(wildcard nodes/*/main.c))))
sources  = $(filter-out %.bpf.c,$(wildcard $(1)/*.c))
objects  = $(patsubst %.c,$(BUILD)/obj/%.o,$(sources))

LIB      := $(BUILD)/libliquidnet.a
ANALYSIS := $(BUILD)/libanalysis.a
PROGRAMS := $(if $(wildcard harness/main.c),$(BUILD)/bin/liquidnet) $(NODES:%=$(BUILD)/bin/liquidnet-%)
UNIT     := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
FUZZ     := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
BENCH    := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/bench_*.c))

.PHONY: all deps test-deps build unit-build fuzz-build bench-build test test-sanitize test-long fuzz install clean format experiment-%
.SECONDARY:
.DEFAULT_GOAL := all

all: deps
	@$(MAKE) --no-print-directory build

# Debian's packages, only those that are missing: nothing is fetched when all are there.
deps:
	@vm/install-packages vm/packages.txt

build: $(PROGRAMS)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC $<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

VERSIONED := $(shell grep -lw LIQUIDNET_VERSION lib/*.c harness/*.c nodes/*/*.c)
$(VERSIONED:%.c=$(BUILD)/obj/%.o) $(BUILD)/tests/test_daemon: $(BUILD)/version

$(LIB): $(call objects,lib)
	@rm -f $@; $(AR) rcs $@ $^

$(ANALYSIS): $(call objects,analysis)
	@rm -f $@; $(AR) rcs $@ $^

define node_program
$(BUILD)/bin/liquidnet-$(1): $(call objects,nodes/$(1)) $(LIB)
	@mkdir -p $$(@D)
	$$(call say,LINK $$@)
	$(Q)$(CC) $(LDFLAGS) -o $$@ $$^ $(LIBS_$(1)) $(LIB_LIBS)
endef
$(foreach node,$(NODES),$(eval $(call node_program,$(node))))

$(BUILD)/bin/liquidnet: $(call objects,harness) $(ANALYSIS) $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK $@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_harness) $(LIB_LIBS)

# BPF programs: FOLDER/NAME.bpf.c beside the C that loads it, which includes it as a skeleton, "FOLDER/NAME.skel.h".
BPF      := $(patsubst ./%,%,$(wildcard */*.bpf.c */*/*.bpf.c))
SKELETON := $(BPF:%.bpf.c=$(BUILD)/gen/%.skel.h)

$(BUILD)/obj/%.bpf.o: %.bpf.c
	@mkdir -p $(@D)
	$(call say,BPF $<)
	$(Q)$(CLANG) -O2 -g -target bpf -mcpu=v3 -I. -I/usr/include/$(shell uname -m)-linux-gnu -Wall -MMD -MP -c -o $@ $<

$(BUILD)/gen/%.skel.h: $(BUILD)/obj/%.bpf.o
	@mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name $(subst -,_,$(notdir $*))_bpf > $@.new && mv $@.new $@

$(foreach s,$(BPF),$(eval $(call objects,$(patsubst %/,%,$(dir $(s)))): | $(s:%.bpf.c=$(BUILD)/gen/%.skel.h)))
$(UNIT) $(FUZZ) $(BENCH): | $(SKELETON)

# What system tests do to the machine.
$(BUILD)/tests/stall: tests/system/stall.c $(BUILD)/gen/tests/system/stall.skel.h
	@mkdir -p $(@D)
	$(call say,CC $<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< -lbpf

# A unit test includes the .c under test and links everything else from the libraries.
$(BUILD)/tests/%: tests/unit/%.c $(ANALYSIS) $(LIB)
	@mkdir -p $(@D)
	$(call say,CC $<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(ANALYSIS) $(LIB) -lcmocka \
	  $(LIBS_analysis) $(LIBS_detour) $(LIBS_client) $(LIBS_mux) $(LIBS_kibbutz) $(LIB_LIBS)

$(BUILD)/bench/%: tests/bench/%.c $(ANALYSIS) $(LIB)
	@mkdir -p $(@D)
	$(call say,CC $<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(ANALYSIS) $(LIB) $(LIBS_analysis) $(LIBS_link) $(LIB_LIBS)

# Fuzz targets: one source that includes what it fuzzes; corpus in tests/fuzz/corpus/NAME/.
$(BUILD)/fuzz/%: tests/fuzz/%.c $(wildcard lib/*.[ch] analysis/*.[ch] harness/*.[ch] nodes/*/*.[ch])
	@mkdir -p $(@D)
	$(call say,FUZZ $<)
	$(Q)$(CLANG) -std=gnu17 -D_GNU_SOURCE -O1 -g -I. -I$(BUILD)/gen -DLIQUIDNET_VERSION='"fuzz"' -fsanitize=fuzzer,address,undefined \
	  -fno-sanitize-recover=undefined -o $@ $< $(call sources,lib) $(call sources,analysis) $(LIBS_analysis) $(LIBS_mux) $(LIBS_kibbutz) $(LIB_LIBS)

unit-build: $(UNIT) $(BUILD)/tests/stall
fuzz-build: $(FUZZ)
bench-build: $(BENCH)

# What only tests need is installed only for them.
test-deps: deps
	@vm/install-packages vm/packages-test.txt

test: test-deps
	@$(MAKE) --no-print-directory build unit-build fuzz-build
	@tests/run

test-sanitize: test-deps
	@$(MAKE) --no-print-directory BUILD=$(BUILD)-sanitize SANITIZE=1 build unit-build fuzz-build
	@BUILD=$(BUILD)-sanitize tests/run

test-long: test-deps
	@$(MAKE) --no-print-directory build unit-build fuzz-build
	@tests/run --long

experiment-%: deps
	@$(MAKE) --no-print-directory build
	@$(BUILD)/bin/liquidnet run $* $(if $(TRIALS),--trials $(TRIALS)) $(RUN_FLAGS)

-include $(wildcard */module.mk nodes/*/module.mk)

PREFIX ?= /usr/local
install: build
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/liquidnet $(DESTDIR)$(PREFIX)/share/doc/liquidnet/examples
	install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	cp -R experiments topologies data $(DESTDIR)$(PREFIX)/share/liquidnet
	rm -rf $(DESTDIR)$(PREFIX)/share/liquidnet/topologies/__pycache__
	install -m 644 $(wildcard nodes/*/*.example.yaml) $(DESTDIR)$(PREFIX)/share/doc/liquidnet/examples

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

clean:
	rm -rf $(BUILD) $(BUILD)-sanitize

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
