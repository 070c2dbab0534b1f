/* Shape: what one direction of a link does to packets. The same keys are used in an experiment file, in the link daemon's
 * file and in its `set` command, for every back end. nodes/link/README.md describes them. */
#ifndef LIQUIDNET_LIB_SHAPE_H
#define LIQUIDNET_LIB_SHAPE_H

#include "lib/base/conf.h"
#include "lib/link/shape_medium.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define SHAPE_PATH 512

enum shape_jitter { JITTER_UNIFORM, JITTER_NORMAL, JITTER_PARETO };
enum shape_loss { LOSS_RANDOM, LOSS_GILBERT_ELLIOTT, LOSS_EVERY, LOSS_TRACE };
enum shape_queue { QUEUE_DROP_TAIL, QUEUE_DROP_HEAD, QUEUE_CODEL, QUEUE_TRIM };

/* Settings of discipline `trim` (lib/link/trim.h). */
struct shape_trim {
	uint32_t headers; /* so many may wait */
	uint32_t others;  /* packets of other traffic that may wait with the data; 0: as many as of data */
	uint32_t ratio;   /* headers served per packet of data; 0: strict priority */
	double tail;      /* chance that the newest waiting packet is trimmed, not the arriving one */
	bool bounce;      /* a header that does not fit goes back to its sender; else it is dropped */
	uint16_t port;    /* NDP's, of UDP */
};

struct shape {
	uint64_t rate_bps; /* frames with their Ethernet header; 0: not limited */
	/* Delivery opportunities in Mahimahi's format instead of a rate; "": none. */
	char opportunities[SHAPE_PATH];
	int64_t delay_ns; /* propagation */

	int64_t jitter_ns; /* uniform: +- this; normal, Pareto: standard deviation */
	enum shape_jitter jitter;
	bool jitter_reorders; /* a packet may overtake another */

	double loss; /* random: Bernoulli, 0 to 1 */
	enum shape_loss loss_model;
	/* Gilbert-Elliott, probabilities per packet: good to bad, bad to good, loss in the good and in the bad state
	 * (E. N. Gilbert 1960, E. O. Elliott 1963). */
	double to_bad, to_good, loss_good, loss_bad;
	uint32_t loss_every;         /* the n-th, 2n-th, ... packet */
	char loss_trace[SHAPE_PATH]; /* of 0 and 1: lost; repeated */

	double duplicate, corrupt, reorder; /* shares of the packets; reorder: they pass without the delay */

	uint32_t queue_packets; /* waiting, the one being serialised included; 0: not limited */
	int64_t queue_delay_ns; /* of a queue whose limit is a time: see shape_read */
	uint32_t queue_least;   /* least limit of such a queue, in packets; 0: the limit is no time */
	uint64_t queue_bytes;   /* the same limit in wire bytes; 0: not limited */
	enum shape_queue queue;
	int64_t codel_target_ns, codel_interval_ns; /* RFC 8289 */
	struct shape_trim trim;
	bool ecn;             /* CoDel marks what it would drop, where the packet allows */
	uint32_t ecn_packets; /* marks beyond so many waiting packets; 0: no such threshold */

	char radio[SHAPE_NAME]; /* a cellular link: profile of its radio (lib/link/radio.h), one for both
				   directions; "": none */

	struct shape_medium medium; /* instead of a rate */

	uint64_t seed; /* of the draws; the harness fills it in a trial */
};

/* The keys of a direction, for conf_only. The link daemon takes `seed` besides. */
#define SHAPE_KEYS                                                                                           \
	"rate", "opportunities", "delay", "jitter", "loss", "duplicate", "corrupt", "reorder", "queue",      \
		"queue_bytes", "cellular", "medium"

/* Changes *shape as the mapping says; keys that the mapping does not name stay as they are. A shape of zeros does nothing to
 * packets. -1 and *error, which names file and line; *shape may then be partly changed. Paths are relative to the file in
 * which they stand; the files that they name must be readable and valid. A queue whose limit is a time holds as many frames
 * of 1514 bytes as the rate sends in that time, rounded; the order in which rate and queue are given does not matter. */
int shape_read(const struct conf_node *map, struct shape *shape, char **error);
/* Checks what depends on several keys together, once all of them are read. `map` is the place that errors name. */
int shape_check(const struct conf_node *map, const struct shape *shape, char **error);
/* The same check for two directions that exist at the same time, of one link or of two. The directions of one link must be
 * in the same place of a medium; directions that share a radio must have the same settings of it. -1 and *error (at
 * `map`). */
int shape_check_pair(const struct conf_node *map, const struct shape *a, const struct shape *b, bool one_link,
	char **error);
/* Whether both have the same radio, the same medium and place in it, and either both or neither trim. These settings cannot
 * change while a link is in use. */
bool shape_same_place(const struct shape *a, const struct shape *b);
/* Writes it as a YAML flow mapping that shape_read takes back unchanged. */
void shape_write(FILE *out, const struct shape *shape);
/* The same as a text of its own, which is the caller's. NULL: no memory. */
char *shape_text(const struct shape *shape);
bool shape_equal(const struct shape *a, const struct shape *b);
/* Whether the shape has only a rate, a delay, a uniform jitter that keeps the order, random loss and a drop-tail queue in
 * packets. Every back end can do these. If there is more, *what names it. */
bool shape_is_plain(const struct shape *shape, const char **what);

#endif
