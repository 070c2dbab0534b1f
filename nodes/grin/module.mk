# GRIN: its rules, included by the Makefile.
$(eval $(call program,liquidnet-grin,nodes/grin/daemon,-lbpf))
$(eval $(call program,liquidnet-matrix,nodes/grin/matrix,-pthread))
$(eval $(call program,liquidnet-grin-work,nodes/grin/work))
$(eval $(call program,liquidnet-grin-sim,nodes/grin/sim,-lglpk -pthread))
$(eval $(call program,liquidnet-grin-capacity-sim,nodes/grin/capacity,-lglpk))

# Simulations: figures 3.5, 3.7 and 3.8 and the scorecards, as CSV and drawn, under results/sim-grin/; five minutes. What the last runs of the experiments had stands in figure 3.8,
# and figures 3.9 and 3.12 are drawn of it: `make table-grin` alone does that, and holds it against the published sentences.
.PHONY: sim-grin table-grin
sim-grin: deps
	@$(MAKE) --no-print-directory build
	@mkdir -p results/sim-grin
	@for f in 3.5a 3.5b; do $(BUILD)/bin/liquidnet sim grin-capacity --figure $$f >results/sim-grin/$$f.csv || exit 1; done
	@for f in 3.7a 3.7b 3.7c 3.7d 3.8a 3.8b 3.8c 3.8d; do $(BUILD)/bin/liquidnet sim grin --figure $$f >results/sim-grin/$$f.csv || exit 1; done
	@python3 experiments/grin/curves.py results results/sim-grin
	@nodes/grin/sim/plot results/sim-grin
	@$(BUILD)/bin/liquidnet sim grin --format csv >results/sim-grin/scorecard.csv
	@$(BUILD)/bin/liquidnet sim grin-capacity --format csv >results/sim-grin/capacity-scorecard.csv
	@$(BUILD)/bin/liquidnet sim grin
	@$(BUILD)/bin/liquidnet sim grin-capacity

table-grin: deps
	@$(MAKE) --no-print-directory build
	@mkdir -p results/sim-grin
	@for f in 3.8a 3.8b 3.8c 3.8d; do $(BUILD)/bin/liquidnet sim grin --figure $$f >results/sim-grin/$$f.csv || exit 1; done
	@python3 experiments/grin/curves.py results results/sim-grin
	@nodes/grin/sim/plot results/sim-grin
	@python3 experiments/grin/score.py results
