/* How a running machine's memory is moved, and how long that takes (Trilogy2 D1.1, section 3.1). Pure. The simulator prints the
 * result; liquidnet-attach stops a node for so long.
 *
 * Pre-copy, formula 3.1: T = RAM / rate + mu(rounds). The memory is sent while the machine runs. Each round sends what was written
 * during the round before. When little is left, the machine is stopped and the rest is sent. mu is the time of everything that is
 * sent after the first round.
 *
 * Post-copy, formula 3.2: T = RAM / rate. The machine is stopped at once, processor and devices are sent, and it goes on at the new
 * host; its memory follows. */
#ifndef LIQUIDNET_MIGRATION_COPY_H
#define LIQUIDNET_MIGRATION_COPY_H

#include <stdint.h>

#define COPY_ROUNDS 64

enum copy_mode { COPY_PRE, COPY_POST, COPY_MODES };
/* If the rounds do not end: stop the machine all the same and send the rest, give up, or go on as post-copy. */
enum copy_then { COPY_STOP, COPY_CANCEL, COPY_SWITCH, COPY_THENS };

struct copy_settings {
	enum copy_mode mode;
	enum copy_then then;
	uint64_t ram;       /* bytes in use, 1 or more */
	uint64_t rate_bps;  /* 1000 or more */
	uint64_t dirty_bps; /* memory that is written, each part once until all of the working set was */
	uint64_t working;   /* bytes that are written over and over; 0: all of `ram` */
	uint64_t state;     /* bytes of processor and devices */
	int64_t pause_ns;   /* the machine is stopped when the rest can be sent in so long */
	int64_t limit_ns;   /* after so long, or so many rounds, `then` is done */
	unsigned rounds;    /* 1..COPY_ROUNDS */
};

enum copy_outcome { COPY_MOVED, COPY_STOPPED_LATE, COPY_CANCELLED, COPY_SWITCHED, COPY_OUTCOMES };
extern const char *const copy_mode_names[COPY_MODES + 1],
	*const copy_then_names[COPY_THENS + 1], *const copy_outcome_names[COPY_OUTCOMES + 1];

struct copy_plan {
	enum copy_outcome outcome;
	unsigned rounds; /* while the machine runs; 0: post-copy */
	struct copy_round {
		double bytes, seconds;
	} round[COPY_ROUNDS];
	double total_s;    /* from the beginning until nothing is left at the old host */
	double downtime_s; /* no instruction runs */
	double mu_s;       /* of formula 3.1 */
	double behind_s;   /* the machine runs, and not all of its memory is there */
	double bytes;      /* sent */
};

/* How many bytes of memory are written in `seconds` seconds. */
typedef double copy_written(void *context, unsigned round, double seconds);

/* Computes the rounds. Without `written` (NULL) the formula's rule holds: dirty_bps times the seconds, but at most the working set. */
void copy_plan(
	const struct copy_settings *settings, copy_written *written, void *context, struct copy_plan *plan);

#endif
