/* Trevi's window, the pace of a group, its wire format, the locator table. */
#include "nodes/trevi/pace.h"
#include "nodes/trevi/table.h"
#include "nodes/trevi/window.h"
#include "tests/unit/check.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MS 1000000LL
static const struct window_settings *const settings = &WINDOW_SETTINGS;
static struct window window;

/* One sender behind a link that passes a symbol every `gap` after `base`; so many symbols; the share of them that is lost by `every`. Returns the time it took. */
struct path {
	int64_t base, gap, free, now; /* free: when the link is */
	uint32_t every, sent;         /* each so-manieth is lost; 0: none */
	struct {
		int64_t at;
		uint32_t label;
	} flight[WINDOW_LABELS];
	uint32_t head, tail;
};

static int64_t run(struct window *w, struct path *path, uint32_t symbols, double *largest)
{
	uint32_t got = 0;
	int64_t now = path->now, began = now;

	*largest = 0;
	while (got < symbols) {
		window_expire(w, settings, now);
		uint32_t room = window_room(w, settings, now);
		uint32_t label = window_ask(w, room, now);
		for (uint32_t i = 0; i < room; i++) {
			path->free = (path->free > now ? path->free : now) + path->gap;
			if (path->every && ++path->sent % path->every == 0)
				continue;
			path->flight[path->tail % WINDOW_LABELS].at = path->free + path->base;
			path->flight[path->tail++ % WINDOW_LABELS].label = label + i;
		}
		int64_t expiry = window_expiry(w, settings, now),
			next = path->head == path->tail ? INT64_MAX
							: path->flight[path->head % WINDOW_LABELS].at;
		assert_true(expiry != INT64_MAX || next != INT64_MAX);
		now = next <= expiry ? next : expiry;
		if (next <= expiry) {
			enum window_arrival came = window_came(
				w, settings, path->flight[path->head++ % WINDOW_LABELS].label, now);
			assert_true(came == WINDOW_NEW || came == WINDOW_LATE);
			got++;
		}
		*largest = fmax(*largest, w->size);
		assert_true(w->outstanding <= settings->most);
	}
	path->now = now;
	return now - began;
}

static void the_window_fills_the_link_without_filling_its_queue(void **state)
{
	(void)state;
	static struct path path;
	path = (struct path){.base = 10 * MS, .gap = MS / 10}; /* 100 symbols on the way */
	double largest;
	window_init(&window, settings, NULL);
	run(&window, &path, 5000, &largest);
	int64_t took = run(&window, &path, 20000, &largest);
	assert_true(took < 20000 * (MS / 10) * 11 / 10); /* at least 10/11 of the link */
	assert_true(window.size > 90 && window.size < 200);
	assert_int_equal(window.lost, 0);
}

static void losses_by_accident_do_not_shrink_it(void **state)
{
	(void)state;
	static struct path path;
	path = (struct path){.base = 10 * MS, .gap = MS / 10, .every = 100};
	double largest;
	window_init(&window, settings, NULL);
	int64_t took = run(&window, &path, 30000, &largest);
	assert_true(took < 30300 * (MS / 10) * 12 / 10);
	assert_true(window.lost > 250);
}

static void what_is_lost_beyond_the_share_is_taken_off(void **state)
{
	(void)state;
	window_init(&window, settings, NULL);
	window.size = 128;
	window.slow_start = false;
	window_ask(&window, 128, 0);
	for (uint32_t i = 0; i < 120; i++)
		window_came(&window, settings, i, 10 * MS);
	double before = window.size;
	window_ask(&window, window_room(&window, settings, 10 * MS), 10 * MS);
	assert_true(window_expire(&window, settings, 10 * MS + 1000 * MS) >= 4);
	assert_true(window.size < before && window.size >= before / 4);
}

