# Connection acrobatics: its rules, included by the Makefile.
$(eval $(call program,liquidnet-steer,nodes/steer/daemon,-lsodium -lcrypto -lcap))
