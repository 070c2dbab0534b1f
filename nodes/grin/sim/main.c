/* liquidnet-grin-sim: `liquidnet sim grin ...` arrives here. */
#include "nodes/grin/sim/command.h"

#include "lib/base/version.h"
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		printf("liquidnet-grin-sim %s\n", liquidnet_version);
		return 0;
	}
	return sim_grin(argc, argv);
}
