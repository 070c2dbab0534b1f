/* The one context of liquidnet-detour-client: its parts, and what ties them together. */
#ifndef LIQUIDNET_CLIENT_CLIENT_H
#define LIQUIDNET_CLIENT_CLIENT_H

#include "lib/base/control.h"
#include "lib/mptcp/pm.h"
#include "nodes/detour/client/channels.h"
#include "nodes/detour/client/favourites.h"
#include "nodes/detour/client/request.h"
#include "nodes/detour/client/rerouting.h"
#include "nodes/detour/client/settings.h"
#include "nodes/detour/client/vpn.h"
#include "nodes/detour/kernel/destinations.h"

struct client_counters {
	uint64_t verdicts[PATHS_VERDICTS]; /* connections, by what the policy said of them */
	uint64_t other_family;             /* of those taken: no detour had an address of their family */
	uint64_t created, refused, destroyed, established, failed;
	uint64_t overruns, surveys, looks, send_errors;
};

/* Somebody at the control socket who waits for a mapping (`map`) or for a detour (`wait`). */
struct waiter {
	struct control_request *request;
	bool for_mapping;
	struct place remote; /* map */
	bool *asked;         /* map: one a detour: an answer is due */
	unsigned detour;     /* wait */
	struct waiter *next;
};

struct client {
	sd_event *loop;
	struct settings *settings; /* the places for the list's detours are filled here */
	struct mptcp_pm *pm;
	struct paths *paths;
	struct requests *requests;
	struct vpn **vpns;   /* one a detour; NULL: not a VPN */
	struct guard *guard; /* of tunnels; NULL: there are none */
	bool *answered;      /* one a detour: NAT, its last question was answered */
	struct channels *channels;
	struct favourites *favourites;
	struct collective *list; /* NULL: none, or none that is current */
	uint64_t list_version;   /* the highest seen */
	sd_event_source *list_source;
	struct rerouting *rerouting;       /* NULL: routes stay as they are */
	struct destinations *destinations; /* NULL: SYNs have none */
	sd_event_source *timer, *exit;
	bool lost; /* events were lost: a survey is due */
	struct waiter *waiters;
	struct client_counters counters;
};

/* Opens everything and takes the connections that live already. NULL with *error. *settings must outlive it. */
struct client *client_new(sd_event *loop, struct settings *settings, char **error);
/* Stops tunnels, removes routes (who waits was refused when the loop ended). The subflows stay with their
 * connections. */
void client_free(struct client *client);
/* Does what the policy wants done now, and sets the timer. To be called after each event. */
void client_settle(struct client *client);

/* By its path's number; "direct" behind them (paths_direct). */
const char *client_detour_name(const struct client *client, unsigned detour);

/* ---- detours.c: what is between the policy and the NAT detours ---- */
void client_make_detours(struct client *client);
int client_watch_list(struct client *client, char **error);
void client_ask(struct client *client, const struct paths_action *action);
/* The detour's address for those who connect to `remote`; NULL: none, as it is a tunnel's, or of the other family. */
const struct address *client_detour_address(
	const struct client *client, unsigned detour, const struct address *remote);
/* The address that a connection to there would have, as routing says now: a mapping is for one address. None: there is no way. */
struct address client_source_towards(const struct place *remote);
/* The address from which to ask where routing is to choose: 0.0.0.0 or ::, of the remote's family. */
struct address client_any_like(const struct address *remote);
/* Asks for what is wanted before anybody connects. */
void client_prefetch(struct client *client);
void client_tick_detours(struct client *client, int64_t now);
void client_free_detours(struct client *client);

/* ---- control.c ---- */
extern const struct control_command client_commands[];
/* A mapping has come / a detour did not answer / a detour may be up: answers those who wait for it. */
void waiters_mapped(
	struct client *client, unsigned detour, struct address local, struct place remote, uint16_t port);
void waiters_unmapped(
	struct client *client, unsigned detour, struct address local, struct place remote, const char *why);
void waiters_up(struct client *client, unsigned detour);
void waiters_refuse_all(struct client *client);
#endif
