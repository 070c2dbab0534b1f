#include "nodes/trevi/window.h"

#include "lib/base/units.h"
#include <math.h>
#include <string.h>

const struct window_settings WINDOW_SETTINGS = {
	.least = 1,
	.most = WINDOW_MAX,
	.first = 16,
	.delay = 1.10,
	.loss = 0.02,
	.timer_min_ns = 1 * NS_PER_MS,
	.first_timer_ns = 20 * NS_PER_MS,
	.noise_ns = 100 * NS_PER_US,
	.base_ns = 10 * NS_PER_S,
};

#define FIRST_FEW 8
#define FEWEST 2 /* of one window */
/* What a group's slowest held back for a second came as late; the next that is lost need not be waited for as long. */
#define TIMER_MOST (250 * NS_PER_MS)
#define GAPS 4  /* symbols that meet are no queue: so many, by the least time between two */
#define SPARE 2 /* symbols too many that a tract needs, about (README.md, "Few fragments") */
/* A tract that needs more than this lacks a fragment that no symbol had: one in K divided by the mean degree brings it, 80 of 750 on average. Two a round
 * trip would take 40 of them; so many as were too many already take six. */
#define STUCK 8
/* While a window opens its queue is not there yet: the first answer, and all that was asked for before that, met an empty one. To grow by that overflowed the queue at
 * every beginning. */
#define OPENING 2
#define CREDIT 2 /* so many losses at once are accidents, when none was for long */

struct window_settings window_settings_of(int64_t noise_ns)
{
	struct window_settings s = WINDOW_SETTINGS;

	s.noise_ns = noise_ns;
	s.timer_min_ns = 10 * noise_ns;
	return s;
}

enum { LABEL_OUT = 1, LABEL_GIVEN_UP, LABEL_CAME };

uint32_t window_first(const struct window *before, const struct window_settings *s, uint32_t of)
{
	double size = before && before->srtt_ns ? before->size : s->first / of;

	return (uint32_t)fmin(fmax(size, s->least), s->most);
}

int64_t window_due(int64_t began_ns, int64_t over_ns, uint32_t count, uint32_t i, double phase)
{
	return began_ns + (int64_t)ceil((i + phase) * (double)over_ns / count);
}

void window_begin(struct window *w, uint32_t count, int64_t began_ns, int64_t over_ns, bool timed)
{
	w->untimed = timed ? 0 : count;
	w->began = true;
	w->began_ns = began_ns;
	w->spread_ns = over_ns;
	for (uint32_t i = 0; i < count; i++)
		window_ask(w, 1, window_due(began_ns, over_ns, count, i, w->phase));
}

void window_share(struct window *w, uint32_t of)
{
	/* One that has not begun yet. */
	if (w->asked == 0 && !w->srtt_ns)
		w->size *= (double)w->of / of;
	w->of = of;
}

void window_hint(struct window *w, int64_t rtt_ns)
{
	if (w->srtt_ns)
		return;
	w->hint_ns = rtt_ns > 0 ? rtt_ns : 1;
}

void window_lend(struct window *w, double symbols)
{
	w->lent += symbols;
}

double window_left(const struct window *w)
{
	return fmax(w->size + w->lent - w->given, 0);
}

static double whole_size(const struct window *w, const struct window_settings *s)
{
	return fmin(fmax(window_left(w), s->least), s->most);
}

uint32_t window_end(struct window *w, const struct window_settings *s, uint32_t more)
{
	uint32_t size = (uint32_t)fmin(window_left(w), s->most), needed = w->outstanding + more;

	w->ending = needed <= (uint32_t)whole_size(w, s);
	if (!w->ending)
		w->given = 0;
	uint32_t left = size > needed ? size - needed : 0;
	w->given += left;
	return left;
}

/* Its first symbols are spread over a round trip: it, or 0: it was not known, or is over. */
static int64_t pace(const struct window *w, int64_t now_ns)
{
	return now_ns - w->began_ns < w->spread_ns ? w->spread_ns : 0;
}

