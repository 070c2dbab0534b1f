/* The part of a shape (shape.h) that describes a medium: reading, checking and writing it. */
#ifndef LIQUIDNET_LIB_SHAPE_MEDIUM_H
#define LIQUIDNET_LIB_SHAPE_MEDIUM_H

#include "lib/base/conf.h"
#include "lib/link/visits.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define SHAPE_NAME 32

/* Air that several links share (lib/link/medium.h). */
struct shape_medium {
	char name[SHAPE_NAME];  /* all links that name it share it; "": none */
	uint64_t phy_rate_bps;  /* of this direction's sender, while its frame is in the air */
	int64_t overhead_ns;    /* air time of each packet besides its bits */
	uint32_t channel;       /* links on different channels do not disturb each other */
	char radio[SHAPE_NAME]; /* links that name the same radio share one, which is on one channel at a
				   time; "": one of its own, always there */
	/* Of that radio: how it visits channels (lib/link/visits.h). The second line is the dynamic policy's. */
	enum visits_policy policy;
	int64_t switching_ns, dwell_ns, idle_ns; /* idle 0: it never leaves early */
	int64_t dwell_step_ns, dwell_most_ns, flush_ns;
	uint64_t boost_above_bps;
	double idle_factor;
	bool access_point; /* this direction's sender is the access point that the radio visits */
	int64_t stale_ns; /* that access point is late by up to so much if it had packets when the radio left */
	double success;   /* of a try to send a packet */
	uint32_t tries;   /* of a packet, at most; 0: one, which succeeds */
	int64_t backoff_ns; /* mean, before a first try */
};

/* Changes *medium as the mapping `medium` says; other settings stay. -1 and *error. */
int shape_medium_read(const struct conf_node *node, struct shape_medium *medium, char **error);
/* As a key of a shape that shape_read takes back, with a comma in front. */
void shape_medium_write(FILE *out, const struct shape_medium *medium);
/* Whether both are in one place: medium, channel and radio. */
bool shape_medium_same(const struct shape_medium *a, const struct shape_medium *b);
/* The same and everything else. */
bool shape_medium_equal(const struct shape_medium *a, const struct shape_medium *b);
/* Checks the settings that must be equal in two directions, of one link or of two. -1 and *error (at `map`). */
int shape_medium_check_pair(const struct conf_node *map, const struct shape_medium *a,
	const struct shape_medium *b, bool one_link, char **error);
/* How its shared radio visits channels. */
void shape_medium_visits(const struct shape_medium *medium, struct visits_settings *settings);

#endif
