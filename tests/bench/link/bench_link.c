/* Bench: how exact and how dear each shaping back end of the harness is, beside a bare veth pair in the same
 * run. Everything happens in namespaces that die with it.
 *
 * bench_link [--part delay|rate|loss|many|cost]... [--backend NAME]... [--seconds N]
 *
 *   delay  one way, packet by packet (lib/net/stamp.h), less the delay, the serialisation and the bare pair's
 * median rate   TCP's goodput beside rate x 1448 / 1514 loss   lost of 200,000 packets beside the binomial
 * distribution's 99.9 % interval many   100 links, 1,000 packets a second each cost   processor time a
 * packet, all of the machine's, the bare pair's subtracted */
#include "harness/machine/awake.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/net/stamp.h"
#include "tests/bench/link/link_load.h"
#include "tests/bench/link/link_network.h"
#include <getopt.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define MBIT 1000000ULL
/* Below the link daemon's priority, above everything ordinary. */
#define PRIORITY 40
#define BACKENDS_MOST 8

enum part { DELAY = 1, RATE = 2, LOSS = 4, MANY = 8, COST = 16, ALL = 31 };

struct bench {
	unsigned parts;
	const char *only[BACKENDS_MOST];
	int only_count, seconds;
	const struct shape_backend *backends[BACKENDS_MOST]; /* the first is NULL: the bare pair */
	int count;
	int failures;
};

static const char *name_of(const struct shape_backend *backend)
{
	return backend ? backend->name : "bare";
}

/* Says why there is no figure: a bench goes on with the others, and fails in the end. */
static void report_failure(struct bench *bench, char *error)
{
	printf("  failed: %s\n", error ? error : "?");
	free(error);
	bench->failures++;
}

/* What a back end refuses is no failure. */
static bool refused(const struct shape_backend *backend, const struct shape *shape)
{
	const char *why = backend ? backend->refuses(shape) : NULL;
	if (why)
		printf("  not offered: %s\n", why);
	return why != NULL;
}

/* ---- delay */

static int measure_stamps(const struct link_network *network, uint32_t count, int64_t interval_ns,
	int64_t delay_ns, struct stamp *stamps, char **error)
{
	struct stamp_plan plan = {
		.netns = {network->network.places[0].netns_fd, network->network.places[1].netns_fd},
		.address = {link_network_address(network, 0, 0), link_network_address(network, 0, 1)},
		.count = count,
		.bytes = 200,
		.interval_ns = interval_ns,
		.patience_ns = delay_ns + NS_PER_S / 2};
	return stamp_run(&plan, stamps, error);
}

/* One row; returns the median. */
static double delay_row(
	struct bench *bench, const struct shape_backend *backend, int64_t delay_ns, bool busy, double bare_us)
{
	struct shape shape = {.rate_bps = 100 * MBIT, .delay_ns = delay_ns, .queue_packets = 1000};
	uint32_t count = (uint32_t)(bench->seconds * NS_PER_S / (2 * NS_PER_MS));
	int64_t expected = backend ? delay_ns + 200 * 8 * 10 + (int64_t)(bare_us * 1000) : 0;
	struct stamp *stamps = calloc(count, sizeof *stamps);
	struct crowd crowd = {.count = 0};
	struct link_network network;
	struct stamp_summary s = {.count = 0};
	char *error = NULL;

	printf("| %-6s | %3lld ms | %-4s |", name_of(backend), (long long)(delay_ns / NS_PER_MS),
		busy ? "busy" : "idle");
	if (stamps && !refused(backend, &shape)) {
		if (link_network_open(&network, 1, backend, &shape, &error) < 0 ||
			(busy && crowd_start(&crowd, &error) < 0) ||
			measure_stamps(&network, count, 2 * NS_PER_MS, delay_ns, stamps, &error) < 0) {
			report_failure(bench, error);
		} else {
			s = stamp_summarise(stamps, count, expected);
			printf(" %6.0f | %6.0f | %6.0f | %6.0f | %6.0f | %4u |\n", s.min_us, s.median_us,
				s.p90_us, s.p99_us, s.max_us, s.count - s.received);
		}
		crowd_stop(&crowd);
		link_network_close(&network);
	}
	free(stamps);
	return s.median_us;
}

static void delay_part(struct bench *bench)
{
	static const int64_t delays_ms[] = {5, 50, 250};
	double bare_us[2];

	printf("\nDelay error, one way, microseconds: less delay, serialisation and the bare pair's median (the bare pair's own rows: the whole way)\n"
	       "| link   | delay  | both processors | min | median | p90 | p99 | max | lost |\n"
	       "|---|---|---|---|---|---|---|---|---|\n");
	for (int busy = 0; busy < 2; busy++)
		bare_us[busy] = delay_row(bench, NULL, 0, busy, 0);
	for (int b = 1; b < bench->count; b++)
		for (int busy = 0; busy < 2; busy++)
			for (int i = 0; i < 3; i++)
				delay_row(bench, bench->backends[b], delays_ms[i] * NS_PER_MS, busy,
					bare_us[busy]);
}

