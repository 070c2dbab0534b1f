/* Figures of one run, as it happens: packets over time, and throughput over time. */
#ifndef LIQUIDNET_NDP_SIM_WATCH_H
#define LIQUIDNET_NDP_SIM_WATCH_H

#include "lib/fabric/world.h"

#include <stdio.h>

/* A line for each of an incast's packets and event: figure,flow,time_us,sequence,event. Events: `leaves` (a data packet begins its service at
 * a host or switch), `header` (so does what a trim left of it), `arrives` (whole), `nacked` (the sender hears of the trim). `pulls`: also
 * `pull` (leaves the receiver) and `pulled` (comes to the sender; the sequence is the pull's number), for flow 0 only. */
int watch_sequence(FILE *out, const char *figure, const struct scenario *scenario, uint64_t seed, bool pulls,
	char **error);
/* A line for each bin of ten packets' time: the long flow, and the incast together: figure,curve,time_ms,gbit_s. */
int watch_rate(FILE *out, const char *figure, const struct scenario *scenario, uint64_t seed, char **error);

#endif
