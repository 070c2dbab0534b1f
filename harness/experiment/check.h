/* Checks: what a trial must show, or it failed. One row of two tables per kind: checks.c reads it, the trial's
 * checks.c looks. */
#ifndef LIQUIDNET_EXPERIMENT_CHECK_H
#define LIQUIDNET_EXPERIMENT_CHECK_H

#include "harness/experiment/measure.h"

enum check_kind {
	CHECK_PROTOCOL, /* every data connection speaks the label's protocol, and none fell back */
	CHECK_SUBFLOWS, /* the data connection has these subflows, and no more */
	CHECK_TUNNEL,   /* a known pattern can be read in a tunnel's packets, or cannot */
	CHECK_PROGRAM,  /* a program looks, and prints JSON: {"failed": [REASON, ...], "suspect": [...]} */
	CHECK_KINDS
};

struct subflow_place {    /* where a subflow comes from, as it is seen at the capture */
	const char *name; /* as the experiment writes it: NODE, or NODE/LINK */
	int node, link;   /* link -1: any address of the node */
};

struct check {
	enum check_kind kind;
	const int *captures; /* indices; looked at together, as one */
	size_t captures_count;
	struct flow_selection flows; /* which connections are data */
	bool mptcp;                  /* PROTOCOL: the label; else TCP */
	const struct subflow_place *subflows;
	size_t subflows_count;
	int port; /* TUNNEL: UDP */
	const char *pattern;
	bool readable;
	struct program program; /* PROGRAM: run once; its node, or -1: outside every node */
	const struct conf_node *at;
};

#endif