/* ---- rate */

/* In bit/s; *processors: in use meanwhile, by everything. */
static double goodput(struct bench *bench, const struct shape_backend *backend, const struct shape *shape,
	uint32_t window, double *processors)
{
	struct link_network network;
	char *error = NULL;
	double result = -1;

	if (link_network_open(&network, 1, backend, shape, &error) == 0) {
		struct use use = use_begin();
		result = tcp_goodput(&network, window, NS_PER_S, bench->seconds * NS_PER_S, &error);
		*processors = use_taken(&use) / ((double)(clock_now_ns() - use.since_ns) / (double)NS_PER_S);
	}
	link_network_close(&network);
	if (result < 0)
		report_failure(bench, error);
	return result;
}

static void rate_row(struct bench *bench, const struct shape_backend *backend, uint64_t rate_mbit)
{
	struct shape shape = {.rate_bps = rate_mbit * MBIT, .delay_ns = 5 * NS_PER_MS, .queue_packets = 2000};
	/* Twice what the way holds, and some: always a queue, and never a full one. */
	uint32_t window = (uint32_t)(65536 + 2 * rate_mbit * MBIT / 8 / 100);
	double theory = (double)shape.rate_bps * 1448 / 1514, processors = 0;

	printf("| %-6s | %5llu |", name_of(backend), (unsigned long long)rate_mbit);
	if (refused(backend, &shape))
		return;
	double result = goodput(bench, backend, &shape, window, &processors);
	if (result >= 0)
		printf(" %8.3f | %8.3f | %+.3f %% | %.1f %% |\n", result / MBIT, theory / MBIT,
			(result / theory - 1) * 100, 100 * processors);
}

static void rate_part(struct bench *bench)
{
	static const uint64_t rates_mbit[] = {1, 10, 100, 200, 500, 1000};

	printf("\nTCP goodput, Mbit/s, 5 ms each way\n"
	       "| link | rate | goodput | rate x 1448 / 1514 | difference | of one processor |\n|---|---|---|---|---|---|\n");
	double processors = 0, bare = goodput(bench, NULL, &(struct shape){0}, 4 << 20, &processors);
	printf("| bare   | none  | %8.3f | | | %.1f %% |\n", bare / MBIT, 100 * processors);
	for (int b = 1; b < bench->count; b++)
		for (size_t i = 0; i < sizeof rates_mbit / sizeof *rates_mbit; i++)
			rate_row(bench, bench->backends[b], rates_mbit[i]);
}

/* ---- loss */

#define LOSS_PACKETS 200000

/* The losses that a model expects of LOSS_PACKETS, and their standard deviation. */
struct expected {
	double mean, deviation;
};

/* A Markov chain of two states: its losses come in spells, which widens the count's variance by the
 * covariance of packets k apart, (bad - good)^2 x good's share x bad's share x (1 - to_bad - to_good)^k,
 * summed over all k. */
static struct expected expected_spells(const struct shape *s)
{
	double bad = s->to_bad / (s->to_bad + s->to_good), memory = 1 - s->to_bad - s->to_good;
	double loss = bad * s->loss_bad + (1 - bad) * s->loss_good, apart = s->loss_bad - s->loss_good;
	double covariance = apart * apart * bad * (1 - bad) * memory / (1 - memory);
	return (struct expected){
		LOSS_PACKETS * loss, sqrt(LOSS_PACKETS * (loss * (1 - loss) + 2 * covariance))};
}

static struct expected expected_losses(const struct shape *s)
{
	switch (s->loss_model) {
	case LOSS_GILBERT_ELLIOTT:
		return expected_spells(s);
	case LOSS_EVERY:
		return (struct expected){LOSS_PACKETS / s->loss_every, 0};
	default:
		return (struct expected){
			LOSS_PACKETS * s->loss, sqrt(LOSS_PACKETS * s->loss * (1 - s->loss))};
	}
}

static void loss_row(
	struct bench *bench, const struct shape_backend *backend, const char *name, struct shape shape)
{
	shape.delay_ns = NS_PER_MS;
	if (refused(backend, &shape))
		return;
	struct expected expected = expected_losses(&shape);
	double spread = 3.29 * expected.deviation; /* either way, they hold 99.9 % */
	struct stamp *stamps = calloc(LOSS_PACKETS, sizeof *stamps);
	struct link_network network;
	char *error = NULL;

