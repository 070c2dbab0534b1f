/* liquidnet-channel-switching-sim: `liquidnet sim channel-switching ...` arrives here. */
#include "nodes/visits/sim/command.h"

#include "lib/base/version.h"
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		printf("liquidnet-channel-switching-sim %s\n", liquidnet_version);
		return 0;
	}
	return sim_channel_switching(argc, argv);
}