/* Several receive from one sender each, over one link: together they fill it, and its queue stays short; nobody knows of the others but how many they are. */
static void windows_that_share_a_link_grow_as_one(void **state)
{
	(void)state;
	enum { N = 8 };
	static struct window windows[N];
	struct {
		int64_t at;
		uint32_t label;
		int of;
	} flight[4096];
	uint32_t head = 0, tail = 0, got = 0;
	int64_t now = 0, link = 0, longest = 0;
	const int64_t base = 2 * MS, gap = MS / 50; /* 100 symbols on the way */

	for (int i = 0; i < N; i++) {
		window_init(&windows[i], settings, NULL);
		window_share(&windows[i], N);
	}
	while (got < 20000) {
		int64_t next = INT64_MAX;
		for (int i = 0; i < N; i++) {
			window_expire(&windows[i], settings, now);
			uint32_t room = window_room(&windows[i], settings, now),
				 label = window_ask(&windows[i], room, now);
			for (uint32_t k = 0; k < room; k++) {
				link = (link > now ? link : now) + gap;
				flight[tail % 4096].at = link + base;
				flight[tail % 4096].of = i;
				flight[tail++ % 4096].label = label + k;
			}
			int64_t expiry = window_expiry(&windows[i], settings, now);
			next = expiry < next ? expiry : next;
		}
		assert_true(tail - head <= 4096);
		if (head != tail && flight[head % 4096].at <= next) {
			now = flight[head % 4096].at;
			window_came(
				&windows[flight[head % 4096].of], settings, flight[head % 4096].label, now);
			head++;
			got++;
			if (got > 10000)
				longest = link - now > longest ? link - now : longest;
		} else
			now = next;
	}
	assert_true(now < 20000 * gap * 11 / 10);
	assert_true(longest < base / 2); /* a queue of a quarter of what is on the way, at most twice that */
}

static void what_was_overtaken_is_given_up_sooner(void **state)
{
	(void)state;
	window_init(&window, settings, NULL);
	window_ask(&window, 3, 0);
	window_came(&window, settings, 0, 10 * MS);
	assert_int_equal(window_expire(&window, settings, 12 * MS), 0); /* both may still come */
	window_came(&window, settings, 2, 13 * MS);
	assert_int_equal(window_expiry(&window, settings, 13 * MS) <= 17 * MS, 1);
	assert_int_equal(window_expire(&window, settings, 17 * MS), 1);
	assert_true(window_timer(&window, settings) > 19 * MS);
	assert_int_equal(
		window_came(&window, settings, 1, 30 * MS), WINDOW_LATE); /* another way, a longer one */
	window_ask(&window, 2, 40 * MS);
	window_came(&window, settings, 4, 50 * MS);
	assert_int_equal(window_expire(&window, settings, 57 * MS), 0); /* so long it waits now */
}

static void the_first_symbols_are_spread_over_a_round_trip(void **state)
{
	(void)state;
	uint32_t asked = 0;
	window_init(&window, settings, NULL);
	window_hint(&window, 16 * MS);
	window_phase(&window, 0.5);
	assert_int_equal(window_room(&window, settings, 100 * MS), 0);
	for (int64_t now = window_expiry(&window, settings, 100 * MS); now < 116 * MS;) {
		uint32_t room = window_room(&window, settings, now);
		assert_true(room <= 1);
		window_ask(&window, room, now);
		asked += room;
		int64_t next = window_expiry(&window, settings, now);
		now = next > now ? next : now + 1;
	}
	assert_int_equal(asked, settings->first);
}

