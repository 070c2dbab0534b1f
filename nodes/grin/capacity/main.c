/* liquidnet-grin-capacity-sim: `liquidnet sim grin-capacity ...` arrives here. */
#include "nodes/grin/capacity/command.h"

#include "lib/base/version.h"
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		printf("liquidnet-grin-capacity-sim %s\n", liquidnet_version);
		return 0;
	}
	return sim_grin_capacity(argc, argv);
}
