/* Proof: see the header. The times that packets should have follow from when the kernel was given each of
 * them and from the link's model (lib/link/expect.h). */
#include "harness/links/proof.h"

#include "lib/base/error.h"
#include "lib/base/units.h"
#include "lib/link/expect.h"
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_BYTES 1514
#define SERIAL_MAX_NS (5 * NS_PER_MS) /* slower links get shorter packets, for enough of them in a second */
#define INTERVAL_MIN_NS NS_PER_MS
#define COUNT_MIN 40
#define FILLING 1.2  /* load that fills a queue: an error of the rate adds up in it */
#define SPARING 0.85 /* load that does not, where the queue is short */

/* What separates a back end that works from one that does not (early by the whole delay, late by ticks), not
 * a good machine from a busy one: that is for each trial's verdict. */
#define MEDIAN_US 250.0
#define EXTREME_US 2000.0
#define OVERTAKEN 0.01
#define SIGMAS 4.5

static uint32_t frame_bytes(const struct shape *shape)
{
	double most = shape->rate_bps ? (double)shape->rate_bps * (double)SERIAL_MAX_NS / 8e9 : FRAME_BYTES;
	return most >= FRAME_BYTES ? FRAME_BYTES : most <= STAMP_BYTES_MIN ? STAMP_BYTES_MIN : (uint32_t)most;
}

