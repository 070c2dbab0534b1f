/* The medium; see medium.h. Nothing is planned ahead: each step finds who could be served first if nobody
 * else were, serves it, and looks again. A radio's visits are counted through only when somebody needs it. */
#include "lib/link/medium.h"

#include "lib/base/units.h"
#include <stdlib.h>
#include <string.h>

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* ---- radios */

/* When the present visit ends, if nothing more is sent in it. */
static int64_t visit_end(const struct medium_radio *r)
{
	int64_t end = r->from_ns + r->dwell_ns;
	if (r->idle_ns)
		end = sooner(end, later(r->from_ns, r->last_ns) + r->idle_ns);
	return later(end, r->last_ns);
}

static void visit_next(struct medium_radio *r)
{
	r->from_ns = visit_end(r) + r->switching_ns;
	r->last_ns = INT64_MIN;
	r->at = (r->at + 1) % r->count;
	r->switches++;
}

/* Whole rounds in which nothing is sent. */
static void skip_rounds(struct medium_radio *r, int64_t at_ns)
{
	int64_t round = r->count * (visit_end(r) - r->from_ns + r->switching_ns);
	if (r->last_ns != INT64_MIN || at_ns - r->from_ns < round)
		return;
	int64_t rounds = (at_ns - r->from_ns) / round;
	r->from_ns += rounds * round;
	r->switches += (uint64_t)rounds * r->count;
}

/* Goes on to the visit in which a packet that is ready at `at_ns` can be sent on that channel, and returns
 * when in it. */
static int64_t go_to(struct medium_radio *r, uint32_t channel, int64_t at_ns)
{
	while (r->count > 1 && (r->channels[r->at] != channel || at_ns >= visit_end(r))) {
		visit_next(r);
		skip_rounds(r, at_ns);
	}
	return later(at_ns, r->from_ns);
}

static struct medium_radio *radio_of(struct medium *medium, const struct shape_medium *settings)
{
	struct medium_radio **at = &medium->radios;
	while (*at && strcmp((*at)->name, settings->radio) != 0)
		at = &(*at)->next;
	if (*at)
		return *at;
	struct medium_radio *radio = calloc(1, sizeof *radio);
	if (!radio)
		return NULL;
	strcpy(radio->name, settings->radio);
	radio->switching_ns = settings->switching_ns;
	radio->dwell_ns = settings->dwell_ns;
	radio->idle_ns = settings->idle_ns;
	radio->from_ns = radio->last_ns = INT64_MIN;
	return *at = radio;
}

static int add_channel(struct medium_radio *radio, uint32_t number)
{
	uint32_t place = 0;
	while (place < radio->count && radio->channels[place] < number)
		place++;
	if (place < radio->count && radio->channels[place] == number)
		return 0;
	uint32_t *channels = realloc(radio->channels, (radio->count + 1) * sizeof *channels);
	if (!channels)
		return -1;
	memmove(channels + place + 1, channels + place, (radio->count - place) * sizeof *channels);
	channels[place] = number;
	radio->channels = channels;
	radio->count++;
	return 0;
}

/* ---- media and stations */

struct medium *medium_get(struct medium **list, const char *name)
{
	while (*list && strcmp((*list)->name, name) != 0)
		list = &(*list)->next;
	if (*list)
		return *list;
	struct medium *medium = calloc(1, sizeof *medium);
	if (!medium)
		return NULL;
	strcpy(medium->name, name);
	return *list = medium;
}

void medium_free(struct medium **list)
{
	for (struct medium *medium = *list, *following; medium; medium = following) {
		following = medium->next;
		for (struct station *s = medium->stations, *next; s; s = next) {
			next = s->next;
			free(s);
		}
		for (struct medium_channel *c = medium->channels, *next; c; c = next) {
			next = c->next;
			free(c);
		}
		for (struct medium_radio *r = medium->radios, *next; r; r = next) {
			next = r->next;
			free(r->channels);
			free(r);
		}
		free(medium);
	}
	*list = NULL;
}

