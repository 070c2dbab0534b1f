/* Pages: see the header. Pre-copy as QEMU does it: when a round begins, the list of written pages becomes its list of pages to send, and a new one
 * begins; a page that is written before its turn is sent in this round and the next. Post-copy: pages are pushed in order; one that the machine
 * touches before it is there is asked for, and comes before the others; meanwhile the machine waits. */
#include "nodes/migration/pages.h"

#include "lib/base/draw.h"
#include "lib/base/units.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const char *const page_measure_names[PAGES_MEASURES + 1] = {
	"total", "downtime", "rounds", "sent", "faults", "waited", "formula", NULL};

struct machine {
	const struct scenario *scenario;
	uint64_t pages, working; /* counts */
	double write_s;          /* between two writes; 0: none */
	uint64_t next;           /* sweep: the page that is written next */
	uint64_t state;          /* of the draws */
	double now_s, written_s; /* what was written lies before it */
	bool *marked;            /* written in this round; post-copy: there */
};

static uint64_t touch(struct machine *m)
{
	if (m->scenario->pattern == PATTERN_RANDOM)
		return draw_below(&m->state, m->working);
	uint64_t page = m->next++;
	m->next %= m->working;
	return page;
}

/* Bytes of the pages that were written in the round. */
static double written(void *context, unsigned round, double seconds)
{
	struct machine *m = context;
	uint64_t count = 0, writes = 0;
	(void)round;
	m->now_s += seconds;
	memset(m->marked, 0, m->working * sizeof *m->marked);
	/* A sweep needs no more than one turn, of which every page is once. */
	for (; m->write_s > 0 && m->written_s + m->write_s <= m->now_s; m->written_s += m->write_s) {
		if (count == m->working) {
			double turns = (m->now_s - m->written_s) / m->write_s;
			m->next = (m->next + (uint64_t)turns) % m->working;
			m->written_s = m->now_s;
			break;
		}
		bool *page = &m->marked[touch(m)];
		count += !*page;
		*page = true;
		writes++;
	}
	return (double)(count * m->scenario->page);
}

/* What the machine waits for while the rest is pushed. */
static void run_behind(struct machine *m, double values[PAGES_MEASURES])
{
	const struct scenario *s = m->scenario;
	double page_s = (double)s->page * 8 / (double)s->copy.rate_bps, touch_s = m->write_s;
	double round_trip_s = (double)s->round_trip_ns / NS_PER_S;
	uint64_t left = m->pages, push = 0;

	memset(m->marked, 0, m->pages * sizeof *m->marked);
	for (double now = 0; left > 0;) {
		if (m->write_s > 0 && touch_s <= now) {
			uint64_t page = touch(m);
			if (!m->marked[page]) {
				/* It comes after the page that is on its way. */
				double until = now + round_trip_s + page_s;
				values[PAGES_FAULTS]++;
				values[PAGES_WAITED] += until - touch_s;
				m->marked[page] = true;
				left--;
				now += page_s;
				touch_s = until;
			}
			touch_s += m->write_s;
			continue;
		}
		while (push < m->pages && m->marked[push])
			push++;
		if (push < m->pages) {
			m->marked[push] = true;
			left--;
			now += page_s;
		}
	}
}

void pages_run(
	const struct scenario *scenario, uint64_t seed, double values[PAGES_MEASURES], struct copy_plan *plan)
{
	const struct scenario *s = scenario;
	struct scenario whole = *s; /* whole pages */
	struct copy_plan own, formula;
	struct machine m = {.scenario = s, .state = seed};

	m.pages = (s->copy.ram + s->page - 1) / s->page;
	m.working = s->copy.working ? (s->copy.working + s->page - 1) / s->page : m.pages;
	m.write_s = s->copy.dirty_bps ? (double)s->page * 8 / (double)s->copy.dirty_bps : 0;
	m.marked = calloc(m.pages, sizeof *m.marked);
	if (!m.marked)
		abort();
	plan = plan ? plan : &own;
	whole.copy.ram = m.pages * s->page;
	copy_plan(&whole.copy, written, &m, plan);
	copy_plan(&s->copy, NULL, NULL, &formula);
	memset(values, 0, PAGES_MEASURES * sizeof *values);
	if (s->copy.mode == COPY_POST)
		run_behind(&m, values);
	values[PAGES_TOTAL] = plan->total_s;
	values[PAGES_DOWNTIME] = plan->downtime_s;
	values[PAGES_ROUNDS] = plan->rounds;
	values[PAGES_SENT] = plan->bytes / 1e6;
	values[PAGES_FORMULA] = plan->total_s / formula.total_s;
	free(m.marked);
}
