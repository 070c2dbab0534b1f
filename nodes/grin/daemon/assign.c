#include "nodes/grin/daemon/assign.h"

#include "lib/base/error.h"
#include "lib/base/units.h"
#include "nodes/grin/plan.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"liquidnet-grin assign: who is joined to whom, and what the ends of the cables are called, as YAML\n\n"
	"  --racks RxS    R racks of S servers (default 1x10)\n"
	"  --degree N     cables of each server, 0 to 7 (default 2)\n"
	"  --seed N       (default 1)\n\n"
	"A configuration of liquidnet-grin names the file as `plan: FILE`.\n";

struct request {
	int64_t racks, size, degree, seed;
};

static int complain(const char *format, const char *text)
{
	fprintf(stderr, "liquidnet-grin assign: ");
	fprintf(stderr, format, text);
	fputc('\n', stderr);
	return 2;
}

static int read_racks(struct request *r, const char *text)
{
	char copy[32], *times;

	if ((size_t)snprintf(copy, sizeof copy, "%s", text) >= sizeof copy || !(times = strchr(copy, 'x')))
		return -1;
	*times++ = '\0';
	return unit_integer(copy, &r->racks) < 0 || unit_integer(times, &r->size) < 0 || r->racks < 1 ||
			       r->size < 1 || r->racks > PLAN_SERVERS || r->size > PLAN_SERVERS ||
			       r->racks * r->size > PLAN_SERVERS
		       ? -1
		       : 0;
}

/* -1: go on; else the exit status. */
static int read_options(int argc, char **argv, struct request *r)
{
	static const struct option options[] = {{"racks", required_argument, NULL, 'r'},
		{"degree", required_argument, NULL, 'd'}, {"seed", required_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'}, {0}};

	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;)
		switch (c) {
		case 'r':
			if (read_racks(r, optarg) < 0)
				return complain("--racks %s: write 6x20, at most 65536 servers", optarg);
			break;
		case 'd':
			if (unit_integer(optarg, &r->degree) < 0 || r->degree < 0 || r->degree > PLAN_LINKS)
				return complain(
					"--degree %s: a whole number, 0 to 7: three bits of an address name the cable",
					optarg);
			break;
		case 's':
			if (unit_integer(optarg, &r->seed) < 0 || r->seed < 0)
				return complain("--seed %s: a whole number, 0 or more", optarg);
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			return 2;
		}
	return optind == argc ? -1 : complain("`%s`: options only; --help lists them", argv[optind]);
}

static void put_address(uint32_t a)
{
	printf("%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

static void put_server(const struct plan *plan, const struct plan_server *s)
{
	printf("  - server: ");
	put_address(s->primary);
	printf("\n    rack: %u\n    cables:%s\n", s->rack + 1, s->count ? "" : " []");
	for (unsigned e = 0; e < s->count; e++) {
		printf("      - {number: %u, neighbour: ", s->ends[e].link + 1);
		put_address(plan->servers[s->ends[e].peer].primary);
		printf(", address: ");
		put_address(s->ends[e].address);
		printf(", peer: ");
		put_address(s->ends[e].peer_address);
		puts("}");
	}
}

/* In the order in which they were made: whoever makes them again in it gives the same addresses. */
static void put_cables(const struct plan *plan)
{
	uint32_t(*ends)[2] = calloc(plan->links + 1, sizeof *ends);

	if (!ends)
		abort();
	for (unsigned i = 0; i < plan->count; i++)
		for (unsigned e = 0; e < plan->servers[i].count; e++)
			ends[plan->servers[i].ends[e].link][i > plan->servers[i].ends[e].peer] =
				plan->servers[i].primary;
	printf("cables:%s\n", plan->links ? "" : " []");
	for (unsigned i = 0; i < plan->links; i++) {
		printf("  - [");
		put_address(ends[i][0]);
		printf(", ");
		put_address(ends[i][1]);
		puts("]");
	}
	free(ends);
}

int assign(int argc, char **argv)
{
	struct request r = {.racks = 1, .size = 10, .degree = 2, .seed = 1};
	char *error = NULL;
	int status = read_options(argc, argv, &r);

	if (status >= 0)
		return status;
	struct plan *plan = plan_new();
	if (plan_add_racks(plan, (unsigned)r.racks, (unsigned)r.size, &error) < 0 ||
		plan_interconnect(plan, (unsigned)r.degree, (uint64_t)r.seed, &error) < 0)
		status = complain("%s", error);
	else {
		printf("# liquidnet-grin assign --racks %lldx%lld --degree %lld --seed %lld\n",
			(long long)r.racks, (long long)r.size, (long long)r.degree, (long long)r.seed);
		puts("servers:");
		for (unsigned i = 0; i < plan->count; i++)
			put_server(plan, &plan->servers[i]);
		put_cables(plan);
		status = 0;
	}
	free(error);
	plan_free(plan);
	return status;
}
