/* The memory that the agent's programs in the kernel share with user space: one block, which outlives the process as long as the programs
 * are attached. */
#ifndef LIQUIDNET_AGENT_STATE_H
#define LIQUIDNET_AGENT_STATE_H

#include "nodes/balancer/packet.h"

#define AGENT_LAYOUT 0x4c424102U /* changes with struct agent_state */
#define AGENT_END 0U             /* next: the chain ends here */
#define AGENT_ABSENT 0xffffffffU /* next: this server is not in the chain */

struct agent_ring {
	__u32 vip, dip; /* network order, as all addresses here; vip 0: no map yet */
	__u32 tokens, generation;
	__u32 head[LB_TOKENS_MAX]; /* the token's owner; 0: none */
	__u32 next[LB_TOKENS_MAX]; /* to whom packets go whose connection is not here */
};

/* Whether a former owner has any connection of the token left. It returns what it has no connection for; what it keeps is a sign of life. */
struct agent_trail {
	__u32 handed, returned; /* packets passed to it, and come back */
	__u32 base;             /* of handed - returned: so many are explained already */
	__u32 unused;
	__u64 last; /* CLOCK_MONOTONIC, ns: when the latest was passed */
};
#define AGENT_RETURN_NS                                                                                      \
	10000000            /* what is to come back has come back by then: many round trips between servers */
#define AGENT_IN_FLIGHT 256 /* more than that are not on their way at once */

struct agent_state {
	__u32 layout;
	__u32 own_clsact; /* we made the hook */
	__u32 active;     /* which ring is read: its lowest bit */
	__u32 mss;        /* the largest that a client is told */
	__u32 translate;  /* 0: the server has the VIP itself, on its loopback interface */
	__u32 unused;
	__u64 idle_ns;           /* a former owner that got nothing for so long is forgotten */
	__u64 ports[65536 / 64]; /* of the VIP, by port in host order: what leaves from them is the VIP's */
	struct agent_ring rings[2];
	__u64 used
		[LB_TOKENS_MAX]; /* CLOCK_MONOTONIC, ns: when `next` last kept something that was passed to it, or became
				      `next` */
	struct agent_trail trails[LB_TOKENS_MAX];
};

/* Brings *used up to date: the latest packet counts as kept if something that was passed on has not come back in time. */
LB_INLINE void agent_settle(struct agent_trail *trail, __u64 *used, __u64 now)
{
	__s32 kept = (__s32)(trail->handed - trail->returned - trail->base);
	if (kept > 0 && kept <= AGENT_IN_FLIGHT && now - trail->last <= AGENT_RETURN_NS)
		return;
	trail->base += (__u32)kept;
	if (kept > 0 && (__s64)(trail->last - *used) > 0)
		*used = trail->last;
}

/* What happens to packets, by number: verdicts of lb_read (LB_GOOD is never counted), then these. */
enum agent_count {
	AGENT_DELIVERED = LB_VERDICTS, /* to this host's stack; those without a connection among them: */
	AGENT_ORPHANED,                /* nobody had the connection */
	AGENT_EXPIRED,                 /* the former owner may have had it, too long ago */
	AGENT_COOKIE,                  /* the connection is in a SYN cookie of ours */
	AGENT_HANDED_ON,
	AGENT_REFUSED, /* come back: the former owner does not have the connection either */
	AGENT_BEHIND, /* dropped: sent by a newer map than ours, so it is not known where the connection is */
	AGENT_LOOPED, /* dropped: its time to live is over */
	AGENT_RETURNED, /* from here to clients */
	AGENT_CLAMPED,  /* told a client a smaller MSS */
	AGENT_FAILED,
	AGENT_COUNTS
};

#endif
