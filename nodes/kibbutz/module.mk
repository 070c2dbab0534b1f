# The Mobile Kibbutz: its rules, included by the Makefile.
$(eval $(call program,liquidnet-kibbutz,nodes/kibbutz/device,-lsodium -lcrypto))
$(eval $(call program,liquidnet-kibbutz-provider,nodes/kibbutz/provider,-lcrypto))
$(eval $(call program,liquidnet-kibbutz-sim,nodes/kibbutz/sim))
$(eval $(call old_name,liquidnet-provider,liquidnet-kibbutz-provider))
$(eval $(call old_name,liquidnet-sim,liquidnet-kibbutz-sim))

# Simulations: the scorecard on the terminal; it, and every figure point by point, as CSV under results/sim-kibbutz/.
.PHONY: sim-kibbutz
sim-kibbutz: deps
	@$(MAKE) --no-print-directory build
	@mkdir -p results/sim-kibbutz
	@for f in 2.14 2.15 2.16 table-2.2; do \
	  $(BUILD)/bin/liquidnet sim kibbutz --format csv --figure $$f >results/sim-kibbutz/$$f.csv || exit 1; done
	@$(BUILD)/bin/liquidnet sim kibbutz --format csv >results/sim-kibbutz/scorecard.csv
	@$(BUILD)/bin/liquidnet sim kibbutz

# Published beside simulated and emulated, one table; of the experiments, what has been run.
.PHONY: scorecard-kibbutz
scorecard-kibbutz: deps
	@$(MAKE) --no-print-directory build
	@nodes/kibbutz/sim/scorecard $(BUILD)/bin/liquidnet results
