/* The device daemon's glue. */
#include "nodes/kibbutz/device/device.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "nodes/kibbutz/device/forward.h"
#include "nodes/kibbutz/device/peer.h"
#include "nodes/kibbutz/device/routes.h"
#include "nodes/kibbutz/device/steer.h"
#include "nodes/kibbutz/device/trace.h"
#include "nodes/kibbutz/device/tunnels.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* What was sent within an advertisement may arrive, and a subflow may say goodbye, this much after its end
 * and slack.
 */
#define GRACE_NS NS_PER_S
/* Neighbours that have not answered yet are greeted again, less and less often. */
#define GREET_FIRST_NS (NS_PER_S / 2)
#define GREET_LAST_NS (16 * NS_PER_S)

struct device {
	const struct settings *settings;
	sd_event *loop;
	struct kibbutz *policy;
	struct forward *forward;
	struct steer *steer;
	struct trace *trace;
	struct tunnels *tunnels;
	struct peer peers[SETTINGS_NEIGHBOURS];
	struct in_addr cellular;
	int socket, begin; /* begin: the neighbour where connections begin, or KIBBUTZ_OWN */
	bool routed;
	bool backup[SETTINGS_NEIGHBOURS];  /* as the policy wants the path */
	bool steered[SETTINGS_NEIGHBOURS]; /* wanted, and its tunnel is up */
	int64_t look_at;                   /* whether anything comes back through the own tunnel */
	sd_event_source *datagrams, *timer, *poll, *greeting;
	int64_t greet_after_ns;
	uint64_t faults[WIRE_FAULTS], strangers;
};

static const char *name_of(const struct device *d, unsigned neighbour)
{
	return d->settings->neighbours[neighbour].name;
}

/* ---- messages ---- */

static uint64_t random_number(void)
{
	uint64_t number = 0;

	while (!number) /* 0 means unknown */
		randombytes_buf(&number, sizeof number);
	return number;
}

static void send_message(
	struct device *d, unsigned i, enum wire_type type, int64_t duration_ns, uint64_t echo)
{
	const struct settings_neighbour *n = &d->settings->neighbours[i];
	struct wire_message m = {.type = type,
		.from = d->settings->address,
		.to = n->address,
		.duration_ms = (uint32_t)(duration_ns / NS_PER_MS)};
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_addr = n->address, .sin_port = htons(d->settings->port)};
	uint8_t bytes[WIRE_SIZE];

	peer_write(&d->peers[i], &m, echo);
	wire_encode(&m, n->key, bytes);
	/* A failure is like a loss: the neighbour is away, or will ask. */
	if (sendto(d->socket, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof to) < 0)
		log_debug("not-sent", "neighbour=%s error=\"%s\"", n->name, strerror(errno));
}

/* ---- what the policy wants ---- */

static void advertise(struct device *d, unsigned i, int64_t duration_ns)
{
	char *error = NULL;

	/* The door is opened before it is spoken of. */
	if (forward_admit(d->forward, i, duration_ns + d->settings->policy.slack_ns + GRACE_NS, &error) < 0) {
		log_error("admit", "neighbour=%s error=\"%s\"", name_of(d, i), error);
		free(error);
		return;
	}
	send_message(d, i, WIRE_ADVERTISE, duration_ns, 0);
	log_info("advertise", "neighbour=%s duration_ms=%lld credit=%u", name_of(d, i),
		(long long)(duration_ns / NS_PER_MS), kibbutz_neighbour(d->policy, i)->credit);
}

static void begin_connections(struct device *d)
{
	int at = d->settings->new_by_neighbour ? kibbutz_route(d->policy, clock_now_ns()) : KIBBUTZ_OWN;
	char *error = NULL;

	if (at != KIBBUTZ_OWN && !tunnels_up(d->tunnels, at))
		at = KIBBUTZ_OWN;
	if (at == d->begin)
		return;
	d->begin = at;
	if (routes_begin(d->settings, at, &error) < 0)
		log_error("routes", "error=\"%s\"", error);
	free(error);
}