uint32_t window_room(struct window *w, const struct window_settings *s, int64_t now_ns)
{
	uint32_t size = (uint32_t)whole_size(w, s);

	if (!w->began) {
		w->began = true;
		w->began_ns = now_ns;
		w->spread_ns = window_base(w) ? window_base(w) : w->hint_ns;
	}
	int64_t rtt_ns = pace(w, now_ns);
	/* Labels that are remembered must not run out either. */
	if (w->next - w->oldest >= WINDOW_LABELS / 2)
		return 0;
	uint32_t room = size > w->outstanding ? size - w->outstanding : 0;
	if (!rtt_ns || w->asked >= size)
		return room;
	uint32_t due = (uint32_t)(1e-6 + size * (double)(now_ns - w->began_ns) / (double)rtt_ns + 1 -
				  w->phase),
		 may = due > w->asked ? due - (uint32_t)w->asked : 0;
	return room < may ? room : may;
}

void window_phase(struct window *w, double phase)
{
	w->phase = phase;
}

uint32_t window_spare(const struct window *w, bool systematic)
{
	/* One that is lost is found by the first repair symbol, which has all. */
	return systematic && w->lost - w->late <= 1 ? 0 : SPARE;
}

uint32_t window_rest(uint32_t fragments, uint32_t symbols, uint32_t spare)
{
	uint32_t more = symbols > fragments ? symbols - fragments : 0;

	if (symbols < fragments)
		return fragments - symbols + spare;
	return more > STUCK ? more : SPARE;
}

uint32_t window_ask(struct window *w, uint32_t count, int64_t now_ns)
{
	uint32_t first = w->next;

	for (uint32_t i = 0; i < count; i++, w->next++) {
		w->sent_ns[w->next % WINDOW_LABELS] = now_ns;
		w->state[w->next % WINDOW_LABELS] = LABEL_OUT;
	}
	w->outstanding += count;
	w->asked += count;
	return first;
}

int64_t window_base(const struct window *w)
{
	int64_t a = w->base_ns[0], b = w->base_ns[1];

	return !a ? b : !b ? a : a < b ? a : b;
}

int64_t window_timer(const struct window *w, const struct window_settings *s)
{
	if (!w->srtt_ns) {
		int64_t hint_ns = 3 * w->hint_ns > s->timer_min_ns ? 3 * w->hint_ns : s->timer_min_ns;
		return w->hint_ns ? hint_ns : s->first_timer_ns;
	}
	/* Twice the round trip at least: a queue that slow start fills doubles it before the smoothed values know. */
	int64_t timer = w->srtt_ns + (4 * w->rttvar_ns > w->srtt_ns ? 4 * w->rttvar_ns : w->srtt_ns),
		most = 2 * window_base(w) > TIMER_MOST ? 2 * window_base(w) : TIMER_MOST;
	timer = timer < most ? timer : most;
	return timer > s->timer_min_ns ? timer : s->timer_min_ns;
}

static void note_gap(int64_t *came_ns, int64_t *gap_ns, int64_t now_ns)
{
	if (*came_ns && now_ns > *came_ns && (!*gap_ns || now_ns - *came_ns < *gap_ns))
		*gap_ns = now_ns - *came_ns;
	*came_ns = now_ns;
}

/* RFC 6298's smoothing; the base is the least of two halves, of which the older is forgotten. */
static void sample(struct window *w, const struct window_settings *s, int64_t rtt_ns, int64_t now_ns)
{
	if (w->link)
		note_gap(&w->link->came_ns, &w->link->gap_ns, now_ns);
	w->last_ns = rtt_ns;
	note_gap(&w->came_ns, &w->gap_ns, now_ns);
	if (!w->srtt_ns) {
		w->srtt_ns = rtt_ns;
		w->rttvar_ns = rtt_ns / 2;
	} else {
		int64_t off = rtt_ns > w->srtt_ns ? rtt_ns - w->srtt_ns : w->srtt_ns - rtt_ns;
		w->rttvar_ns += (off - w->rttvar_ns) / 4;
		w->srtt_ns += (rtt_ns - w->srtt_ns) / 8;
	}
	if (now_ns - w->base_began_ns >= s->base_ns / 2) {
		w->base_ns[1] = w->base_ns[0];
		w->base_ns[0] = 0;
		w->base_began_ns = now_ns;
	}
	if (!w->base_ns[0] || rtt_ns < w->base_ns[0])
		w->base_ns[0] = rtt_ns;
	if (!w->round_rtt_ns || rtt_ns < w->round_rtt_ns)
		w->round_rtt_ns = rtt_ns;
}

