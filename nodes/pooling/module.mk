# Resource pooling over designs of networks: its rules, included by the Makefile.
$(eval $(call program,liquidnet-watch,nodes/pooling/watch))

# The published design's first rows: 200 points, buffers that grow and that do not, one repetition, in virtual time.
.PHONY: experiment-pooling
experiment-pooling: deps
	@$(MAKE) --no-print-directory build virtual
	@$(BUILD)/bin/liquidnet run pooling-low --clock virtual --trials 1 $(RUN_FLAGS)
