/* What is simulated: words KEY=VALUE, checked. */
#ifndef LIQUIDNET_VISITS_SCENARIO_H
#define LIQUIDNET_VISITS_SCENARIO_H

#include "lib/link/visits.h"
#include <stdbool.h>
#include <stdint.h>

#define SCENARIO_POINTS 8
#define SCENARIO_TEXT 512

struct access_point {
	bool serves; /* something is downloaded over it; else the client is associated with it for nothing */
	uint64_t phy_bps;
	double success;    /* of a try, both ways */
	unsigned window;   /* packets of its subflow on their way; 0: the scenario\'s */
	uint64_t wire_bps; /* between the server and it */
};

enum switching { SWITCHING_FIXED, SWITCHING_DYNAMIC, SWITCHING_NONE, SWITCHINGS };

struct scenario {
	struct access_point points[SCENARIO_POINTS];
	unsigned count;
	enum switching policy; /* NONE: a radio for each access point */
	struct visits_settings visits;
	int64_t overhead_ns, stale_ns, backoff_ns, delay_ns; /* delay: of a wire, one way */
	uint32_t tries;
	unsigned window; /* packets of a subflow on their way, acknowledgements included */
	int64_t duration_ns, warmup_ns;
	char text[SCENARIO_TEXT]; /* as written */
};

/* The published setting with words over it. -1 with *error. */
int scenario_parse(struct scenario *scenario, const char *text, char **error);

#endif
