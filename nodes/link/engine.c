/* The data path; see engine.h. One round sends what is due, then reads what has come. Between rounds the
 * process sleeps until the timer or a TAP wakes it. Shortly before a departure it does not sleep but goes on
 * with rounds, because a wake-up takes some tens of microseconds and no kernel makes them punctual: as long
 * as nearly all wake-ups were late lately (a busy processor wakes up ten times faster than an idle one), up
 * to the setting `spin`. */
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "nodes/link/engine_internal.h"
#include "nodes/link/packet.h"
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define ETHERNET_HEADER 14
#define HEADERS_ROOM                                                                                         \
	64 /* Ethernet, VLAN tags, the time, and one byte more than can come: a full buffer is a cut         \
	      frame */
#define READ_BATCH 16 /* frames of one TAP before others, and before departures are looked at again */
#define EVENTS 64
/* After this long without a pause the event loop gets a turn: signals and control. */
#define TURN_NS (2 * NS_PER_MS)
#define TIMER UINT32_MAX
/* Spinning is limited to a share of the time, in pieces of up to 10 ms: beyond that (many links, fast links)
 * packets leave some tens of microseconds late rather than starve whoever shares the processor. Without a
 * limit, a link of 100 Mbit/s took a whole one. */
#define SPIN_CREDIT_NS (10 * NS_PER_MS)
/* The wake-up latency that we follow is the one that this many are below, of each one that is above. */
#define WAKE_ODDS 50
#define WAKE_STEP_NS 200
/* Sleeping and waking up takes longer than this: it would save nothing. */
#define NOT_WORTH_SLEEPING_NS (8 * NS_PER_US)
/* Later than this after the time that we asked for, the machine did not run us. */
#define STALL_NS NS_PER_MS
/* A failure that goes on is logged so often. */
#define COMPLAINT_NS (10 * NS_PER_S)

/* In virtual time, only reading the clock takes time, and every packet of all links waits for it. */
static int64_t now_ns(const struct engine *engine)
{
	return engine->settings->clock_waits ? engine->woken_ns : clock_now_ns();
}

/* ---- what goes wrong */

static bool may_complain(int64_t *last_ns)
{
	int64_t now = clock_now_ns();

	if (*last_ns != 0 && now - *last_ns < COMPLAINT_NS)
		return false;
	*last_ns = now;
	return true;
}

/* A failure of the emulation, not of the link: counted always, said now and then. */
static void fail(struct direction *d, uint64_t *counter, const char *event, int error)
{
	(*counter)++;
	if (may_complain(&d->complained_ns))
		log_error(event, "link=%s interface=%s packets=%" PRIu64 " error=\"%s\"", d->link->name,
			d->interface, *counter, strerror(error));
}

/* The machine did not run us for so long while there was something to do. */
static void note_stall(struct engine *engine, int64_t late_ns)
{
	if (late_ns < STALL_NS)
		return;
	engine->stalls++;
	if (late_ns > engine->longest_stall_ns)
		engine->longest_stall_ns = late_ns;
	if (may_complain(&engine->complained_ns))
		log_warning("stalled",
			"late_us=%" PRId64 " times=%" PRIu64
			" effect=\"packets left late\" remedy=\"fewer trials at once, or a processor more\"",
			(int64_t)(late_ns / NS_PER_US), engine->stalls);
}

/* ---- one packet */

static void send_frame(struct direction *d, const void *frame, uint32_t bytes)
{
	if (send(d->attachment.packet_fd, frame, bytes, MSG_DONTWAIT) < 0) {
		fail(d, &d->counters.unsent, "send-failed", errno);
		return;
	}
	d->counters.sent_packets++;
	d->counters.sent_bytes += bytes;
}

static void send_packet(struct engine *engine, struct direction *d, const struct model_packet *packet)
{
	char *frame = (char *)packet->token + ATTACHMENT_HEAD;

	lateness_add(&d->counters.lateness, now_ns(engine) - packet->departure_ns);
	if (packet->trimmed)
		packet_trim(frame);
	if (packet->marked)
		packet_mark(frame, packet->bytes);
	if (packet->corrupted)
		packet_corrupt(frame, packet->bytes, packet->bit_draw);
	d->counters.marked += packet->marked;
	d->counters.corrupted += packet->corrupted;
	d->counters.duplicated += packet->twice;
	for (int i = 0; i <= packet->twice; i++)
		send_frame(d, frame, packet->bytes);
	buffers_put(&engine->buffers, packet->token);
}

