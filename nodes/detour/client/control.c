/* The control commands: status, map, wait, path; and those who wait for an answer. */
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "nodes/detour/client/client.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static const char *v4_text(struct in_addr address, char text[INET_ADDRSTRLEN])
{
	return inet_ntop(AF_INET, &address, text, INET_ADDRSTRLEN);
}

static json_t *place_json(struct place place)
{
	char text[ADDRESS_TEXT];

	return json_pack(
		"{s:s, s:i}", "address", address_text(&place.address, text), "port", (int)place.port);
}

static int find_detour(const struct client *client, const char *name)
{
	for (unsigned i = 0; i < client->settings->count; i++)
		if (!strcmp(client->settings->detours[i].name, name))
			return (int)i;
	return -1;
}

static bool is_up(const struct client *client, unsigned detour)
{
	struct in_addr local;
	unsigned restarts;

	if (client->settings->detours[detour].kind == DETOUR_NAT)
		return client->answered[detour];
	if (client->settings->detours[detour].kind == DETOUR_DIRECT)
		return true;
	return client->vpns[detour] && vpn_is_up(client->vpns[detour], &local, &restarts);
}

/* What `wait` answers: where the detour is to be found. */
static json_t *detour_place(const struct client *client, unsigned detour)
{
	const struct settings_detour *settings = &client->settings->detours[detour];
	char text[ADDRESS_TEXT];
	struct in_addr local;
	unsigned restarts;

	if (settings->kind == DETOUR_NAT)
		return json_pack("{s:s, s:s, s:i}", "detour", settings->name, "address",
			address_text(&settings->at.address, text), "port", (int)settings->at.port);
	if (settings->kind == DETOUR_DIRECT)
		return json_pack("{s:s, s:s, s:s}", "detour", settings->name, "address",
			address_text(&settings->from, text), "device", settings->device);
	vpn_is_up(client->vpns[detour], &local, &restarts);
	return json_pack("{s:s, s:s, s:s}", "detour", settings->name, "address", v4_text(local, text),
		"device", settings->device);
}

/* ---- status ---- */

struct counter {
	const char *name;
	uint64_t value;
};

static void put_counters(json_t *json, const struct counter *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		json_object_set_new(json, list[i].name, json_integer((json_int_t)list[i].value));
}

static json_t *request_json(const struct request_counters *c)
{
	const struct counter list[] = {{"sent", c->sent}, {"repeated", c->repeated},
		{"answered", c->answered}, {"late", c->late}, {"duplicate", c->duplicate},
		{"unknown", c->unknown}, {"timed_out", c->timed_out}, {"renewals", c->renewals},
		{"unsealed", c->unsealed}, {"proofs", c->proofs}, {"refused", c->refused},
		{"released", c->released}, {"trains", c->trains}, {"trains_answered", c->trains_answered}};
	json_t *json = json_object(), *malformed = json_object();

	put_counters(json, list, sizeof list / sizeof *list);
	for (int i = 0; i < DETOUR_WIRE_FAULTS; i++)
		json_object_set_new(malformed,
			i == DETOUR_WIRE_OK ? "not-an-answer" : detour_wire_fault_name(i),
			json_integer((json_int_t)c->faults[i]));
	json_object_set_new(json, "malformed", malformed);
	return json;
}

static unsigned subflows_across(const struct client *client, unsigned detour)
{
	unsigned count = 0;

	for (const struct subflows_connection *c = paths_first(client->paths); c; c = c->next)
		count += c->paths[detour].state == PATH_UP;
	return count;
}

