/* Agreement: do the receiver's figure and the capture's speak of the same bytes? Two clocks count them: the
 * receiving program's, whose zero is nowhere in the capture, and the kernel's at the interface. Over a window
 * cut independently on both, a burst at an edge (a gap that a retransmission fills delivers half a megabyte
 * at once) is in one figure and not in the other. So the intervals of the receiver are laid over the
 * capture's curve where all of them fit best, and the window is cut there. */
#ifndef LIQUIDNET_AGREEMENT_H
#define LIQUIDNET_AGREEMENT_H

#include "harness/trial/measures.h"

struct agreement {
	double offset_s;          /* of the receiver's zero in the capture's time */
	double receiver, capture; /* in the window's items; the receiver's amounts in bytes */
	double edge;              /* bytes, by which either may be larger because of what was delivered within
				     AGREEMENT_EDGE_S of the window's edges, beyond the mean rate: it is in one
				     figure or in the other by the accident of who looked first */
};

/* A receiving program reads what the kernel has within a scheduling delay or two, and a verdict allows
 * those up to 20 ms (docs/verdict.md). */
#define AGREEMENT_EDGE_S 0.02

/* Aligns and compares. -1: no item counts, or the capture holds less time than the items. Pure. */
int agreement_take(struct agreement *agreement, const struct measure_item *items, size_t count,
	double bytes_per_amount, const struct delivery *delivery);

/* Checks the experiment's pair: notes it under "agreement" and judges the record suspect when the figures
 * are further apart than it allows. `outputs` gives the receiver's JSON file. A pair that is not a series and
 * a capture is compared by its values. */
void agreement_check(const struct experiment *experiment, const char *output_path,
	const struct delivery *delivery, json_t *record);

#endif
