/* Survey: lists the living MPTCP subflows and their state, by sock_diag. A daemon uses it to correct its state after events
 * were lost, and to learn the connections that exist when it starts. A watchdog uses it to observe paths. (The socket option
 * MPTCP_FULL_INFO has the same values, but only for the socket's owner.) */
#ifndef LIQUIDNET_SURVEY_H
#define LIQUIDNET_SURVEY_H

#include "lib/net/address.h"
#include <stddef.h>

struct survey_subflow {
	uint32_t token;
	struct place local, remote;
	uint8_t local_id;
	bool initial;                    /* of its connection */
	bool opened_here;                /* else accepted */
	bool backup_ours, backup_theirs; /* low priority by our wish, by the peer's */
	/* Of TCP, in segments: */
	uint32_t unacked;  /* under way */
	uint32_t timeouts; /* retransmission timeouts in a row, now */
	uint32_t ssthresh, window;
	uint64_t bytes_acked, bytes_received;
	uint64_t busy_us;              /* time, in all, that data was under way or waiting on it */
	uint32_t rtt_us, least_rtt_us; /* smoothed; the least of late (tcp_min_rtt_wlen) */
};

/* Lists the established subflows, of IPv4 and IPv6, of connections that a program holds: those
 * opened here, or with `accepted` those accepted here. *list is the caller's to free. -1 with *error. */
int survey_take(bool accepted, struct survey_subflow **list, size_t *count, char **error);
#endif
