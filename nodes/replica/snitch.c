/* Dynamic Snitching. The sample is that of Cormode et al., "Forward decay" (ICDE 2009): a value of time t gets the priority exp(alpha t) / u,
 * u uniform, and the highest priorities stay. Kept as logarithms, which do not overflow. */
#include "nodes/replica/snitch.h"

#include "lib/base/draw.h"
#include "lib/base/units.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define ALPHA 0.75 /* per second */
#define SEVERITY_WEIGHT 100

struct kept {
	double priority, value;
};

struct history {
	struct kept heap[SNITCH_SAMPLE]; /* the least priority first */
	unsigned count;
	bool changed;
	double median, score, severity;
	int64_t answered_ns;
};

struct snitch {
	unsigned servers;
	uint64_t draws;
	int64_t began_ns, updated_ns, reset_ns;
	struct history history[];
};

struct snitch *snitch_new(unsigned servers, uint64_t seed, int64_t now_ns)
{
	struct snitch *snitch = calloc(1, sizeof *snitch + servers * sizeof *snitch->history);

	if (!snitch)
		return NULL;
	snitch->servers = servers;
	snitch->draws = seed;
	snitch->began_ns = snitch->updated_ns = snitch->reset_ns = now_ns;
	for (unsigned i = 0; i < servers; i++)
		snitch->history[i].answered_ns = now_ns;
	return snitch;
}

void snitch_free(struct snitch *snitch)
{
	free(snitch);
}

static void sift_down(struct kept *heap, unsigned count, struct kept item)
{
	unsigned i = 0;

	for (unsigned child; (child = 2 * i + 1) < count; i = child) {
		if (child + 1 < count && heap[child + 1].priority < heap[child].priority)
			child++;
		if (heap[child].priority >= item.priority)
			break;
		heap[i] = heap[child];
	}
	heap[i] = item;
}

static void sift_up(struct kept *heap, unsigned i, struct kept item)
{
	for (; i > 0 && heap[(i - 1) / 2].priority > item.priority; i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = item;
}

void snitch_answered(struct snitch *snitch, unsigned server, double response_ns, int64_t now_ns)
{
	struct history *h = &snitch->history[server];
	double age_s = (double)(now_ns - snitch->began_ns) / (double)NS_PER_S;
	struct kept item = {ALPHA * age_s - log(1 - draw_uniform(&snitch->draws)), response_ns};

	h->answered_ns = now_ns;
	if (h->count < SNITCH_SAMPLE)
		sift_up(h->heap, h->count++, item);
	else if (item.priority > h->heap[0].priority)
		sift_down(h->heap, SNITCH_SAMPLE, item);
	else
		return;
	h->changed = true;
}

void snitch_severity(struct snitch *snitch, unsigned server, double severity)
{
	snitch->history[server].severity = severity;
}

/* The value of rank k, from 0, of n; rearranges them (Hoare). */
static double of_rank(double *v, unsigned n, unsigned k)
{
	for (unsigned low = 0, high = n - 1; low < high;) {
		double pivot = v[k];
		unsigned i = low, j = high + 1; /* j is one more than the place it means: never below 0 */
		while (i < j) {
			while (v[i] < pivot)
				i++;
			while (v[j - 1] > pivot)
				j--;
			if (i < j) {
				double other = v[i];
				v[i++] = v[j - 1];
				v[--j] = other;
			}
		}
		if (j <= k)
			low = i;
		if (k < i)
			high = j ? j - 1 : 0;
		if (j <= k && k < i)
			break;
	}
	return v[k];
}

static double median(const struct history *h)
{
	double values[SNITCH_SAMPLE];

	if (h->count == 0)
		return 0;
	for (unsigned i = 0; i < h->count; i++)
		values[i] = h->heap[i].value;
	double upper = of_rank(values, h->count, h->count / 2);
	return h->count % 2 ? upper : (of_rank(values, h->count, h->count / 2 - 1) + upper) / 2;
}

static double silence(const struct history *h, int64_t now_ns)
{
	int64_t silent = now_ns - h->answered_ns;

	return (double)(silent < SNITCH_UPDATE_NS ? silent : SNITCH_UPDATE_NS);
}

static void score_all(struct snitch *snitch, int64_t now_ns)
{
	double slowest = 0, longest = 0;

	for (unsigned i = 0; i < snitch->servers; i++) {
		struct history *h = &snitch->history[i];
		if (h->changed)
			h->median = median(h);
		h->changed = false;
		slowest = fmax(slowest, h->median);
		longest = fmax(longest, silence(h, now_ns));
	}
	for (unsigned i = 0; i < snitch->servers; i++) {
		struct history *h = &snitch->history[i];
		h->score = (slowest > 0 ? h->median / slowest : 0) +
			   (longest > 0 ? silence(h, now_ns) / longest : 0) + SEVERITY_WEIGHT * h->severity;
	}
}

void snitch_update(struct snitch *snitch, int64_t now_ns)
{
	if (now_ns - snitch->updated_ns < SNITCH_UPDATE_NS)
		return;
	/* Ticks of a fixed clock, as Cassandra's timer. */
	snitch->updated_ns += (now_ns - snitch->updated_ns) / SNITCH_UPDATE_NS * SNITCH_UPDATE_NS;
	if (now_ns - snitch->reset_ns >= SNITCH_RESET_NS) {
		for (unsigned i = 0; i < snitch->servers; i++)
			snitch->history[i].count = 0, snitch->history[i].changed = true;
		snitch->reset_ns = snitch->began_ns = now_ns;
	}
	score_all(snitch, now_ns);
}

double snitch_score(const struct snitch *snitch, unsigned server)
{
	return snitch->history[server].score;
}