/* A path is used when the policy wants it and its tunnel, if it has one, is up. */
static void steer_path(struct device *d, unsigned i)
{
	bool wanted = kibbutz_neighbour(d->policy, i)->open, use = wanted && tunnels_up(d->tunnels, (int)i);

	if (wanted)
		tunnels_want(d->tunnels, (int)i);
	if (use == d->steered[i])
		return;
	d->steered[i] = use;
	if (use)
		steer_open(d->steer, i, d->backup[i]);
	else
		steer_close(d->steer, i);
}

static void perform(struct device *d)
{
	struct kibbutz_action action;

	while (kibbutz_next_action(d->policy, &action)) {
		trace_action(d->trace, &action);
		switch (action.kind) {
		case KIBBUTZ_ADVERTISE:
			advertise(d, action.neighbour, action.duration_ns);
			break;
		case KIBBUTZ_OPEN:
			log_info("open", "neighbour=%s backup=%d", name_of(d, action.neighbour),
				action.backup);
			d->backup[action.neighbour] = action.backup;
			steer_path(d, action.neighbour);
			break;
		case KIBBUTZ_CLOSE:
			log_info("close", "neighbour=%s", name_of(d, action.neighbour));
			begin_connections(d);
			steer_path(d, action.neighbour);
			break;
		case KIBBUTZ_OWN_LINK:
			log_info("own-link", "backup=%d", action.backup);
			steer_own(d->steer, action.backup);
			break;
		case KIBBUTZ_ACTIONS:
			break;
		}
	}
	begin_connections(d);
	int64_t deadline = kibbutz_deadline(d->policy);
	if (deadline != KIBBUTZ_NEVER)
		sd_event_source_set_time(d->timer, (uint64_t)((deadline + NS_PER_US - 1) / NS_PER_US));
	sd_event_source_set_enabled(d->timer, deadline == KIBBUTZ_NEVER ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

/* ---- what happens ---- */

/* Once a period, while the radio is up. */
static void look_at_own_tunnel(struct device *d, int64_t now)
{
	int64_t up, down;

	if (!d->settings->tunnel.port || now < d->look_at)
		return;
	d->look_at = now + d->settings->policy.period_ns;
	if (forward_bytes(d->forward, &up, &down, NULL) == 0)
		tunnels_look(d->tunnels, up, down);
}

/* Who cannot forward yet does not advertise: the own tunnel is made over the radio that this packet wakes. */
static void on_own(void *context)
{
	struct device *d = context;
	int64_t now = clock_now_ns();

	look_at_own_tunnel(d, now);
	if (!tunnels_up(d->tunnels, KIBBUTZ_OWN)) {
		tunnels_want(d->tunnels, KIBBUTZ_OWN);
		return;
	}
	trace_call(d->trace, now, "own", -1, 0);
	kibbutz_own_packet(d->policy, now);
	perform(d);
}

static void on_tunnel(void *context, int which)
{
	struct device *d = context;
	char *error = NULL;
	bool up = tunnels_up(d->tunnels, which);

	log_info("tunnel", "which=%s up=%d", which == KIBBUTZ_OWN ? "own" : name_of(d, (unsigned)which), up);
	if (up && routes_tunnel(d->settings, which, &error) < 0)
		log_error("routes", "error=\"%s\"", error);
	free(error);
	if (which == KIBBUTZ_OWN) {
		if (up)
			on_own(d); /* what made it has just left on the own link */
		return;
	}
	if (!up)
		begin_connections(d);
	steer_path(d, (unsigned)which);
	begin_connections(d);
}

static void on_used(void *context, unsigned neighbour)
{
	struct device *d = context;
	int64_t now = clock_now_ns();

	trace_call(d->trace, now, "used", (int)neighbour, 0);
	kibbutz_used(d->policy, now, neighbour);
}

static void on_forwarded(void *context, unsigned neighbour)
{
	struct device *d = context;
	int64_t now = clock_now_ns();
	unsigned before = kibbutz_neighbour(d->policy, neighbour)->credit;
	bool may = kibbutz_forward(d->policy, now, neighbour);

	trace_call(d->trace, now, "forward", (int)neighbour, may);
	if (kibbutz_neighbour(d->policy, neighbour)->credit != before)
		log_info("forwarding", "neighbour=%s credit=%u", name_of(d, neighbour), before - 1);
}

static void on_message(struct device *d, unsigned i, const struct wire_message *m)
{
	struct peer *peer = &d->peers[i];
	bool answer, met;
	int64_t now = clock_now_ns();
	enum peer_verdict verdict = peer_read(peer, now, m, random_number(), &answer, &met);

	if (answer)
		send_message(d, i, WIRE_HELLO, 0, m->challenge);
	if (met) {
		/* It has begun anew, and knows nothing of an advertisement that is still good. */
		int64_t left = kibbutz_neighbour(d->policy, i)->ours_until - now;
		log_info("met", "neighbour=%s", name_of(d, i));
		if (kibbutz_neighbour(d->policy, i)->ours_until > now && left >= NS_PER_MS)
			send_message(d, i, WIRE_ADVERTISE, left, 0);
	}
	if (verdict != PEER_BELIEVED || m->type != WIRE_ADVERTISE)
		return;
	log_info("heard", "neighbour=%s duration_ms=%u", name_of(d, i), m->duration_ms);
	trace_call(d->trace, now, "heard", (int)i, m->duration_ms * NS_PER_MS);
	kibbutz_heard(d->policy, now, i, m->duration_ms * NS_PER_MS);
}

static void take_datagram(struct device *d, const uint8_t *bytes, size_t size, struct in_addr from)
{
	struct wire_message message;

	for (unsigned i = 0; i < d->settings->count; i++) {
		const struct settings_neighbour *n = &d->settings->neighbours[i];
		if (n->address.s_addr != from.s_addr)
			continue;
		enum wire_fault fault =
			wire_decode(bytes, size, n->key, from, d->settings->address, &message);
		d->faults[fault]++;
		if (fault == WIRE_GOOD)
			on_message(d, i, &message);
		else
			log_debug(
				"message-dropped", "neighbour=%s fault=%s", n->name, wire_fault_name(fault));
		return;
	}
	d->strangers++;
}

static int on_datagrams(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct device *d = context;
	(void)source;
	(void)events;

	for (int i = 0; i < 64; i++) {
		uint8_t bytes[WIRE_SIZE + 1]; /* a longer one is seen to be longer */
		struct sockaddr_in from = {0};
		socklen_t length = sizeof from;
		ssize_t size =
			recvfrom(fd, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&from, &length);
		if (size < 0)
			break;
		take_datagram(d, bytes, (size_t)size, from.sin_addr);
	}
	perform(d);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *context)
{
	struct device *d = context;
	int64_t now = clock_now_ns();
	(void)source;
	(void)usec;

	trace_tick(d->trace, now);
	kibbutz_tick(d->policy, now);
	perform(d);
	return 0;
}

/* ---- the watchdog's eyes ---- */

static void worst_of(
	const struct survey_subflow *list, size_t count, struct in_addr source, struct kibbutz_sample *worst)
{
	*worst = (struct kibbutz_sample){.ssthresh = INT32_MAX, .window = INT32_MAX};
	for (size_t i = 0; i < count; i++) {
		if (address_v4(&list[i].local.address).s_addr != source.s_addr || !list[i].unacked)
			continue;
		bool worse = !worst->busy || list[i].timeouts > worst->timeouts ||
			     (list[i].timeouts == worst->timeouts && list[i].ssthresh < worst->ssthresh);
		if (worse)
			*worst = (struct kibbutz_sample){.busy = true,
				.timeouts = list[i].timeouts,
				.ssthresh = list[i].ssthresh,
				.window = list[i].window};
	}
}

static void look(struct device *d)
{
	struct survey_subflow *list;
	size_t count;
	char *error = NULL;
	int64_t now = clock_now_ns();

	if (survey_take(false, &list, &count, &error) < 0) {
		log_error("survey", "error=\"%s\"", error);
		free(error);
		return;
	}
	for (unsigned i = 0; i < d->settings->count; i++) {
		struct kibbutz_sample sample;
		if (!kibbutz_neighbour(d->policy, i)->open)
			continue;
		worst_of(list, count, settings_path(d->settings, i), &sample);
		uint64_t before = kibbutz_neighbour(d->policy, i)->given_up;
		trace_path(d->trace, now, i, &sample);
		kibbutz_path(d->policy, now, i, &sample);
		if (kibbutz_neighbour(d->policy, i)->given_up != before)
			tunnels_renew(d->tunnels, (int)i); /* perhaps it is the provider that forgot it */
	}
	free(list);
	perform(d);
}

static int on_poll(sd_event_source *source, uint64_t usec, void *context)
{
	struct device *d = context;
	(void)usec;

	if (steer_active(d->steer))
		look(d);
	sd_event_source_set_time_relative(source, (uint64_t)(d->settings->poll_ns / NS_PER_US));
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

static int on_greeting(sd_event_source *source, uint64_t usec, void *context)
{
	struct device *d = context;
	(void)usec;

	for (unsigned i = 0; i < d->settings->count; i++)
		if (!d->peers[i].their_life)
			send_message(d, i, WIRE_HELLO, 0, 0);
	if (d->greet_after_ns < GREET_LAST_NS)
		d->greet_after_ns *= 2;
	sd_event_source_set_time_relative(source, (uint64_t)(d->greet_after_ns / NS_PER_US));
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

/* ---- beginning and end ---- */

static int open_socket(struct device *d, char **error)
{
	struct sockaddr_in here = {.sin_family = AF_INET,
		.sin_addr = d->settings->address,
		.sin_port = htons(d->settings->port)};

	d->socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->socket >= 0 && bind(d->socket, (struct sockaddr *)&here, sizeof here) == 0)
		return 0;
	return error_set(error, "local address, port %u: %s", d->settings->port, strerror(errno));
}

static int add_sources(struct device *d, char **error)
{
	int result = sd_event_add_io(d->loop, &d->datagrams, d->socket, EPOLLIN, on_datagrams, d);

	if (result >= 0)
		result = sd_event_add_time(d->loop, &d->timer, CLOCK_MONOTONIC, 0, 1000, on_timer, d);
	if (result >= 0)
		result = sd_event_source_set_enabled(d->timer, SD_EVENT_OFF);
	if (result >= 0)
		result = sd_event_add_time_relative(
			d->loop, &d->greeting, CLOCK_MONOTONIC, 0, 1000, on_greeting, d);
	if (result >= 0 && d->settings->policy.watchdog)
		result = sd_event_add_time_relative(d->loop, &d->poll, CLOCK_MONOTONIC, 0, 1000, on_poll, d);
	return result < 0 ? error_set(error, "event loop: %s", strerror(-result)) : 0;
}

static int start(struct device *d, char **error)
{
	const struct forward_handlers handlers = {
		.own = on_own, .used = on_used, .forwarded = on_forwarded, .context = d};

	if (d->settings->trace && !(d->trace = trace_open(d->settings->trace, kibbutz_settings(d->policy),
					    d->settings->count, error)))
		return -1;
	d->forward = forward_start(d->loop, d->settings, &handlers, error);
	if (!d->forward || open_socket(d, error) < 0)
		return -1;
	d->routed = true; /* also in part */
	if (routes_install(d->settings, &d->cellular, error) < 0)
		return -1;
	d->tunnels = tunnels_new(d->loop, d->settings, d->cellular, on_tunnel, d, error);
	if (!d->tunnels)
		return -1;
	d->steer = steer_start(d->loop, d->settings, d->cellular, error);
	return d->steer ? add_sources(d, error) : -1;
}

struct device *device_start(sd_event *loop, const struct settings *settings, char **error)
{
	struct device *d = calloc(1, sizeof *d);

	if (!d)
		abort();
	d->settings = settings;
	d->loop = loop;
	d->socket = -1;
	d->begin = KIBBUTZ_OWN;
	struct kibbutz_settings policy = settings->policy;
	policy.seed = random_number() >> 1; /* the trace writes it as a signed number */
	d->policy = kibbutz_new(&policy, settings->count);
	for (unsigned i = 0; i < settings->count; i++)
		peer_init(&d->peers[i], random_number(), random_number());
	d->greet_after_ns = GREET_FIRST_NS;
	if (start(d, error) < 0) {
		device_stop(d);
		return NULL;
	}
	return d;
}

void device_stop(struct device *d)
{
	if (!d)
		return;
	sd_event_source_disable_unref(d->datagrams);
	sd_event_source_disable_unref(d->timer);
	sd_event_source_disable_unref(d->poll);
	sd_event_source_disable_unref(d->greeting);
	/* Neighbours are told: what they send through us would be lost. */
	for (unsigned i = 0; i < d->settings->count && d->socket >= 0; i++)
		if (kibbutz_neighbour(d->policy, i)->ours_until > clock_now_ns())
			send_message(d, i, WIRE_ADVERTISE, 0, 0);
	steer_stop(d->steer);
	tunnels_stop(d->tunnels);
	if (d->routed)
		routes_remove(d->settings);
	forward_stop(d->forward);
	if (d->socket >= 0)
		close(d->socket);
	trace_close(d->trace);
	kibbutz_free(d->policy);
	free(d);
}

/* ---- control socket ---- */

static json_t *neighbour_report(const struct device *d, unsigned i, int64_t now)
{
	const struct kibbutz_neighbour *n = kibbutz_neighbour(d->policy, i);
	const struct peer *p = &d->peers[i];

	return json_pack("{ss si sI sI sb sb sI sI sI sI sI sI sI sI sI sI}", "name", name_of(d, i), "credit",
		n->credit, "ours_ms",
		n->ours_until > now ? (json_int_t)((n->ours_until - now) / NS_PER_MS) : 0, "theirs_ms",
		n->theirs_until > now ? (json_int_t)((n->theirs_until - now) / NS_PER_MS) : 0, "open",
		n->open, "poor", n->watch.poor, "advertised", (json_int_t)n->advertised, "heard",
		(json_int_t)n->heard, "forwarded", (json_int_t)n->forwarded, "late", (json_int_t)n->refused,
		"used", (json_int_t)n->used, "given_up", (json_int_t)n->given_up, "ties", (json_int_t)n->ties,
		"stale", (json_int_t)p->stale, "replayed", (json_int_t)p->replayed, "believed",
		(json_int_t)p->believed);
}

static void command_status(void *context, struct control_request *request, int count, char **words)
{
	struct device *d = context;
	json_t *neighbours = json_array(), *faults = json_object();
	int64_t now = clock_now_ns();
	(void)count;
	(void)words;

	for (unsigned i = 0; i < d->settings->count; i++)
		json_array_append_new(neighbours, neighbour_report(d, i, now));
	for (int f = 1; f < WIRE_FAULTS; f++)
		json_object_set_new(
			faults, wire_fault_name((enum wire_fault)f), json_integer((json_int_t)d->faults[f]));
	control_answer(request,
		json_pack("{so so so sI sI ss sb so}", "neighbours", neighbours, "tunnels",
			tunnels_report(d->tunnels), "faults", faults, "strangers", (json_int_t)d->strangers,
			"reports_missed", (json_int_t)forward_missed(d->forward), "route",
			d->begin == KIBBUTZ_OWN ? "own" : name_of(d, (unsigned)d->begin), "own_backup",
			kibbutz_own_backup(d->policy), "connections", steer_report(d->steer)));
}

static void command_accounts(void *context, struct control_request *request, int count, char **words)
{
	struct device *d = context;
	char *error = NULL;
	json_t *accounts = forward_accounts(d->forward, &error);
	(void)count;
	(void)words;

	if (accounts)
		control_answer(request, accounts);
	else
		control_refuse(request, "%s", error);
	free(error);
}

const struct control_command device_commands[] = {
	{"status", "", "neighbours, their credit and advertisements; connections and their paths", 0, 0,
		command_status},
	{"accounts", "", "bytes forwarded for each neighbour", 0, 0, command_accounts},
	{0},
};
