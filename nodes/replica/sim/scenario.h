/* What is simulated: words KEY=VALUE, checked. */
#ifndef LIQUIDNET_C3_SCENARIO_H
#define LIQUIDNET_C3_SCENARIO_H

#include "nodes/replica/chooser.h"
#include <stdbool.h>
#include <stdint.h>

#define SCENARIO_SERVERS 4096
#define SCENARIO_CLIENTS 10000
#define SCENARIO_GENERATORS 100000

enum arrivals {
	ARRIVALS_EXPONENTIAL, /* open: each generator's gaps are exponential; `load` is of the capacity with fluctuation */
	ARRIVALS_ABSIM, /* open, as the authors' simulator: gaps are whole milliseconds (Poisson), all begin at 0; `load` is of the
	                         slow speed alone */
	ARRIVALS_CLOSED, /* each generator asks again when it was answered */
	ARRIVAL_KINDS
};
extern const char *const arrival_names[ARRIVAL_KINDS + 1];

struct scenario {
	enum selection select;
	bool control;
	unsigned servers, concurrency, clients, generators, replicas;
	double service_ns;     /* mean; exponential */
	double network_ns;     /* one way */
	double fluctuation_ns; /* every server draws its speed so often; 0: never */
	double ratio;          /* D: between fast and slow */
	double load;           /* share of the capacity */
	double repair;         /* share of requests that go to all replicas */
	enum arrivals arrivals;
	uint32_t requests;
	double warmup;                  /* share of the requests that is not counted, the first ones */
	double skew_share, skew_demand; /* so many of the clients have so much of the demand; 0: none */
	double slow_share, slow_slower; /* so many of the servers are so many times slower; 0: none */
	char text[256];                 /* as written */
};

/* The published setting with words over it. -1 with *error. *warning (may be NULL): a line to print, or NULL. */
int scenario_parse(struct scenario *scenario, const char *text, char **error, char **warning);
/* Requests per nanosecond that all servers together can serve, on average. */
double scenario_capacity(const struct scenario *scenario);

#endif
