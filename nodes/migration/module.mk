# Migration: its rules, included by the Makefile.
$(eval $(call program,liquidnet-migration-sim,nodes/migration/sim))
$(eval $(call program,liquidnet-attach,nodes/migration/attach))
$(eval $(call program,liquidnet-guest,nodes/migration/guest))
$(eval $(call program,liquidnet-vmhost,nodes/migration/vmhost))

# Simulations: the scorecard on the terminal; it, and total and downtime over what is written, as CSV under results/sim-migration/.
.PHONY: sim-migration
sim-migration: deps
	@$(MAKE) --no-print-directory build
	@mkdir -p results/sim-migration
	@$(BUILD)/bin/liquidnet sim migration --format csv >results/sim-migration/scorecard.csv
	@$(BUILD)/bin/liquidnet sim migration --sweep 'ram=250MB rate=1Gbit/s' >results/sim-migration/sweep.csv
	@$(BUILD)/bin/liquidnet sim migration

# What the machine that moves boots, in build-guest/: no part of `make`, since only the experiments that move a real machine need it, and QEMU.
GUEST ?= build-guest
.PHONY: migration-guest
migration-guest: deps
	@vm/install-packages nodes/migration/guest/packages.txt
	@$(MAKE) --no-print-directory build
	@nodes/migration/guest/build-guest $(BUILD)/bin $(GUEST)
