# `liquidnet topology`: what a topology is, without traffic; its rules, included by the Makefile.
PROGRAMS += $(BUILD)/bin/liquidnet-topology
$(BUILD)/bin/liquidnet-topology: topologies/liquidnet-topology
	@mkdir -p $(@D)
	$(Q)sed 's|@SOURCE@|$(CURDIR)/topologies|' $< >$@.new && chmod 755 $@.new && mv $@.new $@
