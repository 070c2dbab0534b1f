/* What the parts of liquidnet-steer share. */
#ifndef LIQUIDNET_STEER_DAEMON_H
#define LIQUIDNET_STEER_DAEMON_H

#include "lib/base/daemon.h"
#include "nodes/steer/daemon/config.h"

enum { REPORTS_KEPT = 256, WAITERS_MOST = 16 };

struct steer_counters {
	uint64_t injected, not_injected;
};

struct steer {
	struct daemon *daemon;
	const struct steer_config *config;
	struct steps *steps;
	struct waypoints *waypoints;
	struct ring *ring;
	int asking[WAYPOINTS_MOST]; /* a socket a waypoint */
	int raw4, raw6;             /* that packets of ours go out by; -1: none */
	sd_event_source *timer;
	struct steer_counters counters;
	/* The last redirections, by number. */
	struct report reports[REPORTS_KEPT];
	struct control_request *waiters[WAITERS_MOST]; /* for all waypoints to be up */
	unsigned waiting;
};

extern const struct control_command steer_commands[];

/* Answers those who wait, if all waypoints are up. */
void steer_answer_waiters(struct steer *steer);
/* Sets the timer to what is due next. */
void steer_arm(struct steer *steer);
void steer_end_text(const struct packet_end *end, char text[PLACE_TEXT]);

#endif
