/* The results of a run. For flows that end: completion times at the receiver, in microseconds. For endless flows: throughput in
 * the last part of the run, in Gbit/s of payload. */
#ifndef LIQUIDNET_FABRIC_MEASURE_H
#define LIQUIDNET_FABRIC_MEASURE_H

#include "lib/fabric/world.h"

enum measure {
	/* Over the counted flows. The k-th decile of n ascending values is value number n k / 10, counted from 0, as published. */
	MEASURE_LEAST,
	MEASURE_P10,
	MEASURE_P20,
	MEASURE_P30,
	MEASURE_P40,
	MEASURE_MEDIAN,
	MEASURE_P60,
	MEASURE_P70,
	MEASURE_P80,
	MEASURE_P90,
	MEASURE_MOST,
	MEASURE_MEAN,
	MEASURE_END,  /* when the last flow ended, since the start of the run, us */
	MEASURE_OVER, /* the last flow's end over the earliest that any protocol allows, less 1 */
	/* Of the network. */
	MEASURE_TRIMMED,      /* share of the data packets that were sent */
	MEASURE_TRIMMED_UP,   /* at ports that lead up, of the data packets that were sent */
	MEASURE_AGAIN,        /* data packets sent again, of all */
	MEASURE_BOUNCED,      /* headers that came back */
	MEASURE_HEADERS_LOST, /* headers and control dropped */
	MEASURE_DROPPED,      /* TCP: packets */
	MEASURE_TIMEOUTS,
	MEASURE_DIP_MS, /* collateral: how long the long flow had less than half of a link's rate after the incast began, ms */
	MEASURE_UNFINISHED, /* counted flows that did not end */
	MEASURE_MLINKS,     /* million packets times links */
	/* Of the first flows: each one's. */
	MEASURE_FLOW_1,
	MEASURES = MEASURE_FLOW_1 + 8
};

struct outcome {
	double values[MEASURES];
	uint32_t samples; /* counted flows that have a value */
};

/* The name, or NULL beyond the last. */
const char *fabric_measure_name(enum measure measure);
/* -1: no such name. `first` and `last` are `least` and `most`. */
int fabric_measure_by_name(const char *name);
/* After fabric_run. `samples`: room for `room` values, ascending afterwards, or NULL. */
void fabric_measure_world(const struct world *world, struct outcome *outcome, double *samples, uint32_t room);
/* The earliest that the last of the flows can end, microseconds: the most loaded host's link, and the shortest way there. */
double fabric_measure_ideal_us(const struct world *world);

#endif
