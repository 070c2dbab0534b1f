# Detours by NAT and OpenVPN: its rules, included by the Makefile.
$(eval $(call program,liquidnet-detour,nodes/detour/daemon,-lnetfilter_conntrack -lnftnl -lsodium -lcrypto))
$(eval $(call program,liquidnet-detour-client,nodes/detour/client,-lsodium -lcrypto))
$(eval $(call old_name,liquidnet-client,liquidnet-detour-client))
$(eval $(call program,liquidnet-collective,nodes/detour/collective,-lsodium))
