/* What the engine tells of itself, as JSON: settings and counters; nodes/link/README.md has the keys. */
#include "lib/base/clock.h"
#include "nodes/link/engine_internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *integer(uint64_t value)
{
	return json_integer((json_int_t)value);
}

/* As YAML: what the `set` command and the configuration take. */
static json_t *settings_json(const struct shape *s)
{
	char *text = shape_text(s);
	json_t *json = json_pack("{s:o, s:o, s:o, s:f, s:o, s:o, s:o, s:s}", "rate_bps", integer(s->rate_bps),
		"delay_ns", integer((uint64_t)s->delay_ns), "jitter_ns", integer((uint64_t)s->jitter_ns),
		"loss", s->loss, "queue_packets", integer(s->queue_packets), "queue_bytes",
		integer(s->queue_bytes), "seed", integer(s->seed), "shape", text);
	free(text);
	return json;
}

json_t *engine_settings_json(const struct engine *engine, const char *link, int direction)
{
	const struct shape *shape = engine_settings(engine, link, direction);
	return shape ? settings_json(shape) : NULL;
}

static json_t *radio_json(struct radio *radio)
{
	json_t *times = json_object();

	radio_advance(radio, clock_now_ns());
	for (int state = 0; state < RADIO_STATES; state++)
		json_object_set_new(times, radio_state_name((enum radio_state)state),
			json_real((double)radio->time_ns[state] / NS_PER_S));
	return json_pack("{s:s, s:s, s:o, s:f, s:o}", "profile", radio->profile.name, "state",
		radio_state_name(radio->state), "promotions", integer(radio->promotions), "energy_mj",
		radio_energy_mj(radio), "seconds", times);
}

static json_t *air_json(const struct station *s)
{
	return json_pack("{s:o, s:f, s:o, s:f, s:f, s:o, s:o}", "packets", integer(s->packets), "seconds",
		(double)s->air_ns / NS_PER_S, "waits", integer(s->waits), "waited_s",
		(double)s->waited_ns / NS_PER_S, "longest_wait_us", (double)s->longest_wait_ns / NS_PER_US,
		"failed", integer(s->failed), "lost", integer(s->lost));
}

static json_t *trim_json(const struct trim_port *port, uint64_t bounced)
{
	const struct trim_counters *c = &port->counters;

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "trimmed", integer(c->trimmed), "trimmed_tail",
		integer(c->trimmed_tail), "bounced", integer(bounced), "headers_dropped",
		integer(c->headers_dropped), "high_data_bytes", integer(port->low.most_bytes),
		"high_header_bytes", integer(port->high.most_bytes));
}

/* Of a shared radio, and of the link's channel on it: what is known of visits that have ended. */
static json_t *shared_radio_json(const struct medium_radio *radio, uint32_t number)
{
	const struct visits *v = &radio->visits;
	uint32_t place = 0;

	while (radio->channels[place] != number)
		place++;
	const struct visits_channel *c = &v->channels[place];
	return json_pack("{s:s, s:o, s:f, s:{s:o, s:o, s:o}, s:f, s:o, s:f, s:f}", "name", radio->name,
		"switches", integer(radio->switches), "switching_s",
		(double)radio->switches * (double)v->settings.switching_ns / NS_PER_S, "ended", "idle",
		integer(v->ended[VISITS_IDLE]), "whole", integer(v->ended[VISITS_WHOLE]), "flushed",
		integer(v->ended[VISITS_FLUSHED]), "there_s", (double)c->there_ns / NS_PER_S, "bytes",
		integer(c->bytes), "dwell_ms", (double)c->dwell_ns / NS_PER_MS, "idle_ms",
		(double)v->idle_ns / NS_PER_MS);
}

static json_t *medium_json(const struct station *s)
{
	json_t *json = json_pack("{s:s, s:i, s:f}", "name", s->medium->name, "channel",
		(int)s->channel->number, "busy_s", (double)s->channel->busy_ns / NS_PER_S);
	if (s->radio)
		json_object_set_new(json, "radio", shared_radio_json(s->radio, s->channel->number));
	return json;
}

