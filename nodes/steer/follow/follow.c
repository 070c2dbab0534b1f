/* One record a connection, its subflows by the path manager's events. */
#include "nodes/steer/follow/follow.h"
#include <stdlib.h>
#include <string.h>

struct own {
	struct address address;
	uint8_t id; /* of it, in announcements and joins: the same for all connections; 0: free */
};

struct subflow {
	struct place local, remote;
};

struct connection {
	uint32_t token;
	struct place client; /* with the port at which its kernel listens; none: not announced */
	struct subflow subflows[FOLLOW_SUBFLOWS];
	unsigned subflow_count;
	bool established;
	uint32_t waits; /* a bit an address of this host, from which a subflow could not be tried */
};
_Static_assert(FOLLOW_ADDRESSES <= 32, "bits");

struct follow {
	struct follow_handlers handlers;
	struct own own[FOLLOW_ADDRESSES];
	struct connection *connections[FOLLOW_CONNECTIONS];
	unsigned count;
	struct follow_counters counters;
};

struct follow *follow_new(const struct follow_handlers *handlers)
{
	struct follow *follow = calloc(1, sizeof *follow);
	if (!follow)
		abort();
	follow->handlers = *handlers;
	return follow;
}

void follow_free(struct follow *follow)
{
	for (unsigned i = 0; follow && i < follow->count; i++)
		free(follow->connections[i]);
	free(follow);
}

const struct follow_counters *follow_counters(const struct follow *follow)
{
	return &follow->counters;
}

static struct connection *find(const struct follow *follow, uint32_t token)
{
	for (unsigned i = 0; i < follow->count; i++)
		if (follow->connections[i]->token == token)
			return follow->connections[i];
	return NULL;
}

static bool has_subflow_from(const struct connection *connection, const struct address *address)
{
	for (unsigned i = 0; i < connection->subflow_count; i++)
		if (address_equal(&connection->subflows[i].local.address, address))
			return true;
	return false;
}

static void open_from(struct follow *follow, struct connection *connection, const struct own *own)
{
	uint32_t bit = 1u << (own - follow->own);
	struct mptcp_pm_local local = {.address.address = own->address, .id = own->id};
	if (!connection->established ||
		address_family(&connection->client.address) != address_family(&own->address) ||
		has_subflow_from(connection, &own->address))
		return;
	connection->waits &= ~bit;
	if (follow->handlers.create(follow->handlers.context, connection->token, &local, &connection->client))
		follow->counters.created++;
	else
		connection->waits |= bit;
}

bool follow_waits(const struct follow *follow)
{
	for (unsigned i = 0; i < follow->count; i++)
		if (follow->connections[i]->waits)
			return true;
	return false;
}

bool follow_again(struct follow *follow)
{
	for (unsigned i = 0; i < follow->count; i++)
		for (unsigned a = 0; a < FOLLOW_ADDRESSES; a++)
			if (follow->connections[i]->waits & 1u << a)
				open_from(follow, follow->connections[i], &follow->own[a]);
	return follow_waits(follow);
}

/* ---- events */

static void begin(struct follow *follow, const struct mptcp_pm_event *event)
{
	struct connection *connection = find(follow, event->token);
	if (!event->server_side || connection)
		return;
	if (follow->count == FOLLOW_CONNECTIONS) {
		follow->counters.refused++;
		return;
	}
	connection = calloc(1, sizeof *connection);
	if (!connection)
		abort();
	connection->token = event->token;
	follow->connections[follow->count++] = connection;
	follow->counters.connections = follow->count;
}

static void end(struct follow *follow, uint32_t token)
{
	for (unsigned i = 0; i < follow->count; i++)
		if (follow->connections[i]->token == token) {
			free(follow->connections[i]);
			follow->connections[i] = follow->connections[--follow->count];
			follow->counters.connections = follow->count;
			return;
		}
}

static void add_subflow(
	struct follow *follow, struct connection *connection, const struct mptcp_pm_event *event)
{
	if (connection->subflow_count == FOLLOW_SUBFLOWS) {
		follow->counters.refused++;
		return;
	}
	connection->subflows[connection->subflow_count++] = (struct subflow){event->local, event->remote};
}

static void remove_subflow(struct connection *connection, const struct mptcp_pm_event *event)
{
	for (unsigned i = 0; i < connection->subflow_count; i++) {
		const struct subflow *s = &connection->subflows[i];
		if (place_equal(&s->local, &event->local) && place_equal(&s->remote, &event->remote)) {
			connection->subflows[i] = connection->subflows[--connection->subflow_count];
			return;
		}
	}
}

/* The addresses of this host that no subflow has yet are new to this connection only if they came after it: a client that names a port
 * asks for no second path, so none is opened before the first is gone. */
static void announced(
	struct follow *follow, struct connection *connection, const struct mptcp_pm_event *event)
{
	if (event->remote.port == 0)
		return;
	follow->counters.announced++;
	connection->client = event->remote;
}

void follow_event(struct follow *follow, const struct mptcp_pm_event *event)
{
	struct connection *connection = find(follow, event->token);
	switch (event->type) {
	case MPTCP_PM_EVENT_CREATED:
		begin(follow, event);
		break;
	case MPTCP_PM_EVENT_ESTABLISHED:
		begin(follow, event);
		connection = find(follow, event->token);
		if (connection && !connection->established) {
			connection->established = true;
			add_subflow(follow, connection, event);
		}
		break;
	case MPTCP_PM_EVENT_CLOSED:
		end(follow, event->token);
		break;
	case MPTCP_PM_EVENT_ANNOUNCED:
		if (connection)
			announced(follow, connection, event);
		break;
	case MPTCP_PM_EVENT_SUB_ESTABLISHED:
		if (connection)
			add_subflow(follow, connection, event);
		break;
	case MPTCP_PM_EVENT_SUB_CLOSED:
		if (connection)
			remove_subflow(connection, event);
		break;
	default:
		break;
	}
}

/* ---- addresses */

static struct own *find_own(struct follow *follow, const struct address *address)
{
	for (unsigned i = 0; i < FOLLOW_ADDRESSES; i++)
		if (follow->own[i].id && address_equal(&follow->own[i].address, address))
			return &follow->own[i];
	return NULL;
}

static void come(struct follow *follow, const struct address *address)
{
	for (unsigned i = 0; i < FOLLOW_ADDRESSES; i++)
		if (!follow->own[i].id) {
			follow->own[i] = (struct own){*address, (uint8_t)(i + 1)};
			follow->counters.addresses++;
			for (unsigned c = 0; c < follow->count; c++)
				open_from(follow, follow->connections[c], &follow->own[i]);
			return;
		}
	follow->counters.refused++;
}

static void go(struct follow *follow, struct own *own)
{
	for (unsigned c = 0; c < follow->count; c++) {
		struct connection *connection = follow->connections[c];
		connection->waits &= ~(1u << (own - follow->own));
		for (unsigned i = connection->subflow_count; i-- > 0;) {
			struct subflow subflow = connection->subflows[i];
			if (!address_equal(&subflow.local.address, &own->address))
				continue;
			connection->subflows[i] = connection->subflows[--connection->subflow_count];
			follow->counters.destroyed++;
			follow->handlers.destroy(
				follow->handlers.context, connection->token, &subflow.local, &subflow.remote);
		}
	}
	own->id = 0;
	follow->counters.addresses--;
}

void follow_address(struct follow *follow, const struct address *address, bool there)
{
	struct own *own = find_own(follow, address);
	if (there && !own)
		come(follow, address);
	else if (!there && own)
		go(follow, own);
}