/* The least time between two symbols on the link that the windows share: one of many windows that ask evenly sees a multiple of it. But what comes on ways of their own
 * meets others only at the end. */
static double gap_of(const struct window *w)
{
	double own = (double)w->gap_ns;

	return w->link ? fmin(own, fmax((double)w->link->gap_ns, own / w->of)) : own;
}

/* What a round trip may have beyond the base before it is a queue: a share of it, but a few symbols always, for they do meet. */
static double margin_of(const struct window *w, const struct window_settings *s)
{
	return fmax((s->delay - 1) * (double)window_base(w), GAPS * gap_of(w));
}

/* The longest round trip that is no queue. */
static double limit_of(const struct window *w, const struct window_settings *s)
{
	return (double)window_base(w) + margin_of(w, s) + (double)s->noise_ns;
}

void window_init(struct window *w, const struct window_settings *s, const struct window *before)
{
	memset(w, 0, sizeof *w);
	w->size = s->first;
	w->of = 1;
	w->slow_start = true;
	if (!before || !before->srtt_ns)
		return;
	w->size = before->size;
	w->opening = OPENING;
	w->slow_start = before->slow_start;
	w->srtt_ns = before->srtt_ns;
	w->rttvar_ns = before->rttvar_ns;
	memcpy(w->base_ns, before->base_ns, sizeof w->base_ns);
	w->base_began_ns = before->base_began_ns;
	w->gap_ns = before->gap_ns;
	/* A tract that was over before a round told anything: what came last met the queue of all that was asked for at once. */
	double last = (double)before->last_ns, limit = limit_of(before, s);
	if (before->opening && last > limit) {
		w->size = fmax(w->size * limit / last, s->least);
		w->slow_start = false;
	}
}

/* Slow start: one more for each that comes, until the first few of a round, which meet no queue but a standing one, are late (as HyStart's delay). Windows that share a
 * link have as many together. */
static void start_slowly(struct window *w, const struct window_settings *s)
{
	w->round_came++;
	if (!w->slow_start)
		return;
	/* Half the margin: what it learns is a round old, in which the window has doubled. */
	double limit = (double)window_base(w) + margin_of(w, s) / 2 + (double)s->noise_ns;
	uint32_t few = w->of < FIRST_FEW / FEWEST ? FIRST_FEW / w->of : FEWEST;
	if (w->round_came == few && (double)w->round_rtt_ns > limit) {
		w->slow_start = false;
		w->size *= w->of > 1 ? 0.75 : 0.5; /* fewer know sooner */
	} else if (!w->ending)
		w->size += 1;
	w->size = fmin(fmax(w->size, s->least), s->most);
}

/* What is lost beyond the share that is no congestion: the window is so much smaller. A queue that overflows loses what is too much for it; so the window becomes what it bears. */
static void lost(struct window *w, const struct window_settings *s)
{
	double size = w->size + w->lent;

	w->lost++;
	w->credit -= 1;
	if (w->credit >= 0)
		return;
	w->slow_start = false;
	w->size *= fmax(0.5, 1 + w->credit / fmax(size, 1));
	w->lent *= fmax(0.5, 1 + w->credit / fmax(size, 1));
	w->size = fmax(w->size, s->least);
	w->credit = 0;
}

static void adapt(struct window *w, const struct window_settings *s)
{
	double limit = limit_of(w, s), rtt = (double)w->round_rtt_ns;

	/* The least met an empty queue, whatever the window is; the last one met what it makes. */
	if (w->opening && w->last_ns > w->round_rtt_ns)
		rtt = (double)w->last_ns;
	if (rtt > limit) {
		w->slow_start = false;
		w->size *= limit / rtt;
		w->lent *= limit / rtt;
	} else if (rtt > 0 && !w->slow_start && !w->ending && !w->opening) {
		/* Far from the limit a larger step. */
		double step = 1.0 / w->of, large = w->size / 16;
		w->size += rtt < ((double)window_base(w) + limit) / 2 && large > step ? large : step;
	}
	w->size = fmin(fmax(w->size, s->least), s->most);
}

/* A round is over when what was asked last at its beginning is settled. */
static void settle(struct window *w, const struct window_settings *s, uint32_t label)
{
	while (w->oldest != w->next && w->state[w->oldest % WINDOW_LABELS] != LABEL_OUT)
		w->oldest++;
	if ((int32_t)(label - w->round_end) < 0)
		return;
	adapt(w, s);
	if (w->opening)
		w->opening--;
	w->round_end = w->next;
	w->round_rtt_ns = 0;
	w->round_came = 0;
}