/* Asked for with the get: the sender sends them by the same clock; the round trip does not have the waiting in it. */
static void what_a_get_asks_for_is_outstanding(void **state)
{
	(void)state;
	static struct window next;
	window_init(&window, settings, NULL);
	window_phase(&window, 0.5);
	assert_int_equal(window_first(NULL, settings, 4), settings->first / 4);
	assert_int_equal(
		window_first(&window, settings, 1000), settings->least); /* it knows nothing either */
	window_share(&window, 4);
	window_begin(&window, 4, 100 * MS, 16 * MS, true);
	window_share(&window, 2); /* too late to matter */
	assert_int_equal(window.outstanding, 4);
	assert_int_equal(window_room(&window, settings, 110 * MS), 0);
	for (uint32_t i = 0; i < 4; i++) {
		int64_t due = window_due(100 * MS, 16 * MS, 4, i, 0.5);
		assert_int_equal(due, (102 + 4 * i) * MS);
		assert_int_equal(window_came(&window, settings, i, due + 10 * MS), WINDOW_NEW);
	}
	assert_int_equal(window_base(&window), 10 * MS);
	assert_int_equal(window.srtt_ns, 10 * MS);
	window.size = 7.9;
	assert_int_equal(window_first(&window, settings, 4), 7); /* as the last tract left it */
	window_init(&next, settings, &window);
	/* Nobody knows when these were sent: no round trip is taken from them. */
	window_begin(&next, 7, 200 * MS, 0, false);
	assert_int_equal(window_room(&next, settings, 200 * MS), 0);
	assert_int_equal(window_came(&next, settings, 0, 200 * MS + 1), WINDOW_NEW);
	assert_int_equal(window_base(&next), 10 * MS);
	assert_int_equal(window_expire(&next, settings, 200 * MS + window_timer(&next, settings)), 6);
	assert_true(window_room(&next, settings, 300 * MS) > 0);
}

/* The last symbols of a tract: nothing comes later that could overtake them. */
static void at_the_end_a_loss_is_noticed_sooner(void **state)
{
	(void)state;
	window_init(&window, settings, NULL);
	window_ask(&window, 2, 0);
	window_came(&window, settings, 0, 10 * MS);
	assert_int_equal(window_expire(&window, settings, 14 * MS), 0);
	assert_int_equal(window_end(&window, settings, 100), 0); /* more is lacking than there is room for */
	assert_false(window.ending);
	assert_true(window_end(&window, settings, 0) > 0);
	assert_true(window.ending);
	assert_true(window_expiry(&window, settings, 10 * MS) < 13 * MS);
	assert_int_equal(window_expire(&window, settings, 11 * MS), 0);
	assert_int_equal(window_expire(&window, settings, 13 * MS), 1);
}

/* Room that a tract does not need any more is given away as it becomes free, once; if something was lost, it is there again. */
static void what_is_not_needed_is_given_away(void **state)
{
	(void)state;
	window_init(&window, settings, NULL);
	window.slow_start = false;
	window.size = 10.5;
	window_lend(&window, 2);
	window_begin(&window, 9, 0, 0, true);
	assert_int_equal(window_end(&window, settings, 6), 0); /* three too few */
	assert_int_equal(window_end(&window, settings, 1), 2);
	assert_int_equal(window_end(&window, settings, 1), 0); /* it has been given */
	window_came(&window, settings, 0, MS);
	assert_int_equal(window_end(&window, settings, 1), 1);
	for (uint32_t label = 1; label < 8; label++) {
		window_came(&window, settings, label, MS);
		assert_int_equal(window_end(&window, settings, 0), label == 1 ? 2 : 1);
	}
	assert_true(window_left(&window) >= 1 && window_left(&window) < 2);
	assert_int_equal(window_expire(&window, settings, 100 * MS), 1);
	assert_int_equal(window_end(&window, settings, 3), 0);
	assert_int_equal(window_room(&window, settings, 100 * MS), 11); /* all but what the loss took */
	assert_true(window.size > 9 && window.size < 10.5);             /* what is kept for the next tract */
}

