/* liquidnet-ndp-sim: `liquidnet sim ndp ...` arrives here. */
#include "lib/base/log.h"
#include "lib/base/version.h"
#include "lib/fabric/command.h"
#include "nodes/ndp/sim/figures.h"
#include "nodes/ndp/sim/transports.h"
#include <stdio.h>
#include <string.h>

static const struct fabric_program ndp = {.name = "ndp",
	.about =
		"NDP, TCP, DCTCP and Multipath TCP in data-centre networks, simulated packet by packet (nodes/ndp/README.md)",
	.transports = ndp_transports,
	.words =
		"  NDP       window, ratio (0: strict priority), bounce, spray (permute, random, flow), penalty, priority,\n"
		"            pacing (payload, frame), pulls (fair, fifo), design (sigcomm, d1.4), rto\n",
	.figures =
		"3.12 to 3.22, S.14, S.16, S.20,\n"
		"                                              S.21; or `sizes`: completion against size for all transports",
	.figure = figure_print,
	.published = "ndp/ndp-published.csv"};

int main(int argc, char **argv)
{
	log_open("liquidnet-ndp-sim", LOG_LEVEL_INFO);
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		printf("liquidnet-ndp-sim %s\n", liquidnet_version);
		return 0;
	}
	return fabric_command(&ndp, argc, argv);
}
