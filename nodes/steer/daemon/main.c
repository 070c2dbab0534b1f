/* liquidnet-steer: watches the connections that pass, and leads those that its rules name over a waypoint (README.md). */
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/net/rtnl.h"
#include "nodes/steer/daemon/steer.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TURN = 4096 /* packets before anything else */ };

static struct place place_of(const struct packet_end *end)
{
	struct place place = {.port = end->port};
	memcpy(place.address.bytes, end->address, sizeof end->address);
	return place;
}

static struct packet_end end_of(const struct place *place)
{
	struct packet_end end = {.port = place->port};
	memcpy(end.address, place->address.bytes, sizeof end.address);
	return end;
}

void steer_end_text(const struct packet_end *end, char text[PLACE_TEXT])
{
	struct place place = place_of(end);
	place_text(&place, text);
}

/* ---- what goes out */

static void send_packet(void *context, const struct packet *packet)
{
	struct steer *steer = context;
	uint8_t bytes[PACKET_HEADERS];
	size_t size = packet_write(packet, bytes, sizeof bytes);
	/* A raw socket of IPv6 wants no port. */
	struct place to = place_of(&packet->destination);
	struct sockaddr_storage address;
	to.port = 0;
	socklen_t length = place_sockaddr(&to, &address);
	int fd = packet->family == 6 ? steer->raw6 : steer->raw4;
	if (size && sendto(fd, bytes, size, 0, (struct sockaddr *)&address, length) == (ssize_t)size)
		steer->counters.injected++;
	else
		steer->counters.not_injected++;
}

static void send_question(void *context, unsigned waypoint, const void *bytes, size_t size)
{
	struct steer *steer = context;
	/* What is not sent is like what is lost: it is repeated. */
	if (send(steer->asking[waypoint], bytes, size, 0) < 0)
		log_debug("question-not-sent", "waypoint=%s error=\"%s\"",
			steer->config->waypoints[waypoint].name, strerror(errno));
}

/* ---- between steps and waypoints */

static struct wish wish_of(
	unsigned waypoint, const struct packet_end *client, const struct packet_end *server)
{
	struct wish wish = {.waypoint = waypoint, .server = place_of(server)};
	memcpy(wish.client.bytes, client->address, sizeof client->address);
	return wish;
}

static void ask(
	void *context, unsigned waypoint, const struct packet_end *client, const struct packet_end *server)
{
	struct steer *steer = context;
	struct wish wish = wish_of(waypoint, client, server);
	waypoints_ask(steer->waypoints, clock_now_ns(), &wish);
}

static void release(
	void *context, unsigned waypoint, const struct packet_end *client, const struct packet_end *server)
{
	struct steer *steer = context;
	struct wish wish = wish_of(waypoint, client, server);
	waypoints_release(steer->waypoints, clock_now_ns(), &wish);
}

static void mapped(
	void *context, int64_t now, const struct wish *wish, const struct place *to, const char *why)
{
	struct steer *steer = context;
	struct packet_end client = {.port = 0}, server = end_of(&wish->server), end;
	memcpy(client.address, wish->client.bytes, sizeof client.address);
	if (to)
		end = end_of(to);
	steps_mapped(steer->steps, now, wish->waypoint, &client, &server, to ? &end : NULL, why);
}

static void told(void *context, const struct report *report)
{
	struct steer *steer = context;
	char client[PLACE_TEXT], server[PLACE_TEXT];
	steer->reports[report->number % REPORTS_KEPT] = *report;
	steer_end_text(&report->client, client);
	steer_end_text(&report->server, server);
	log_info("redirection", "number=%llu step=%s token=%08x client=%s server=%s waypoint=%s%s%s%s",
		(unsigned long long)report->number, step_name(report->step), report->token, client, server,
		steer->config->waypoints[report->waypoint].name, report->why ? " why=\"" : "",
		report->why ? report->why : "", report->why ? "\"" : "");
}

/* ---- what comes in */

struct turn {
	struct steer *steer;
	int64_t now;
};

static void take(void *context, const uint8_t *bytes, size_t at_hand, size_t length)
{
	struct turn *turn = context;
	struct packet packet;
	enum packet_result result = packet_read(bytes, at_hand, length, &packet);
	if (result == PACKET_TCP)
		steps_packet(turn->steer->steps, turn->now, &packet);
	else
		steps_passed(turn->steer->steps, result);
}

static int on_packets(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct steer *steer = context;
	(void)source, (void)fd, (void)events;
	struct turn turn = {steer, clock_now_ns()};
	ring_read(steer->ring, TURN, take, &turn);
	steer_arm(steer);
	return 0;
}

static int on_answer(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct steer *steer = context;
	uint8_t bytes[SEAL_SIZE + 1];
	ssize_t size;
	(void)source, (void)events;
	unsigned waypoint = 0;
	while (steer->asking[waypoint] != fd)
		waypoint++;
	while ((size = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) >= 0)
		waypoints_receive(steer->waypoints, clock_now_ns(), waypoint, bytes, (size_t)size);
	steer_answer_waiters(steer);
	steer_arm(steer);
	return 0;
}

