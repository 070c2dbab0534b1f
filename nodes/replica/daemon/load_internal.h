/* What the files of the load share. */
#ifndef LIQUIDNET_REPLICA_LOAD_INTERNAL_H
#define LIQUIDNET_REPLICA_LOAD_INTERNAL_H

#include "lib/net/stream.h"
#include "nodes/replica/daemon/load.h"
#include "nodes/replica/wire.h"
#include "nodes/replica/zipf.h"

enum flight_state { FLIGHT_FREE, FLIGHT_WAITING, FLIGHT_ABANDONED, FLIGHT_PARKED, FLIGHT_SENT };
enum flight_kind {
	FLIGHT_READ,
	FLIGHT_REPAIR, /* a read whose answer only teaches */
	FLIGHT_UPDATE, /* the update's first copy: it carries the update */
	FLIGHT_COPY    /* its other copies */
};

/* One question to one server. Its name on the wire is its place in the pool and how often that place was used. */
struct flight {
	uint32_t generation, generator, group, client, server;
	uint32_t next; /* free ones */
	enum flight_state state;
	enum flight_kind kind;
	uint32_t update; /* FLIGHT_COPY: the first copy's place, and its generation then */
	uint32_t update_generation;
	bool acknowledged; /* FLIGHT_UPDATE: by the first of the servers */
	int64_t made_ns, sent_ns;
	uint64_t key;
};
#define NO_FLIGHT UINT32_MAX

struct link {
	struct load *load;
	struct stream stream;
	unsigned client, server;
	bool up;
	bool was_up; /* once */
	int64_t retry_ns;
};

struct sample {
	int64_t made_ns;
	double ms;
};

struct load_counters {
	uint64_t reads, updates, failed, retried, late, foreign, wrong, absent, busy, malformed,
		without_feedback, lost_connections, overdue;
};

struct load {
	const struct load_settings *settings;
	sd_event *loop;
	struct chooser **choosers; /* per client */
	struct link *links;        /* clients x servers */
	uint16_t *members;
	struct flight *pool;
	uint32_t room, free, outstanding;
	sd_event_source *arrival, *wakes, *tick, *logging;
	int64_t began_ns, ends_ns; /* of generating */
	int64_t next_arrival_ns;
	struct zipf zipf;
	uint64_t draws;
	struct sample *samples;
	size_t sample_count, sample_room;
	struct load_counters count;
	uint64_t *served; /* reads answered, per server */
	uint64_t *held_before;
	FILE *log;
	bool started, done;
	uint8_t record[RECORD_MAX];
};

/* load.c */
void load_request(struct load *load, uint32_t generator, int64_t made_ns);
void load_set_alarm(struct load *load);
/* load_links.c */
int load_connect_all(struct load *load, char **error);
void load_reconnect(struct load *load, int64_t now_ns);
struct link *load_link(struct load *load, unsigned client, unsigned server);
/* Sends a flight to a server that was chosen; parks it when the server is not connected. */
void load_send(struct load *load, uint32_t number, unsigned server, int64_t now_ns);
void load_parked_again(struct load *load, int64_t now_ns);
/* load.c: an answer came for a flight of this link; -1: nobody asked for it. */
int load_answered(struct link *link, const struct wire_answer *answer);
/* load.c: the link's flights will have no answer. */
void load_link_lost(struct link *link);
#endif
