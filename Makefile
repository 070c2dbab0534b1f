# Liquidnet. Two commands matter: `make experiment-core-limited` and `make test`.
# Each installs what is missing (Debian packages, listed in vm/packages.txt and nodes/*/packages.txt; for tests vm/packages-test.txt too), builds,
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
# The one file that knows the version is built anew when it changes, on every commit.
$(shell mkdir -p $(BUILD); echo '$(VERSION)' | cmp -s - $(BUILD)/version || echo '$(VERSION)' >$(BUILD)/version)
WARN    := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wmissing-prototypes -Wstrict-prototypes
CFLAGS  ?= -O2 -g
# Packets are read and written through the types of their headers, which strict aliasing lets a compiler reorder.
STD     := -std=gnu17 -fno-strict-aliasing -D_GNU_SOURCE -I. -I$(BUILD)/gen
ALL_CFLAGS := $(STD) $(WARN) -Werror=implicit-function-declaration -fno-omit-frame-pointer $(CFLAGS)
ifneq ($(SANITIZE),)
ALL_CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=undefined
LDFLAGS    += -fsanitize=address,undefined
endif

# Libraries of others: what lib/ needs, and what libharness.a needs besides.
LIB_LIBS     := -lsystemd -ljansson -lyaml -lmnl -lnftables -lcap -lseccomp -lm
HARNESS_LIBS := -lpcap -lcrypto -lbpf -lz -lzstd