/* A header for which there is no room goes back to its sender: it comes to the node that would have sent it on, whose kernel knows the way. */
static void bounce_packet(struct direction *d, const struct model_packet *packet)
{
	char *frame = (char *)packet->token + ATTACHMENT_HEAD;

	if (packet->trimmed)
		packet_trim(frame);
	packet_bounce(frame, d->attachment.tap_address);
	if (write(d->attachment.tap_fd, frame, packet->bytes) < 0)
		fail(d, &d->counters.unsent, "bounce-failed", errno);
	else
		d->counters.bounced++;
}

/* What the queue gave up after it had taken it. */
static void drop_packet(struct engine *engine, struct direction *d, const struct model_packet *packet)
{
	if (packet->end == MODEL_BOUNCED)
		bounce_packet(d, packet);
	else if (packet->end == MODEL_DROPPED_CODEL)
		d->counters.codel++;
	else if (packet->end == MODEL_LOST_IN_AIR)
		d->counters.lost++;
	else
		d->counters.overflowed++;
	buffers_put(&engine->buffers, packet->token);
}

/* Asks anew when this direction has something to do, and those whose turn in the same medium hangs on it.
 * Returns the soonest of these. */
static int64_t look_again(struct engine *engine, uint32_t index)
{
	const struct station *station = model_station(engine->directions[index].model);
	int64_t soonest = engine->next[index] = model_next(engine->directions[index].model);

	for (uint32_t i = 0; station && i < engine->count; i++) {
		const struct station *other = model_station(engine->directions[i].model);
		if (!other || other->medium != station->medium)
			continue;
		engine->next[i] = model_next(engine->directions[i].model);
		if (engine->next[i] < soonest)
			soonest = engine->next[i];
	}
	return soonest;
}

/* Sends all that is due; returns when the next packet is. */
static int64_t send_due(struct engine *engine, int64_t now, bool *worked)
{
	struct model_packet packet;
	int64_t soonest = MODEL_NEVER;

	for (uint32_t i = 0; i < engine->count; i++) {
		if (engine->next[i] <= now) {
			struct direction *d = &engine->directions[i];
			while (model_take(d->model, now, &packet))
				packet.end == MODEL_LEAVES ? send_packet(engine, d, &packet)
							   : drop_packet(engine, d, &packet);
			int64_t sooner = look_again(engine, i);
			if (sooner < soonest)
				soonest = sooner;
			*worked = true;
		}
		if (engine->next[i] < soonest)
			soonest = engine->next[i];
	}
	return soonest;
}

/* The TAP is gone with its namespace: a descriptor that is always ready would never let us sleep again. */
static void abandon(struct engine *engine, struct direction *d, int error)
{
	epoll_ctl(engine->epoll_fd, EPOLL_CTL_DEL, d->attachment.tap_fd, NULL);
	log_warning("interface-gone", "link=%s interface=%s error=\"%s\"", d->link->name, d->interface,
		strerror(error));
}

/* Two processors may send at once, and so their packets come in another order than their times. */
static int64_t arrival(struct direction *d, void *buffer)
{
	int64_t when = attachment_arrival(buffer);
	if (when > d->arrived_ns)
		d->arrived_ns = when;
	return d->arrived_ns;
}

static void offer(struct engine *engine, struct direction *d, void *buffer, uint32_t bytes)
{
	int64_t when = arrival(d, buffer); /* the frame is whole after that */
	const char *frame = (char *)buffer + ATTACHMENT_HEAD;
	enum trim_class class = TRIM_OTHER;
	uint16_t header_bytes = 0;

	d->counters.packets++;
	d->counters.bytes += bytes;
	if (model_trim(d->model))
		class = packet_trim_class(frame, bytes, model_shape(d->model)->trim.port, &header_bytes);
	switch (model_offer_as(
		d->model, when, bytes, packet_is_ecn(frame, bytes), class, header_bytes, buffer)) {
	case MODEL_QUEUED:
		return;
	case MODEL_LOST:
		d->counters.lost++;
		break;
	case MODEL_OVERFLOW:
		d->counters.overflowed++;
		break;
	case MODEL_NO_MEMORY:
		fail(d, &d->counters.unbuffered, "out-of-memory", ENOMEM);
		break;
	}
	buffers_put(&engine->buffers, buffer);
}

