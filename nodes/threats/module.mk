# The standard's defences: its rules, included by the Makefile.
$(eval $(call program,liquidnet-attack,nodes/threats/attack,-lcrypto))

# Which attack works against which defence, of the last run of `threats`.
.PHONY: table-threats
table-threats:
	@python3 experiments/threats/matrix.py results/threats/latest
