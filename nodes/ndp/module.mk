# NDP: its rules, included by the Makefile.
$(eval $(call program,liquidnet-ndp,nodes/ndp/host))
$(eval $(call program,liquidnet-ndp-sim,nodes/ndp/sim))

# Simulations: the scorecard on the terminal; it, and every figure point by point, as CSV and drawn, under results/sim-ndp/.
NDP_FIGURES := 3.12 3.13 3.14 3.15 3.16 3.17 3.18 3.19 3.20 3.21 3.22 S.14 S.16 S.20 S.21 sizes
.PHONY: sim-ndp
sim-ndp: deps
	@$(MAKE) --no-print-directory build
	@mkdir -p results/sim-ndp
	@for f in $(NDP_FIGURES); do $(BUILD)/bin/liquidnet sim ndp --figure $$f >results/sim-ndp/$$f.csv || exit 1; done
	@nodes/ndp/sim/plot results/sim-ndp
	@$(BUILD)/bin/liquidnet sim ndp --format csv >results/sim-ndp/scorecard.csv
	@$(BUILD)/bin/liquidnet sim ndp

# Packet-links a second on one core, the time of whole scenarios, memory a host; beside htsim where HTSIM names its htsim_ndp_permutation.
# A minute, on a machine that does nothing else.
BENCH += $(BUILD)/bench/bench_sim
$(BUILD)/bench/bench_sim: tests/bench/ndp/bench_sim.c $(BUILD)/nodes/ndp/sim.a $(BUILD)/nodes/ndp.a $(LIB)
	@mkdir -p $(@D)
	$(call say,CC $<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIB_LIBS)

.PHONY: bench-sim
bench-sim: $(BUILD)/bench/bench_sim build
	$(BUILD)/bench/bench_sim $(HTSIM)
