/* Proof: does a back end keep one setting of a link on this machine? Which packets to send, and what their
 * times say about it. Pure; prove.h does the sending. */
#ifndef LIQUIDNET_PROOF_H
#define LIQUIDNET_PROOF_H

#include "harness/experiment/experiment.h"
#include "lib/net/stamp.h"
#include <jansson.h>

struct proof {
	struct shape shape;
	unsigned attempts; /* 0: not tried yet */
	bool kept;
	bool earlier;  /* by an earlier run (kept.h) */
	char why[200]; /* not kept: what was wrong */
	uint32_t packets, lost, reordered;
	/* How much later than the model says the packets arrived, net of what a bare way takes. */
	double min_us, median_us, p99_us, max_us;
};

#define PROOF_PACKETS_MAX 1000

/* About one second of packets: they fill a queue that is long enough for that, and never overflow it. `netns`
 * and `address` are left to the caller. */
struct stamp_plan proof_plan(const struct shape *shape);

/* Fills in everything but `attempts`. `bare_ns`: the median of the same over an unshaped link. */
void proof_judge(
	struct proof *proof, const struct stamp *stamps, const struct stamp_plan *plan, int64_t bare_ns);

bool proof_same_shape(const struct shape *a, const struct shape *b);
/* "10 Mbit/s, 5 ms, queue 100", as a line says it. */
void proof_describe(const struct shape *shape, char *text, size_t size);
json_t *proof_json(const struct proof *proof);

#endif