/* What is asked for at once meets an empty queue first: a window that is known does not grow by that. */
static void a_beginning_is_no_reason_to_grow(void **state)
{
	(void)state;
	static struct window before, next;
	window_init(&before, settings, NULL);
	before.slow_start = false;
	before.size = 8;
	before.srtt_ns = before.base_ns[0] = 10 * MS;
	before.base_began_ns = 1;
	window_init(&next, settings, &before);
	window_begin(&next, 8, 100 * MS, 0, true);
	for (uint32_t label = 0; label < 16; label++) {
		assert_true(next.size == 8);
		window_came(&next, settings, label, (label < 8 ? 110 : 120) * MS);
		if (label < 8)
			window_ask(&next, 1, 110 * MS);
	}
	/* But the last of them tells when they were too many, also when the tract was over before any round. */
	window_init(&next, settings, &before);
	window_begin(&next, 8, 100 * MS, 0, true);
	for (uint32_t label = 0; label < 8; label++)
		window_came(&next, settings, label, (110 + 2 * label) * MS);
	assert_true(next.size == 8);
	window_init(&window, settings, &next);
	assert_true(window.size < 6.5 && window.size > 5.5); /* 18 ms would be no queue, and there were 24 */
}

/* Each of several windows sees a symbol a while after its last; what they see together is the link's. */
static void windows_that_share_a_link_know_its_pace(void **state)
{
	(void)state;
	static struct window windows[4];
	struct window_settings exact = window_settings_of(0);
	struct window_link link = {0};
	for (int i = 0; i < 4; i++) {
		window_init(&windows[i], &exact, NULL);
		window_share(&windows[i], 4);
		windows[i].link = &link;
		window_ask(&windows[i], 4, 0);
	}
	for (uint32_t k = 0; k < 16; k++)
		window_came(&windows[k % 4], &exact, k / 4, 10 * MS + k * MS);
	assert_int_equal(link.gap_ns, MS);
	assert_int_equal(windows[0].gap_ns, 4 * MS);
	/* Four symbols of the link, not of the window: 10 ms and 4, so one of 16 is late. */
	assert_true(windows[1].size < exact.first / 4 + 4);
}

static void what_is_lent_is_not_kept(void **state)
{
	(void)state;
	static struct window next;
	window_init(&window, settings, NULL);
	window_ask(&window, window_room(&window, settings, 0), 0);
	window_came(&window, settings, 0, MS);
	double size = window.size;
	uint32_t room = window_room(&window, settings, 2 * MS);
	window_lend(&window, 5);
	assert_int_equal(window_room(&window, settings, 2 * MS), room + 5);
	window_init(&next, settings, &window);
	assert_true(next.size == size && next.lent == 0);
}

/* Not more is asked for than the tract may lack; when it lacks none by count, a few all the same. */
static void no_more_is_asked_for_than_is_missing(void **state)
{
	(void)state;
	uint32_t spare = window_spare(&window, false);
	assert_true(window_rest(750, 0, spare) > 750 && window_rest(750, 0, spare) < 760);
	assert_int_equal(window_rest(750, 740, spare) - window_rest(750, 745, spare), 5);
	assert_true(window_rest(750, 750, spare) > 0 &&
		    window_rest(750, 758, spare) == window_rest(750, 750, spare));
	/* One that lacks a fragment asks for more and more: 120 symbols too many in eleven rounds. */
	unsigned rounds = 0;
	for (uint32_t symbols = 750; symbols < 870; rounds++)
		symbols += window_rest(750, symbols, spare);
	assert_in_range(rounds, 6, 11);
}

/* By the systematic code none is asked for beyond the fragments, until more than one was lost; one that came late was not. */
static void without_losses_nothing_is_spare(void **state)
{
	(void)state;
	window_init(&window, settings, NULL);
	assert_int_equal(window_rest(94, 0, window_spare(&window, true)), 94);
	window_ask(&window, 3, 0);
	window_came(&window, settings, 2, MS);
	assert_int_equal(window_expire(&window, settings, 1000 * MS), 2);
	assert_true(window_spare(&window, true) > 0);
	window_came(&window, settings, 1, 1001 * MS);
	assert_int_equal(window_spare(&window, true), 0);
	assert_true(window_rest(94, 94, window_spare(&window, true)) >
		    0); /* but a tract that lacks something asks */
	assert_true(window_spare(&window, false) > 0);
}

