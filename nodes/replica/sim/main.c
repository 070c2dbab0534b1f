/* liquidnet-c3-sim: `liquidnet sim c3 ...` arrives here. */
#include "nodes/replica/sim/command.h"

#include "lib/base/version.h"
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		printf("liquidnet-c3-sim %s\n", liquidnet_version);
		return 0;
	}
	return sim_c3(argc, argv);
}
