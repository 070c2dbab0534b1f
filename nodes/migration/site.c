/* Sites: see the header. */
#include "nodes/migration/site.h"

#include "lib/base/clock.h"
#include "lib/base/conf.h"
#include "lib/base/error.h"
#include "lib/base/units.h"
#include "lib/net/rtnl.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/mptcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const char *const endpoints_names[ENDPOINTS + 1] = {"none", "keep", "replace", "joined", "fullmesh", NULL};

static int refuse(const char *text, char **error)
{
	return error_set(error,
		"'%s' is no place; write NAME=INTERFACE,ADDRESS/PREFIX,GATEWAY, as b=eth1,10.0.3.1/24,10.0.3.254",
		text);
}

static int take_address(struct site *place, char *text)
{
	char *length = strchr(text, '/');
	int64_t prefix;
	if (!length)
		return -1;
	*length++ = 0;
	if (unit_integer(length, &prefix) < 0 || prefix < 1 || prefix > 31)
		return -1;
	place->prefix = (unsigned)prefix;
	return inet_pton(AF_INET, text, &place->address) == 1 ? 0 : -1;
}

int site_parse(struct site *place, const char *text, char **error)
{
	char copy[128], *rest = copy;
	*place = (struct site){0};
	if (strlen(text) >= sizeof copy)
		return refuse(text, error);
	strcpy(copy, text);
	const char *name = strsep(&rest, "="), *interface = strsep(&rest, ",");
	char *address = strsep(&rest, ",");
	const char *gateway = rest;
	if (!name || !interface || !address || !gateway || !name_good(name) ||
		strlen(name) >= sizeof place->name || !*interface ||
		strlen(interface) >= sizeof place->interface || take_address(place, address) < 0 ||
		inet_pton(AF_INET, gateway, &place->gateway) != 1)
		return refuse(text, error);
	strcpy(place->name, name);
	strcpy(place->interface, interface);
	return 0;
}

int site_find(struct site *place, char **error)
{
	place->ifindex = (int)if_nametoindex(place->interface);
	return place->ifindex ? 0
			      : error_set(error, "place %s: there is no interface '%s' in this network",
					place->name, place->interface);
}

static int add_endpoint(
	struct mptcp_pm *pm, enum endpoints endpoints, const struct site *place, uint8_t id, char **error)
{
	struct mptcp_pm_local local = {.address = {.address = address_of_v4(place->address)},
		.id = id,
		.if_index = place->ifindex,
		.flags = MPTCP_PM_ADDR_FLAG_SUBFLOW};
	if (endpoints == ENDPOINTS_FULLMESH)
		local.flags |= MPTCP_PM_ADDR_FLAG_FULLMESH;
	/* It may have been here before, and its subflow is dead; or one that was killed left it. */
	mptcp_pm_endpoint_remove(pm, id, NULL);
	return mptcp_pm_endpoint_add(pm, &local, error) < 0 ? error_prefix(error, "place %s", place->name)
							    : 0;
}

/* ---- joins */

#define JOIN_MOST_NS NS_PER_S
#define JOIN_MORE_NS (5 * NS_PER_MS)

/* Waits for the first subflow from an address. */
struct joins {
	sd_event *loop;
	struct mptcp_pm *pm;
	struct in_addr address;
	bool joined;
};

static void on_event(void *context, const struct mptcp_pm_event *event)
{
	struct joins *joins = context;
	joins->joined |= event->type == MPTCP_PM_EVENT_SUB_ESTABLISHED &&
			 address_is_v4(&event->local.address) &&
			 address_v4(&event->local.address).s_addr == joins->address.s_addr;
}

static void on_overrun(void *context)
{
	(void)context; /* it is waited for a second at most */
}

static void joins_close(struct joins *joins)
{
	mptcp_pm_close(joins->pm);
	sd_event_unref(joins->loop);
}

/* Hears of joins from now on. */
static int joins_open(struct joins *joins, struct in_addr address, char **error)
{
	const struct mptcp_pm_handlers handlers = {on_event, on_overrun, joins};
	*joins = (struct joins){.address = address};
	if (sd_event_new(&joins->loop) < 0)
		return error_set(error, "event loop: out of memory");
	joins->pm = mptcp_pm_open(error);
	if (joins->pm && mptcp_pm_subscribe(joins->pm, joins->loop, &handlers, error) == 0)
		return 0;
	joins_close(joins);
	return -1;
}

static void wait_until(struct joins *joins, int64_t end, bool for_join)
{
	int64_t left;
	while (!(for_join && joins->joined) && (left = end - clock_now_ns()) > 0)
		if (sd_event_run(joins->loop, (uint64_t)(left / NS_PER_US) + 1) < 0)
			return;
}

/* Until the subflow can carry data. The kernel tells of it when the SYN/ACK is there; until the fourth packet of the handshake (RFC 8684, section 3.2) has come, another round
 * trip, it sends nothing there, RM_ADDR neither. */
static void joins_await(struct joins *joins)
{
	int64_t began = clock_now_ns();
	wait_until(joins, began + JOIN_MOST_NS, true);
	int64_t took = clock_now_ns() - began;
	if (joins->joined)
		wait_until(joins, began + 2 * took + JOIN_MORE_NS, false);
}

/* ---- renumbering */

static int take_address_at(const struct site *to, char **error)
{
	if (rtnl_set_address(to->ifindex, to->address, to->prefix, true) == 0 &&
		rtnl_set_default_route(to->ifindex, to->gateway) == 0)
		return 0;
	return error_set(error, "place %s: address and route: %s", to->name, strerror(errno));
}

static int change_endpoints(struct mptcp_pm *pm, enum endpoints endpoints, const struct site *from,
	uint8_t from_id, const struct site *to, uint8_t to_id, char **error)
{
	bool waits = from && (endpoints == ENDPOINTS_JOINED || endpoints == ENDPOINTS_FULLMESH);
	struct joins joins;
	if (waits && joins_open(&joins, to->address, error) < 0)
		return -1;
	int result = add_endpoint(pm, endpoints, to, to_id, error);
	if (waits && result == 0)
		joins_await(&joins);
	if (waits)
		joins_close(&joins);
	if (result == 0 && from && endpoints != ENDPOINTS_KEEP &&
		mptcp_pm_endpoint_remove(pm, from_id, error) < 0)
		result = error_prefix(error, "place %s", from->name);
	return result;
}

int site_renumber(struct mptcp_pm *pm, enum endpoints endpoints, const struct site *from, uint8_t from_id,
	const struct site *to, uint8_t to_id, char **error)
{
	if (take_address_at(to, error) < 0 ||
		(endpoints != ENDPOINTS_NONE &&
			change_endpoints(pm, endpoints, from, from_id, to, to_id, error) < 0))
		return -1;
	if (from && rtnl_set_address(from->ifindex, from->address, from->prefix, false) < 0 &&
		errno != EADDRNOTAVAIL)
		return error_set(error, "place %s: removing the address: %s", from->name, strerror(errno));
	return 0;
}
