/* Requests: made, sent, answered, failed. A request of an open load counts from when it was due, whatever kept us. */
#include "nodes/replica/daemon/load.h"

#include "lib/base/clock.h"
#include "lib/base/draw.h"
#include "lib/base/error.h"
#include "lib/base/units.h"
#include "nodes/replica/daemon/load_internal.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TICK_NS (50 * NS_PER_MS)
#define OVERDUE_NS                                                                                           \
	(2 * NS_PER_MS) /* an open request made later than that after it was due: the load is too much for this machine */

/* ---- flights ---- */

static uint32_t take_flight(struct load *l)
{
	if (l->free == NO_FLIGHT) {
		uint32_t room = l->room ? 2 * l->room : 1024;
		struct flight *pool = realloc(l->pool, room * sizeof *pool);
		if (!pool)
			abort();
		l->pool = pool;
		memset(pool + l->room, 0, (room - l->room) * sizeof *pool);
		for (uint32_t i = l->room; i < room; i++) {
			pool[i].next = l->free;
			l->free = i;
		}
		l->room = room;
	}
	uint32_t number = l->free;
	l->free = l->pool[number].next;
	l->outstanding++;
	return number;
}

static void end_flight(struct load *l, uint32_t number)
{
	struct flight *f = &l->pool[number];

	f->generation++;
	f->state = FLIGHT_FREE;
	f->next = l->free;
	l->free = number;
	l->outstanding--;
}

static uint32_t new_flight(struct load *l, enum flight_kind kind, const struct flight *like)
{
	uint32_t number = take_flight(l);
	uint32_t generation = l->pool[number].generation;

	l->pool[number] = *like;
	l->pool[number].generation = generation;
	l->pool[number].kind = kind;
	l->pool[number].acknowledged = false;
	return number;
}

/* ---- asking ---- */

static void repair(struct load *l, uint32_t number, int64_t now_ns)
{
	const struct load_settings *s = l->settings;

	if (s->repair == 0 || draw_uniform(&l->draws) >= s->repair)
		return;
	struct flight first = l->pool[number];
	for (unsigned i = 0; i < s->replicas; i++) {
		unsigned server = l->members[first.group * s->replicas + i];
		if (server == first.server || !load_link(l, first.client, server)->up)
			continue;
		chooser_also(l->choosers[first.client], server, now_ns);
		load_send(l, new_flight(l, FLIGHT_REPAIR, &first), server, now_ns);
	}
}

static void ask(struct load *l, uint32_t number, int64_t now_ns)
{
	struct flight *f = &l->pool[number];
	int server = chooser_ask(l->choosers[f->client], f->group, number, now_ns);

	if (server < 0) {
		f->state = FLIGHT_WAITING;
		load_set_alarm(l);
		return;
	}
	load_send(l, number, (unsigned)server, now_ns);
	repair(l, number, now_ns);
}

/* To all servers of the group; the first acknowledgement is the update's (Cassandra's consistency ONE). */
static void update(struct load *l, uint32_t number, int64_t now_ns)
{
	struct flight first = l->pool[number];

	for (unsigned i = 0; i < l->settings->replicas; i++) {
		uint32_t copy = i == 0 ? number : new_flight(l, FLIGHT_COPY, &first);
		l->pool[copy].update = number;
		l->pool[copy].update_generation = first.generation;
		load_send(l, copy, l->members[first.group * l->settings->replicas + i], now_ns);
	}
}

void load_request(struct load *l, uint32_t generator, int64_t made_ns)
{
	const struct load_settings *s = l->settings;
	int64_t now = clock_now_ns();
	uint64_t key = s->zipf > 0 ? zipf_draw(&l->zipf, &l->draws) - 1 : draw_below(&l->draws, s->records);
	struct flight f = {.generator = generator,
		.client = (uint32_t)draw_below(&l->draws, s->clients),
		/* Popular keys are not neighbours. */
		.group = (uint32_t)(draw_mix(key) % s->server_count),
		.made_ns = made_ns,
		.sent_ns = now,
		.key = key};
	bool updates = s->updates > 0 && draw_uniform(&l->draws) < s->updates;
	uint32_t number = new_flight(l, updates ? FLIGHT_UPDATE : FLIGHT_READ, &f);

	if (updates)
		update(l, number, now);
	else
		ask(l, number, now);
}

