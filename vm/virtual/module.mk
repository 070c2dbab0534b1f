# Virtual time: user-mode Linux with a virtual clock, built from Debian's linux-source package. See vm/virtual/README.md.
#   make virtual            builds the kernel, once for a source version and configuration, into VIRTUAL
#   make virtual-package    the kernel as one file, to copy to another machine
VIRTUAL ?= $(or $(LIQUIDNET_VIRTUAL),$(BUILD)/virtual)

.PHONY: virtual virtual-package
virtual:
	@vm/install-packages vm/packages-virtual.txt
	@vm/virtual/build $(VIRTUAL)

virtual-package: virtual
	@vm/virtual/package $(VIRTUAL) $(BUILD)

# Static: as process 1 of a guest it would read its libraries from the host, which takes longer than all else that it does. And without
# sanitizers, whose shadow memory no guest has room for: so it has objects of its own.
PROGRAMS += $(BUILD)/bin/liquidnet-virtual
VIRTUAL_OBJECTS := $(patsubst %.c,$(BUILD)/static/%.o,$(wildcard vm/virtual/*.c) lib/base/error.c lib/net/netem.c)
$(BUILD)/bin/liquidnet-virtual: $(VIRTUAL_OBJECTS)
	@mkdir -p $(@D)
	$(call say,LINK $@)
	$(Q)$(CC) -static -o $@ $^

$(BUILD)/static/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC $<)
	$(Q)$(CC) $(filter-out -fsanitize% -fno-sanitize%,$(ALL_CFLAGS)) -MMD -MP -c -o $@ $<
