/* liquidnet-grin-work: what a server's own programs do while it forwards (Trilogy2 D1.2, 3.3.5, "Forwarding overhead"): computing, like its transcoder, or
 * walking through memory, like its memwalk; and what a unit of that takes. Time is the thread's on its processor (CLOCK_THREAD_CPUTIME_ID): other programs do not
 * count, but interrupts do, and packets that are forwarded in them, where the kernel does not account interrupts apart (CONFIG_IRQ_TIME_ACCOUNTING). */
#include "lib/base/clock.h"
#include "lib/base/units.h"
#include "lib/base/version.h"
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char help[] =
	"liquidnet-grin-work: units of work of a processor or of memory, and the processor time that each took, as JSON\n\n"
	"  liquidnet-grin-work compute [--for TIME]              arithmetic in registers\n"
	"  liquidnet-grin-work walk [--for TIME] [--size BYTES]  a byte of every 64 of so much memory is written\n\n"
	"  --for TIME     ends with the unit in which so much time is over (2s; at most 1h)\n"
	"  --size BYTES   of memory (100MB; 1MB to 1GB)\n"
	"A unit is 5,000,000 steps of `compute`, or once through the memory.\n";

#define STEPS 5000000
#define LINE 64
#define UNITS 1000000 /* samples at most: then it ends */

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static int64_t own_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* Each step needs the one before (xorshift64). */
static uint64_t compute(uint64_t state)
{
	for (unsigned i = 0; i < STEPS; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
	}
	return state;
}

static void walk(volatile unsigned char *memory, size_t size)
{
	for (size_t i = 0; i < size; i += LINE)
		memory[i]++;
}

struct request {
	bool walks;
	int64_t for_ns;
	uint64_t size;
};

static int refuse(const char *option, const char *text, const char *what)
{
	fprintf(stderr, "liquidnet-grin-work: %s %s: %s\n", option, text, what);
	return 2;
}

/* -1: go on; else the exit status. */
static int read_options(int argc, char **argv, struct request *r)
{
	static const struct option table[] = {{"for", required_argument, NULL, 'f'},
		{"size", required_argument, NULL, 's'}, {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'}, {0}};

	*r = (struct request){.for_ns = 2 * NS_PER_S, .size = 100000000};
	for (int c; (c = getopt_long(argc, argv, "", table, NULL)) != -1;)
		switch (c) {
		case 'f':
			if (unit_duration(optarg, &r->for_ns) < 0 || r->for_ns <= 0 ||
				r->for_ns > 3600 * NS_PER_S)
				return refuse("--for", optarg, "write a time of at most an hour, as 2s");
			break;
		case 's':
			if (unit_size(optarg, &r->size) < 0 || r->size < 1000000 || r->size > 1000000000)
				return refuse("--size", optarg, "write 1MB to 1GB");
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		case 'v':
			printf("liquidnet-grin-work %s\n", liquidnet_version);
			return 0;
		default:
			return 2;
		}
	if (optind + 1 != argc)
		return refuse("work", optind < argc ? argv[optind + 1] : "``",
			"write one of compute, walk; --help");
	r->walks = !strcmp(argv[optind], "walk");
	return r->walks || !strcmp(argv[optind], "compute")
		       ? -1
		       : refuse("work", argv[optind], "there are compute, walk; --help");
}

int main(int argc, char **argv)
{
	const struct sigaction on_stop = {.sa_handler = stop};
	struct request r;
	int status = read_options(argc, argv, &r);

	if (status >= 0)
		return status;
	sigaction(SIGTERM, &on_stop, NULL);
	sigaction(SIGINT, &on_stop, NULL);
	unsigned char *memory = r.walks ? calloc(1, (size_t)r.size) : NULL;
	if (r.walks && !memory)
		return refuse("--size", "", "there is not so much memory");
	if (memory)
		walk(memory, (size_t)r.size); /* pages come at the first touch */
	json_t *samples = json_array();
	uint64_t state = 88172645463325252u;
	int64_t began = clock_now_ns();
	while (!stopped && clock_now_ns() - began < r.for_ns && json_array_size(samples) < UNITS) {
		int64_t before = own_ns();
		if (memory)
			walk(memory, (size_t)r.size);
		else
			state = compute(state);
		json_array_append_new(samples, json_real((double)(own_ns() - before) / NS_PER_S));
	}
	double seconds = (double)(clock_now_ns() - began) / NS_PER_S;
	free(memory);
	/* The state is said so that no compiler leaves the work out. */
	json_t *report = json_pack(
		"{s:o, s:f, s:I}", "units", samples, "seconds", seconds, "state", (json_int_t)(state >> 1));
	status = json_dumpf(report, stdout, JSON_REAL_PRECISION(9)) < 0 || putchar('\n') == EOF ||
		 fflush(stdout) != 0;
	json_decref(report);
	return status;
}
