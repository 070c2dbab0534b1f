/* What the files of the client share. */
#ifndef LIQUIDNET_TREVI_CLIENT_INTERNAL_H
#define LIQUIDNET_TREVI_CLIENT_INTERNAL_H

#include "lib/net/stream.h"
#include "nodes/trevi/daemon/client.h"
#include "nodes/trevi/daemon/receiver.h"
#include "nodes/trevi/daemon/sender.h"
#include <systemd/sd-event.h>

#define TRIES 3 /* of a read whose hash was wrong */

#define STOPS 16

struct client;
struct job;

struct connection {
	struct client *client;
	struct connection *next;
	struct place at;
	struct stream stream;
	bool lost;
	struct window window; /* as the last tract that was read from there left it */
	struct job *raw;      /* FETCH: whose bytes come now */
	uint32_t raw_got;
	uint32_t reads;    /* tracts that come from there now */
	int64_t answer_ns; /* what the last offer took; 0: there was none yet */
	/* Stops that wait for the next get, and since when. */
	uint8_t stops[STOPS][WIRE_STOP_SIZE];
	unsigned stop_count;
	int64_t stop_ns;
};

enum part_state { PART_ASKED, PART_RUNNING, PART_DONE, PART_FAILED };

/* One server's part of a tract. */
struct part {
	struct connection *connection;
	uint64_t session;
	enum part_state state;
	const char *why;       /* PART_FAILED; static */
	struct sender *sender; /* of a write by unicast */
	uint64_t symbols;      /* of a read: that counted */
	int64_t asked_ns;      /* when the server was asked for the tract */
	int64_t again_ns;      /* when it is asked again; the pause doubles */
	bool again;            /* it was */
	/* What the get asks for at once; the windows that there were then; symbols that came before the offer. */
	uint32_t first, over_ns, windows;
	struct early *early;
};

/* A symbol that waits for its session's offer: that has been delayed or lost, or went another way. */
struct early {
	struct early *next;
	int64_t came_ns;
	uint32_t label;
	uint16_t size;
	uint8_t payload[];
};

struct job {
	struct client *client;
	uint32_t tract, length;
	uint8_t hash[WIRE_HASH];
	const struct table_row *row;
	struct part parts[TABLE_REPLICAS];
	unsigned part_count, tries;
	struct receiver *receiver;
	struct sender *sender; /* of a write to a group */
	int64_t began_ns, ended_ns, progress_ns;
	bool active, ended, good;
	bool offered;   /* length and hash are known */
	bool alone;     /* a read from one source: its symbols may be the fragments */
	uint8_t *bytes; /* where the tract is, or goes */
};

struct client_counters {
	uint64_t sent, strange, wrong_hash, malformed, symbols, needed, asked, lost, again, early;
	struct receiver_counters received;
};

struct client {
	struct client_settings *settings;
	sd_event *loop;
	sd_event_source *timer;
	struct datagrams *datagrams;
	struct window_settings window;
	struct window_link link;
	struct connection *connections;
	struct job *jobs;                   /* of this round */
	uint32_t done;                      /* jobs before it have ended, and are freed */
	uint32_t job_count, running, round; /* job_count: that have begun in this round */

	int64_t began_ns, round_began_ns;
	struct {
		double at_s, seconds;
		uint64_t bytes;
	} * rounds;
	uint32_t round_count;
	uint64_t bytes;
	struct client_counters count;
	uint64_t per_server[256];
	char **error;
	bool failed, started, passed; /* passed: room was, and who has it now is to ask */
};

/* client.c */
void client_work(struct client *client);
void job_end(struct job *job, bool good);
void part_failed(struct job *job, struct part *part, const char *why);
/* The windows of all reads share what the client has: each knows how many servers there are. */
void client_share(struct client *client);
/* Servers that a round reads from at a time. */
uint32_t client_servers(const struct client *client);
/* A read has ended, and no other begins: what it had room for, others ask for, all alike, or the one that needs it most. */
void client_lend(struct client *client, double symbols);
void client_pass(struct client *client, double symbols);
/* client_jobs.c */
void job_begin(struct job *job);
/* A symbol of a session whose offer has not come yet; false: it is none. */
bool job_early(struct job *job, const struct wire_datagram *datagram, struct place from, int64_t now_ns);
void part_forget_early(struct part *part);
/* A frame of a server; false: it makes no sense. */
bool job_frame(struct connection *connection, const struct wire_frame *frame);
/* Looks after what runs; when it is to be looked after again. */
int64_t job_work(struct job *job, int64_t now_ns);
void job_fetched(struct job *job);
/* client_connections.c */
struct connection *client_connect(struct client *client, struct place at);
void connection_say(
	struct connection *connection, const struct wire_frame *frame, const uint8_t *bytes, size_t size);
/* Ends a session, with the next that is said, or after a while: two packets one after the other are acknowledged at once by a packet of its own, and where many
 * servers answer at a time, that leaves no room for their answers. */
void connection_stop(struct connection *connection, uint64_t session);
/* Says what has waited for long; when it is to be asked again. */
int64_t connection_work(struct connection *connection, int64_t now_ns);
void client_disconnect(struct client *client);
/* The round trip as its own TCP has it; 0: not known. */
int64_t connection_rtt(const struct connection *connection);

#endif
