# Connection acrobatics: its rules, included by the Makefile.
$(eval $(call program,liquidnet-steer,nodes/steer/daemon,-lsodium -lcrypto))
$(eval $(call program,liquidnet-echo,nodes/steer/echo,))
$(eval $(call program,liquidnet-follow,nodes/steer/follow,))
$(eval $(call program,liquidnet-front,nodes/steer/front,))
