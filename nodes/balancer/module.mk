# The stateless load balancer: its rules, included by the Makefile.
$(eval $(call program,liquidnet-balancer-mux,nodes/balancer/mux,-lbpf -lzookeeper_mt))
$(eval $(call program,liquidnet-balancer-agent,nodes/balancer/agent,-lbpf -lzookeeper_mt))
$(eval $(call program,liquidnet-balancer-ctl,nodes/balancer/ctl,-lzookeeper_mt))
$(eval $(call old_name,liquidnet-mux,liquidnet-balancer-mux))
$(eval $(call old_name,liquidnet-agent,liquidnet-balancer-agent))
$(eval $(call old_name,liquidnet-lb,liquidnet-balancer-ctl))

# Nanoseconds a packet, and packets a second beside nftables, plain forwarding and the bare generator; a minute, as root, in
# namespaces of its own.
BENCH += $(BUILD)/bench/bench_mux
$(BUILD)/bench/bench_mux: tests/bench/balancer/bench_mux.c $(BUILD)/nodes/balancer/mux.a $(BUILD)/nodes/balancer.a $(LIB) | $(BUILD)/gen/tests/bench/balancer/mux_wrapper.skel.h
	@mkdir -p $(@D)
	$(call say,CC $<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(filter %.a,$^) -lbpf -lzookeeper_mt $(LIB_LIBS)

.PHONY: bench-mux
bench-mux: $(BUILD)/bench/bench_mux build
	unshare --net --mount sh -c 'mount -t tmpfs tmpfs /run && exec $< $(BUILD)/bin'
