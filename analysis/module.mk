# Analysis: its rules, included by the Makefile.

# The hot path is a few hundred instructions a packet: worth 5 % of the packets a second, measured by bench-analysis.
$(BUILD)/obj/analysis/%.o $(BUILD)/obj/lib/mptcp/options.o: ALL_CFLAGS += $(if $(SANITIZE),,-O3 -fomit-frame-pointer -fno-tree-slp-vectorize)

# Packets a second beside tcptrace and tshark on one generated capture (1.2 GB in /tmp, removed; several minutes, nearly all
# of them tshark's). BENCH_PACKETS makes it smaller.
BENCH_PACKETS ?= 10000000
# And a million flows of one SYN each.
.PHONY: bench-analysis bench-analysis-flows
bench-analysis: $(BUILD)/bench/bench_analysis
	$< --packets $(BENCH_PACKETS)
BENCH_FLOWS ?= 1000000
bench-analysis-flows: $(BUILD)/bench/bench_analysis
	$< --flows $(BENCH_FLOWS)

BENCH += $(BUILD)/bench/bench_analysis
$(BUILD)/bench/bench_analysis: tests/bench/analysis/bench_analysis.c $(ANALYSIS) $(LIB)
	@mkdir -p $(@D)
	$(call say,CC $<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(filter %.a,$^) $(HARNESS_LIBS) $(LIB_LIBS)
