/* Keep: which subflows the connections of a GRIN server are to have (Trilogy2 D1.2, 3.3.3 to 3.3.5), in both roles. Who accepted a connection tells the
 * peer the addresses of its cables; who opened it makes the subflows, as the plan chooses them. Pure: the path manager's events, surveys and the time
 * are given, what is to be done goes to handlers; lib/mptcp/subflows.h keeps what there is. Addresses are in host order, as in plan.h. */
#ifndef LIQUIDNET_GRIN_KEEP_H
#define LIQUIDNET_GRIN_KEEP_H

#include "lib/mptcp/pm.h"
#include "lib/mptcp/subflows.h"
#include "nodes/grin/plan.h"

enum {
	KEEP_PATHS = (PLAN_LINKS + 1) *
		     (PLAN_LINKS + 1), /* of a connection: own end x peer's, 0 is the primary address */
	KEEP_CONNECTIONS = 65536       /* more are counted, and left alone */
};

struct keep_settings {
	uint32_t primary, own[PLAN_LINKS]; /* of this server */
	unsigned count;
	unsigned subflows; /* besides the initial one; 0: the fewest that use every cable once */
	uint64_t seed;
	bool shuffle;    /* cables in an order drawn per connection, not in theirs */
	bool affinity;   /* incast mode, strong: one path drawn per connection, and no other */
	uint64_t gate;   /* bytes of a connection that have got through before secondary subflows are made */
	int64_t dead_ns; /* a subflow that has data under way and hears nothing for so long is dead */
	int64_t settle_ns; /* a peer that tells no further address for so long has told all */
};

struct keep_handlers {
	subflows_act *act; /* a CREATE that is refused is told by keep_refused */
	/* Tells the peer of the connection the address; `id` is 1 and up. */
	void (*announce)(void *context, uint32_t token, uint32_t address, uint8_t id);
	/* The initial subflow gets low priority. */
	void (*set_aside)(void *context, uint32_t token, struct place local, struct place remote);
	void *context;
};

struct keep_counters {
	uint64_t opened, accepted; /* connections, all that ever were */
	uint64_t told, heard;      /* addresses: told to peers, heard from them */
	uint64_t foreign;          /* addresses heard that are not of this network: ignored */
	uint64_t created, refused; /* subflows */
	uint64_t died;             /* subflows that were closed because nothing came */
	uint64_t beyond;           /* connections beyond the bound: left alone */
};

struct keep;

struct keep *keep_new(const struct keep_settings *settings, const struct keep_handlers *handlers);
void keep_free(struct keep *keep);
void keep_event(struct keep *keep, int64_t now, const struct mptcp_pm_event *event);
void keep_refused(struct keep *keep, int64_t now, uint32_t token, unsigned path);

/* All that lives, opened here and accepted here, by surveys: what was missed before a start or while events were lost (`anew`), how much has got
 * through, what is dead. Call it every quarter of dead_ns while there are connections. */
void keep_look(struct keep *keep, int64_t now, const struct survey_subflow *opened, size_t opened_count,
	const struct survey_subflow *accepted, size_t accepted_count, bool anew);

/* When keep_tick is due; SUBFLOWS_NEVER. */
int64_t keep_deadline(const struct keep *keep);
void keep_tick(struct keep *keep, int64_t now);

const struct keep_counters *keep_counters(const struct keep *keep);
/* For a report: those opened here. The ends of a path. */
const struct subflows *keep_connections(const struct keep *keep);
/* Whether there is anything to look at. */
bool keep_busy(const struct keep *keep);

#endif
