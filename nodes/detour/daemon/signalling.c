/* Signalling: the daemon's work on each datagram, and the periodic sweep that renews and ends mappings. */
#include "nodes/detour/daemon/signalling.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/net/listeners.h"
#include "nodes/detour/daemon/config.h"
#include "nodes/detour/daemon/conntrack.h"
#include "nodes/detour/daemon/nat.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

/* Datagrams taken in one turn of the loop, so that a flood does not starve timers and the control socket. */
#define BATCH 64
#define END_AT_ONCE 1024
/* Sweeps: four in an idle time, between these. */
#define SWEEP_SHORTEST_NS (25 * NS_PER_MS)
#define SWEEP_LONGEST_NS (30 * NS_PER_S)

struct counters {
	uint64_t datagrams, faults[DETOUR_WIRE_FAULTS], responses, denied, reused, as_proposed, other_port,
		client_full, full, no_port, failed;
	uint64_t unsent, adopted, expired, forgotten, sweeps;
};

struct signalling {
	const struct detour_config *config;
	struct nft_ctx *nft;
	struct mapping_table *table;
	struct listeners *listeners;
	struct conntrack *conntrack;
	int fd;
	sd_event *loop;
	sd_event_source *socket_source, *sweep_source;
	struct counters counters;
	bool installed;
};

/* One datagram: what was in it and the way back. */
struct request {
	struct sockaddr_in from;
	struct in_addr to; /* our address that it was sent to */
	struct detour_message message;
};

/* --- requests
 * ---------------------------------------------------------------------------------------------------- */

/* Puts a mapping into the kernel. When that fails, somebody may have flushed our table: it is put back whole,
 * once. */
static bool install_mapping(struct signalling *s, const struct mapping *mapping)
{
	char *error = NULL;
	bool done = nat_add(s->nft, mapping, &error) == 0;
	if (!done) {
		log_warning("nat-table", "problem=\"%s\" action=\"install it again\"", error);
		done = nat_install(s->nft, s->table, &error) == 0;
		if (!done)
			log_error("nat-table", "problem=\"%s\"", error);
	}
	free(error);
	return done;
}

static void add_port(void *ports, uint16_t port)
{
	port_set_add(ports, port);
}

static bool ports_in_use(struct signalling *s, struct port_set *ports)
{
	memset(ports, 0, sizeof *ports);
	port_set_add(ports, s->config->port);
	if (s->config->vpn)
		port_set_add(ports, s->config->vpn_port);
	char *error = NULL;
	bool done = listeners_read(s->listeners, add_port, ports, &error) == 0;
	if (!done)
		log_error("listeners", "problem=\"%s\"", error);
	free(error);
	return done;
}

static void log_mapping(const char *event, const struct mapping *m, uint16_t proposed)
{
	char client[INET_ADDRSTRLEN], remote[INET_ADDRSTRLEN];
	inet_ntop(AF_INET, &m->client, client, sizeof client);
	inet_ntop(AF_INET, &m->remote, remote, sizeof remote);
	log_info(event, "client=%s detour_port=%u remote=%s remote_port=%u proposed=%u", client,
		m->detour_port, remote, m->remote_port, proposed);
}

static bool create_mapping(struct signalling *s, const struct request *r, uint16_t port)
{
	const struct mapping *m = mapping_add(
		s->table, r->from.sin_addr, port, r->message.remote, r->message.remote_port, clock_now_ns());
	if (!m)
		return false;
	if (!install_mapping(s, m)) {
		mapping_remove(s->table, m);
		return false;
	}
	log_mapping("mapping-added", m, r->message.detour_port);
	return true;
}

