# Connection acrobatics: its rules, included by the Makefile.
$(eval $(call program,liquidnet-steer,nodes/steer/daemon,-lsodium -lcrypto))
$(eval $(call program,liquidnet-echo,nodes/steer/echo,))
$(eval $(call program,liquidnet-follow,nodes/steer/follow,))
$(eval $(call program,liquidnet-front,nodes/steer/front,))

# Packets a second that liquidnet-steer keeps up with, beside tcpdump; as root, in namespaces of its own, about two minutes.
BENCH += $(BUILD)/bench/steer_load
$(BUILD)/bench/steer_load: tests/bench/steer/steer_load.c $(BUILD)/nodes/steer.a $(LIB)
	@mkdir -p $(@D)
	$(call say,CC $<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(filter %.a,$^) -lsodium -lcrypto $(LIB_LIBS)

.PHONY: bench-steer
bench-steer: $(BUILD)/bench/steer_load build
	unshare --net --mount --pid --fork --kill-child --mount-proc tests/bench/steer/bench_steer
