/* Fidelity: see the header. A train is sent by a process of its own a direction, since the stamps' sender
 * blocks; they share the memory that the stamps go to. */
#include "harness/trial/fidelity.h"

#include "harness/record/verdict.h"
#include "lib/base/clock.h"
#include "lib/link/expect.h"
#include "lib/net/stamp.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRAIN 16
#define FRAME_BYTES 1514
#define ROUNDS 3
#define TRAIN_LIMIT_S 10 /* besides what the link takes */
#define DRAIN_LIMIT_NS (10 * NS_PER_S)
#define PATIENCE_NS (100 * NS_PER_MS) /* beyond the longest that the model lets the train take */

#define LATE_SUSPECT_US 2000.0 /* of lateness and of the train's error */
#define LATE_INVALID_US 20000.0
#define STALL_SUSPECT_US 20000.0
#define EARLY_SUSPECT_US 500.0 /* a packet that comes sooner than the model allows */
#define LOSS_SUSPECT 4.0       /* standard deviations */
#define LOSS_INVALID 6.0
#define RATE_EXCESS 1.01
#define TRAIN_LOSS 0.1 /* of both directions: beyond, the model may be why no packet comes */

static const char *const directions[] = {"forward", "reverse"};

struct train { /* one direction; in memory shared with the process that sends it */
	char reason[256];
	bool no_route; /* the experiment gave the sender none: no fault of the link */
	struct stamp stamps[TRAIN];
};

/* A packet goes ahead of the train, and is waited for too. */
static unsigned train_limit_s(int64_t patience_ns)
{
	return TRAIN_LIMIT_S + (unsigned)(2 * patience_ns / NS_PER_S);
}

static void send_train(struct train *train, const struct network *network, const struct topology_link *link,
	const struct shape *shape, int k)
{
	const struct topology_end *from = &link->ends[k], *to = &link->ends[!k];
	char *error = NULL;
	struct stamp_plan plan = {
		.netns = {network->places[from->node].netns_fd, network->places[to->node].netns_fd},
		.address = {from->address, to->address},
		.count = TRAIN,
		.bytes = FRAME_BYTES,
		.patience_ns = PATIENCE_NS + shape->delay_ns + shape->jitter_ns +
			       (int64_t)(TRAIN * link_serialisation_ns(shape, FRAME_BYTES))};
	alarm(train_limit_s(plan.patience_ns));
	int result = stamp_run(&plan, train->stamps, &error);
	train->no_route = result == STAMP_NO_ROUTE;
	if (result < 0)
		snprintf(train->reason, sizeof train->reason, "%s", error ? error : "no reason was given");
	free(error);
}

/* The error of each packet that arrived, against a queue without others in it. */
struct train_errors {
	double us[TRAIN];
	size_t count;
	bool bottleneck; /* every packet waited for the one before it */
};

