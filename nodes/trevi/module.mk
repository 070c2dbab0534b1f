# Trevi: its rules, included by the Makefile.
$(eval $(call program,liquidnet-trevi,nodes/trevi/daemon,-lcrypto))
$(eval $(call program,liquidnet-trevi-sim,nodes/trevi/sim))

# The fountain code's overhead, and its speed beside memcpy, on one core; half a minute, on a machine that does nothing else.
BENCH += $(BUILD)/bench/bench_fountain
$(BUILD)/bench/bench_fountain: tests/bench/trevi/bench_fountain.c $(BUILD)/nodes/trevi.a $(LIB)
	@mkdir -p $(@D)
	$(call say,CC $<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIB_LIBS)

.PHONY: bench-trevi
bench-trevi: $(BUILD)/bench/bench_fountain
	$(BUILD)/bench/bench_fountain
