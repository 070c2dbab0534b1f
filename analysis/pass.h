/* Pass: one capture on its way through: packets are read and decoded (stage one), then change flows (stage two, flows/take.c). */
#ifndef LIQUIDNET_ANALYSIS_PASS_H
#define LIQUIDNET_ANALYSIS_PASS_H

#include "analysis/analysis.h"
#include "analysis/flows/state.h"
#include "analysis/input/capture.h"
#include "analysis/input/decode.h"

enum { PASS_BATCH = 64, PASS_LINKS = 512 };

struct filter;

struct pass {
	const char *path;
	const struct analysis_options *options;
	struct capture *capture; /* NULL: packets come from elsewhere */
	struct tracker *tracker;
	struct decoder decoder;
	struct filter *filter;
	uint64_t packets;                  /* read */
	uint64_t decoded[DECODE_RESULTS];  /* packets by enum decode_result */
	uint64_t link_packets[PASS_LINKS]; /* by link type; the last for all above */
	uint64_t left_out;                 /* by the filter or the span */
	bool started;
	int64_t start_ns, earliest_ns, latest_ns; /* since 1970; start: of the first packet */
	int64_t span_ns[2];
	int64_t last_ns;
	uint64_t backwards; /* packets before the one that stands before them */
	int64_t backwards_most_ns;
	bool past_span;
};

/* Starts a pass over an open capture, which it then owns. NULL and *error. */
struct pass *pass_new(
	const char *path, struct capture *capture, const struct analysis_options *options, char **error);
/* Reads the capture to its end. 0, or -1 and *error. */
int pass_run(struct pass *pass, char **error);
void pass_free(struct pass *pass);

/* Stage one: decodes `size` packets into `segments`; returns how many carry TCP. Times become relative. */
size_t pass_decode(
	struct pass *pass, const struct capture_packet *packets, size_t size, struct segment *segments);

/* pipeline.c: both stages at once, on two threads. -1: it could not be started, nothing was read. */
int pipeline_run(struct pass *pass);

/* filter.c */
struct filter *filter_new(const char *expression, char **error);
bool filter_matches(struct filter *filter, const struct capture_packet *packet);
void filter_free(struct filter *filter);

/* The connections of a pass in order of their first packets. Flows without data or MPTCP have no connection of
 * their own: each is then one. */
struct pass_connection {
	const struct connection *connection; /* NULL: the flow alone */
	const struct flow *flow;             /* its first */
};
/* The connection whose first flow is at or after *flow_index; false at the end. Moves *flow_index on. */
bool pass_next_connection(const struct pass *pass, uint32_t *flow_index, struct pass_connection *next);

#endif