# The C files of folders, but for a program's main and for BPF; and what they become.
sources = $(filter-out %.bpf.c %/main.c,$(wildcard $(addsuffix /*.c,$(1))))
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(call sources,$(1)))

LIB_FOLDERS     := $(patsubst %/,%,$(wildcard lib/*/))
HARNESS_FOLDERS := $(patsubst %/,%,$(wildcard harness/*/))
ANALYSIS_FOLDERS := analysis $(patsubst %/,%,$(wildcard analysis/*/))
NODE_FOLDERS    := $(patsubst %/,%,$(wildcard nodes/*/ nodes/*/*/))

LIB      := $(BUILD)/libliquidnet.a
ANALYSIS := $(BUILD)/libanalysis.a
HARNESS  := $(BUILD)/libharness.a
PROGRAMS := $(BUILD)/bin/liquidnet
OLD_NAMES :=
UNIT     := $(foreach t,$(wildcard tests/unit/test_*.c tests/unit/*/test_*.c),$(BUILD)/tests/$(basename $(notdir $(t))))
FUZZ     := $(foreach t,$(wildcard tests/fuzz/fuzz_*.c tests/fuzz/*/fuzz_*.c),$(BUILD)/fuzz/$(basename $(notdir $(t))))

.PHONY: all deps test-deps build unit-build fuzz-build bench-build test test-sanitize test-long fuzz clean format experiment-%
.SECONDARY:
.DEFAULT_GOAL := all

all: deps
	@$(MAKE) --no-print-directory build

# Debian's packages, only those that are missing: nothing is fetched when all are there.
deps:
	@vm/install-packages vm/packages.txt $(wildcard nodes/*/packages.txt)

# ---- what systems say of themselves, in nodes/SYSTEM/module.mk

# program NAME,FOLDER,LIBRARIES: builds bin/NAME of a folder with a main.c, of its system's own files and of lib/.
define program
PROGRAMS += $(BUILD)/bin/$(1)
LIBS_of_$(word 2,$(subst /, ,$(2))) += $(3)
$(BUILD)/bin/$(1): $(BUILD)/obj/$(2)/main.o $(sort $(BUILD)/$(2).a $(BUILD)/nodes/$(word 2,$(subst /, ,$(2))).a) $(LIB)
	@mkdir -p $$(@D)
	$$(call say,LINK $$@)
	$(Q)$(CC) $(LDFLAGS) -o $$@ $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $(3) $(LIB_LIBS)
endef

# old_name OLD,NAME: a program's former name stays as a link for one release.
define old_name
OLD_NAMES += $(BUILD)/bin/$(1)
$(BUILD)/bin/$(1): $(BUILD)/bin/$(2)
	$(Q)ln -sfn $(2) $$@
endef

-include $(filter-out install/%,$(wildcard */module.mk nodes/*/module.mk)) vm/virtual/module.mk
include install/module.mk # knows every program by now

build: $(PROGRAMS) $(OLD_NAMES)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC $<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/lib/base/version.o: ALL_CFLAGS += -DLIQUIDNET_VERSION='"$(VERSION)"'
$(BUILD)/obj/lib/base/version.o: $(BUILD)/version

# archive FILE,FOLDERS
define archive
$(1): $(call objects,$(2))
	@mkdir -p $$(@D); rm -f $$@; $(AR) rcs $$@ $$^
endef
$(eval $(call archive,$(LIB),$(LIB_FOLDERS)))
$(eval $(call archive,$(ANALYSIS),$(ANALYSIS_FOLDERS)))
$(eval $(call archive,$(HARNESS),$(HARNESS_FOLDERS)))
$(foreach f,$(NODE_FOLDERS),$(eval $(call archive,$(BUILD)/$(f).a,$(f))))

$(BUILD)/bin/liquidnet: $(BUILD)/obj/harness/cli/main.o $(HARNESS) $(ANALYSIS) $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK $@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(HARNESS_LIBS) $(LIB_LIBS)

# BPF programs: FOLDER/NAME.bpf.c beside the C that loads it, which includes it as a skeleton, "FOLDER/NAME.skel.h".
BPF      := $(wildcard harness/*/*.bpf.c nodes/*/*.bpf.c nodes/*/*/*.bpf.c tests/*/*.bpf.c tests/*/*/*.bpf.c)
SKELETON := $(BPF:%.bpf.c=$(BUILD)/gen/%.skel.h)

$(BUILD)/obj/%.bpf.o: %.bpf.c
	@mkdir -p $(@D)
	$(call say,BPF $<)
	$(Q)$(CLANG) -O2 -g -target bpf -mcpu=v3 -I. -I/usr/include/$(shell uname -m)-linux-gnu -Wall -MMD -MP -c -o $@ $<

$(BUILD)/gen/%.skel.h: $(BUILD)/obj/%.bpf.o
	@mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name $(subst -,_,$(notdir $*))_bpf > $@.new && mv $@.new $@

$(foreach s,$(BPF),$(eval $(call objects,$(patsubst %/,%,$(dir $(s)))) $(BUILD)/obj/$(dir $(s))main.o: | $(s:%.bpf.c=$(BUILD)/gen/%.skel.h)))
$(UNIT) $(FUZZ): | $(SKELETON)

# ---- tests

# What system tests do to the machine.
$(BUILD)/tests/stall: tests/system/stall.c $(BUILD)/gen/tests/system/stall.skel.h
	@mkdir -p $(@D)
	$(call say,CC $<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< -lbpf

# A unit test links the libraries, and those of its system when it lies in a system's folder; where it tests what is static it
# includes that one .c. unit_test SOURCE
system_of   = $(if $(wildcard nodes/$(notdir $(patsubst %/,%,$(dir $(1))))),$(notdir $(patsubst %/,%,$(dir $(1)))))
archives_of = $(patsubst %,$(BUILD)/%.a,$(filter nodes/$(1) nodes/$(1)/%,$(NODE_FOLDERS)))
define unit_test
$(BUILD)/tests/$(basename $(notdir $(1))): $(1) $(if $(call system_of,$(1)),$(call archives_of,$(call system_of,$(1)))) $(HARNESS) $(ANALYSIS) $(LIB)
	@mkdir -p $$(@D)
	$$(call say,CC $$<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $$@.d $(LDFLAGS) -o $$@ $$< -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group \
	  -lcmocka $(HARNESS_LIBS) $(sort $(LIBS_of_$(call system_of,$(1)))) $(LIB_LIBS)
endef
$(foreach t,$(wildcard tests/unit/test_*.c tests/unit/*/test_*.c),$(eval $(call unit_test,$(t))))

# Fuzz targets, by clang: one source each, with a corpus in corpus/NAME/ beside it.
FUZZ_CFLAGS := $(STD) -O1 -g -fno-sanitize-recover=undefined -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
FUZZED      := $(LIB_FOLDERS) $(ANALYSIS_FOLDERS) $(HARNESS_FOLDERS) $(NODE_FOLDERS)
$(BUILD)/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -DLIQUIDNET_VERSION='"fuzz"' -fsanitize=fuzzer-no-link,address,undefined -MMD -MP -c -o $@ $<
$(foreach f,$(BPF),$(eval $(patsubst %.c,$(BUILD)/fuzz/obj/%.o,$(call sources,$(patsubst %/,%,$(dir $(f))))): | $(f:%.bpf.c=$(BUILD)/gen/%.skel.h)))
define fuzz_archive
$(BUILD)/fuzz/$(1).a: $(patsubst %.c,$(BUILD)/fuzz/obj/%.o,$(call sources,$(2)))
	@mkdir -p $$(@D); rm -f $$@; $(AR) rcs $$@ $$^
endef
$(eval $(call fuzz_archive,lib,$(LIB_FOLDERS)))
$(eval $(call fuzz_archive,analysis,$(ANALYSIS_FOLDERS)))
$(eval $(call fuzz_archive,harness,$(HARNESS_FOLDERS)))
$(foreach f,$(NODE_FOLDERS),$(eval $(call fuzz_archive,$(f),$(f))))
define fuzz_target
$(BUILD)/fuzz/$(basename $(notdir $(1))): $(1) $(patsubst $(BUILD)/%,$(BUILD)/fuzz/%,$(if $(call system_of,$(1)),$(call archives_of,$(call system_of,$(1))))) \
  $(BUILD)/fuzz/obj/tests/fuzz/options.o $(BUILD)/fuzz/harness.a $(BUILD)/fuzz/analysis.a $(BUILD)/fuzz/lib.a
	@mkdir -p $$(@D)
	$$(call say,FUZZ $$<)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer,address,undefined -MMD -MP -MF $$@.d -o $$@ $$< $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group \
	  $(HARNESS_LIBS) $(sort $(LIBS_of_$(call system_of,$(1)))) $(LIB_LIBS)
endef
$(foreach t,$(wildcard tests/fuzz/fuzz_*.c tests/fuzz/*/fuzz_*.c),$(eval $(call fuzz_target,$(t))))

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

# CLOCK=virtual: trials in virtual time (docs/virtual.md); its kernel is built first, once.
experiment-%: deps
	@$(MAKE) --no-print-directory build $(if $(filter virtual%,$(CLOCK)),virtual)
	@$(BUILD)/bin/liquidnet run $* $(if $(TRIALS),--trials $(TRIALS)) $(if $(CLOCK),--clock $(CLOCK)) $(RUN_FLAGS)

# Debian packages, from a clean export of what is committed, into $(BUILD)/deb; checked by lintian.
.PHONY: deb
deb:
	@vm/install-packages vm/packages-deb.txt
	rm -rf $(BUILD)/deb && mkdir -p $(BUILD)/deb/tree
	git archive HEAD | tar -x -C $(BUILD)/deb/tree
	cd $(BUILD)/deb/tree && DEB_BUILD_OPTIONS=noautodbgsym dpkg-buildpackage -b -us -uc -d
	lintian --fail-on error,warning $(BUILD)/deb/*.changes

format:
	clang-format -i $$(git ls-files --cached --others --exclude-standard '*.c' '*.h')

clean:
	rm -rf $(BUILD) $(BUILD)-sanitize

-include $(shell find $(BUILD) -path $(BUILD)/virtual -prune -o -name '*.d' -print 2>/dev/null)
