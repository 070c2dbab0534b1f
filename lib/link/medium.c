/* The medium; see medium.h. Nothing is planned ahead: each step finds who could be served first if nobody
 * else were, serves it, and looks again. A radio's visits are counted through only when somebody needs it. */
#include "lib/link/medium.h"

#include "lib/base/draw.h"
#include "lib/base/units.h"
#include <stdlib.h>
#include <string.h>

#define DOUBLED_MOST 6 /* the window of the back-off, from 15 slots to 1023 */

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* A draw in [0, 1). */
static double draw_share(uint64_t key, uint64_t number)
{
	return (double)draw_number(key, number) * 0x1p-53;
}

/* ---- radios */

/* When a station may begin in the present visit, which is to its channel, with what may go from `at_ns` on. What
 * an access point still had when the radio left comes late. */
static int64_t start_in_visit(const struct station *s, const struct visits *v, int64_t at_ns)
{
	const struct visits_channel *before = &v->channels[v->at];
	int64_t start = later(at_ns, v->from_ns);

	if (s->stale_ns && s->asked_ns <= before->left_ns && !before->flushed)
		start = later(start, v->from_ns + (int64_t)(draw_share(s->user.late_key, v->number) *
							    (double)s->stale_ns));
	return start;
}

static bool is_here(const struct station *s, const struct visits *v)
{
	return s->radio->channels[v->at] == s->channel->number;
}

/* Goes on to the visit in which the station can begin with what may go from `at_ns` on, and returns when in it. */
static int64_t go_to(const struct station *s, struct visits *v, int64_t at_ns)
{
	if (v->count == 1)
		return later(at_ns, v->from_ns);
	for (;;) {
		bool buffered = s->access_point && s->arrived_ns <= v->from_ns;
		int64_t start = start_in_visit(s, v, at_ns);
		if (is_here(s, v) && visits_admit(v, start, buffered))
			return start;
		visits_next(v);
		visits_skip(v, at_ns);
	}
}

static struct medium_radio *radio_of(struct medium *medium, const struct shape_medium *settings)
{
	struct medium_radio **at = &medium->radios;
	while (*at && strcmp((*at)->name, settings->radio) != 0)
		at = &(*at)->next;
	if (*at)
		return *at;
	struct visits_settings visits;
	struct medium_radio *radio = calloc(1, sizeof *radio);
	if (!radio)
		return NULL;
	strcpy(radio->name, settings->radio);
	shape_medium_visits(settings, &visits);
	visits_init(&radio->visits, &visits);
	radio->channels[0] = settings->channel;
	return *at = radio;
}

static int add_channel(struct medium_radio *radio, uint32_t number)
{
	uint32_t place = 0, count = radio->visits.count, *channels = radio->channels;
	while (place < count && channels[place] < number)
		place++;
	if (place < count && channels[place] == number)
		return 0;
	if (visits_add_channel(&radio->visits) < 0)
		return -1;
	memmove(channels + place + 1, channels + place, (count - place) * sizeof *channels);
	channels[place] = number;
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
	struct medium *medium, const struct shape_medium *settings, const struct station_user *user)
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
	station->user = *user;
	station->access_point = settings->access_point;
	station->until_ns = INT64_MIN;
	medium_tune(station, settings);
	while (*at)
		at = &(*at)->next;
	return *at = station;
}

void medium_tune(struct station *station, const struct shape_medium *settings)
{
	station->phy_rate_bps = settings->phy_rate_bps;
	station->overhead_ns = settings->overhead_ns;
	station->tries_most = settings->tries ? settings->tries : 1;
	station->success = settings->tries ? settings->success : 1;
	station->backoff_ns = settings->backoff_ns;
	station->stale_ns = settings->stale_ns;
}

void medium_draw(struct station *station, uint64_t try_key, uint64_t late_key)
{
	if (station->user.try_key != try_key)
		station->drawn = 0;
	station->user.try_key = try_key;
	station->user.late_key = late_key;
}

