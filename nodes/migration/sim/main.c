/* liquidnet-migration-sim: `liquidnet sim migration ...` arrives here. */
#include "nodes/migration/sim/command.h"

#include "lib/base/version.h"
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		printf("liquidnet-migration-sim %s\n", liquidnet_version);
		return 0;
	}
	return sim_migration(argc, argv);
}