static struct medium_channel *channel_of(struct medium *medium, uint32_t number)
{
	struct medium_channel **at = &medium->channels;
	while (*at && (*at)->number != number)
		at = &(*at)->next;
	if (*at)
		return *at;
	struct medium_channel *channel = calloc(1, sizeof *channel);
	if (!channel)
		return NULL;
	*channel = (struct medium_channel){.medium = medium, .number = number, .free_ns = INT64_MIN};
	return *at = channel;
}

struct station *medium_join(
	struct medium *medium, const struct shape_medium *settings, medium_serve *serve, void *context)
{
	struct station **at = &medium->stations, *station = calloc(1, sizeof *station);
	if (!station)
		return NULL;
	station->medium = medium;
	station->channel = channel_of(medium, settings->channel);
	station->radio = *settings->radio ? radio_of(medium, settings) : NULL;
	if (!station->channel || (*settings->radio && !station->radio) ||
		(station->radio && add_channel(station->radio, settings->channel) < 0)) {
		free(station);
		return NULL;
	}
	station->serve = serve;
	station->context = context;
	medium_tune(station, settings);
	while (*at)
		at = &(*at)->next;
	return *at = station;
}

void medium_tune(struct station *station, const struct shape_medium *settings)
{
	station->phy_rate_bps = settings->phy_rate_bps;
	station->overhead_ns = settings->overhead_ns;
}

void medium_ask(struct station *station, int64_t at_ns)
{
	station->asks = true;
	station->asked_ns = at_ns;
	if (station->radio && station->radio->from_ns == INT64_MIN)
		station->radio->from_ns = at_ns;
}

void medium_withdraw(struct station *station)
{
	station->asks = false;
}

/* ---- who is next */

int64_t medium_next(const struct station *station)
{
	if (!station->asks)
		return MEDIUM_NEVER;
	int64_t at = later(station->asked_ns, station->channel->free_ns);
	if (!station->radio)
		return at;
	struct medium_radio radio = *station->radio;
	return go_to(&radio, station->channel->number, at);
}

void medium_advance(struct medium *medium, int64_t now_ns)
{
	for (;;) {
		struct station *first = NULL;
		int64_t when = MEDIUM_NEVER;
		for (struct station *s = medium->stations; s; s = s->next) {
			int64_t start = medium_next(s);
			if (start > now_ns ||
				(first &&
					(start > when || (start == when && s->asked_ns >= first->asked_ns))))
				continue;
			first = s;
			when = start;
		}
		if (!first)
			return;
		first->serve(first->context, when);
	}
}

static void note_wait(struct station *station, int64_t waited_ns)
{
	station->packets++;
	station->waits += waited_ns > 0;
	station->waited_ns += waited_ns;
	station->longest_wait_ns = later(station->longest_wait_ns, waited_ns);
}

static void occupy_radio(struct station *station, int64_t start_ns, int64_t end_ns)
{
	struct medium_radio *radio = station->radio;
	uint32_t channel = station->channel->number;
	go_to(radio, channel, start_ns);
	radio->last_ns = end_ns;
	if (radio->worked_on == channel)
		return;
	radio->worked_on = channel;
	if (station->medium->moved)
		station->medium->moved(station->medium->context, station->medium, radio, start_ns);
}

int64_t medium_transmit(struct station *station, int64_t start_ns, uint32_t bytes)
{
	uint64_t work = bytes * 8ULL * NS_PER_S, rate = station->phy_rate_bps;
	int64_t air_ns = station->overhead_ns + (int64_t)((work + rate - 1) / rate);
	int64_t end_ns = start_ns + air_ns;
	note_wait(station, start_ns - station->asked_ns);
	station->air_ns += air_ns;
	station->channel->busy_ns += air_ns;
	station->channel->free_ns = end_ns;
	if (station->radio)
		occupy_radio(station, start_ns, end_ns);
	return end_ns;
}

void medium_forget(struct medium *medium)
{
	for (struct station *s = medium->stations; s; s = s->next) {
		s->packets = s->waits = 0;
		s->air_ns = s->waited_ns = s->longest_wait_ns = 0;
	}
	for (struct medium_channel *c = medium->channels; c; c = c->next)
		c->busy_ns = 0;
	for (struct medium_radio *r = medium->radios; r; r = r->next)
		r->switches = 0;
}
