/* When a device's applications ask for something: the three classes of the Kibbutz paper, and the
 * distributions of the time between requests, which it does not publish. Random numbers are those of
 * lib/base/draw.h: a seed gives the same requests on every machine. */
#ifndef LIQUIDNET_SIM_ARRIVALS_H
#define LIQUIDNET_SIM_ARRIVALS_H

#include <stdint.h>

/* NORMAL is the fit (arrivals.c says to what); CLASS: the class's own, which for streaming is CONSTANT. */
enum gaps { GAPS_CLASS, GAPS_NORMAL, GAPS_UNIFORM, GAPS_EXPONENTIAL, GAPS_CONSTANT, GAPS_KINDS };

struct traffic {
	const char *name;
	double mean_s; /* between requests */
	enum gaps gaps;
	uint32_t bytes; /* of a request's answer */
};

enum { TRAFFIC_STREAMING, TRAFFIC_WEB, TRAFFIC_BACKGROUND, TRAFFIC_CLASSES };
extern const struct traffic traffic_classes[TRAFFIC_CLASSES];

/* The time to the next request of `traffic`, > 0. GAPS_CLASS: as the class says; another kind replaces it,
 * but never for streaming, which is published as one request a second. `random`: the state of a sequence of draws. */
int64_t arrivals_gap_ns(const struct traffic *traffic, enum gaps gaps, uint64_t *random);
const char *gaps_name(enum gaps gaps);
#endif
