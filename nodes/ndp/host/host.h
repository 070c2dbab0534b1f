/* The parts of liquidnet-ndp. Each runs until its flows are done, its time is over, or `stopped` is set. Then it prints its results as JSON
 * on standard output and returns the exit status. If it could not begin, it returns -1 and sets *error. */
#ifndef LIQUIDNET_NDP_HOST_HOST_H
#define LIQUIDNET_NDP_HOST_HOST_H

#include "nodes/ndp/host/options.h"

#include <jansson.h>
#include <signal.h>

extern volatile sig_atomic_t stopped; /* by SIGTERM or SIGINT */

int ndp_serve(const struct options *options, char **error);
int ndp_send(const struct options *options, char **error);
int stream_serve(const struct options *options, char **error);
int stream_send(const struct options *options, char **error);

/* Says READY. */
int say_ready(const struct options *options, char **error);
/* When the options' time is over. */
int64_t end_of(const struct options *options, int64_t began_ns);
/* What came, over time. */
struct bins {
	int64_t width_ns, began_ns; /* began 0: nothing came yet */
	uint64_t *bytes;
	size_t count, room;
};
void bins_add(struct bins *bins, int64_t now_ns, uint64_t bytes);
/* [{"start", "end", "bytes"}], seconds since the first byte. Frees. */
json_t *bins_json(struct bins *bins);
json_t *seconds_json(int64_t ns);
/* Prints an object, and lets it go. 0, or 1 where standard output takes it not. */
int print_json(json_t *object);

#endif
