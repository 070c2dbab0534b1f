/* What the files of the NAT service share. */
#ifndef LIQUIDNET_DETOUR_SERVICE_INTERNAL_H
#define LIQUIDNET_DETOUR_SERVICE_INTERNAL_H

#include "nodes/detour/daemon/config.h"
#include "nodes/detour/daemon/desk.h"
#include "nodes/detour/daemon/mailbox.h"
#include "nodes/detour/daemon/service.h"
#include "nodes/detour/kernel/destinations.h"
#include "nodes/detour/kernel/flows.h"
#include "nodes/detour/kernel/host_ports.h"
#include "nodes/detour/kernel/nat.h"
#include "nodes/detour/kernel/neighbourhood.h"
#include "nodes/detour/trail.h"

struct service_counters {
	uint64_t responses, unsent, adopted, expired, forgotten, revoked, cut, sweeps, failed;
};

struct service {
	sd_event *loop;
	const struct detour_config *config;
	struct nft_ctx *nft;
	struct members *members;
	struct mapping_table *table;
	struct mapping_table
		*ended; /* mappings that are gone while flows of theirs live: whose the flows are */
	struct nat *nat;
	struct flows *flows;
	struct neighbourhood *neighbourhood;
	struct host_ports *host_ports;
	struct trail *trail;               /* NULL: none is kept */
	struct destinations *destinations; /* NULL: SYNs have none */
	struct mailbox *mailboxes[CONFIG_ADDRESSES + 2];
	size_t mailbox_count;
	sd_event_source *sweep_source, *list_source, *recount_source;
	struct desk_rules rules;
	struct desk desk;
	struct service_counters counters;
	int64_t sealed_ns;

	/* the collective */
	struct collective *list;
	bool list_current;
	uint64_t list_highest; /* version */
	char *list_error;      /* why the newest file was not taken; NULL: it was */
	struct address *detours;
};

/* A clock that never goes back and counts sleep: leases outlive a lid that was closed. */
int64_t service_now_ns(void);
/* Ends mappings: takes them out of table and kernel; `why` goes to log and trail. `copies` are of mappings in the table. */
void service_end(struct service *service, const struct mapping *copies, size_t count, const char *why);
void service_trail_mapping(
	struct service *service, enum trail_kind kind, const struct mapping *m, const char *why);
const char *service_owner_name(const struct service *service, uint64_t owner);
void service_fill_rules(struct service *service);

/* --- service_members.c */
int service_members_start(struct service *service, char **error);
/* Reads the list anew, and puts configuration and list together. */
void service_members_load(struct service *service);
/* The list's time may have come, or gone. */
void service_members_tick(struct service *service);
/* Ends what would not be made today, mappings and flows. */
void service_revoke(struct service *service);

/* --- service_flows.c */
int service_flows_start(struct service *service, char **error);
/* The mapping is going: what is known of its flows is kept as long as they live. */
void service_flows_keep(struct service *service, const struct mapping *mapping);

#endif
