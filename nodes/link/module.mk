# The link daemon: its rules, included by the Makefile.
$(eval $(call program,liquidnet-link,nodes/link,-lbpf))

# How exact and how dear each shaping back end is (README.md), measured through the harness's own code. About five minutes on a
# machine that does nothing else. BENCH_LINK selects: BENCH_LINK="--part delay --backend link".
BENCH += $(BUILD)/bench/bench_link
$(BUILD)/bench/bench_link: $(patsubst %,$(BUILD)/obj/tests/bench/link/%.o,bench_link link_load link_network) $(HARNESS) $(ANALYSIS) $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK $@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(HARNESS_LIBS) $(LIB_LIBS)

.PHONY: bench-link
bench-link: $(BUILD)/bench/bench_link build
	timeout -k 5 600 $< $(BENCH_LINK)