static void next_of_generator(struct load *l, uint32_t generator)
{
	int64_t now = clock_now_ns();

	if (l->settings->generators && now < l->ends_ns)
		load_request(l, generator, now);
}

/* ---- what waits ---- */

static int wake(sd_event_source *source, uint64_t time, void *context)
{
	struct load *l = context;
	int64_t now = clock_now_ns();
	uint32_t number;
	unsigned server;

	(void)source;
	(void)time;
	for (unsigned c = 0; c < l->settings->clients; c++)
		while (chooser_next(l->choosers[c], now, &number, &server)) {
			/* One that has failed meanwhile keeps its place in the queue, and goes nowhere. */
			if (l->pool[number].state != FLIGHT_WAITING) {
				chooser_forgotten(l->choosers[c], server);
				end_flight(l, number);
				continue;
			}
			load_send(l, number, server, now);
			repair(l, number, now);
		}
	load_set_alarm(l);
	return 0;
}

void load_set_alarm(struct load *l)
{
	int64_t when = INT64_MAX;

	for (unsigned c = 0; c < l->settings->clients; c++) {
		int64_t w = chooser_wake(l->choosers[c]);
		when = w < when ? w : when;
	}
	if (when == INT64_MAX) {
		sd_event_source_set_enabled(l->wakes, SD_EVENT_OFF);
		return;
	}
	sd_event_source_set_time(l->wakes, when > 0 ? (uint64_t)(when / NS_PER_US + 1) : 0);
	sd_event_source_set_enabled(l->wakes, SD_EVENT_ONESHOT);
}

/* ---- answers ---- */

static void keep_sample(struct load *l, const struct flight *f, int64_t now_ns)
{
	if (f->made_ns < l->began_ns + l->settings->warmup_ns)
		return;
	if (l->sample_count == l->sample_room) {
		l->sample_room = l->sample_room ? 2 * l->sample_room : 4096;
		l->samples = realloc(l->samples, l->sample_room * sizeof *l->samples);
		if (!l->samples)
			abort();
	}
	l->samples[l->sample_count++] =
		(struct sample){f->made_ns, (double)(now_ns - f->made_ns) / (double)NS_PER_MS};
}

/* The first copy's place may be another's by now. */
static void update_acknowledged(struct load *l, const struct flight *copy)
{
	struct flight *first = &l->pool[copy->update];

	if (first->generation != copy->update_generation || first->acknowledged)
		return;
	first->acknowledged = true;
	l->count.updates++;
	next_of_generator(l, copy->generator);
}

static void learn(struct load *l, const struct flight *f, const struct wire_answer *a, int64_t now_ns)
{
	struct feedback feedback = {(double)(now_ns - f->sent_ns),
		a->service_us == WIRE_UNSAID ? -1.0 : (double)a->service_us * 1e3,
		a->queue == WIRE_UNSAID ? -1.0 : (double)a->queue};

	if (a->service_us == WIRE_UNSAID || a->queue == WIRE_UNSAID)
		l->count.without_feedback++;
	chooser_answered(l->choosers[f->client], f->server, &feedback, now_ns);
	load_set_alarm(l);
}

static void check_record(struct load *l, const struct flight *f, const struct wire_answer *a)
{
	if (a->status == WIRE_ABSENT)
		l->count.absent++;
	else if (a->status == WIRE_BUSY)
		l->count.busy++;
	else if (a->size != record_size(&l->settings->record, f->key) ||
		 !record_check(a->value, a->size, f->key))
		l->count.wrong++;
}

int load_answered(struct link *link, const struct wire_answer *a)
{
	struct load *l = link->load;
	uint32_t number = (uint32_t)a->id, generation = (uint32_t)(a->id >> 32);
	int64_t now = clock_now_ns();

	if (number >= l->room || (int32_t)(generation - l->pool[number].generation) > 0) {
		l->count.foreign++;
		return -1;
	}
	struct flight f = l->pool[number];
	if (generation != f.generation) {
		l->count.late++; /* it was given up */
		return 0;
	}
	if (f.state != FLIGHT_SENT || f.client != link->client || f.server != link->server) {
		l->count.foreign++;
		return -1;
	}
	if (f.kind == FLIGHT_READ || f.kind == FLIGHT_REPAIR) {
		check_record(l, &f, a);
		learn(l, &f, a, now);
	}
	if (f.kind == FLIGHT_UPDATE || f.kind == FLIGHT_COPY)
		update_acknowledged(l, &f);
	end_flight(l, number);
	if (f.kind == FLIGHT_READ) {
		l->count.reads++;
		l->served[f.server]++;
		keep_sample(l, &f, now);
		next_of_generator(l, f.generator);
	}
	return 0;
}