struct stamp_plan proof_plan(const struct shape *shape)
{
	struct stamp_plan plan = {.bytes = frame_bytes(shape)};
	double serial = link_serialisation_ns(shape, plan.bytes), interval = serial / FILLING, waiting = 0;
	if (interval < (double)INTERVAL_MIN_NS)
		interval = (double)INTERVAL_MIN_NS;
	double count = fmin(PROOF_PACKETS_MAX, fmax(COUNT_MIN, (double)NS_PER_S / interval));
	if (serial > interval)
		waiting = count * (1 - interval / serial);
	if (serial > 0 && shape->queue_packets && waiting > 0.8 * shape->queue_packets) {
		interval = fmax(serial / SPARING, (double)INTERVAL_MIN_NS);
		count = fmin(PROOF_PACKETS_MAX, fmax(COUNT_MIN, (double)NS_PER_S / interval));
		waiting = 0;
	}
	plan.count = (uint32_t)count;
	plan.interval_ns = (int64_t)interval;
	plan.patience_ns = shape->delay_ns + shape->jitter_ns + (int64_t)(waiting * serial) + 300 * NS_PER_MS;
	return plan;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double rank(const double *sorted, uint32_t count, double share)
{
	uint32_t at = (uint32_t)ceil(share * count);
	return sorted[at ? at - 1 : 0];
}

/* Microseconds later than the model, sorted; returns how many. -1 and *error: no memory. */
static int64_t errors_of(struct proof *p, const struct stamp *stamps, const struct stamp_plan *plan,
	int64_t bare_ns, double *errors, char **error)
{
	int64_t newest = 0, *times = calloc(plan->count + 1, 3 * sizeof *times);
	int64_t *sent = times, *received = times + plan->count, *expected = times + 2 * plan->count;
	size_t count = 0;
	if (!times)
		return error_set(error, "out of memory");
	for (uint32_t i = 0; i < plan->count; i++) {
		if (stamps[i].received_ns == 0)
			continue;
		sent[count] = stamps[i].sent_ns;
		received[count++] = stamps[i].received_ns;
		p->reordered += stamps[i].received_ns < newest;
		newest = stamps[i].received_ns > newest ? stamps[i].received_ns : newest;
	}
	int result = link_expect(&p->shape, plan->bytes, sent, count, expected, error);
	for (size_t i = 0; i < count && result == 0; i++)
		errors[i] = (double)(received[i] - expected[i] - bare_ns) / 1e3;
	free(times);
	qsort(errors, count, sizeof *errors, compare);
	return result < 0 ? -1 : (int64_t)count;
}

static void __attribute__((format(printf, 2, 3))) refute(struct proof *p, const char *format, ...)
{
	va_list arguments;
	if (!p->kept) /* the first reason stays */
		return;
	p->kept = false;
	va_start(arguments, format);
	vsnprintf(p->why, sizeof p->why, format, arguments);
	va_end(arguments);
}

static void judge_loss(struct proof *p)
{
	double expected = p->shape.loss * p->packets;
	double most = SIGMAS * sqrt(expected * (1 - p->shape.loss));
	if (fabs(p->lost - expected) > most)
		refute(p, "%u of %u packets were lost, not %.0f +- %.0f", p->lost, p->packets, expected,
			most);
}

static void judge_times(struct proof *p)
{
	double jitter = (double)p->shape.jitter_ns / 1e3;
	if (fabs(p->median_us) > MEDIAN_US + jitter)
		refute(p, "half of the packets are %.0f us %s or more", fabs(p->median_us),
			p->median_us > 0 ? "late" : "early");
	if (p->min_us < -EXTREME_US - jitter)
		refute(p, "a packet came %.0f us early", -p->min_us);
	if (p->p99_us > EXTREME_US + jitter)
		refute(p, "1 %% of the packets are %.0f us late or more", p->p99_us);
	/* Uniform over twice the jitter: so many draws do not all fall into a quarter of that. */
	if (p->max_us - p->min_us < jitter / 2)
		refute(p, "the delay varies by %.0f us only", p->max_us - p->min_us);
	if (p->reordered > OVERTAKEN * p->packets)
		refute(p, "%u packets were overtaken", p->reordered);
}

void proof_judge(struct proof *p, const struct stamp *stamps, const struct stamp_plan *plan, int64_t bare_ns)
{
	double *errors = calloc(plan->count + 1, sizeof *errors);
	char *error = NULL;
	p->kept = true;
	p->why[0] = 0;
	p->reordered = 0;
	int64_t arrived = errors ? errors_of(p, stamps, plan, bare_ns, errors, &error) : -1;
	uint32_t count = arrived > 0 ? (uint32_t)arrived : 0;
	p->packets = plan->count;
	p->lost = plan->count - count;
	if (arrived < 0) {
		refute(p, "%s", error ? error : "out of memory");
	} else if (count == 0) {
		refute(p, "not one of %u packets arrived", plan->count);
	} else {
		p->min_us = errors[0];
		p->median_us = rank(errors, count, 0.5);
		p->p99_us = rank(errors, count, 0.99);
		p->max_us = errors[count - 1];
		judge_times(p);
	}
	judge_loss(p);
	free(errors);
	free(error);
}

bool proof_same_shape(const struct shape *a, const struct shape *b)
{
	return a->rate_bps == b->rate_bps && a->delay_ns == b->delay_ns && a->jitter_ns == b->jitter_ns &&
	       a->loss == b->loss && a->queue_packets == b->queue_packets;
}

void proof_describe(const struct shape *shape, char *text, size_t size)
{
	char part[5][48] = {"no limit of rate"};
	if (shape->rate_bps)
		snprintf(part[0], sizeof part[0], "%.6g Mbit/s", (double)shape->rate_bps / 1e6);
	snprintf(part[1], sizeof part[1], ", %.6g ms", (double)shape->delay_ns / 1e6);
	if (shape->jitter_ns)
		snprintf(part[2], sizeof part[2], " +- %.6g ms", (double)shape->jitter_ns / 1e6);
	if (shape->loss > 0)
		snprintf(part[3], sizeof part[3], ", loss %.6g %%", shape->loss * 100);
	if (shape->queue_packets)
		snprintf(part[4], sizeof part[4], ", queue %" PRIu32, shape->queue_packets);
	snprintf(text, size, "%s%s%s%s%s", part[0], part[1], part[2], part[3], part[4]);
}

json_t *proof_json(const struct proof *p)
{
	char setting[200];
	proof_describe(&p->shape, setting, sizeof setting);
	json_t *json = json_pack("{s:s, s:b, s:i, s:i, s:i, s:{s:f, s:f, s:f, s:f}}", "setting", setting,
		"kept", p->kept, "attempts", (int)p->attempts, "packets", (int)p->packets, "lost",
		(int)p->lost, "error_us", "min", p->min_us, "median", p->median_us, "p99", p->p99_us, "max",
		p->max_us);
	if (!p->kept)
		json_object_set_new(json, "why", json_string(p->why));
	if (p->earlier)
		json_object_set_new(json, "earlier", json_true());
	return json;
}
