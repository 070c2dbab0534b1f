/* liquidnet-kibbutz-sim: `liquidnet sim kibbutz ...` arrives here. */
#include "nodes/kibbutz/sim/command.h"

#include "lib/base/log.h"
#include "lib/base/version.h"
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	log_open("liquidnet-kibbutz-sim", LOG_LEVEL_INFO);
	/* Its former name, liquidnet-sim, took the simulation as its first word. */
	if (argc > 1 && strcmp(argv[0], "kibbutz") && !strcmp(argv[1], "kibbutz")) {
		argc--;
		argv++;
	}
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		printf("liquidnet-kibbutz-sim %s\n", liquidnet_version);
		return 0;
	}
	return sim_kibbutz(argc, argv);
}