/* The detour port for a request; 0 when it is refused. Counts the outcome. */
static uint16_t serve(struct signalling *s, const struct request *r)
{
	const struct detour_message *m = &r->message;
	struct counters *count = &s->counters;
	const struct mapping *same =
		mapping_find_remote(s->table, r->from.sin_addr, m->remote, m->remote_port);
	if (same) { /* the usual repetition needs no look at the host's sockets */
		mapping_use(s->table, same, clock_now_ns());
		count->reused++;
		return same->detour_port;
	}
	struct port_set taken;
	uint16_t port = 0;
	if (!ports_in_use(s, &taken)) {
		count->failed++;
		return 0;
	}
	enum mapping_choice choice = mapping_choose(
		s->table, r->from.sin_addr, m->remote, m->remote_port, m->detour_port, &taken, &port);
	uint64_t *const outcome[] = {
		[MAPPING_REUSED] = &count->reused,
		[MAPPING_AS_PROPOSED] = &count->as_proposed,
		[MAPPING_OTHER_PORT] = &count->other_port,
		[MAPPING_CLIENT_FULL] = &count->client_full,
		[MAPPING_FULL] = &count->full,
		[MAPPING_NO_PORT] = &count->no_port,
	};
	if ((choice == MAPPING_AS_PROPOSED || choice == MAPPING_OTHER_PORT) && !create_mapping(s, r, port)) {
		count->failed++;
		return 0;
	}
	++*outcome[choice];
	return choice <= MAPPING_OTHER_PORT ? port : 0;
}

/* Answers from the address that the request was sent to: the client awaits it from there. */
static void answer(struct signalling *s, const struct request *r, uint16_t port)
{
	uint8_t bytes[DETOUR_WIRE_SIZE];
	struct detour_message message = r->message;
	message.operation = DETOUR_WIRE_RESPONSE;
	message.reserved = 0;
	message.detour_port = port;
	detour_wire_encode(&message, bytes);
	struct sockaddr_in to = r->from;
	struct iovec data = {bytes, sizeof bytes};
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(struct in_pktinfo))];
	} control = {0};
	struct msghdr header = {.msg_name = &to,
		.msg_namelen = sizeof to,
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control};
	struct cmsghdr *c = CMSG_FIRSTHDR(&header);
	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
	struct in_pktinfo info = {.ipi_spec_dst = r->to};
	memcpy(CMSG_DATA(c), &info, sizeof info);
	if (sendmsg(s->fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof bytes)
		s->counters.responses++;
	else
		s->counters.unsent++; /* the client asks again */
}

/* Takes one datagram. False when there is none. */
static bool take_datagram(struct signalling *s)
{
	uint8_t bytes[DETOUR_WIRE_SIZE + 1]; /* a longer one need not be read to its end */
	struct request r = {0};
	struct iovec data = {bytes, sizeof bytes};
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(struct in_pktinfo))];
	} control;
	struct msghdr header = {.msg_name = &r.from,
		.msg_namelen = sizeof r.from,
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control};
	ssize_t got = recvmsg(s->fd, &header, MSG_DONTWAIT);
	if (got < 0)
		return errno == EINTR;
	s->counters.datagrams++;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c))
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof info);
			r.to = info.ipi_spec_dst;
		}
	enum detour_wire_fault fault = detour_wire_decode(bytes, (size_t)got, &r.message);
	if (fault == DETOUR_WIRE_OK && r.message.operation != DETOUR_WIRE_REQUEST)
		fault = DETOUR_WIRE_BAD_OPERATION;
	if (fault != DETOUR_WIRE_OK) {
		s->counters.faults[fault]++;
	} else if (!detour_config_allows(s->config, r.from.sin_addr)) {
		s->counters.denied++;
	} else {
		uint16_t port = serve(s, &r);
		if (port)
			answer(s, &r, port);
	}
	return true;
}

static int on_socket(sd_event_source *source, int fd, uint32_t revents, void *context)
{
	(void)source, (void)fd, (void)revents;
	for (int i = 0; i < BATCH && take_datagram(context); i++)
		;
	return 0;
}

/* --- the sweep
 * --------------------------------------------------------------------------------------------------- */

/* Ends some mappings: in the kernel in one transaction, or, when that fails because somebody has taken one of
 * them out before, one by one. */
static void end_mappings(
	struct signalling *s, const struct mapping *const *list, size_t count, const char *event)
{
	char *error = NULL;
	bool done = nat_remove(s->nft, list, count, &error) == 0;
	for (size_t i = 0; i < count; i++) {
		if (!done && nat_remove(s->nft, &list[i], 1, &error) < 0)
			log_warning("nat-remove", "problem=\"%s\"", error);
		log_mapping(event, list[i], list[i]->detour_port);
		mapping_remove(s->table, list[i]);
	}
	free(error);
}