static void labels_tell_what_came(void **state)
{
	(void)state;
	window_init(&window, settings, NULL);
	window.size = 4;
	assert_int_equal(window_came(&window, settings, 0, 0), WINDOW_UNASKED);
	assert_int_equal(window_came(&window, settings, UINT32_MAX, 0), WINDOW_UNASKED);
	assert_int_equal(window_ask(&window, 4, 0), 0);
	assert_int_equal(window_room(&window, settings, 0), 0);
	assert_int_equal(window_came(&window, settings, 3, MS), WINDOW_NEW); /* in any order */
	assert_int_equal(window_came(&window, settings, 3, MS), WINDOW_DUPLICATE);
	assert_int_equal(window_came(&window, settings, 4, MS), WINDOW_UNASKED);
	int64_t timer = window_timer(&window, settings);
	assert_int_equal(window_expire(&window, settings, MS + timer), 3);
	assert_int_equal(window.outstanding, 0);
	assert_int_equal(window_came(&window, settings, 0, 2 * MS + timer), WINDOW_LATE);
	assert_true(window_timer(&window, settings) > timer); /* it was too short */
	assert_int_equal(window_came(&window, settings, 0, 2 * MS + timer), WINDOW_DUPLICATE);
	assert_int_equal(window.unasked, 3);
	assert_int_equal(window.duplicates, 2);
}

static void old_labels_are_forgotten(void **state)
{
	(void)state;
	window_init(&window, settings, NULL);
	for (uint32_t i = 0; i < 2 * WINDOW_LABELS; i++) {
		window_ask(&window, 1, i);
		window_came(&window, settings, i, i + 1);
	}
	assert_int_equal(window_came(&window, settings, 5, 0), WINDOW_DUPLICATE);
	assert_int_equal(window.outstanding, 0);
}

/* ---- pace ---- */

static void a_group_goes_at_the_pace_of_its_slowest(void **state)
{
	(void)state;
	struct pace p;
	pace_init(&p, 3, 0);
	assert_true(pace_ask(&p, 0, 0, 10, 0));
	assert_true(pace_ask(&p, 1, 0, 4, 0));
	assert_int_equal(pace_room(&p), 0); /* the third has not asked */
	assert_true(pace_ask(&p, 2, 0, 7, 0));
	assert_int_equal(pace_room(&p), 4);
	p.sent += 4;
	assert_true(pace_ask(&p, 1, 6, 2, 0)); /* a request between was lost */
	assert_int_equal(pace_room(&p), 3);
	pace_leave(&p, 2); /* it has all */
	assert_int_equal(pace_room(&p), 4);
	assert_false(pace_ask(&p, 2, 20, 1, 0));
	assert_false(pace_ask(&p, 3, 0, 1, 0));
	assert_false(pace_ask(&p, 0, 1000000, 10, 0)); /* nobody has so large a window */
	assert_false(pace_ask(&p, 0, UINT32_MAX, 10, 0));
	pace_leave(&p, 0);
	pace_leave(&p, 1);
	assert_int_equal(pace_room(&p), 0);
}

static void who_asks_for_nothing_more_is_a_straggler(void **state)
{
	(void)state;
	struct pace p;
	pace_init(&p, 2, 0);
	pace_ask(&p, 0, 0, 10, 100);
	pace_ask(&p, 1, 0, 10, 100);
	p.sent = 10;
	pace_ask(&p, 0, 10, 10, 200);
	assert_int_equal(pace_straggler(&p, 500, 550), -1);
	assert_int_equal(pace_straggler(&p, 500, 650), 1);
	pace_leave(&p, 1);
	assert_int_equal(pace_straggler(&p, 500, 650), -1); /* the other waits for us, not we for it */
}

/* ---- wire ---- */