static json_t *detour_json(const struct client *client, unsigned detour)
{
	const struct settings_detour *settings = &client->settings->detours[detour];
	static const char *const kinds[] = {[DETOUR_NAT] = "nat",
		[DETOUR_VPN] = "vpn",
		[DETOUR_DIRECT] = "direct",
		[DETOUR_NONE] = "none"};
	json_t *json = json_pack("{s:s, s:s, s:b, s:o, s:i}", "name", settings->name, "kind",
		kinds[settings->kind], "up", is_up(client, detour), "server", place_json(settings->at),
		"subflows", (int)subflows_across(client, detour));
	char text[ADDRESS_TEXT];
	struct in_addr local;
	unsigned restarts;

	if (settings->kind == DETOUR_NAT) {
		if (!address_is_none(&settings->other))
			json_object_set_new(json, "other",
				place_json((struct place){settings->other, settings->at.port}));
		json_object_set_new(
			json, "mappings", json_integer(requests_mappings(client->requests, detour)));
		json_object_set_new(
			json, "requests", request_json(requests_counters(client->requests, detour)));
		json_object_set_new(json, "version", json_integer(settings->sealed ? 2 : 1));
		if (client->rerouting && rerouting_worth(client->rerouting, detour) > 0)
			json_object_set_new(json, "probed_kbit",
				json_integer((json_int_t)(rerouting_worth(client->rerouting, detour) / 125)));
		if (*requests_refusal(client->requests, detour))
			json_object_set_new(
				json, "refusal", json_string(requests_refusal(client->requests, detour)));
		return json;
	}
	if (settings->kind == DETOUR_DIRECT) {
		if (!address_is_none(&settings->from))
			json_object_set_new(
				json, "address", json_string(address_text(&settings->from, text)));
		return json;
	}
	if (vpn_is_up(client->vpns[detour], &local, &restarts))
		json_object_set_new(json, "address", json_string(v4_text(local, text)));
	json_object_set_new(json, "device", json_string(settings->device));
	json_object_set_new(json, "table", json_integer(settings->table));
	json_object_set_new(json, "restarts", json_integer(restarts));
	return json;
}

static json_t *path_json(const struct client *client, const struct subflow *path, unsigned detour, bool rests)
{
	json_t *json = json_pack("{s:s, s:s, s:i}", "detour", client_detour_name(client, detour), "state",
		path_state_name(path->state), "failures", (int)path->failures);

	if (path->state == PATH_JOINING || path->state == PATH_UP) {
		json_object_set_new(json, "local", place_json(path->local));
		json_object_set_new(json, "remote", place_json(path->remote));
		json_object_set_new(json, "id", json_integer(path->local_id));
	}
	if (path->state == PATH_UP)
		json_object_set_new(json, "rests", json_boolean(rests));
	return json;
}

static json_t *connection_json(const struct client *client, const struct subflows_connection *connection)
{
	json_t *paths = json_array();
	char token[16];
	int up = 0;

	for (unsigned i = 0; i < client->settings->count; i++) {
		if (client->settings->detours[i].kind == DETOUR_NONE)
			continue;
		json_array_append_new(
			paths, path_json(client, &connection->paths[i], i, paths_rests(connection, i)));
		up += connection->paths[i].state == PATH_UP;
	}
	unsigned direct = paths_direct(client->paths);
	if (connection->initial_closed) {
		json_array_append_new(paths, path_json(client, &connection->paths[direct], direct, false));
		up += connection->paths[direct].state == PATH_UP;
	}
	snprintf(token, sizeof token, "%08x", connection->token);
	return json_pack("{s:s, s:o, s:o, s:b, s:i, s:o}", "token", token, "local",
		place_json(connection->local), "remote", place_json(connection->remote), "initial",
		!connection->initial_closed, "subflows", up + !connection->initial_closed, "paths", paths);
}

static json_t *counters_json(const struct client *client)
{
	const struct client_counters *c = &client->counters;
	const struct counter list[] = {{"created", c->created}, {"refused", c->refused},
		{"destroyed", c->destroyed}, {"established", c->established}, {"failed", c->failed},
		{"overruns", c->overruns}, {"surveys", c->surveys}, {"looks", c->looks},
		{"undecoded", mptcp_pm_undecoded(client->pm)}, {"send_errors", c->send_errors}};
	json_t *json = json_object(), *verdicts = json_object();

	put_counters(json, list, sizeof list / sizeof *list);
	for (int i = 0; i < PATHS_VERDICTS; i++)
		json_object_set_new(
			verdicts, paths_verdict_name(i), json_integer((json_int_t)c->verdicts[i]));
	json_object_set_new(verdicts, "other-family", json_integer((json_int_t)c->other_family));
	json_object_set_new(json, "connections", verdicts);
	if (client->rerouting) {
		const struct rerouting_counters *r = rerouting_counters(client->rerouting);
		json_object_set_new(json, "routing",
			json_pack("{s:I,s:I,s:I,s:I,s:I}", "looks", (json_int_t)r->looks, "dead",
				(json_int_t)r->dead, "better", (json_int_t)r->better, "told",
				(json_int_t)r->told, "direct", (json_int_t)r->direct));
	}
	return json;
}