static int on_time(sd_event_source *source, uint64_t at, void *context)
{
	struct steer *steer = context;
	(void)source, (void)at;
	waypoints_tick(steer->waypoints, clock_now_ns());
	steps_tick(steer->steps, clock_now_ns());
	steer_arm(steer);
	return 0;
}

void steer_arm(struct steer *steer)
{
	int64_t steps = steps_deadline(steer->steps), waypoints = waypoints_deadline(steer->waypoints);
	int64_t first = steps < waypoints ? steps : waypoints;
	bool never = first == INT64_MAX;
	sd_event_source_set_enabled(steer->timer, never ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
	if (!never)
		sd_event_source_set_time(steer->timer, (uint64_t)((first + NS_PER_US - 1) / NS_PER_US));
}

/* ---- start and end */

static int open_waypoint(struct steer *steer, unsigned index, char **error)
{
	const struct waypoint *waypoint = &steer->config->waypoints[index];
	struct sockaddr_storage address;
	socklen_t length = place_sockaddr(&waypoint->at, &address);
	int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	steer->asking[index] = fd;
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, length) < 0 ||
		sd_event_add_io(steer->daemon->loop, NULL, fd, EPOLLIN, on_answer, steer) < 0)
		return error_set(error, "waypoint %s: %s", waypoint->name, strerror(errno));
	return 0;
}

static int open_ring(struct steer *steer, char **error)
{
	steer->ring = ring_open(steer->config->interfaces, steer->config->interface_count, error);
	if (!steer->ring)
		return -1;
	for (unsigned i = 0; i < steer->config->interface_count; i++) {
		const char *name = steer->config->interfaces[i];
		struct rtnl_offloads offloads;
		if (rtnl_get_offloads(name, &offloads) == 0 && offloads.gro)
			log_info("merged-segments",
				"interface=%s remedy=\"patterns are looked for in the first 2,000 bytes of what the kernel merges; ethtool -K %s gro off\"",
				name, name);
	}
	if (sd_event_add_io(steer->daemon->loop, NULL, ring_fd(steer->ring), EPOLLIN, on_packets, steer) < 0)
		return error_set(error, "event loop: out of memory");
	return 0;
}

static int start(struct steer *steer, char **error)
{
	const struct steer_config *config = steer->config;
	const struct steps_handlers on_step = {ask, release, send_packet, told, steer};
	const struct waypoints_handlers on_waypoint = {send_question, mapped, steer};
	uint64_t session;
	if (getrandom(&session, sizeof session, 0) != sizeof session)
		return error_set(error, "no random numbers: %s", strerror(errno));
	steer->steps = steps_new(config->table, &config->rules, &config->steps, &on_step);
	steer->waypoints = waypoints_new(
		&config->identity, session, config->waypoints, config->waypoint_count, &on_waypoint);
	if (!steer->steps || !steer->waypoints)
		return error_set(error, "out of memory, or a waypoint's key is none");
	steer->raw4 = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	steer->raw6 = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	if (steer->raw4 < 0)
		return error_set(error, "raw socket: %s; CAP_NET_RAW is needed", strerror(errno));
	if (sd_event_add_time(steer->daemon->loop, &steer->timer, CLOCK_MONOTONIC, 0, 1, on_time, steer) < 0)
		return error_set(error, "event loop: out of memory");
	for (unsigned i = 0; i < config->waypoint_count; i++)
		if (open_waypoint(steer, i, error) < 0)
			return -1;
	if (open_ring(steer, error) < 0)
		return -1;
	steer_arm(steer);
	return 0;
}

static void stop(struct steer *steer)
{
	for (unsigned i = 0; i < steer->waiting; i++)
		control_refuse(steer->waiters[i], "the daemon ends");
	ring_close(steer->ring);
	for (unsigned i = 0; i < steer->config->waypoint_count; i++)
		if (steer->asking[i] >= 0)
			close(steer->asking[i]);
	if (steer->raw4 >= 0)
		close(steer->raw4);
	if (steer->raw6 >= 0)
		close(steer->raw6);
	sd_event_source_unref(steer->timer);
	steps_free(steer->steps);
	waypoints_free(steer->waypoints);
}

static int serve(struct daemon *daemon, char **error)
{
	struct steer *steer = calloc(1, sizeof *steer);
	if (!steer)
		abort();
	steer->daemon = daemon;
	steer->config = daemon->config;
	steer->raw4 = steer->raw6 = -1;
	for (unsigned i = 0; i < WAYPOINTS_MOST; i++)
		steer->asking[i] = -1;
	sd_event_set_watchdog(daemon->loop, true); /* where systemd asks for it */
	int status = start(steer, error) < 0 ? 1 : daemon_run(daemon, steer_commands, steer);
	stop(steer);
	free(steer);
	return status;
}

static void *load(const char *path, char **error)
{
	return steer_config_load(path, error);
}

static void unload(void *config)
{
	steer_config_free(config);
}

int main(int argc, char **argv)
{
	static const struct daemon_description description = {
		.program = "liquidnet-steer",
		.summary = "leads connections that pass over a waypoint, while they live",
		.default_config = "/etc/liquidnet/steer.yaml",
		.rights = {.start = CONFINE(CAP_NET_RAW)}, /* to open; nothing afterwards */
	};
	static const struct daemon_parts parts = {load, unload, serve};
	return daemon_main(&description, &parts, argc, argv);
}