static void frames_are_checked(void **state)
{
	(void)state;
	struct wire_frame f = {.type = WIRE_PREPARE,
				  .session = 1,
				  .length = 1000,
				  .fragment = 1400,
				  .port = 7,
				  .group = {htonl(0xef010101)}},
			  g;
	uint8_t bytes[WIRE_FRAME_MAX];
	size_t n = wire_write_frame(&f, bytes);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(wire_read_frame(bytes, i, &g), 0);
	assert_int_equal(wire_read_frame(bytes, n, &g), n);
	assert_int_equal(g.length, 1000);
	assert_int_equal(g.group.s_addr, f.group.s_addr);
	f.group.s_addr = htonl(0x0a000001); /* no group */
	wire_write_frame(&f, bytes);
	assert_int_equal(wire_read_frame(bytes, n, &g), -1);
	f.group.s_addr = 0;
	f.length = WIRE_TRACT_MAX + 1;
	wire_write_frame(&f, bytes);
	assert_int_equal(wire_read_frame(bytes, n, &g), -1);
	f.length = 0; /* a tract of no bytes is one */
	wire_write_frame(&f, bytes);
	assert_int_equal(wire_read_frame(bytes, n, &g), n);
	f.fragment = WIRE_FRAGMENT_MIN - 1;
	wire_write_frame(&f, bytes);
	assert_int_equal(wire_read_frame(bytes, n, &g), -1);
	f.fragment = WIRE_FRAGMENT_MIN;
	f.code = WIRE_SYSTEMATIC;
	wire_write_frame(&f, bytes);
	assert_int_equal(wire_read_frame(bytes, n, &g), n);
	assert_int_equal(g.code, WIRE_SYSTEMATIC);
	f.code = WIRE_CODES;
	wire_write_frame(&f, bytes);
	assert_int_equal(wire_read_frame(bytes, n, &g), -1);
	f.code = WIRE_LT;
	wire_write_frame(&f, bytes);
	bytes[2] = WIRE_VERSION - 1;
	assert_int_equal(wire_read_frame(bytes, n, &g), -1);
}

static void a_get_says_what_may_come_at_once(void **state)
{
	(void)state;
	struct wire_frame get = {.type = WIRE_GET,
				  .session = 1,
				  .port = 7,
				  .source = 2,
				  .first = 5,
				  .over_ns = 100000},
			  g;
	uint8_t bytes[WIRE_FRAME_MAX];
	size_t n = wire_write_frame(&get, bytes);
	assert_int_equal(wire_read_frame(bytes, n - 1, &g), 0);
	assert_int_equal(wire_read_frame(bytes, n, &g), n);
	assert_int_equal(g.first, 5);
	assert_int_equal(g.over_ns, 100000);
	assert_int_equal(g.source, 2);
	get.first = WIRE_COUNT_MAX + 1;
	wire_write_frame(&get, bytes);
	assert_int_equal(wire_read_frame(bytes, n, &g), -1);
	struct wire_frame offer = {
		.type = WIRE_OFFER, .session = 1, .length = 9, .fragment = 1400, .took_ns = 77};
	n = wire_write_frame(&offer, bytes);
	assert_int_equal(wire_read_frame(bytes, n, &g), n);
	assert_int_equal(g.took_ns, 77);
}

static void datagrams_are_checked(void **state)
{
	(void)state;
	struct wire_datagram ask = {.type = WIRE_ASK, .session = 5, .label = 7, .count = 3}, d;
	uint8_t bytes[64];
	size_t n = wire_write_datagram(&ask, bytes);
	assert_int_equal(n, WIRE_REQUEST);
	assert_true(wire_read_datagram(bytes, n, &d));
	assert_int_equal(d.count, 3);
	assert_false(wire_read_datagram(bytes, n - 1, &d));
	assert_false(wire_read_datagram(bytes, n + 1, &d));
	bytes[1]++;
	assert_false(wire_read_datagram(bytes, n, &d));
	/* No two sources of a read have a seed in common. */
	assert_int_not_equal(wire_seed(WIRE_LT, 0, 9, 5), wire_seed(WIRE_LT, 1, 9, 5));
	assert_int_not_equal(wire_seed(WIRE_LT, 0, 9, 5), wire_seed(WIRE_LT, 0, 8, 5));
	assert_int_equal(wire_seed(WIRE_LT, 2, 9, 0x1000005), wire_seed(WIRE_LT, 2, 9, 5));
	assert_int_equal(wire_seed(WIRE_SYSTEMATIC, 2, 9, 5), 5); /* the fragment of that number */
}

