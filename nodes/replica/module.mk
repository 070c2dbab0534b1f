# Choosing replicas (C3): its rules, included by the Makefile.
$(eval $(call program,liquidnet-c3-sim,nodes/replica/sim,-pthread))
$(eval $(call program,liquidnet-replica,nodes/replica/daemon,-llmdb))
