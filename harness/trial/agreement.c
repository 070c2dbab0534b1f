/* Agreement: see the header. The capture's curve is cumulative and linear within a step. */
#include "harness/trial/agreement.h"

#include "harness/record/verdict.h"
#include <math.h>
#include <stdlib.h>

#define SEARCH_STEP_S 0.005

struct curve {
	double *bytes; /* [i]: delivered before i * step_s; count + 1 of them */
	size_t count;
	double step_s;
};

static struct curve curve_of(const struct delivery *delivery)
{
	struct curve c = {.count = json_array_size(delivery->steps), .step_s = delivery->step_s};
	c.bytes = calloc(c.count + 1, sizeof *c.bytes);
	for (size_t i = 0; i < c.count; i++)
		c.bytes[i + 1] = c.bytes[i] + json_number_value(json_array_get(delivery->steps, i));
	return c;
}

static double at(const struct curve *c, double time_s)
{
	double place = time_s / c->step_s;
	if (place <= 0)
		return 0;
	if (place >= (double)c->count)
		return c->bytes[c->count];
	size_t i = (size_t)place;
	return c->bytes[i] + (place - (double)i) * (c->bytes[i + 1] - c->bytes[i]);
}

static double between(const struct curve *c, double from_s, double to_s)
{
	return at(c, to_s) - at(c, from_s);
}

/* How far the items are from the curve when their zero lies at `offset_s`. */
static double misfit(
	const struct curve *c, const struct measure_item *items, size_t count, double scale, double offset_s)
{
	double sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += fabs(items[i].amount * scale -
			    between(c, items[i].from + offset_s, items[i].to + offset_s));
	return sum;
}

/* The program's zero is when it was ready to receive: at most a few seconds before the first byte (a first
 * packet that is lost twice), and never after the last. */
static double best_offset(const struct curve *c, const struct measure_item *items, size_t count, double scale)
{
	double best = 0, least = INFINITY, end_s = (double)c->count * c->step_s;
	for (long i = -(long)(5 / SEARCH_STEP_S); (double)i * SEARCH_STEP_S < end_s; i++) {
		double offset_s = (double)i * SEARCH_STEP_S;
		double now = misfit(c, items, count, scale, offset_s);
		if (now < least) {
			least = now;
			best = offset_s;
		}
	}
	return best;
}

int agreement_take(struct agreement *agreement, const struct measure_item *items, size_t count,
	double bytes_per_amount, const struct delivery *delivery)
{
	double from = INFINITY, to = -INFINITY, edge = AGREEMENT_EDGE_S;
	*agreement = (struct agreement){0};
	for (size_t i = 0; i < count; i++)
		if (items[i].counts) {
			from = fmin(from, items[i].from);
			to = fmax(to, items[i].to);
			agreement->receiver += items[i].amount * bytes_per_amount;
		}
	if (to <= from || (double)json_array_size(delivery->steps) * delivery->step_s < to - from)
		return -1;
	struct curve c = curve_of(delivery);
	agreement->offset_s = best_offset(&c, items, count, bytes_per_amount);
	from += agreement->offset_s;
	to += agreement->offset_s;
	agreement->capture = between(&c, from, to);
	double steady = agreement->capture / (to - from) * 2 * edge;
	double beyond = agreement->receiver > agreement->capture
				? between(&c, from - edge, to + edge) - agreement->capture
				: agreement->capture - between(&c, from + edge, to - edge);
	agreement->edge = fmax(0, beyond - steady);
	free(c.bytes);
	return 0;
}

static void judge(json_t *record, const char *const names[2], double a, double b, double allowed)
{
	double difference = a > 0 ? (b - a) / a : 0;
	if (fabs(difference) > allowed)
		verdict_judge(record, "suspect", "%s and %s differ by %.2f %%, more than %.2f %%", names[0],
			names[1], difference * 100, allowed * 100);
}

/* The pair in the order receiver, capture; false when it is another kind of pair. */
static bool receiver_and_capture(const struct experiment *e, const struct measure *pair[2])
{
	for (int k = 0; k < 2; k++) {
		pair[0] = &e->measures[e->agree[k]];
		pair[1] = &e->measures[e->agree[!k]];
		if (pair[0]->kind == MEASURE_SERIES && pair[1]->kind == MEASURE_CAPTURE)
			return true;
	}
	return false;
}

static int take_aligned(struct agreement *agreement, const struct measure *const pair[2],
	const char *output_path, const struct delivery *delivery)
{
	struct measure_item *items = NULL;
	size_t count = 0;
	json_t *document = json_load_file(output_path, 0, NULL);
	int result = document ? measure_items(pair[0], document, &items, &count, NULL) : -1;
	if (result == 0) {
		result = agreement_take(agreement, items, count, pair[0]->scale / pair[1]->scale, delivery);
		free(items);
	}
	json_decref(document);
	return result;
}

void agreement_check(
	const struct experiment *e, const char *output_path, const struct delivery *delivery, json_t *record)
{
	const struct measure *pair[2];
	struct agreement found;
	if (e->agree[0] < 0)
		return;
	if (receiver_and_capture(e, pair) && delivery->steps && output_path &&
		take_aligned(&found, pair, output_path, delivery) == 0) {
		const char *names[2] = {pair[0]->name, pair[1]->name};
		double edge = found.receiver > 0 ? found.edge / found.receiver : 0;
		json_object_set_new(record, "agreement",
			json_pack("{s:f, s:f, s:f, s:f}", "offset_s", found.offset_s, "receiver_bytes",
				found.receiver, "capture_bytes", found.capture, "edge_bytes", found.edge));
		judge(record, names, found.receiver, found.capture, e->agree_within + edge);
		return;
	}
	json_t *values = json_object_get(record, "measures");
	const char *names[2] = {e->measures[e->agree[0]].name, e->measures[e->agree[1]].name};
	judge(record, names, json_number_value(json_object_get(values, names[0])),
		json_number_value(json_object_get(values, names[1])), e->agree_within);
}