/* ---- table ---- */

static void tables_are_checked(void **state)
{
	(void)state;
	static const char *const bad[] = {"rows: []\n", "rows:\n  - {servers: []}\n",
		"rows:\n  - {servers: [10.0.0.1]}\n",
		"rows:\n  - {servers: [10.0.0.1:7010, 10.0.0.1:7010]}\n",
		"rows:\n  - {servers: [10.0.0.1:7010], group: 10.1.1.1}\n",
		"rows:\n  - {servers: [10.0.0.1:7010], group: 239.1.1.1}\n  - {servers: [10.0.0.2:7010], group: 239.1.1.1}\n",
		"columns: []\n"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char *error = NULL;
		assert_null(table_parse("t", bad[i], &error));
		assert_int_equal(strncmp(error, "t:", 2), 0);
		free(error);
	}
	char *error = NULL;
	struct table *t = table_parse("t",
		"rows:\n  - {servers: [10.0.0.1:1]}\n  - {servers: [10.0.0.2:1]}\n  - {servers: [10.0.0.3:1]}\n",
		&error);
	uint8_t guid[WIRE_GUID];
	assert_true(table_guid("00112233445566778899aabbccddeeff", guid));
	assert_int_equal(guid[15], 0xff);
	assert_false(table_guid("0011223344556677889aabbccddeeff", guid));
	assert_false(table_guid("0011223344556677889gabbccddeefff", guid));
	/* Tracts of a blob go round; so all servers have the same number. */
	for (uint32_t tract = 0; tract < 9; tract++)
		assert_ptr_equal(table_locate(t, guid, tract), table_locate(t, guid, tract + 3));
	assert_ptr_not_equal(table_locate(t, guid, 0), table_locate(t, guid, 1));
	table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_window_fills_the_link_without_filling_its_queue),
		cmocka_unit_test(losses_by_accident_do_not_shrink_it),
		cmocka_unit_test(what_is_lost_beyond_the_share_is_taken_off),
		cmocka_unit_test(windows_that_share_a_link_grow_as_one),
		cmocka_unit_test(what_was_overtaken_is_given_up_sooner),
		cmocka_unit_test(the_first_symbols_are_spread_over_a_round_trip),
		cmocka_unit_test(what_a_get_asks_for_is_outstanding),
		cmocka_unit_test(at_the_end_a_loss_is_noticed_sooner),
		cmocka_unit_test(what_is_not_needed_is_given_away),
		cmocka_unit_test(a_beginning_is_no_reason_to_grow),
		cmocka_unit_test(windows_that_share_a_link_know_its_pace),
		cmocka_unit_test(what_is_lent_is_not_kept),
		cmocka_unit_test(no_more_is_asked_for_than_is_missing),
		cmocka_unit_test(without_losses_nothing_is_spare),
		cmocka_unit_test(labels_tell_what_came),
		cmocka_unit_test(old_labels_are_forgotten),
		cmocka_unit_test(a_group_goes_at_the_pace_of_its_slowest),
		cmocka_unit_test(who_asks_for_nothing_more_is_a_straggler),
		cmocka_unit_test(frames_are_checked),
		cmocka_unit_test(a_get_says_what_may_come_at_once),
		cmocka_unit_test(datagrams_are_checked),
		cmocka_unit_test(tables_are_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
