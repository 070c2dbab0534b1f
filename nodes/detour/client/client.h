/* The one context of liquidnet-detour-client: its parts, and what ties them together. */
#ifndef LIQUIDNET_CLIENT_CLIENT_H
#define LIQUIDNET_CLIENT_CLIENT_H

#include "lib/base/control.h"
#include "lib/mptcp/pm.h"
#include "nodes/detour/client/request.h"
#include "nodes/detour/client/settings.h"
#include "nodes/detour/client/vpn.h"

struct client_counters {
	uint64_t verdicts[PATHS_VERDICTS]; /* connections, by what the policy said of them */
	uint64_t other_family;             /* connections over IPv6: the detours are IPv4 */
	uint64_t created, refused, destroyed, established, failed;
	uint64_t overruns, surveys, send_errors;
};

/* Somebody at the control socket who waits for a mapping (`map`) or for a detour (`wait`). */
struct waiter {
	struct control_request *request;
	bool for_mapping;
	struct endpoint remote; /* map */
	bool *asked;            /* map: one a detour: an answer is due */
	unsigned detour;        /* wait */
	struct waiter *next;
};

struct client {
	sd_event *loop;
	const struct settings *settings;
	struct mptcp_pm *pm;
	struct paths *paths;
	struct requests *requests;
	struct vpn **vpns; /* one a detour; NULL: not a VPN */
	bool *answered;    /* one a detour: NAT, its last question was answered */
	int socket;        /* of the detour protocol */
	sd_event_source *socket_source, *timer, *exit;
	bool lost; /* events were lost: a survey is due */
	struct waiter *waiters;
	struct client_counters counters;
};

/* Opens everything and takes the connections that live already. NULL with *error. *settings must outlive it.
 */
struct client *client_new(sd_event *loop, const struct settings *settings, char **error);
/* Stops tunnels, removes routes (who waits was refused when the loop ended). The subflows stay with their
 * connections. */
void client_free(struct client *client);
/* Does what the policy wants done now, and sets the timer. To be called after each event. */
void client_settle(struct client *client);

/* ---- control.c ---- */
extern const struct control_command client_commands[];
/* A mapping has come / a detour did not answer / a detour may be up: answers those who wait for it. */
void waiters_mapped(struct client *client, unsigned detour, struct endpoint remote, uint16_t port);
void waiters_unmapped(struct client *client, unsigned detour, struct endpoint remote);
void waiters_up(struct client *client, unsigned detour);
void waiters_refuse_all(struct client *client);
#endif