/* Ends what is idle, many at a time: ten thousand that began together also end together. */
static void end_idle(struct signalling *s, int64_t now_ns)
{
	const struct mapping *list[END_AT_ONCE];
	size_t count;
	do {
		count = 0;
		for (const struct mapping *m = mapping_first(s->table);
			m && count < END_AT_ONCE && mapping_is_idle(s->table, m, now_ns);
			m = mapping_next(s->table, m))
			list[count++] = m;
		if (count)
			end_mappings(s, list, count, "mapping-expired");
		s->counters.expired += count;
	} while (count == END_AT_ONCE);
}

static void on_flow(void *context, struct in_addr client, uint16_t detour_port, struct in_addr remote,
	uint16_t remote_port)
{
	struct signalling *s = context;
	const struct mapping *m = mapping_find_port(s->table, client, detour_port);
	if (m && m->remote.s_addr == remote.s_addr && m->remote_port == remote_port)
		mapping_use(s->table, m, clock_now_ns());
}

static int64_t sweep_period_ns(const struct signalling *s)
{
	int64_t period = s->config->limits.idle_ns / 4;
	return period < SWEEP_SHORTEST_NS  ? SWEEP_SHORTEST_NS
	       : period > SWEEP_LONGEST_NS ? SWEEP_LONGEST_NS
					   : period;
}

/* Renews the mappings with live flows, then ends those that are idle. When the flows cannot be read, none
 * ends. */
static int on_sweep(sd_event_source *source, uint64_t when, void *context)
{
	struct signalling *s = context;
	char *error = NULL;
	(void)when;
	s->counters.sweeps++;
	if (mapping_count(s->table)) {
		if (conntrack_read(s->conntrack, on_flow, s, &error) < 0)
			log_error("sweep", "problem=\"%s\"", error);
		else
			end_idle(s, clock_now_ns());
	}
	free(error);
	sd_event_source_set_time_relative(source, (uint64_t)(sweep_period_ns(s) / NS_PER_US));
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

/* --- start and stop
 * ---------------------------------------------------------------------------------------------- */

static int open_socket(struct signalling *s, char **error)
{
	char text[INET_ADDRSTRLEN];
	inet_ntop(AF_INET, &s->config->address, text, sizeof text);
	int on = 1;
	struct sockaddr_in local = {
		.sin_family = AF_INET, .sin_port = htons(s->config->port), .sin_addr = s->config->address};
	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0 || setsockopt(s->fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) < 0 ||
		bind(s->fd, (struct sockaddr *)&local, sizeof local) < 0)
		return error_set(error, "%s:%u: cannot listen for requests: %s; is another detour running?",
			text, s->config->port, strerror(errno));
	return 0;
}

static bool keeps(void *context, struct in_addr client)
{
	return detour_config_allows(context, client);
}

static int install(struct signalling *s, char **error)
{
	s->counters.adopted = nat_adopt(s->nft, s->table, clock_now_ns(), keeps, (void *)s->config);
	if (nat_install(s->nft, s->table, error) < 0)
		return -1;
	s->installed = true;
	if (s->counters.adopted)
		log_info("mappings-adopted", "count=%llu", (unsigned long long)s->counters.adopted);
	return 0;
}

static int watch(struct signalling *s, char **error)
{
	int result = sd_event_add_io(s->loop, &s->socket_source, s->fd, EPOLLIN, on_socket, s);
	if (result >= 0)
		result = sd_event_add_time_relative(s->loop, &s->sweep_source, CLOCK_MONOTONIC,
			(uint64_t)(sweep_period_ns(s) / NS_PER_US), 0, on_sweep, s);
	return result < 0 ? error_set(error, "event loop: %s", strerror(-result)) : 0;
}

