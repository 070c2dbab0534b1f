/* Measures, as an experiment names them: numbers taken from what programs print as JSON, from captures, from what
 * links and nodes counted, and from other measures. One row of two tables per kind: measures.c reads it, the
 * trial's measures.c takes it. */
#ifndef LIQUIDNET_EXPERIMENT_MEASURE_H
#define LIQUIDNET_EXPERIMENT_MEASURE_H

#include "harness/experiment/program.h"
#include "lib/base/formula.h"
#include <stdbool.h>
#include <stddef.h>

enum measure_kind {
	MEASURE_VALUE,    /* a number of a program's output */
	MEASURE_SERIES,   /* an amount per second: of the items of a list that lie in a window of time */
	MEASURE_SAMPLES,  /* many numbers of a program's output, kept one by one; its value is their median */
	MEASURE_QUANTILE, /* a quantile of a measure of samples */
	MEASURE_CAPTURE,  /* bytes of the data connections in a capture, in a window of time */
	MEASURE_LINK,     /* what a link counted */
	MEASURE_COUNTER,  /* what a node's kernel counted: a row of /proc/net/{snmp,netstat} */
	MEASURE_SUM,      /* the sum of earlier measures, by the sum of others */
	MEASURE_FORMULA,  /* an expression over earlier measures and the configuration's factors */
	MEASURE_KINDS
};

/* How the values of a program's replicas (`each`) become one. */
enum measure_fold { FOLD_NONE, FOLD_SUM, FOLD_MEAN, FOLD_LEAST, FOLD_MOST };

/* Which flows of a capture are meant. */
struct flow_selection {
	int port; /* the server's; 0: the one connection that delivered most */
	bool udp; /* datagrams of that port, not TCP */
};

struct measure {
	const char *name, *unit;
	enum measure_kind kind;
	bool less;           /* `better: less` */
	double scale;        /* times the value, or times amount per second */
	const char *program; /* VALUE, SERIES, SAMPLES: of the workload; of all its replicas */
	enum measure_fold fold;
	int capture; /* CAPTURE: index of the capture point */
	struct flow_selection flows;
	const char *
		path; /* VALUE: dotted path; SERIES, SAMPLES: path of the list; LINK: in what the record has of it */
	const char *from, *to, *link, /* LINK: its name */
		*amount; /* SERIES, SAMPLES: dotted paths in an item; NULL: the item itself, no time */
	double window
		[2]; /* SERIES, CAPTURE, SAMPLES: items that start at or after [0] and end at or before [1],
				 seconds */
	bool windowed;
	int node;                     /* COUNTER: whose */
	const char *counter;          /* COUNTER: its name, MPTcpExtMPJoinSynRx */
	int of;                       /* QUANTILE: of which measure */
	double quantile;              /* 0..1 */
	const int *sum, *over;        /* SUM: indices of earlier measures */
	size_t sum_count, over_count; /* over_count 0: not divided */
	const struct formula *formula;
};

#endif