/* -1 and *error: no memory. */
static int errors_of(
	const struct stamp *stamps, const struct shape *shape, struct train_errors *e, char **error)
{
	int64_t sent[TRAIN], received[TRAIN], expected[TRAIN];
	*e = (struct train_errors){.bottleneck = shape->rate_bps > 0};
	for (size_t i = 0; i < TRAIN; i++)
		if (stamps[i].received_ns) {
			sent[e->count] = stamps[i].sent_ns;
			received[e->count++] = stamps[i].received_ns;
		}
	if (link_expect(shape, FRAME_BYTES, sent, e->count, expected, error) < 0)
		return -1;
	for (size_t i = 0; i < e->count; i++) {
		e->us[i] = (double)(received[i] - expected[i]) / 1e3;
		e->bottleneck &= i == 0 || sent[i] < expected[i - 1] - shape->delay_ns;
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static json_t *observed_json(const struct train *train, const struct shape *shape)
{
	if (train->reason[0])
		return json_pack("{s:s, s:b}", "reason", train->reason, "no_route", train->no_route);
	struct train_errors e;
	char *error = NULL;
	if (errors_of(train->stamps, shape, &e, &error) < 0) {
		json_t *failed = json_pack("{s:s, s:b}", "reason", error, "no_route", 0);
		free(error);
		return failed;
	}
	json_t *observed = json_pack("{s:i, s:i}", "sent", TRAIN, "received", (int)e.count);
	if (e.count == 0)
		return observed;
	if (e.bottleneck && e.count == TRAIN) {
		int64_t span = train->stamps[TRAIN - 1].received_ns - train->stamps[0].received_ns;
		json_object_set_new(
			observed, "rate_bps", json_real((TRAIN - 1) * FRAME_BYTES * 8e9 / (double)span));
	}
	qsort(e.us, e.count, sizeof *e.us, compare);
	double median = (e.us[(e.count - 1) / 2] + e.us[e.count / 2]) / 2;
	json_object_set_new(observed, "error_median_us", json_real(median));
	json_object_set_new(observed, "error_min_us", json_real(e.us[0]));
	json_object_set_new(observed, "error_max_us", json_real(e.us[e.count - 1]));
	json_object_set_new(observed, "delay_us", json_real((double)shape->delay_ns / 1e3 + median));
	return observed;
}

static bool good_enough(const json_t *observed, double limit_us)
{
	/* No route today is none tomorrow: in virtual time, which stands still while nothing waits, asking again would never end. */
	if (json_is_true(json_object_get(observed, "no_route")))
		return true;
	const json_t *median = json_object_get(observed, "error_median_us");
	return median && json_number_value(median) < limit_us;
}

/* Keeps the observation with the smaller error; takes over `observed`. */
static void keep_better(json_t *counters, json_t *observed)
{
	json_t *before = json_object_get(json_object_get(counters, "observed"), "error_median_us");
	json_t *now = json_object_get(observed, "error_median_us");
	if (before && (!now || json_number_value(before) < json_number_value(now)))
		json_decref(observed);
	else
		json_object_set_new(counters, "observed", observed);
}

static void await_train(pid_t pid, struct train *train)
{
	int status = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status != 0)
		snprintf(train->reason, sizeof train->reason, "its sender ended with wait status %#x",
			(unsigned)status);
}

/* Only a pipe that stays as it is has one delay and one loss to compare with. */
static bool is_pipe(const struct link_shape *link)
{
	const char *what;
	return link->shaped && link->changes_count == 0 && shape_is_plain(&link->direction[0], &what) &&
	       shape_is_plain(&link->direction[1], &what);
}

static bool can_be_crossed(const struct topology_link *link, const struct link_shape *shape)
{
	return is_pipe(shape) && *link->ends[0].address && *link->ends[1].address;
}

/* One round: a train over every direction whose best so far is late by limit_us or more. Returns how many
 * were sent. */
static size_t round_of_trains(const struct network *network, const struct link_shape *shapes, double limit_us,
	struct train *trains, pid_t *senders, json_t *links)
{
	const struct topology *topology = network->topology;
	size_t count = topology->links_count * 2, sent = 0;
	for (size_t i = 0; i < count; i++) {
		const struct topology_link *link = &topology->links[i / 2];
		const struct shape *shape = &shapes[i / 2].direction[i % 2];
		json_t *counters = json_object_get(json_object_get(links, link->name), directions[i % 2]);
		senders[i] = 0;
		if (!can_be_crossed(link, &shapes[i / 2]) ||
			good_enough(json_object_get(counters, "observed"),
				limit_us + (double)shape->jitter_ns / 1e3))
			continue;
		memset(&trains[i], 0, sizeof trains[i]);
		senders[i] = fork();
		if (senders[i] == 0) {
			send_train(&trains[i], network, link, shape, (int)(i % 2));
			_exit(0);
		}
		if (senders[i] < 0)
			snprintf(trains[i].reason, sizeof trains[i].reason, "fork: %s", strerror(errno));
		sent++;
	}
	for (size_t i = 0; i < count; i++)
		if (senders[i] != 0) {
			if (senders[i] > 0)
				await_train(senders[i], &trains[i]);
			json_t *link = json_object_get(links, topology->links[i / 2].name);
			keep_better(json_object_get(link, directions[i % 2]),
				observed_json(&trains[i], &shapes[i / 2].direction[i % 2]));
		}
	return sent;
}

/* Within this time the last packet of a workload that has ended is through, were all queues full and one path
 * over all links. */
static int64_t drain_ns(const struct link_shape *shapes, size_t links)
{
	int64_t sum = 0;
	for (size_t i = 0; i < links; i++) {
		int64_t way[2] = {link_longest_ns(&shapes[i].direction[0], FRAME_BYTES),
			link_longest_ns(&shapes[i].direction[1], FRAME_BYTES)};
		sum += way[0] > way[1] ? way[0] : way[1];
	}
	return sum < DRAIN_LIMIT_NS ? sum : DRAIN_LIMIT_NS;
}

/* What the workload left on its way delays trains until it is through; a link that is slow by itself delays
 * all. A machine that is a little late gets no more than the first rounds. */
void fidelity_observe(const struct network *network, const struct link_shape *shapes, json_t *links)
{
	size_t count = network->topology->links_count * 2;
	struct train *trains =
		mmap(NULL, count * sizeof *trains, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t *senders = calloc(count, sizeof *senders);
	if (trains == MAP_FAILED)
		abort();
	int64_t drained_ns = clock_now_ns() + drain_ns(shapes, network->topology->links_count);
	size_t sent = 1;
	for (int round = 0; sent > 0 && (round < ROUNDS || clock_now_ns() < drained_ns); round++)
		sent = round_of_trains(network, shapes,
			round < ROUNDS ? LATE_SUSPECT_US / 2 : LATE_SUSPECT_US, trains, senders, links);
	munmap(trains, count * sizeof *trains);
	free(senders);
}

/* ---- judgement */

static double number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static void judge_late(
	json_t *record, double late_us, const char *what, const char *link, const char *direction)
{
	if (late_us > LATE_SUSPECT_US)
		verdict_judge(record, late_us > LATE_INVALID_US ? "invalid" : "suspect",
			"link %s (%s): %s %.0f us late, more than %.0f", link, direction, what, late_us,
			late_us > LATE_INVALID_US ? LATE_INVALID_US : LATE_SUSPECT_US);
}

/* How many standard deviations `lost` of `offered` are from the probability `loss`; Anscombe's transform,
 * good for small counts too. */
static double loss_deviation(double offered, double lost, double loss)
{
	double seen = asin(sqrt(fmin(1, (lost + 0.375) / (offered + 0.75))));
	return 2 * sqrt(offered + 0.5) * (seen - asin(sqrt(loss)));
}

/* A back end that tells loss from a full queue says "drops": {"loss": ...}; of others only too few drops can
 * be said. */
static void judge_loss(
	json_t *record, json_t *counters, const struct shape *shape, const char *link, const char *direction)
{
	json_t *drops = json_object_get(counters, "drops");
	double offered = number(counters, "packets"), lost = json_number_value(drops);
	bool apart = json_is_object(drops);
	if (apart)
		lost = number(drops, "loss");
	else
		offered += lost;
	if (!drops || offered <= 0 || (!apart && shape->loss <= 0))
		return;
	double deviation = shape->loss > 0 ? loss_deviation(offered, lost, shape->loss)
			   : lost > 0      ? INFINITY
					   : 0;
	if (!apart)
		deviation = fmin(deviation, 0);
	if (fabs(deviation) > LOSS_SUSPECT)
		verdict_judge(record, fabs(deviation) > LOSS_INVALID ? "invalid" : "suspect",
			"link %s (%s) lost %.0f of %.0f packets, and %.2f %% were asked for", link, direction,
			lost, offered, shape->loss * 100);
}

/* Packets that the emulator lost by its own weakness, not by the link's model. */
static void judge_own_drops(json_t *record, json_t *counters, const char *link, const char *direction)
{
	json_t *drops = json_object_get(counters, "drops");
	double lost = number(drops, "buffer") + number(drops, "send");
	if (lost > 0)
		verdict_judge(record, "invalid",
			"link %s (%s) lost %.0f packets that its model would have kept", link, direction,
			lost);
}

static void judge_rate(json_t *record, json_t *counters, const struct shape *shape, double seconds,
	const char *link, const char *direction)
{
	json_t *sent = json_object_get(counters, "sent_bytes");
	double bytes = json_number_value(sent ? sent : json_object_get(counters, "bytes"));
	/* Before and after the workload the link carries little, and never more than a second's worth. The
	 * wheel counts what it takes: a queue of it may still wait. */
	double most = (double)shape->rate_bps / 8 * (seconds + 1) * RATE_EXCESS +
		      shape->queue_packets * (double)FRAME_BYTES;
	if (shape->rate_bps && bytes > most)
		verdict_judge(record, "invalid",
			"link %s (%s) carried %.0f bytes, more than its rate allows (%.0f)", link, direction,
			bytes, most);
}

/* A train that shows nothing is no good news. A link that loses much may have lost it, or the question for
 * its other end's address. */
static void judge_missing_train(json_t *record, json_t *observed, const struct link_shape *shapes,
	const char *link, const char *direction)
{
	const char *reason = json_string_value(json_object_get(observed, "reason"));
	double passes = (1 - shapes->direction[0].loss) * (1 - shapes->direction[1].loss);
	if (passes < 1 - TRAIN_LOSS || json_is_true(json_object_get(observed, "no_route")))
		return;
	verdict_judge(record, "suspect", "link %s (%s) was not observed: %s", link, direction,
		reason ? reason : "not one packet of a train arrived");
}

static void judge_train(
	json_t *record, json_t *observed, const struct shape *shape, const char *link, const char *direction)
{
	double jitter_us = (double)shape->jitter_ns / 1e3;
	json_t *median = json_object_get(observed, "error_median_us");
	double early = -number(observed, "error_min_us") - jitter_us;
	judge_late(
		record, json_number_value(median) - jitter_us, "the median of a train was", link, direction);
	if (early > EARLY_SUSPECT_US)
		verdict_judge(record, early > LATE_SUSPECT_US ? "invalid" : "suspect",
			"link %s (%s): a packet of a train came %.0f us sooner than rate and delay allow",
			link, direction, early);
}

/* Of the link daemon as a whole. */
static void judge_daemon(json_t *record, json_t *link, const char *name)
{
	double stall_us = number(json_object_get(link, "stalls"), "max_us");
	if (json_is_false(json_object_get(link, "realtime")))
		verdict_judge(record, "suspect", "link %s has no real-time priority", name);
	if (stall_us > STALL_SUSPECT_US)
		verdict_judge(
			record, "suspect", "link %s's daemon was not run for %.1f ms", name, stall_us / 1e3);
}

/* Of the emulator, whatever the link is: its lateness is against the departures that the model computed, with
 * all that a packet waits for there, and its own drops are no model's. */
static void judge_emulator(json_t *record, json_t *counters, const char *link, const char *direction)
{
	judge_late(record, number(json_object_get(counters, "lateness"), "p99_us"),
		"the 99th percentile of its packets was", link, direction);
	judge_own_drops(record, counters, link, direction);
}

static void judge_pipe(json_t *record, json_t *counters, const struct link_shape *shapes, int k,
	double seconds, const char *link)
{
	const struct shape *shape = &shapes->direction[k];
	json_t *observed = json_object_get(counters, "observed");
	judge_loss(record, counters, shape, link, directions[k]);
	judge_rate(record, counters, shape, seconds, link, directions[k]);
	if (json_object_get(observed, "error_median_us"))
		judge_train(record, observed, shape, link, directions[k]);
	else if (observed)
		judge_missing_train(record, observed, shapes, link, directions[k]);
}

void fidelity_judge(
	const struct topology *topology, const struct link_shape *shapes, double seconds, json_t *record)
{
	for (size_t i = 0; i < topology->links_count; i++) {
		const char *name = topology->links[i].name;
		json_t *link = json_object_get(json_object_get(record, "links"), name);
		for (int k = 0; k < 2 && shapes[i].shaped; k++) {
			json_t *counters = json_object_get(link, directions[k]);
			judge_emulator(record, counters, name, directions[k]);
			if (is_pipe(&shapes[i]))
				judge_pipe(record, counters, &shapes[i], k, seconds, name);
		}
		if (shapes[i].shaped)
			judge_daemon(record, link, name);
	}
}
