# The mux: its rules, included by the Makefile.

# Nanoseconds a packet, and packets a second beside nftables, plain forwarding and the bare generator; a minute, as root, in
# namespaces of its own.
.PHONY: bench-mux
bench-mux: $(BUILD)/bench/bench_mux build
	unshare --net --mount sh -c 'mount -t tmpfs tmpfs /run && exec $< $(BUILD)/bin'