/* ---- failures ---- */

static void fail_flight(struct load *l, uint32_t number)
{
	struct flight f = l->pool[number];

	if (f.state != FLIGHT_WAITING && (f.kind == FLIGHT_READ || f.kind == FLIGHT_REPAIR))
		chooser_forgotten(l->choosers[f.client], f.server);
	if (f.state == FLIGHT_WAITING)
		l->pool[number].state = FLIGHT_ABANDONED; /* the chooser still has its name: wake ends it */
	else
		end_flight(l, number);
	if (f.kind == FLIGHT_READ || (f.kind == FLIGHT_UPDATE && !f.acknowledged)) {
		l->count.failed++;
		next_of_generator(l, f.generator);
	}
}

/* Reads are asked again, of the servers that are left; the time goes on. */
void load_link_lost(struct link *link)
{
	struct load *l = link->load;
	int64_t now = clock_now_ns();
	uint32_t room = l->room;

	for (uint32_t i = 0; i < room; i++) {
		struct flight *f = &l->pool[i];
		if (f->state != FLIGHT_SENT || f->client != link->client || f->server != link->server)
			continue;
		if (f->kind != FLIGHT_READ) {
			f->state = FLIGHT_PARKED;
			fail_flight(l, i);
			continue;
		}
		l->count.retried++;
		ask(l, i, now);
	}
}

/* What was parked for want of a connection is asked again when there is one. */
void load_parked_again(struct load *l, int64_t now_ns)
{
	uint32_t room = l->room;

	for (uint32_t i = 0; i < room; i++)
		if (l->pool[i].state == FLIGHT_PARKED && l->pool[i].kind == FLIGHT_READ &&
			l->pool[i].sent_ns > 0) {
			chooser_forgotten(l->choosers[l->pool[i].client], l->pool[i].server);
			ask(l, i, now_ns);
		}
}

static void give_up_old(struct load *l, int64_t now_ns)
{
	uint32_t room = l->room;

	for (uint32_t i = 0; i < room; i++)
		if (l->pool[i].state != FLIGHT_FREE && l->pool[i].state != FLIGHT_ABANDONED &&
			l->pool[i].made_ns + l->settings->timeout_ns < now_ns)
			fail_flight(l, i);
}

/* ---- time ---- */

