/* What the engine is made of, for its own files. */
#ifndef LIQUIDNET_LINK_ENGINE_STATE_H
#define LIQUIDNET_LINK_ENGINE_STATE_H

#include "lib/link/model.h"
#include "nodes/link/attach.h"
#include "nodes/link/buffers.h"
#include "nodes/link/engine.h"
#include "nodes/link/events.h"
#include "nodes/link/lateness.h"

struct counters {
	uint64_t packets, bytes;           /* that came */
	uint64_t sent_packets, sent_bytes; /* that left */
	uint64_t lost, overflowed, codel;  /* by the model: what the link does */
	uint64_t marked, corrupted, duplicated, bounced;
	uint64_t unbuffered, unsent; /* by us: what it should not do */
	uint64_t foreign;            /* came out of the TAP, and not from the interface */
	uint64_t tap_dropped;        /* of the TAP's own count: where we began */
	struct lateness lateness;
};

struct direction {
	const struct link_settings *link;
	const char *interface;
	struct attachment attachment;
	struct model *model;
	struct counters counters;
	int64_t arrived_ns;    /* of the newest packet */
	int64_t complained_ns; /* when a failure of ours was logged last; 0: never */
};

struct engine {
	const struct settings *settings;
	struct direction *directions; /* two a link: forward, reverse */
	int64_t *next;                /* their next departure, side by side for the search */
	struct radio *radios;         /* one a link; without a profile where it is not cellular */
	struct medium *media;         /* that links share */
	struct events *events;
	uint32_t count;
	int64_t began_ns; /* no packet is older */
	int64_t woken_ns; /* when it was woken last */
	struct buffers buffers;
	int epoll_fd, timer_fd;
	int64_t armed_ns;    /* 0: the timer is off */
	bool asleep;         /* it was still to come when we went to sleep */
	int64_t wake_ns;     /* how late nearly all wake-ups are, at most */
	int64_t credit_ns;   /* what may still be spun */
	int64_t credited_ns; /* until when credit was given */
	uint64_t stalls;     /* times that we ran much later than asked, and the worst of them */
	int64_t longest_stall_ns, complained_ns;
	bool realtime;
	sd_event_source *source;
};

#endif