void medium_ask(struct station *station, int64_t at_ns, int64_t arrived_ns, uint32_t bytes)
{
	station->asks = true;
	station->asked_ns = at_ns;
	station->arrived_ns = arrived_ns;
	station->bytes = bytes;
	if (station->radio)
		visits_begin(&station->radio->visits, at_ns);
}

void medium_withdraw(struct station *station)
{
	station->asks = false;
	station->tries = 0;
	station->until_ns = INT64_MIN;
}

/* ---- who is next */

int64_t medium_next(const struct station *station)
{
	if (!station->asks)
		return MEDIUM_NEVER;
	int64_t at = later(later(station->asked_ns, station->until_ns), station->channel->free_ns);
	if (!station->radio)
		return at;
	struct visits visits = station->radio->visits;
	return go_to(station, &visits, at);
}

static void note_wait(struct station *station, int64_t waited_ns)
{
	station->packets++;
	station->waits += waited_ns > 0;
	station->waited_ns += waited_ns;
	station->longest_wait_ns = later(station->longest_wait_ns, waited_ns);
}

/* The shared radio is where it has to be. */
static void bring_radio(struct station *station, int64_t start_ns)
{
	struct medium_radio *radio = station->radio;
	uint32_t channel = station->channel->number;
	uint64_t before = radio->visits.number;
	go_to(station, &radio->visits, start_ns);
	radio->switches += radio->visits.number - before;
	if (radio->worked_on == channel)
		return;
	radio->worked_on = channel;
	if (station->medium->moved)
		station->medium->moved(station->medium->context, station->medium, radio, start_ns);
}

/* Takes the air for so many bytes; returns until when. */
static int64_t occupy(struct station *station, int64_t start_ns, uint32_t bytes)
{
	uint64_t work = bytes * 8ULL * NS_PER_S, rate = station->phy_rate_bps;
	int64_t air_ns = station->overhead_ns + (int64_t)((work + rate - 1) / rate);
	if (station->radio)
		bring_radio(station, start_ns);
	station->air_ns += air_ns;
	station->channel->busy_ns += air_ns;
	station->channel->free_ns = start_ns + air_ns;
	return start_ns + air_ns;
}

int64_t medium_transmit(struct station *station, int64_t start_ns, uint32_t bytes)
{
	int64_t end_ns = occupy(station, start_ns, bytes);
	note_wait(station, start_ns - station->asked_ns);
	if (station->radio)
		visits_passed(&station->radio->visits, end_ns, bytes, station->access_point);
	station->tries = 0;
	station->until_ns = INT64_MIN;
	return end_ns;
}

static bool succeeds(struct station *station)
{
	return station->success >= 1 ||
	       draw_share(station->user.try_key, station->drawn++) < station->success;
}

/* Nobody has acknowledged it. */
static void try_in_vain(struct station *station, int64_t start_ns)
{
	int64_t end_ns = occupy(station, start_ns, station->bytes);
	station->failed++;
	if (station->radio)
		visits_tried(&station->radio->visits, end_ns);
	if (++station->tries < station->tries_most) {
		uint32_t doubled = station->tries < DOUBLED_MOST ? station->tries : DOUBLED_MOST;
		station->until_ns = end_ns + station->backoff_ns * ((1LL << doubled) - 1);
		return;
	}
	station->tries = 0;
	station->until_ns = INT64_MIN;
	station->lost++;
	station->user.lose(station->user.context, end_ns);
}

static void take_turn(struct station *station, int64_t start_ns)
{
	if (succeeds(station))
		station->user.serve(station->user.context, start_ns);
	else
		try_in_vain(station, start_ns);
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
		take_turn(first, when);
	}
}

void medium_forget(struct medium *medium)
{
	for (struct station *s = medium->stations; s; s = s->next) {
		s->packets = s->waits = s->failed = s->lost = 0;
		s->air_ns = s->waited_ns = s->longest_wait_ns = 0;
	}
	for (struct medium_channel *c = medium->channels; c; c = c->next)
		c->busy_ns = 0;
	for (struct medium_radio *r = medium->radios; r; r = r->next) {
		r->switches = 0;
		visits_forget(&r->visits);
	}
}