static int arrive(sd_event_source *source, uint64_t time, void *context)
{
	struct load *l = context;
	int64_t now = clock_now_ns();

	(void)time;
	while (l->next_arrival_ns <= now && l->next_arrival_ns < l->ends_ns) {
		if (now - l->next_arrival_ns > OVERDUE_NS)
			l->count.overdue++;
		load_request(l, 0, l->next_arrival_ns);
		l->next_arrival_ns -=
			(int64_t)(log1p(-draw_uniform(&l->draws)) / l->settings->rate * (double)NS_PER_S);
	}
	if (l->next_arrival_ns >= l->ends_ns)
		return 0;
	sd_event_source_set_time(source, (uint64_t)(l->next_arrival_ns / NS_PER_US + 1));
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static void begin(struct load *l, int64_t now_ns)
{
	l->started = true;
	l->began_ns = now_ns;
	l->ends_ns = now_ns + l->settings->warmup_ns + l->settings->duration_ns;
	l->next_arrival_ns = now_ns;
	for (unsigned i = 0; i < l->settings->generators; i++)
		load_request(l, i, now_ns);
	if (!l->settings->generators) {
		sd_event_source_set_time(l->arrival, 0);
		sd_event_source_set_enabled(l->arrival, SD_EVENT_ONESHOT);
	}
}

static bool all_up(const struct load *l)
{
	for (unsigned i = 0; i < l->settings->clients * l->settings->server_count; i++)
		if (!l->links[i].up)
			return false;
	return true;
}

/* Begins when all are connected and the time has come (or half a second later without those that are not there), looks after what is old, ends. */
static int tick(sd_event_source *source, uint64_t time, void *context)
{
	struct load *l = context;
	int64_t now = clock_now_ns();

	(void)time;
	load_reconnect(l, now);
	if (!l->started) {
		if (now >= l->began_ns + l->settings->after_ns &&
			(all_up(l) || now >= l->began_ns + l->settings->after_ns + NS_PER_S / 2))
			begin(l, now);
	} else {
		give_up_old(l, now);
		if (now >= l->ends_ns &&
			(l->outstanding == 0 || now >= l->ends_ns + l->settings->timeout_ns + NS_PER_S)) {
			l->done = true;
			return sd_event_exit(l->loop, 0);
		}
	}
	sd_event_source_set_time(source, (uint64_t)((now + TICK_NS) / NS_PER_US));
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* ---- beginning and end ---- */

static int log_rates(sd_event_source *source, uint64_t time, void *context)
{
	struct load *l = context;
	const struct load_settings *s = l->settings;
	int64_t now = clock_now_ns();

	for (unsigned c = 0; l->started && c < s->clients; c++) {
		uint64_t held = chooser_held(l->choosers[c]) - l->held_before[c];
		l->held_before[c] += held;
		for (unsigned i = 0; i < s->server_count; i++) {
			const struct server_view *v = chooser_view(l->choosers[c], i);
			fprintf(l->log, "%.3f,%u,%u,%.4g,%.4g,%u,%.4g,%.4g,%llu\n",
				(double)(now - l->began_ns) / (double)NS_PER_S, c + 1, i + 1, v->limiter.rate,
				v->limiter.received, v->outstanding, v->response_ns / (double)NS_PER_MS,
				v->queue, (unsigned long long)held);
		}
	}
	sd_event_source_set_time(source, time + (uint64_t)(LIMITER_SETTINGS.interval_ns / NS_PER_US));
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int open_log(struct load *l, char **error)
{
	if (!l->settings->log)
		return 0;
	l->log = fopen(l->settings->log, "we");
	if (!l->log)
		return error_set(error, "log %s: %s", l->settings->log, strerror(errno));
	fputs("seconds,client,server,rate,received,outstanding,response_ms,queue,held\n", l->log);
	return sd_event_add_time(l->loop, &l->logging, CLOCK_MONOTONIC,
		(uint64_t)(clock_now_ns() / NS_PER_US), 1, log_rates, l);
}

static int make_choosers(struct load *l)
{
	const struct load_settings *s = l->settings;
	struct chooser_settings settings = CHOOSER_SETTINGS;

	for (unsigned i = 0; i < s->server_count * s->replicas; i++)
		l->members[i] = (uint16_t)((i / s->replicas + i % s->replicas) % s->server_count);
	settings.select = s->select;
	settings.control = s->control;
	settings.clients = s->of;
	settings.servers = settings.groups = s->server_count;
	settings.replicas = s->replicas;
	settings.members = l->members;
	for (unsigned i = 0; i < s->clients; i++) {
		settings.seed = draw_next(&l->draws);
		l->choosers[i] = chooser_new(&settings, clock_now_ns());
		if (!l->choosers[i])
			return -1;
	}
	return 0;
}

static int make_timers(struct load *l)
{
	struct {
		sd_event_source **source;
		sd_event_time_handler_t handler;
	} timers[] = {{&l->arrival, arrive}, {&l->wakes, wake}, {&l->tick, tick}};

	for (int i = 0; i < 3; i++)
		if (sd_event_add_time(
			    l->loop, timers[i].source, CLOCK_MONOTONIC, 0, 1, timers[i].handler, l) < 0 ||
			sd_event_source_set_enabled(*timers[i].source, SD_EVENT_OFF) < 0)
			return -1;
	sd_event_source_set_time(l->tick, (uint64_t)((clock_now_ns() + NS_PER_MS) / NS_PER_US));
	return sd_event_source_set_enabled(l->tick, SD_EVENT_ONESHOT);
}

struct load *load_start(sd_event *loop, const struct load_settings *s, char **error)
{
	struct load *l = calloc(1, sizeof *l);

	if (!l)
		return error_set(error, "no memory"), NULL;
	l->settings = s;
	l->loop = loop;
	l->free = NO_FLIGHT;
	l->draws = draw_mix(s->seed);
	l->began_ns = clock_now_ns();
	if (s->zipf > 0)
		zipf_init(&l->zipf, s->records, s->zipf);
	l->choosers = calloc(s->clients, sizeof *l->choosers);
	l->links = calloc(s->clients * s->server_count, sizeof *l->links);
	l->members = calloc(s->server_count * s->replicas, sizeof *l->members);
	l->served = calloc(s->server_count, sizeof *l->served);
	l->held_before = calloc(s->clients, sizeof *l->held_before);
	for (unsigned i = 0; l->links && i < s->clients * s->server_count; i++)
		l->links[i].stream.fd = -1;
	if (!l->choosers || !l->links || !l->members || !l->served || !l->held_before || make_choosers(l) < 0)
		error_set(error, "no memory for %u clients", s->clients);
	else if (make_timers(l) < 0)
		error_set(error, "event loop: %s", strerror(errno));
	else if (open_log(l, error) >= 0 && load_connect_all(l, error) == 0)
		return l;
	load_stop(l);
	return NULL;
}

void load_stop(struct load *l)
{
	if (!l)
		return;
	sd_event_source *sources[] = {l->arrival, l->wakes, l->tick, l->logging};
	for (int i = 0; i < 4; i++)
		sd_event_source_disable_unref(sources[i]);
	for (unsigned i = 0; l->links && i < l->settings->clients * l->settings->server_count; i++)
		if (l->links[i].stream.fd >= 0)
			stream_close(&l->links[i].stream);
	for (unsigned i = 0; l->choosers && i < l->settings->clients; i++)
		chooser_free(l->choosers[i]);
	if (l->log)
		fclose(l->log);
	free(l->choosers);
	free(l->links);
	free(l->members);
	free(l->served);
	free(l->held_before);
	free(l->pool);
	free(l->samples);
	free(l);
}

bool load_done(const struct load *l)
{
	return l->done;
}

/* ---- what it measured ---- */

void load_print(const struct load *l, FILE *out)
{
	const struct load_counters *c = &l->count;
	uint64_t held = 0;
	double seconds = (double)l->settings->duration_ns / (double)NS_PER_S;

	for (unsigned i = 0; i < l->settings->clients; i++)
		held += chooser_held(l->choosers[i]);
	fprintf(out,
		"{\"select\": \"%s\", \"reads\": %llu, \"updates\": %llu, \"failed\": %llu, \"retried\": %llu, \"late\": %llu,\n",
		selection_names[l->settings->select], (unsigned long long)c->reads,
		(unsigned long long)c->updates, (unsigned long long)c->failed, (unsigned long long)c->retried,
		(unsigned long long)c->late);
	fprintf(out,
		"\"foreign\": %llu, \"malformed\": %llu, \"wrong\": %llu, \"absent\": %llu, \"busy\": %llu, \"without_feedback\": %llu,\n",
		(unsigned long long)c->foreign, (unsigned long long)c->malformed,
		(unsigned long long)c->wrong, (unsigned long long)c->absent, (unsigned long long)c->busy,
		(unsigned long long)c->without_feedback);
	fprintf(out,
		"\"lost_connections\": %llu, \"overdue\": %llu, \"held\": %llu, \"held_share\": %.6f, \"throughput\": %.3f,\n\"served\": [",
		(unsigned long long)c->lost_connections, (unsigned long long)c->overdue,
		(unsigned long long)held, c->reads ? (double)held / (double)c->reads : 0,
		(double)l->sample_count / seconds);
	for (unsigned i = 0; i < l->settings->server_count; i++)
		fprintf(out, "%s%llu", i ? ", " : "", (unsigned long long)l->served[i]);
	fputs("],\n\"samples\": [", out);
	for (size_t i = 0; i < l->sample_count; i++)
		fprintf(out, "%s{\"at\": %.4f, \"ms\": %.4f}", i ? ",\n" : "",
			(double)(l->samples[i].made_ns - l->began_ns) / (double)NS_PER_S, l->samples[i].ms);
	fputs("]}\n", out);
}

static void show(void *context, struct control_request *request, int count, char **words)
{
	const struct load *l = context;

	(void)count;
	(void)words;
	control_answer(request, json_pack("{sI sI sI si}", "reads", (json_int_t)l->count.reads, "updates",
					(json_int_t)l->count.updates, "failed", (json_int_t)l->count.failed,
					"outstanding", (int)l->outstanding));
}

const struct control_command load_commands[] = {
	{"show", "", "counters", 0, 0, show},
	{0},
};