struct signalling *signalling_start(
	sd_event *loop, struct nft_ctx *nft, const struct detour_config *config, char **error)
{
	uint64_t seed;
	struct signalling *s = calloc(1, sizeof *s);
	if (!s || getrandom(&seed, sizeof seed, 0) != sizeof seed) {
		error_set(error, "cannot start: %s", strerror(errno));
		free(s);
		return NULL;
	}
	s->config = config;
	s->nft = nft;
	s->loop = sd_event_ref(loop);
	s->fd = -1;
	s->table = mapping_table_new(&config->limits, seed);
	if (!s->table)
		error_set(error, "out of memory");
	/* The table comes after everything that can fail for a reason outside: a second daemon on this host
	 * fails at the socket and leaves the first one's table alone. */
	if (!s->table || !(s->listeners = listeners_open(error)) || !(s->conntrack = conntrack_open(error)) ||
		open_socket(s, error) < 0 || watch(s, error) < 0 || install(s, error) < 0) {
		signalling_stop(s);
		return NULL;
	}
	return s;
}

void signalling_stop(struct signalling *s)
{
	if (!s)
		return;
	sd_event_source_disable_unref(s->socket_source);
	sd_event_source_disable_unref(s->sweep_source);
	if (s->fd >= 0)
		close(s->fd);
	char *error = NULL;
	if (s->installed && nat_uninstall(s->nft, &error) < 0)
		log_warning("nat-table", "problem=\"%s\"", error);
	free(error);
	listeners_close(s->listeners);
	conntrack_close(s->conntrack);
	mapping_table_free(s->table);
	sd_event_unref(s->loop);
	free(s);
}

void signalling_reload(struct signalling *s, const struct detour_config *config)
{
	s->config = config;
	mapping_table_limit(s->table, &config->limits);
	sd_event_source_set_time_relative(s->sweep_source, (uint64_t)(sweep_period_ns(s) / NS_PER_US));
}

/* --- questions
 * --------------------------------------------------------------------------------------------------- */

json_t *signalling_counters(const struct signalling *s)
{
	const struct counters *c = &s->counters;
	const struct {
		const char *name;
		uint64_t value;
	} list[] = {{"datagrams", c->datagrams}, {"reused", c->reused}, {"as_proposed", c->as_proposed},
		{"other_port", c->other_port}, {"denied", c->denied}, {"client_full", c->client_full},
		{"full", c->full}, {"no_port", c->no_port}, {"failed", c->failed},
		{"responses", c->responses}, {"unsent", c->unsent}, {"adopted", c->adopted},
		{"expired", c->expired}, {"forgotten", c->forgotten}, {"sweeps", c->sweeps}};
	json_t *out = json_object(), *malformed = json_object();
	for (size_t i = 0; i < sizeof list / sizeof *list; i++)
		json_object_set_new(out, list[i].name, json_integer((json_int_t)list[i].value));
	for (int i = DETOUR_WIRE_OK + 1; i < DETOUR_WIRE_FAULTS; i++)
		json_object_set_new(
			malformed, detour_wire_fault_name(i), json_integer((json_int_t)c->faults[i]));
	json_object_set_new(out, "malformed", malformed);
	return out;
}

json_t *signalling_mappings(const struct signalling *s)
{
	json_t *out = json_array();
	int64_t now = clock_now_ns();
	for (const struct mapping *m = mapping_first(s->table); m; m = mapping_next(s->table, m)) {
		char client[INET_ADDRSTRLEN], remote[INET_ADDRSTRLEN];
		inet_ntop(AF_INET, &m->client, client, sizeof client);
		inet_ntop(AF_INET, &m->remote, remote, sizeof remote);
		json_array_append_new(
			out, json_pack("{s:s,s:i,s:s,s:i,s:I,s:I}", "client", client, "detour_port",
				     m->detour_port, "remote", remote, "remote_port", m->remote_port,
				     "idle_ms", (json_int_t)((now - m->used_ns) / NS_PER_MS), "age_ms",
				     (json_int_t)((now - m->created_ns) / NS_PER_MS)));
	}
	return out;
}

size_t signalling_mapping_count(const struct signalling *s)
{
	return mapping_count(s->table);
}

int signalling_forget(struct signalling *s, struct in_addr client, uint16_t detour_port, char **error)
{
	const struct mapping *m = mapping_find_port(s->table, client, detour_port);
	if (!m)
		return error_set(error, "no such mapping; `mappings` lists them");
	end_mappings(s, &m, 1, "mapping-forgotten");
	s->counters.forgotten++;
	return 0;
}
