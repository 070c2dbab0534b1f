# Harness: its rules, included by the Makefile.

# The pages' templates and style sheet become part of the program (.incbin).
$(BUILD)/obj/harness/report/pages.o $(BUILD)/fuzz/obj/harness/report/pages.o: $(wildcard harness/report/templates/*)
$(BUILD)/obj/harness/cli/cmd_new.o $(BUILD)/fuzz/obj/harness/cli/cmd_new.o: $(wildcard harness/cli/templates/*)

# The harness's benches: what a trial costs, and what an overloaded machine does to it. Both want an idle machine.
BENCH_TRIALS ?= 3
BENCH_JOBS   ?= 4
.PHONY: bench-harness bench-overload
bench-harness: build
	tests/bench/bench_harness $(BENCH_TRIALS) $(BENCH_JOBS)

bench-overload: build
	tests/bench/overload