enum window_arrival window_came(
	struct window *w, const struct window_settings *s, uint32_t label, int64_t now_ns)
{
	uint32_t place = label % WINDOW_LABELS, age = w->next - label;

	if (age == 0 || age > UINT32_MAX / 2 || (age <= WINDOW_LABELS && !w->state[place])) {
		w->unasked++;
		return WINDOW_UNASKED;
	}
	if (age > WINDOW_LABELS || w->state[place] == LABEL_CAME) {
		w->duplicates++;
		return WINDOW_DUPLICATE;
	}
	bool late = w->state[place] == LABEL_GIVEN_UP;
	w->state[place] = LABEL_CAME;
	if ((int32_t)(label + 1 - w->newest) > 0)
		w->newest = label + 1;
	w->came++;
	w->credit = fmin(w->credit + s->loss, CREDIT);
	int64_t rtt_ns = now_ns - w->sent_ns[place] > 0 ? now_ns - w->sent_ns[place] : 1;
	/* What was held back for so long tells nothing of the way; only that the timer was too short. */
	if (label >= w->untimed && (!late || !w->srtt_ns))
		sample(w, s, late && rtt_ns > 2 * window_timer(w, s) ? 2 * window_timer(w, s) : rtt_ns,
			now_ns);
	if (late) {
		w->late++;
		w->credit += 1;
		if (rtt_ns - w->srtt_ns > w->reorder_ns)
			w->reorder_ns = rtt_ns - w->srtt_ns;
		/* The timer grows (D1.1, 4.2.3): so that it would have waited for this one. */
		if (w->srtt_ns + 4 * w->rttvar_ns < rtt_ns)
			w->rttvar_ns = (rtt_ns - w->srtt_ns) / 4 + 1;
		return WINDOW_LATE;
	}
	w->outstanding--;
	start_slowly(w, s);
	settle(w, s, label);
	return WINDOW_NEW;
}

/* So long after it was asked for, what was asked for later being here, a symbol is lost: ways of different lengths make no more difference. */
static int64_t overtaken(const struct window *w, const struct window_settings *s)
{
	int64_t rtt_ns = w->srtt_ns > w->last_ns ? w->srtt_ns : w->last_ns,
		reorder_ns = rtt_ns / 4 > w->reorder_ns ? rtt_ns / 4 : w->reorder_ns;

	return rtt_ns + reorder_ns + s->noise_ns;
}

static int64_t patience(const struct window *w, const struct window_settings *s, uint32_t label)
{
	int64_t timer = window_timer(w, s), less = overtaken(w, s);

	/* At the end nothing later is to come that could overtake it, and one symbol asked for in vain costs less than the wait. */
	bool passed = (int32_t)(w->newest - 1 - label) > 0 || (w->ending && w->srtt_ns);
	return passed && less < timer ? less : timer;
}

uint32_t window_expire(struct window *w, const struct window_settings *s, int64_t now_ns)
{
	uint32_t count = 0, last = w->oldest;

	for (uint32_t label = w->oldest;
		label != w->next && w->sent_ns[label % WINDOW_LABELS] <= now_ns - patience(w, s, label);
		label++) {
		if (w->state[label % WINDOW_LABELS] != LABEL_OUT)
			continue;
		w->state[label % WINDOW_LABELS] = LABEL_GIVEN_UP;
		w->outstanding--;
		lost(w, s);
		count++;
		last = label;
	}
	if (count)
		settle(w, s, last);
	return count;
}

int64_t window_expiry(const struct window *w, const struct window_settings *s, int64_t now_ns)
{
	int64_t rtt_ns = pace(w, now_ns), expiry = INT64_MAX;
	uint32_t size = (uint32_t)whole_size(w, s);

	if (w->outstanding)
		expiry = w->sent_ns[w->oldest % WINDOW_LABELS] + patience(w, s, w->oldest);
	if (w->began && rtt_ns && w->asked < size) {
		int64_t next = window_due(w->began_ns, rtt_ns, size, (uint32_t)w->asked, w->phase);
		/* What has been due is held back by something else. */
		expiry = next > now_ns && next < expiry ? next : expiry;
	}
	return expiry;
}
