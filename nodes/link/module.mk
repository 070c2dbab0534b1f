# The link daemon: its rules, included by the Makefile.

# How exact and how dear each shaping back end is (docs/link.md), measured through the harness's own code. About five minutes on a
# machine that does nothing else. BENCH_LINK selects: BENCH_LINK="--part delay --backend link".
$(BUILD)/bench/bench_link: $(patsubst %,$(BUILD)/obj/tests/bench/%.o,bench_link link_load link_network) \
  $(filter-out $(BUILD)/obj/harness/main.o,$(call objects,harness)) $(ANALYSIS) $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK $@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(LIBS_harness) $(LIB_LIBS)

.PHONY: bench-link
bench-link: $(BUILD)/bench/bench_link $(PROGRAMS)
	timeout -k 5 600 $< $(BENCH_LINK)
