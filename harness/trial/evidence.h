/* Evidence: what a trial has left behind when its workload has ended: outputs, captures, counters. Measures are
 * taken from it, and checks look at it. Captures are analysed when first asked for, each once. */
#ifndef LIQUIDNET_EVIDENCE_H
#define LIQUIDNET_EVIDENCE_H

#include "harness/trial/programs.h"
#include <jansson.h>

/* Bytes delivered in order a step, from the capture's first packet on. */
struct delivery {
	json_t *steps; /* array of integers, borrowed; NULL: the capture was not looked at */
	double step_s;
};

struct evidence {
	const struct experiment *experiment; /* in the configuration's network */
	const struct configuration *configuration;
	const struct procedure *procedure;
	struct stage *stage;         /* outputs; where a check's program runs */
	const char *const *captures; /* paths, by capture index */
	json_t *record;              /* counters and links are in it; measures and verdicts go to it */
	json_t *seen;                /* {"INDEX+INDEX": analysis}; owned */
};

#define EVIDENCE_STEP_S 0.005 /* of bytes over time */

/* The connections that one capture shows, or several together, as analysis/ has them; borrowed. `windows` of a
 * direction are those of the capture's measures, in their order. NULL with *error: a capture cannot be read. */
json_t *evidence_connections(
	struct evidence *evidence, const int *captures, size_t count, bool series, char **error);
/* Frees what was analysed. */
void evidence_free(struct evidence *evidence);

#endif
