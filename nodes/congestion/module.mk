# Coupled congestion control: its rules, included by the Makefile.
$(eval $(call program,liquidnet-cc,nodes/congestion,-lbpf))

# Processor time a packet beside Reno's, with one, two and eight subflows; three minutes, as root, in namespaces of its own, on a
# machine that does nothing else.
.PHONY: bench-cc
bench-cc: build
	unshare --net --pid --fork --kill-child --mount --mount-proc tests/bench/congestion/bench_cc
