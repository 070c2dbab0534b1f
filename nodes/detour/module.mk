# Detours by NAT and OpenVPN: its rules, included by the Makefile.
$(eval $(call program,liquidnet-detour,nodes/detour/daemon,-lnetfilter_conntrack -lnftnl -lsodium -lcrypto -lbpf))
# What both daemons use of the kernel.
$(BUILD)/bin/liquidnet-detour $(BUILD)/bin/liquidnet-detour-client: $(BUILD)/nodes/detour/kernel.a
$(eval $(call program,liquidnet-detour-client,nodes/detour/client,-lnftnl -lsodium -lcrypto -lbpf))
$(eval $(call old_name,liquidnet-client,liquidnet-detour-client))
$(eval $(call program,liquidnet-collective,nodes/detour/collective,-lsodium))
$(eval $(call program,liquidnet-detour-log,nodes/detour/log,-lsodium))

# What a detour has to bear: a member that asks for many mappings, one that asks steadily, a flood. For tests and the bench. And what
# its files cost.
DETOUR_BENCH := $(BUILD)/bench/detour_load $(BUILD)/bench/detour_files
BENCH += $(DETOUR_BENCH)
unit-build: $(BUILD)/bench/detour_load
$(DETOUR_BENCH): $(BUILD)/bench/%: tests/bench/detour/%.c $(BUILD)/nodes/detour.a $(LIB)
	@mkdir -p $(@D)
	$(call say,CC $<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(filter %.a,$^) -lsodium $(LIB_LIBS)

# Mappings a second, and what is led through, with 10, 1,000 and 100,000 of them, beside two iptables rules a mapping (the
# published way) in the same run; floods. As root, in namespaces of its own, about five minutes. BENCH_DETOUR selects parts.
.PHONY: bench-detour
bench-detour: $(DETOUR_BENCH) build
	unshare --net --mount --pid --fork --kill-child --mount-proc tests/bench/detour/bench_detour $(BENCH_DETOUR)
$(eval $(call program,liquidnet-run,nodes/detour/run,))