static void do_status(void *context, struct control_request *request, int count, char **words)
{
	struct client *client = context;
	json_t *connections = json_array(), *detours = json_array();
	(void)count;
	(void)words;

	for (const struct subflows_connection *c = paths_first(client->paths); c; c = c->next)
		json_array_append_new(connections, connection_json(client, c));
	for (unsigned i = 0; i < client->settings->count; i++)
		if (client->settings->detours[i].kind != DETOUR_NONE)
			json_array_append_new(detours, detour_json(client, i));
	control_answer(request,
		json_pack("{s:i, s:o, s:o, s:o}", "limit", (int)client->settings->paths.limit, "connections",
			connections, "detours", detours, "counters", counters_json(client)));
}

/* ---- those who wait ---- */

static struct waiter *add_waiter(struct client *client, struct control_request *request)
{
	struct waiter *waiter = calloc(1, sizeof *waiter);

	if (!waiter)
		abort();
	waiter->asked = calloc(client->settings->count, sizeof *waiter->asked);
	if (!waiter->asked)
		abort();
	waiter->request = request;
	waiter->next = client->waiters;
	client->waiters = waiter;
	return waiter;
}

/* Takes it out of the list and frees it; its request must have been answered, or be answered by the caller.
 */
static struct control_request *end_waiter(struct client *client, struct waiter *waiter)
{
	struct control_request *request = waiter->request;
	struct waiter **link = &client->waiters;

	while (*link != waiter)
		link = &(*link)->next;
	*link = waiter->next;
	free(waiter->asked);
	free(waiter);
	return request;
}

/* Whoever went away while waiting: looked for when somebody new comes, so that they do not pile up. */
static void drop_abandoned(struct client *client)
{
	for (struct waiter *waiter = client->waiters, *next; waiter; waiter = next) {
		next = waiter->next;
		if (control_abandoned(waiter->request))
			control_refuse(end_waiter(client, waiter), "nobody waits any more");
	}
}

/* Who asks by `map` asks from whatever address routing chooses (client_any_like). */
static bool waits_for(const struct waiter *waiter, unsigned detour, struct address local, struct place remote)
{
	struct address any = client_any_like(&remote.address);

	return waiter->for_mapping && address_equal(&local, &any) && waiter->asked[detour] &&
	       place_equal(&waiter->remote, &remote);
}

void waiters_mapped(
	struct client *client, unsigned detour, struct address local, struct place remote, uint16_t port)
{
	const struct address *at = client_detour_address(client, detour, &remote.address);
	char text[ADDRESS_TEXT];

	for (struct waiter *waiter = client->waiters, *next; waiter; waiter = next) {
		next = waiter->next;
		if (at && waits_for(waiter, detour, local, remote))
			control_answer(end_waiter(client, waiter),
				json_pack("{s:s, s:i, s:s}", "address", address_text(at, text), "port",
					(int)port, "detour", client_detour_name(client, detour)));
	}
}

void waiters_unmapped(
	struct client *client, unsigned detour, struct address local, struct place remote, const char *why)
{
	char text[PLACE_TEXT];

	for (struct waiter *waiter = client->waiters, *next; waiter; waiter = next) {
		bool more = false;
		next = waiter->next;
		if (!waits_for(waiter, detour, local, remote))
			continue;
		waiter->asked[detour] = false;
		for (unsigned i = 0; i < client->settings->count; i++)
			more |= waiter->asked[i];
		if (!more)
			control_refuse(end_waiter(client, waiter),
				strcmp(why, "silent") == 0
					? "no detour answered for %s within its deadline; the last one asked was %s"
					: "no detour leads to %s; the last one asked was %s, which refused: %s",
				place_text(&remote, text), client->settings->detours[detour].name, why);
	}
}

void waiters_up(struct client *client, unsigned detour)
{
	for (struct waiter *waiter = client->waiters, *next; waiter; waiter = next) {
		next = waiter->next;
		if (!waiter->for_mapping && waiter->detour == detour && is_up(client, detour))
			control_answer(end_waiter(client, waiter), detour_place(client, detour));
	}
}

void waiters_refuse_all(struct client *client)
{
	while (client->waiters)
		control_refuse(end_waiter(client, client->waiters), "the client is ending");
}

