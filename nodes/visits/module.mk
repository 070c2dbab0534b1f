# Channel switching: its rules, included by the Makefile.
$(eval $(call program,liquidnet-channel-switching-sim,nodes/visits/sim))

# Simulations: the scorecard on the terminal; it, the map of T and Tw and the space of conditions as CSV under results/sim-channel-switching/.
.PHONY: sim-channel-switching
sim-channel-switching: deps
	@$(MAKE) --no-print-directory build
	@mkdir -p results/sim-channel-switching
	@$(BUILD)/bin/liquidnet sim channel-switching --format csv >results/sim-channel-switching/scorecard.csv
	@$(BUILD)/bin/liquidnet sim channel-switching --runs 1 --map 'ap=54Mbit/s ap=6Mbit/s:20%' >results/sim-channel-switching/map.csv
	@$(BUILD)/bin/liquidnet sim channel-switching --space 200 --format csv >results/sim-channel-switching/space.csv
	@$(BUILD)/bin/liquidnet sim channel-switching

# Real 802.11 beside the model: an access point and a station in a kernel of virtual time (README.md). Its result is results/visits-air/air.json.
.PHONY: visits-air
visits-air: virtual
	@vm/install-packages nodes/visits/air/packages.txt
	@$(MAKE) --no-print-directory build
	@mkdir -p results/visits-air
	@$(BUILD)/bin/liquidnet-virtual run --out $(CURDIR)/results/visits-air -- $(CURDIR)/nodes/visits/air/real-air $(CURDIR)/results/visits-air >results/visits-air/air.json
	@cat results/visits-air/air.json
