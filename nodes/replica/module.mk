# Choosing replicas (C3): its rules, included by the Makefile.
$(eval $(call program,liquidnet-c3-sim,nodes/replica/sim,-pthread))
$(eval $(call program,liquidnet-replica,nodes/replica/daemon,-llmdb))

# Requests per second of the simulator, per policy, on one core; ten seconds.
BENCH += $(BUILD)/bench/bench_c3
$(BUILD)/bench/bench_c3: tests/bench/replica/bench_c3.c $(BUILD)/nodes/replica/sim.a $(BUILD)/nodes/replica.a $(LIB)
	@mkdir -p $(@D)
	$(call say,CC $<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIB_LIBS) -pthread

.PHONY: bench-c3
bench-c3: $(BUILD)/bench/bench_c3
	$(BUILD)/bench/bench_c3

# Simulations: every T, load, number of clients and selection, and the scorecard, as CSV under results/sim-c3/.
.PHONY: sim-c3
sim-c3: deps
	@$(MAKE) --no-print-directory build
	@mkdir -p results/sim-c3
	@for f in 3.23 3.25 3.26; do $(BUILD)/bin/liquidnet sim c3 --figure $$f >results/sim-c3/$$f.csv || exit 1; done
	@$(BUILD)/bin/liquidnet sim c3 --figure S.T --format csv >results/sim-c3/S.T.csv
	@$(BUILD)/bin/liquidnet sim c3 --format csv >results/sim-c3/scorecard.csv
	@$(BUILD)/bin/liquidnet sim c3
