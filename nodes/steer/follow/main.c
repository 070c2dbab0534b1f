/* liquidnet-follow: keeps the connections of a server whose addresses change, as those of a virtual machine that was moved to another network
 * (Trilogy 2, D1.1, section 2.1.3.1.5.3). Where a client has announced an address with a port, its kernel listens there: to it goes a subflow
 * from each new address. Subflows of addresses that are gone are closed. The kernel's path manager must be in user space's hands
 * (net.mptcp.pm_type=1). README.md says what the client must do. */
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/mptcp/pm.h"
#include "nodes/steer/follow/follow.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Between attempts, where there is no route yet. */
#define AGAIN_US 100000u

struct daemon_state {
	struct daemon *daemon;
	struct mptcp_pm *pm;
	struct follow *follow;
	struct addresses *addresses;
	sd_event_source *timer;
};

static bool create(
	void *context, uint32_t token, const struct mptcp_pm_local *local, const struct place *remote)
{
	struct daemon_state *state = context;
	char from[ADDRESS_TEXT], to[ADDRESS_TEXT], *error = NULL;
	int result = mptcp_pm_subflow_create(state->pm, token, local, remote, &error);
	log_info("subflow", "token=%08x from=%s to=%s port=%u%s%s%s", token,
		address_text(&local->address.address, from), address_text(&remote->address, to), remote->port,
		result < 0 ? " error=\"" : "", result < 0 ? error ? error : strerror(-result) : "",
		result < 0 ? "\"" : "");
	free(error);
	return result == 0;
}

static int on_time(sd_event_source *source, uint64_t at, void *context)
{
	struct daemon_state *state = context;
	(void)at;
	if (follow_again(state->follow))
		sd_event_source_set_time_relative(source, AGAIN_US);
	sd_event_source_set_enabled(source, follow_waits(state->follow) ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
	return 0;
}

static void destroy(void *context, uint32_t token, const struct place *local, const struct place *remote)
{
	struct daemon_state *state = context;
	char from[ADDRESS_TEXT];
	/* It may have gone with its address. */
	int result = mptcp_pm_subflow_destroy(state->pm, token, local, remote, NULL);
	log_info("subflow-closed", "token=%08x from=%s result=%d", token, address_text(&local->address, from),
		result);
}

static void on_event(void *context, const struct mptcp_pm_event *event)
{
	follow_event(((struct daemon_state *)context)->follow, event);
}

static void on_overrun(void *context)
{
	(void)context;
	log_warning("events-lost", "remedy=\"connections that began meanwhile do not follow\"");
}

static void on_address(void *context, const struct address *address, bool there)
{
	struct daemon_state *state = context;
	follow_address(state->follow, address, there);
	if (!follow_waits(state->follow))
		return;
	sd_event_source_set_time_relative(state->timer, AGAIN_US);
	sd_event_source_set_enabled(state->timer, SD_EVENT_ONESHOT);
}

static void do_status(void *context, struct control_request *request, int count, char **words)
{
	const struct follow_counters *c = follow_counters(((struct daemon_state *)context)->follow);
	(void)count, (void)words;
	control_answer(
		request, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "connections",
				 (json_int_t)c->connections, "addresses", (json_int_t)c->addresses,
				 "announced", (json_int_t)c->announced, "created", (json_int_t)c->created,
				 "destroyed", (json_int_t)c->destroyed, "refused", (json_int_t)c->refused));
}

static int start(struct daemon_state *state, char **error)
{
	const struct follow_handlers does = {create, destroy, state};
	const struct mptcp_pm_handlers hears = {on_event, on_overrun, state};
	state->follow = follow_new(&does);
	state->pm = mptcp_pm_open(error);
	if (!state->pm || mptcp_pm_subscribe(state->pm, state->daemon->loop, &hears, error) < 0)
		return -1;
	if (sd_event_add_time(state->daemon->loop, &state->timer, CLOCK_MONOTONIC, 0, 1, on_time, state) <
			0 ||
		sd_event_source_set_enabled(state->timer, SD_EVENT_OFF) < 0)
		return error_set(error, "event loop: out of memory");
	state->addresses = addresses_open(state->daemon->loop, on_address, state, error);
	return state->addresses ? 0 : -1;
}

int main(int argc, char **argv)
{
	static const struct daemon_description description = {.program = "liquidnet-follow",
		.summary = "keeps the connections of a server whose addresses change",
		.rights = {.keep = CONFINE(CAP_NET_ADMIN)}}; /* subflows */
	static const struct control_command commands[] = {
		{"status", "", "connections, addresses and counters", 0, 0, do_status},
		{NULL, NULL, NULL, 0, 0, NULL}};
	struct daemon daemon;
	struct daemon_state state = {.daemon = &daemon};
	char *error = NULL;
	int status = daemon_init(&daemon, &description, argc, argv);
	if (status >= 0)
		return status;
	if (daemon_alone(&daemon, 0, &error) < 0 || start(&state, &error) < 0) {
		log_error("start", "reason=\"%s\"", error);
		status = 1;
	} else {
		status = daemon_run(&daemon, commands, &state);
	}
	sd_event_source_unref(state.timer);
	addresses_close(state.addresses);
	mptcp_pm_close(state.pm);
	follow_free(state.follow);
	daemon_free(&daemon);
	free(error);
	return status;
}
