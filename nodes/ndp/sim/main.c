/* liquidnet-ndp-sim: `liquidnet sim ndp ...` arrives here. */
#include "nodes/ndp/sim/command.h"

#include "lib/base/log.h"
#include "lib/base/version.h"
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	log_open("liquidnet-ndp-sim", LOG_LEVEL_INFO);
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		printf("liquidnet-ndp-sim %s\n", liquidnet_version);
		return 0;
	}
	return sim_ndp(argc, argv);
}
