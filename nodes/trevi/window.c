#include "nodes/trevi/window.h"

#include "lib/base/units.h"
#include <math.h>
#include <string.h>

const struct window_settings WINDOW_SETTINGS = {
	.least = 1,
	.most = WINDOW_MAX,
	.delay = 1.25,
	.loss = 0.02,
	.timer_min_ns = 1 * NS_PER_MS,
	.base_ns = 10 * NS_PER_S,
};

#define FIRST_FEW 8
#define FIRST 4 /* symbols at the beginning */
#define FIRST_TIMER                                                                                          \
	(20 * NS_PER_MS) /* while no round trip is known; a symbol that comes later counts all the same */
/* Below that a difference is the machine's: a round trip is only longer when it is longer by more. */
#define NOISE (100 * NS_PER_US)

enum { LABEL_OUT = 1, LABEL_GIVEN_UP, LABEL_CAME };

void window_init(struct window *w, const struct window_settings *s, const struct window *before)
{
	memset(w, 0, sizeof *w);
	w->size = fmin(FIRST, s->most);
	w->slow_start = true;
	if (!before || !before->srtt_ns)
		return;
	w->size = before->size;
	w->slow_start = before->slow_start;
	w->srtt_ns = before->srtt_ns;
	w->rttvar_ns = before->rttvar_ns;
	memcpy(w->base_ns, before->base_ns, sizeof w->base_ns);
	w->base_began_ns = before->base_began_ns;
}

uint32_t window_room(const struct window *w, const struct window_settings *s)
{
	uint32_t size = (uint32_t)fmin(fmax(w->size, s->least), s->most);

	/* Labels that are remembered must not run out either. */
	if (w->next - w->oldest >= WINDOW_LABELS / 2)
		return 0;
	return size > w->outstanding ? size - w->outstanding : 0;
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
	w->round_asked += count;
	return first;
}

int64_t window_base(const struct window *w)
{
	int64_t a = w->base_ns[0], b = w->base_ns[1];

	return !a ? b : !b ? a : a < b ? a : b;
}

int64_t window_timer(const struct window *w, const struct window_settings *s)
{
	if (!w->srtt_ns)
		return FIRST_TIMER;
	/* Twice the round trip at least: a queue that slow start fills doubles it before the smoothed values know. */
	int64_t timer = w->srtt_ns + (4 * w->rttvar_ns > w->srtt_ns ? 4 * w->rttvar_ns : w->srtt_ns);
	return timer > s->timer_min_ns ? timer : s->timer_min_ns;
}

/* RFC 6298's smoothing; the base is the least of two halves, of which the older is forgotten. */
static void sample(struct window *w, const struct window_settings *s, int64_t rtt_ns, int64_t now_ns)
{
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

/* The longest round trip that is no queue. */
static double limit_of(const struct window *w, const struct window_settings *s)
{
	return s->delay * (double)window_base(w) + (double)NOISE;
}

/* Slow start: one more for each that comes, until the first few of a round, which meet no queue but a standing one, are late (as HyStart's delay). */
static void start_slowly(struct window *w, const struct window_settings *s)
{
	w->round_came++;
	if (!w->slow_start)
		return;
	/* Half the margin: what it learns is a round old, in which the window has doubled. */
	double limit = (1 + (s->delay - 1) / 2) * (double)window_base(w) + (double)NOISE;
	if (w->round_came == FIRST_FEW && (double)w->round_rtt_ns > limit) {
		w->slow_start = false;
		w->size /= 2;
	} else
		w->size += 1;
	w->size = fmin(fmax(w->size, s->least), s->most);
}

static void adapt(struct window *w, const struct window_settings *s)
{
	double limit = limit_of(w, s);
	bool queue = (double)w->round_rtt_ns > limit;

	/* Of so few that one is more than the share, one is an accident: they are counted on. */
	bool enough = s->loss * w->round_asked >= 2,
	     lost = enough && w->round_lost > s->loss * w->round_asked;

	if (enough)
		w->round_lost = w->round_asked = 0;
	if (lost) {
		w->slow_start = false;
		w->size /= 2;
	} else if (queue) {
		w->slow_start = false;
		w->size *= limit / (double)w->round_rtt_ns;
	} else if (w->round_rtt_ns && !w->slow_start)
		w->size += 1;
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
	w->came++;
	int64_t rtt_ns = now_ns - w->sent_ns[place] > 0 ? now_ns - w->sent_ns[place] : 1;
	sample(w, s, rtt_ns, now_ns);
	if (late) {
		w->late++;
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

uint32_t window_expire(struct window *w, const struct window_settings *s, int64_t now_ns)
{
	int64_t before = now_ns - window_timer(w, s);
	uint32_t count = 0, last = w->oldest;

	for (uint32_t label = w->oldest; label != w->next && w->sent_ns[label % WINDOW_LABELS] <= before;
		label++) {
		if (w->state[label % WINDOW_LABELS] != LABEL_OUT)
			continue;
		w->state[label % WINDOW_LABELS] = LABEL_GIVEN_UP;
		w->outstanding--;
		w->lost++;
		w->round_lost++;
		count++;
		last = label;
	}
	/* A queue too short to be seen by its delay ends slow start by a loss: else the whole tract is asked for at once. */
	if (count && w->slow_start) {
		w->slow_start = false;
		w->size = fmax(w->size / 2, s->least);
	}
	if (count)
		settle(w, s, last);
	return count;
}

int64_t window_expiry(const struct window *w, const struct window_settings *s)
{
	return w->outstanding ? w->sent_ns[w->oldest % WINDOW_LABELS] + window_timer(w, s) : INT64_MAX;
}
