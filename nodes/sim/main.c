/* liquidnet-sim: the table of simulations; `liquidnet sim NAME` arrives here. */
#include "nodes/sim/simulations.h"

#include "lib/log.h"
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} simulations[] = {
	{"kibbutz", sim_kibbutz, "phones that share their cellular links (Trilogy2 D1.1, section 2.1.3.2)"},
};

static void usage(FILE *out)
{
	fprintf(out, "liquidnet sim: simulations of published systems\n\n");
	for (size_t i = 0; i < sizeof simulations / sizeof *simulations; i++)
		fprintf(out, "  liquidnet sim %-8s  %s\n", simulations[i].name, simulations[i].summary);
	fprintf(out, "\n`liquidnet sim NAME --help` says more.\n");
}

int main(int argc, char **argv)
{
	log_open("liquidnet-sim", LOG_LEVEL_INFO);
	if (argc < 2) {
		usage(stderr);
		return 2;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		usage(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("liquidnet-sim %s\n", LIQUIDNET_VERSION);
		return 0;
	}
	for (size_t i = 0; i < sizeof simulations / sizeof *simulations; i++)
		if (!strcmp(argv[1], simulations[i].name))
			return simulations[i].run(argc - 1, argv + 1);
	fprintf(stderr, "liquidnet sim: no simulation `%s`; `liquidnet sim --help` lists them\n", argv[1]);
	return 2;
}