	printf("| %-6s | %-24s |", name_of(backend), name);
	if (stamps && (link_network_open(&network, 1, backend, &shape, &error) < 0 ||
			      measure_stamps(&network, LOSS_PACKETS, 25 * NS_PER_US, NS_PER_MS, stamps,
				      &error) < 0)) {
		report_failure(bench, error);
	} else if (stamps) {
		uint32_t lost = LOSS_PACKETS - stamp_summarise(stamps, LOSS_PACKETS, 0).received;
		bool inside = fabs(lost - expected.mean) <= spread;
		printf(" %6u | %6.0f to %6.0f | %s |\n", lost, expected.mean - spread, expected.mean + spread,
			inside ? "inside" : "OUTSIDE");
		bench->failures += !inside;
	}
	link_network_close(&network);
	free(stamps);
}

static void loss_part(struct bench *bench)
{
	static const struct {
		const char *name;
		struct shape shape;
	} rows[] = {
		{"none", {0}},
		{"random 0.1 %", {.loss = 0.001}},
		{"random 1 %", {.loss = 0.01}},
		{"random 10 %", {.loss = 0.1}},
		{"Gilbert-Elliott, mean 3 %", {.loss_model = LOSS_GILBERT_ELLIOTT,
						      .to_bad = 0.01,
						      .to_good = 0.2,
						      .loss_bad = 0.6,
						      .loss_good = 0.001}},
		{"every 50th", {.loss_model = LOSS_EVERY, .loss_every = 50}},
	};

	printf("\nLost of 200,000 packets\n| link | loss | lost | 99.9 %% interval | |\n|---|---|---|---|---|\n");
	for (int b = 0; b < bench->count; b++)
		for (size_t i = 0; i < (bench->backends[b] ? sizeof rows / sizeof *rows : 1); i++)
			loss_row(bench, bench->backends[b], rows[i].name, rows[i].shape);
}

/* ---- many links, and what a packet costs */

struct load_result {
	struct stamp_summary stamps;
	uint64_t sent, received;
	double taken_s, elapsed_s;
};

/* A flood over `links` links; with `stamps`, measured packets on the first of them at the same time. */
static int load(struct bench *bench, const struct shape_backend *backend, size_t links,
	const struct shape *shape, uint32_t packets_per_ms, struct load_result *result)
{
	struct flood flood = {
		.packets_per_ms = packets_per_ms, .bytes = 1000, .duration_ns = bench->seconds * NS_PER_S};
	uint32_t count = (uint32_t)bench->seconds * 200;
	struct stamp *stamps = calloc(count, sizeof *stamps);
	struct link_network network;
	char *error = NULL;
	int outcome = link_network_open(&network, links, backend, shape, &error);

	if (outcome == 0) {
		struct use use = use_begin();
		outcome = flood_start(&flood, &network, &error);
		if (outcome == 0)
			outcome = measure_stamps(
				&network, count, 4 * NS_PER_MS, shape->delay_ns, stamps, &error);
		if (outcome == 0) {
			flood_wait(&flood);
			*result = (struct load_result){stamp_summarise(stamps, count, shape->delay_ns),
				flood.counts[0], flood.counts[1], use_taken(&use),
				(double)(clock_now_ns() - use.since_ns) / (double)NS_PER_S};
		}
		flood_free(&flood);
	}
	link_network_close(&network);
	free(stamps);
	if (outcome < 0)
		report_failure(bench, error);
	return outcome;
}

static void many_part(struct bench *bench)
{
	struct shape shape = {.rate_bps = 100 * MBIT, .delay_ns = 5 * NS_PER_MS, .queue_packets = 50};

	printf("\n100 links, 1,000 packets a second each, of 1,000 bytes; the delay of one of them less 5 ms, microseconds\n| link | sent | received | processors | median | p99 | max |\n"
	       "|---|---|---|---|---|---|---|\n");
	for (int b = 0; b < bench->count; b++) {
		struct shape s = bench->backends[b] ? shape : (struct shape){0};
		struct load_result r;
		printf("| %-6s |", name_of(bench->backends[b]));
		if (!refused(bench->backends[b], &s) &&
			load(bench, bench->backends[b], 100, &s, 100, &r) == 0)
			printf(" %8llu | %8llu | %.2f | %5.0f | %5.0f | %5.0f |\n",
				(unsigned long long)r.sent, (unsigned long long)r.received,
				r.taken_s / r.elapsed_s, r.stamps.median_us, r.stamps.p99_us,
				r.stamps.max_us);
	}
}