/* Of an interface that has gone, nothing is known any more. */
static uint64_t tap_dropped(struct direction *d)
{
	uint64_t dropped = attachment_dropped(&d->attachment), before = d->counters.tap_dropped;
	return dropped > before ? dropped - before : 0;
}

static json_t *direction_json(struct direction *d)
{
	struct model_queue queue;
	const struct counters *c = &d->counters;
	uint64_t tap = tap_dropped(d);

	model_queue(d->model, clock_now_ns(), &queue);
	json_t *drops = json_pack("{s:o, s:o, s:o, s:o, s:o}", "loss", integer(c->lost), "queue",
		integer(c->overflowed), "codel", integer(c->codel), "buffer", integer(c->unbuffered + tap),
		"send", integer(c->unsent));
	json_t *queued = json_pack("{s:o, s:o, s:o, s:o, s:o}", "packets", integer(queue.packets), "bytes",
		integer(queue.bytes), "high_packets", integer(queue.high_packets), "high_bytes",
		integer(queue.high_bytes), "held", integer(queue.held));
	json_t *json = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"interface", d->interface, "foreign", integer(c->foreign), "marked", integer(c->marked),
		"corrupted", integer(c->corrupted), "duplicated", integer(c->duplicated), "settings",
		settings_json(model_shape(d->model)), "packets", integer(c->packets + tap), "bytes",
		integer(c->bytes), "sent_packets", integer(c->sent_packets), "sent_bytes",
		integer(c->sent_bytes), "drops", drops, "queue", queued, "lateness",
		lateness_json(&c->lateness));
	if (model_trim(d->model))
		json_object_set_new(json, "trim", trim_json(model_trim(d->model), c->bounced));
	if (model_station(d->model))
		json_object_set_new(json, "air", air_json(model_station(d->model)));
	return json;
}

json_t *engine_status(struct engine *engine)
{
	json_t *links = json_array();

	for (uint32_t i = 0; i + 1 < engine->count; i += 2) {
		json_t *link = json_pack("{s:s, s:o, s:o}", "name", engine->directions[i].link->name,
			"forward", direction_json(&engine->directions[i]), "reverse",
			direction_json(&engine->directions[i + 1]));
		if (engine->radios[i / 2].profile.name)
			json_object_set_new(link, "radio", radio_json(&engine->radios[i / 2]));
		const struct station *station = model_station(engine->directions[i].model);
		if (station)
			json_object_set_new(link, "medium", medium_json(station));
		json_array_append_new(links, link);
	}
	return json_pack("{s:b, s:f, s:f, s:{s:o, s:f}, s:o, s:o, s:o}", "realtime", engine->realtime,
		"spin_us", (double)engine->settings->spin_ns / NS_PER_US, "wake_us",
		(double)engine->wake_ns / NS_PER_US, "stalls", "count", integer(engine->stalls), "max_us",
		(double)engine->longest_stall_ns / NS_PER_US, "memory_bytes",
		integer(engine->buffers.allocated), "events", events_json(engine->events), "links", links);
}

void engine_subscribe(struct engine *engine, struct control_request *request)
{
	events_subscribe(engine->events, request);
}

void engine_reset(struct engine *engine)
{
	for (struct medium *medium = engine->media; medium; medium = medium->next)
		medium_forget(medium);
	for (uint32_t i = 0; i < engine->count / 2; i++)
		if (engine->radios[i].profile.name)
			radio_forget(&engine->radios[i], clock_now_ns());
	events_forget(engine->events);
	engine->stalls = 0;
	engine->longest_stall_ns = engine->complained_ns = 0;
	for (uint32_t i = 0; i < engine->count; i++) {
		struct direction *d = &engine->directions[i];
		memset(&d->counters, 0, sizeof d->counters);
		d->counters.tap_dropped = attachment_dropped(&d->attachment);
		d->complained_ns = 0;
		model_forget_high(d->model, clock_now_ns());
	}
}