/* ---- map, wait, path ---- */

static void do_map(void *context, struct control_request *request, int count, char **words)
{
	struct client *client = context;
	int only = count > 1 ? find_detour(client, words[1]) : -1;
	struct place remote;
	bool any = false;

	drop_abandoned(client);
	if (!place_parse(words[0], &remote) || address_is_none(&remote.address)) {
		control_refuse(request,
			"'%s' is no address and port; write it as 10.0.3.1:5201 or [2001:db8::1]:5201",
			words[0]);
		return;
	}
	if (count > 1 && (only < 0 || client->settings->detours[only].kind != DETOUR_NAT)) {
		control_refuse(request, "no NAT detour is called '%s'; `status` lists them", words[1]);
		return;
	}
	/* The waiter must know of every detour before the first is asked. */
	struct waiter *waiter = add_waiter(client, request);
	waiter->for_mapping = true;
	waiter->remote = remote;
	for (unsigned i = 0; i < client->settings->count; i++) {
		waiter->asked[i] =
			client_detour_address(client, i, &remote.address) && (only < 0 || only == (int)i);
		any |= waiter->asked[i];
	}
	if (!any) {
		control_refuse(end_waiter(client, waiter),
			"no NAT detour with an address of %s is configured",
			address_is_v4(&remote.address) ? "IPv4" : "IPv6");
		return;
	}
	/* Fresh: who asks here is going to use the port at once, so that the detour itself must stand for it.
	 */
	for (unsigned i = 0; i < client->settings->count; i++)
		if (client_detour_address(client, i, &remote.address) && (only < 0 || only == (int)i))
			client_ask(client, &(struct paths_action){.detour = i,
						   .local.address = client_any_like(&remote.address),
						   .remote = remote,
						   .fresh = true});
	client_settle(client);
}

static int detour_word(struct client *client, struct control_request *request, const char *name)
{
	int detour = find_detour(client, name);

	if (detour < 0)
		control_refuse(request, "no detour is called '%s'; `status` lists them", name);
	return detour;
}

static void do_wait(void *context, struct control_request *request, int count, char **words)
{
	struct client *client = context;
	int detour = detour_word(client, request, words[0]);
	(void)count;

	drop_abandoned(client);
	if (detour < 0)
		return;
	if (is_up(client, (unsigned)detour)) {
		control_answer(request, detour_place(client, (unsigned)detour));
		return;
	}
	add_waiter(client, request)->detour = (unsigned)detour;
	log_debug("waiting", "detour=%s", words[0]);
}

static void do_path(void *context, struct control_request *request, int count, char **words)
{
	struct client *client = context;
	int detour = detour_word(client, request, words[0]);
	(void)count;

	if (detour >= 0)
		control_answer(request, detour_json(client, (unsigned)detour));
}

static void do_use(void *context, struct control_request *request, int count, char **words)
{
	struct client *client = context;
	unsigned limit = client->settings->paths.limit;

	if (!client->rerouting) {
		control_refuse(request, "routing is static: nothing is rerouted; write `routing: dynamic`");
		return;
	}
	if ((unsigned)count > limit) {
		control_refuse(request, "%d detours, but `limit` is %u", count, limit);
		return;
	}
	bool *chosen = calloc(client->settings->count + 1, sizeof *chosen);
	if (!chosen)
		abort();
	int detour = 0;
	for (int i = 0; i < count && (detour = detour_word(client, request, words[i])) >= 0; i++)
		chosen[detour] = true;
	if (detour >= 0) {
		rerouting_use(client->rerouting, count ? chosen : NULL);
		control_answer(request, json_pack("{s:i}", "detours", count));
	}
	free(chosen);
}

const struct control_command client_commands[] = {
	{"status", "", "connections, their subflows, detours, counters", 0, 0, do_status},
	{"map", "HOST:PORT [DETOUR]", "a NAT detour's address and port that lead to HOST:PORT", 1, 2, do_map},
	{"wait", "DETOUR", "answers when that detour is up", 1, 1, do_wait},
	{"path", "DETOUR", "state and counters of one detour", 1, 1, do_path},
	{"use", "[DETOUR...]", "subflows go across these; without any the policy chooses again", 0, 8,
		do_use},
	{0},
};