static void discard(struct direction *d)
{
	char nothing[1];
	if (read(d->attachment.tap_fd, nothing, sizeof nothing) >= 0)
		fail(d, &d->counters.unbuffered, "memory-limit-reached", ENOBUFS);
}

/* Returns the soonest departure of those that it changed. */
static int64_t receive(struct engine *engine, uint32_t index)
{
	struct direction *d = &engine->directions[index];
	int64_t latest = now_ns(engine) + NS_PER_S; /* that what is read in this turn may be of */

	for (int i = 0; i < READ_BATCH; i++) {
		void *buffer = buffers_get(&engine->buffers);
		if (!buffer) {
			discard(d);
			break;
		}
		ssize_t n = read(d->attachment.tap_fd, buffer, engine->buffers.size);
		if (n >= ATTACHMENT_HEAD && !attachment_passed(buffer, engine->began_ns, latest)) {
			d->counters.foreign++;
			buffers_put(&engine->buffers, buffer);
			continue;
		}
		if (n >= ATTACHMENT_HEAD + ETHERNET_HEADER && (size_t)n < engine->buffers.size) {
			offer(engine, d, buffer, (uint32_t)n - ATTACHMENT_HEAD);
			if (i == 0)
				note_stall(engine, now_ns(engine) - d->arrived_ns);
			continue;
		}
		buffers_put(&engine->buffers, buffer);
		if (n >= 0) {
			fail(d, &d->counters.unbuffered, "frame-too-long", EMSGSIZE);
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			abandon(engine, d, errno);
		break;
	}
	return look_again(engine, index);
}

/* ---- the loop */

static void arm(struct engine *engine, int64_t when)
{
	struct itimerspec timer = {.it_value = {when / NS_PER_S, when % NS_PER_S}};

	if (when == engine->armed_ns)
		return;
	engine->armed_ns = when;
	timerfd_settime(engine->timer_fd, TFD_TIMER_ABSTIME, &timer, NULL);
}

/* Reads what has come; returns the soonest departure of the directions that it came for. */
static int64_t read_events(struct engine *engine, bool *worked)
{
	struct epoll_event events[EVENTS];
	int64_t soonest = MODEL_NEVER;
	int n = epoll_wait(engine->epoll_fd, events, EVENTS, 0);

	for (int i = 0; i < n; i++) {
		uint32_t index = events[i].data.u32;
		if (index == TIMER) {
			engine->armed_ns = 0; /* it went off; edge-triggered, so nobody needs to read it */
			continue;
		}
		int64_t sooner = receive(engine, index);
		*worked = true;
		if (sooner < soonest)
			soonest = sooner;
	}
	return soonest;
}

static void give_credit(struct engine *engine, int64_t now)
{
	engine->credit_ns += (int64_t)((double)(now - engine->credited_ns) * engine->settings->spin_share);
	if (engine->credit_ns > SPIN_CREDIT_NS)
		engine->credit_ns = SPIN_CREDIT_NS;
	engine->credited_ns = now;
}

/* How late the timer woke us up: what we sleep less next time, and whether the machine ran us at all. */
static void note_wake_up(struct engine *engine, int64_t now)
{
	int64_t late = now - engine->armed_ns;

	if (!engine->asleep || engine->armed_ns == 0 || late < 0)
		return;
	engine->asleep = false;
	engine->wake_ns += late > engine->wake_ns ? WAKE_ODDS * WAKE_STEP_NS : -WAKE_STEP_NS;
	if (engine->wake_ns > engine->settings->spin_ns)
		engine->wake_ns = engine->settings->spin_ns;
	note_stall(engine, late);
}

/* So long before a departure we do not sleep. */
static int64_t spin_for(const struct engine *engine)
{
	int64_t most = engine->settings->spin_ns;

	if (engine->credit_ns > 0)
		return engine->wake_ns;
	return most < NOT_WORTH_SLEEPING_NS ? most : NOT_WORTH_SLEEPING_NS;
}

/* Where the clock waits and the next departure is near: sleeps until then, or until a packet comes, without a turn of the event loop, which
 * reads the clock three times. False: it is not near, or others have waited long enough. */
static bool sleep_inside(struct engine *engine, int64_t soonest, int64_t started)
{
	struct pollfd events = {.fd = engine->epoll_fd, .events = POLLIN};

	if (!engine->settings->clock_waits || soonest > started + TURN_NS)
		return false;
	arm(engine, soonest);
	poll(&events, 1, -1);
	engine->woken_ns = clock_now_ns();
	return engine->woken_ns - started < TURN_NS;
}

static int serve(sd_event_source *source, int fd, uint32_t revents, void *context)
{
	struct engine *engine = context;
	int64_t started = clock_now_ns(), now = started, soonest, spin;

	(void)source;
	(void)fd;
	(void)revents;
	engine->woken_ns = now;
	note_wake_up(engine, now);
	give_credit(engine, now);
	do {
		if (engine->settings->clock_waits)
			now = engine->woken_ns;
		bool worked = false;
		int64_t round = now;
		soonest = send_due(engine, now, &worked);
		int64_t came = read_events(engine, &worked);
		if (came < soonest)
			soonest = came;
		now = now_ns(engine);
		if (!worked)
			engine->credit_ns -= now - round;
		spin = spin_for(engine);
	} while (
		(soonest <= now + spin && now - started < TURN_NS) || sleep_inside(engine, soonest, started));
	/* What a TAP still holds wakes us at once; so does a timer whose time has passed. */
	arm(engine, soonest == MODEL_NEVER ? 0 : soonest - spin);
	engine->asleep = engine->armed_ns > now;
	return 0;
}

/* ---- start and stop */

static int add_to_epoll(struct engine *engine, int fd, uint32_t data)
{
	struct epoll_event event = {.events = data == TIMER ? EPOLLIN | EPOLLET : EPOLLIN, .data.u32 = data};
	return epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static int attach_all(struct engine *engine, bool *bad_config, char **error)
{
	uint32_t mtu = 1500;

	for (uint32_t i = 0; i < engine->count; i++) {
		struct direction *d = &engine->directions[i];
		const struct link_end_settings *end = &d->link->ends[i % 2];
		enum attach_result result = attachment_open(
			&d->attachment, end->netns, end->interface, engine->settings->keep_offloads, error);
		if (result != ATTACH_OK) {
			*bad_config = result == ATTACH_BAD_CONFIG;
			error_prefix(error, "link %s, interface %s", d->link->name, end->interface);
			return error_prefix(error, "%s:%u", end->at->file, end->at->line);
		}
		model_set_frame(d->model, d->attachment.mtu + ETHERNET_HEADER);
		if (d->attachment.mtu > mtu)
			mtu = d->attachment.mtu;
	}
	buffers_init(&engine->buffers, mtu + HEADERS_ROOM, engine->settings->memory_bytes);
	return 0;
}

static int hook_all(struct engine *engine, char **error)
{
	for (uint32_t i = 0; i < engine->count; i++) {
		struct direction *d = &engine->directions[i];
		if (add_to_epoll(engine, d->attachment.tap_fd, i) < 0)
			return error_set(error, "epoll: %s", strerror(errno));
		if (attachment_hook(&d->attachment, engine->settings->orphaned_pass, error) < 0)
			return error_prefix(error, "link %s, interface %s", d->link->name, d->interface);
	}
	return 0;
}

/* Both directions of a cellular link wake the same radio. */
static void add_radio(struct engine *engine, uint32_t index)
{
	struct radio *radio = &engine->radios[index / 2];
	const char *name = engine->directions[index].link->direction[index % 2].radio;

	if (!*name)
		return;
	if (!radio->profile.name || strcmp(radio->profile.name, name) != 0) {
		radio_init(radio, radio_profile(name), clock_now_ns());
		events_watch_radio(engine->events, radio, engine->directions[index].link->name);
	}
	model_set_radio(engine->directions[index].model, radio);
}

static int join_medium(struct engine *engine, struct model *model, char **error)
{
	const char *name = model_shape(model)->medium.name;
	struct medium *medium = *name ? medium_get(&engine->media, name) : NULL;

	if (!*name)
		return 0;
	if (!medium || model_set_medium(model, medium) < 0)
		return error_set(error, "no memory for medium %s, or its radio is on more than %d channels",
			name, VISITS_CHANNELS);
	events_watch_medium(engine->events, medium);
	return 0;
}

static int make_models(struct engine *engine, char **error)
{
	for (uint32_t i = 0; i < engine->count; i++) {
		struct direction *d = &engine->directions[i];
		d->model = model_new(&d->link->direction[i % 2], i % 2, error);
		if (!d->model || join_medium(engine, d->model, error) < 0)
			return error_prefix(error, "link %s", d->link->name);
		add_radio(engine, i);
		engine->next[i] = MODEL_NEVER;
	}
	return 0;
}

static struct engine *engine_new(sd_event *loop, const struct settings *settings)
{
	struct engine *engine = calloc(1, sizeof *engine);

	if (!engine)
		return NULL;
	engine->settings = settings;
	engine->began_ns = clock_now_ns();
	engine->count = (uint32_t)(2 * settings->count);
	engine->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	engine->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	engine->directions = calloc(engine->count, sizeof *engine->directions);
	engine->next = calloc(engine->count, sizeof *engine->next);
	engine->radios = calloc(settings->count + 1, sizeof *engine->radios);
	engine->events = events_new(loop, settings->count);
	for (uint32_t i = 0; engine->directions && i < engine->count; i++) {
		engine->directions[i].link = &settings->links[i / 2];
		engine->directions[i].interface = settings->links[i / 2].ends[i % 2].interface;
		engine->directions[i].attachment = ATTACHMENT_NONE;
	}
	return engine;
}

struct engine *engine_start(
	sd_event *loop, const struct settings *settings, bool realtime, bool *bad_config, char **error)
{
	struct engine *engine = engine_new(loop, settings);

	*bad_config = false;
	if (!engine || !engine->directions || !engine->next || !engine->radios || !engine->events ||
		engine->epoll_fd < 0 || engine->timer_fd < 0) {
		error_set(error, "no memory or descriptors for %zu links", settings->count);
		engine_stop(engine);
		return NULL;
	}
	engine->realtime = realtime;
	engine->credited_ns = clock_now_ns();
	engine->wake_ns = settings->spin_ns;
	int result = make_models(engine, error);
	if (result == 0)
		result = attach_all(engine, bad_config, error);
	if (result == 0 &&
		(add_to_epoll(engine, engine->timer_fd, TIMER) < 0 ||
			sd_event_add_io(loop, &engine->source, engine->epoll_fd, EPOLLIN, serve, engine) < 0))
		result = error_set(error, "event loop: %s", strerror(errno));
	if (result == 0)
		result = hook_all(engine, error);
	if (result == 0)
		return engine;
	engine_stop(engine);
	return NULL;
}

void engine_stop(struct engine *engine)
{
	if (!engine)
		return;
	sd_event_source_disable_unref(engine->source);
	for (uint32_t i = 0; engine->directions && i < engine->count; i++) {
		attachment_close(&engine->directions[i].attachment);
		model_free(engine->directions[i].model);
	}
	medium_free(&engine->media);
	events_free(engine->events);
	buffers_free(&engine->buffers);
	if (engine->epoll_fd >= 0)
		close(engine->epoll_fd);
	if (engine->timer_fd >= 0)
		close(engine->timer_fd);
	free(engine->directions);
	free(engine->next);
	free(engine->radios);
	free(engine);
}

/* ---- what others ask */

static struct direction *find(const struct engine *engine, const char *link, int direction)
{
	for (size_t i = 0; i < engine->settings->count; i++)
		if (strcmp(engine->settings->links[i].name, link) == 0)
			return &engine->directions[2 * i + (size_t)direction];
	return NULL;
}

const struct shape *engine_settings(const struct engine *engine, const char *link, int direction)
{
	const struct direction *d = find(engine, link, direction);
	return d ? model_shape(d->model) : NULL;
}

int engine_change(
	struct engine *engine, const char *link, int direction, const struct shape *shape, char **error)
{
	struct direction *d = find(engine, link, direction);

	if (!d)
		return error_set(error, "no link `%s`; see `status`", link);
	if (!shape_same_place(shape, model_shape(d->model)))
		return error_set(error,
			"link %s: its radio and its place in a medium cannot change while it runs; restart for that",
			link);
	if (model_change(d->model, shape, error) < 0)
		return error_prefix(error, "link %s", link);
	/* What waits may now leave sooner. */
	look_again(engine, (uint32_t)(d - engine->directions));
	arm(engine, clock_now_ns());
	events_settings(engine->events, link, direction, shape);
	return 0;
}