static void cost_part(struct bench *bench)
{
	static const uint32_t loads[] = {1, 8}; /* packets a millisecond */
	struct shape shape = {.rate_bps = 100 * MBIT, .delay_ns = 5 * NS_PER_MS, .queue_packets = 1000};
	double bare[2] = {0, 0};

	printf("\nProcessor time a packet of 1,000 bytes, end hosts and kernel included; and less the bare pair's\n"
	       "| link | packets/s | us a packet | less bare | of one processor |\n|---|---|---|---|---|\n");
	struct use use = use_begin();
	sleep((unsigned)bench->seconds);
	printf("| nothing |     0 |        |        | %5.1f %% |\n",
		use_taken(&use) / (double)bench->seconds * 100);
	for (int b = 0; b < bench->count; b++)
		for (int i = 0; i < 2; i++) {
			struct shape s = bench->backends[b] ? shape : (struct shape){0};
			struct load_result r;
			printf("| %-6s | %5u |", name_of(bench->backends[b]), loads[i] * 1000);
			if (refused(bench->backends[b], &s) ||
				load(bench, bench->backends[b], 1, &s, loads[i], &r) < 0)
				continue;
			double us = r.taken_s * 1e6 / (double)r.sent;
			if (b == 0)
				bare[i] = us;
			printf(" %6.1f | %6.1f | %5.1f %% |\n", us, us - bare[i],
				r.taken_s / r.elapsed_s * 100);
		}
}

/* ---- the whole */

static void choose_backends(struct bench *bench)
{
	bench->backends[bench->count++] = NULL;
	for (const struct shape_backend *const *b = shape_backends; *b && bench->count < BACKENDS_MOST; b++) {
		bool wanted = bench->only_count == 0;
		for (int i = 0; i < bench->only_count; i++)
			wanted |= strcmp(bench->only[i], (*b)->name) == 0;
		if (!wanted)
			continue;
		if ((*b)->available())
			bench->backends[bench->count++] = *b;
		else
			printf("skipped: %s (%s): this machine lacks it\n", (*b)->name, (*b)->summary);
	}
}

static void describe_machine(void)
{
	struct utsname u;
	double average[3] = {0};
	char date[32];
	time_t now = time(NULL);

	uname(&u);
	if (getloadavg(average, 3) < 1)
		average[0] = -1;
	strftime(date, sizeof date, "%Y-%m-%d %H:%M", localtime(&now));
	printf("%s, Linux %s, %ld processors, load average before %.2f\n", date, u.release,
		sysconf(_SC_NPROCESSORS_ONLN), average[0]);
}

static int body(void *context)
{
	struct bench *bench = context;
	struct sched_param parameters = {.sched_priority = PRIORITY};

	setvbuf(stdout, NULL, _IOLBF, 0);
	describe_machine();
	choose_backends(bench);
	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &parameters) < 0)
		printf("no real-time priority: packets are not sent evenly\n");
	if (bench->parts & DELAY)
		delay_part(bench);
	if (bench->parts & RATE)
		rate_part(bench);
	if (bench->parts & LOSS)
		loss_part(bench);
	if (bench->parts & MANY)
		many_part(bench);
	if (bench->parts & COST)
		cost_part(bench);
	return bench->failures != 0;
}

static int add_part(struct bench *bench, const char *name)
{
	static const char *const names[] = {"delay", "rate", "loss", "many", "cost"};
	for (unsigned i = 0; i < 5; i++)
		if (strcmp(name, names[i]) == 0) {
			bench->parts |= 1U << i;
			return 0;
		}
	return -1;
}

/* The daemons stand beside us: BUILD/bench/bench_link, BUILD/bin/liquidnet-link. */
static int find_daemons(void)
{
	char self[4096], path[16384];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (n < 0)
		return -1;
	self[n] = 0;
	for (int i = 0; i < 2; i++)
		*strrchr(self, '/') = 0;
	snprintf(
		path, sizeof path, "%s/bin:%s", self, getenv("PATH") ? getenv("PATH") : "/usr/sbin:/usr/bin");
	return setenv("PATH", path, 1);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"part", required_argument, NULL, 'p'},
		{"backend", required_argument, NULL, 'b'}, {"seconds", required_argument, NULL, 's'}, {0}};
	struct bench bench = {.seconds = 4};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		bool right = (option == 'p' && add_part(&bench, optarg) == 0) ||
			     (option == 'b' && bench.only_count < BACKENDS_MOST) ||
			     (option == 's' && (bench.seconds = atoi(optarg)) >= 1);
		if (!right) {
			fprintf(stderr,
				"usage: %s [--part delay|rate|loss|many|cost]... [--backend NAME]... [--seconds N]\n",
				argv[0]);
			return 2;
		}
		if (option == 'b')
			bench.only[bench.only_count++] = optarg;
	}
	if (!bench.parts)
		bench.parts = ALL;
	if (find_daemons() < 0)
		return 1;
	awake_hold(); /* as while trials run, until this process ends */
	return link_sandbox(body, &bench);
}
