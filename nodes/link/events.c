/* Events; see the header. A cellular radio is only moved on when a packet comes: while somebody listens, a
 * timer does so too, 10 ms behind, so that a packet that came in time but was read late still finds the state
 * it met. */
#include "nodes/link/events.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include <stdlib.h>
#include <string.h>

#define BEHIND_NS (10 * NS_PER_MS)

struct reader {
	struct reader *next;
	struct control_request *request;
};

struct watch {
	struct events *events;
	struct radio *radio;
	const char *link;
	/* Between any two packets a radio is in its tail: that is told when it lasts. 0: none. */
	int64_t tail_ns;
};

struct events {
	sd_event_source *timer;
	struct reader *readers;
	struct watch *watches;
	size_t count;
	uint64_t lines, dropped;
};

static void remove_reader(struct reader **at)
{
	struct reader *reader = *at;
	*at = reader->next;
	control_end(reader->request);
	free(reader);
}

/* Takes the event over. */
static void tell(struct events *events, json_t *event)
{
	char *line = event ? json_dumps(event, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
	json_decref(event);
	for (struct reader **at = &events->readers; line && *at;) {
		if (control_tell((*at)->request, line)) {
			at = &(*at)->next;
			continue;
		}
		if (!control_abandoned((*at)->request)) {
			events->dropped++;
			log_warning("events-reader-too-slow", "effect=\"it is hung up on\"");
		}
		remove_reader(at);
	}
	events->lines += line != NULL;
	free(line);
}

static json_t *time_json(int64_t at_ns)
{
	return json_integer((json_int_t)at_ns);
}

/* ---- cellular radios */

static void tell_state(const struct watch *watch, enum radio_state state, int64_t at_ns)
{
	tell(watch->events, json_pack("{s:s, s:s, s:s, s:o}", "event", "radio", "link", watch->link, "state",
				    radio_state_name(state), "at_ns", time_json(at_ns)));
}

static void tell_tail(struct watch *watch)
{
	if (watch->tail_ns)
		tell_state(watch, RADIO_TAIL, watch->tail_ns);
	watch->tail_ns = 0;
}

static void arm(struct events *events)
{
	int64_t first = RADIO_NEVER;
	for (size_t i = 0; events->readers && i < events->count; i++) {
		const struct watch *watch = &events->watches[i];
		int64_t next = watch->tail_ns ? watch->tail_ns : radio_deadline(watch->radio);
		first = next < first ? next : first;
	}
	if (first == RADIO_NEVER) {
		sd_event_source_set_enabled(events->timer, SD_EVENT_OFF);
		return;
	}
	sd_event_source_set_time(events->timer, (uint64_t)((first + BEHIND_NS) / NS_PER_US + 1));
	sd_event_source_set_enabled(events->timer, SD_EVENT_ONESHOT);
}

static void radio_changed(void *context, const struct radio *radio)
{
	struct watch *watch = context;
	if (!watch->events->readers)
		return;
	if (radio->state == RADIO_TAIL) {
		watch->tail_ns = radio->now;
	} else if (radio->state == RADIO_HIGH && watch->tail_ns && radio->now - watch->tail_ns < BEHIND_NS) {
		watch->tail_ns = 0;
	} else {
		tell_tail(watch);
		tell_state(watch, radio->state, radio->now);
	}
	arm(watch->events);
}

static int on_time(sd_event_source *source, uint64_t when_us, void *context)
{
	struct events *events = context;
	int64_t until = clock_now_ns() - BEHIND_NS;
	(void)source;
	(void)when_us;
	for (size_t i = 0; i < events->count; i++) {
		struct watch *watch = &events->watches[i];
		radio_advance(watch->radio, until);
		if (watch->tail_ns && watch->tail_ns <= until)
			tell_tail(watch);
	}
	arm(events);
	return 0;
}

void events_watch_radio(struct events *events, struct radio *radio, const char *link)
{
	struct watch *watch = &events->watches[events->count++];
	*watch = (struct watch){.events = events, .radio = radio, .link = link};
	radio->changed = radio_changed;
	radio->context = watch;
}

/* ---- media and settings */

static void radio_moved(
	void *context, const struct medium *medium, const struct medium_radio *radio, int64_t at_ns)
{
	struct events *events = context;
	if (events->readers)
		tell(events, json_pack("{s:s, s:s, s:s, s:i, s:o}", "event", "channel", "medium",
				     medium->name, "radio", radio->name, "channel", (int)radio->worked_on,
				     "at_ns", time_json(at_ns)));
}

void events_watch_medium(struct events *events, struct medium *medium)
{
	medium->moved = radio_moved;
	medium->context = events;
}

void events_settings(struct events *events, const char *link, int direction, const struct shape *shape)
{
	if (!events->readers)
		return;
	char *text = shape_text(shape);
	tell(events, json_pack("{s:s, s:s, s:s, s:s, s:o}", "event", "settings", "link", link, "direction",
			     direction ? "reverse" : "forward", "shape", text, "at_ns",
			     time_json(clock_now_ns())));
	free(text);
}

/* ---- readers */

void events_subscribe(struct events *events, struct control_request *request)
{
	struct reader **at = &events->readers;
	while (*at)
		if (control_abandoned((*at)->request))
			remove_reader(at);
		else
			at = &(*at)->next;
	struct reader *reader = calloc(1, sizeof *reader);
	if (!reader) {
		control_refuse(request, "no memory for a reader");
		return;
	}
	/* What came before the first reader was told to nobody. */
	json_t *radios = json_array();
	for (size_t i = 0; i < events->count; i++) {
		struct watch *watch = &events->watches[i];
		radio_advance(watch->radio, clock_now_ns() - BEHIND_NS);
		json_array_append_new(radios, json_pack("{s:s, s:s}", "link", watch->link, "state",
						      radio_state_name(watch->radio->state)));
	}
	control_begin(request, json_pack("{s:o}", "radios", radios));
	reader->request = request;
	*at = reader;
	arm(events);
}

json_t *events_json(const struct events *events)
{
	json_int_t readers = 0;
	for (const struct reader *reader = events->readers; reader; reader = reader->next)
		readers += !control_abandoned(reader->request);
	return json_pack("{s:I, s:I, s:I}", "readers", readers, "lines", (json_int_t)events->lines,
		"dropped_readers", (json_int_t)events->dropped);
}

void events_forget(struct events *events)
{
	events->lines = events->dropped = 0;
}

/* ---- start and stop */

struct events *events_new(sd_event *loop, size_t count)
{
	struct events *events = calloc(1, sizeof *events);
	if (!events)
		return NULL;
	events->watches = calloc(count + 1, sizeof *events->watches);
	if (!events->watches ||
		sd_event_add_time(loop, &events->timer, CLOCK_MONOTONIC, 0, 1000, on_time, events) < 0) {
		events_free(events);
		return NULL;
	}
	sd_event_source_set_enabled(events->timer, SD_EVENT_OFF);
	return events;
}

void events_free(struct events *events)
{
	if (!events)
		return;
	while (events->readers)
		remove_reader(&events->readers);
	sd_event_source_disable_unref(events->timer);
	free(events->watches);
	free(events);
}
