/* liquidnet-trevi-sim: `liquidnet sim trevi ...` arrives here. */
#include "lib/base/log.h"
#include "lib/base/version.h"
#include "lib/fabric/command.h"
#include "nodes/trevi/sim/figures.h"
#include "nodes/trevi/sim/transports.h"
#include <stdio.h>
#include <string.h>

static const struct fabric_program trevi = {.name = "trevi",
	.about =
		"Trevi's reads beside TCP, DCTCP and Multipath TCP in data-centre networks, simulated packet by packet (nodes/trevi/README.md)",
	.transports = trevi_transports,
	.words =
		"  Trevi     window (first, of all flows to a host together), rto-least (of a request's timer), spray (permute, random, flow)\n",
	.figures = "incast: goodput against senders, for all transports",
	.figure = trevi_figure};

int main(int argc, char **argv)
{
	log_open("liquidnet-trevi-sim", LOG_LEVEL_INFO);
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		printf("liquidnet-trevi-sim %s\n", liquidnet_version);
		return 0;
	}
	return fabric_command(&trevi, argc, argv);
}
