#include "nodes/grin/matrix/matrix.h"

#include "lib/base/units.h"
#include "lib/base/version.h"
#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"liquidnet-matrix: traffic between many servers, and how much of it came, as JSON\n\n"
	"  liquidnet-matrix run --node N --pattern NAME ...   one of the servers of a matrix: takes flows, and sends its own\n"
	"  liquidnet-matrix serve                             gives what is asked for, until SIGTERM\n"
	"  liquidnet-matrix fetch --servers A,B --size BYTES  how long it takes to get so much\n\n"
	"  --tcp              TCP, not Multipath TCP       --port N       (default 7100)      --ready-fd N\n"
	"  --meet FILE:N      begins when N programs have met at this file\n"
	"run: --base ADDRESS  of the first server (10.0.0.1); the next has the next\n"
	"  --node N           this one, from 1             --of N         servers (10)        --rack N   servers of a rack (all)\n"
	"  --pattern NAME     permutation, group, all-to-all, random      --active 50%   --group N   --between   only between racks\n"
	"  --flows 1-6,2-7    these flows, instead of a pattern           --seed N\n"
	"  --duration TIME    of flows (5s)                --window A-B   what is counted (1s-5s)\n"
	"fetch: --connections N  to each server (1)        --rounds N (1) --pause TIME between them  --persistent  the same connections\n";

enum {
	TCP = 256,
	PORT,
	READY,
	MEET,
	BASE,
	NODE,
	OF,
	RACK,
	PATTERN,
	ACTIVE,
	GROUP,
	BETWEEN,
	FLOWS,
	SEED,
	DURATION,
	WINDOW,
	SERVERS,
	SIZE,
	CONNECTIONS,
	ROUNDS,
	PAUSE,
	PERSISTENT,
	HELP,
	VERSION_
};

static const struct option table[] = {{"tcp", 0, NULL, TCP}, {"port", 1, NULL, PORT},
	{"ready-fd", 1, NULL, READY}, {"meet", 1, NULL, MEET}, {"base", 1, NULL, BASE},
	{"node", 1, NULL, NODE}, {"of", 1, NULL, OF}, {"rack", 1, NULL, RACK}, {"pattern", 1, NULL, PATTERN},
	{"active", 1, NULL, ACTIVE}, {"group", 1, NULL, GROUP}, {"between", 0, NULL, BETWEEN},
	{"flows", 1, NULL, FLOWS}, {"seed", 1, NULL, SEED}, {"duration", 1, NULL, DURATION},
	{"window", 1, NULL, WINDOW}, {"servers", 1, NULL, SERVERS}, {"size", 1, NULL, SIZE},
	{"connections", 1, NULL, CONNECTIONS}, {"rounds", 1, NULL, ROUNDS}, {"pause", 1, NULL, PAUSE},
	{"persistent", 0, NULL, PERSISTENT}, {"help", 0, NULL, HELP}, {"version", 0, NULL, VERSION_}, {0}};

static int refuse(const char *option, const char *text, const char *what)
{
	fprintf(stderr, "liquidnet-matrix: --%s %s: %s\n", option, text, what);
	return -1;
}

static int number(const char *option, const char *text, int64_t least, int64_t most, int64_t *out)
{
	char what[96];

	if (unit_integer(text, out) == 0 && *out >= least && *out <= most)
		return 0;
	snprintf(what, sizeof what, "a whole number, %lld to %lld", (long long)least, (long long)most);
	return refuse(option, text, what);
}

static int read_meeting(char *text, struct options *o)
{
	char *colon = strrchr(text, ':');
	int64_t count;

	if (!colon || unit_integer(colon + 1, &count) < 0 || count < 1 || count > 100000)
		return refuse("meet", text, "FILE:N, so many programs");
	*colon = '\0';
	o->meet = text;
	o->meeting = (uint32_t)count;
	return 0;
}

static int read_pattern(const char *text, struct options *o)
{
	for (int i = 0; traffic_pattern_names[i]; i++)
		if (!strcmp(text, traffic_pattern_names[i])) {
			o->traffic.pattern = (enum traffic_pattern)i;
			return 0;
		}
	return refuse("pattern", text, "there are permutation, group, all-to-all, random");
}

static int read_flows(char *text, struct options *o)
{
	for (char *item; (item = strsep(&text, ","));) {
		char *dash = strchr(item, '-');
		int64_t a, b;
		if (dash)
			*dash = '\0';
		if (!dash || unit_integer(item, &a) < 0 || unit_integer(dash + 1, &b) < 0 || a < 1 || b < 1 ||
			a > 65536 || b > 65536 || a == b)
			return refuse("flows", item, "SOURCE-DESTINATION, two servers by number from 1");
		o->list = reallocarray(o->list, o->list_count + 1, sizeof *o->list);
		if (!o->list)
			abort();
		o->list[o->list_count++] = (struct traffic_flow){(unsigned)a - 1, (unsigned)b - 1};
	}
	return 0;
}

static int read_window(char *text, struct options *o)
{
	char *dash = strchr(text, '-');

	if (dash)
		*dash = '\0';
	return dash && unit_duration(text, &o->from_ns) == 0 && unit_duration(dash + 1, &o->until_ns) == 0 &&
			       o->from_ns >= 0 && o->from_ns < o->until_ns
		       ? 0
		       : refuse("window", text, "two times, such as 1s-5s");
}

static int read_servers(char *text, struct options *o)
{
	for (char *item; (item = strsep(&text, ","));) {
		if (o->server_count == sizeof o->servers / sizeof *o->servers)
			return refuse("servers", item, "256 at most");
		if (inet_pton(AF_INET, item, &o->servers[o->server_count++]) != 1)
			return refuse("servers", item, "IPv4 addresses with commas between");
	}
	return 0;
}

static int read_duration(const char *option, const char *text, int64_t *out)
{
	return unit_duration(text, out) == 0 && *out >= 0 ? 0 : refuse(option, text, "a time, such as 5s");
}

/* Options that say numbers. */
static int read_number(int which, const char *name, const char *text, struct options *o)
{
	int64_t n = 0;
	int64_t most = which == PORT ? 65535 : which == SEED ? INT64_MAX : which == READY ? 1 << 20 : 65536;

	if (number(name, text, which == SEED || which == READY ? 0 : 1, most, &n) < 0)
		return -1;
	switch (which) {
	case PORT:
		o->port = (uint16_t)n;
		break;
	case READY:
		o->ready_fd = (int)n;
		break;
	case NODE:
		o->node = (unsigned)n - 1;
		break;
	case OF:
		o->traffic.servers = (unsigned)n;
		break;
	case RACK:
		o->traffic.rack = (unsigned)n;
		break;
	case GROUP:
		o->traffic.group = (unsigned)n;
		break;
	case SEED:
		o->traffic.seed = (uint64_t)n;
		break;
	case CONNECTIONS:
		o->connections = (unsigned)n;
		break;
	default:
		o->rounds = (unsigned)n;
	}
	return 0;
}

static int read_one(int which, const char *name, char *text, struct options *o)
{
	switch (which) {
	case TCP:
		o->tcp = true;
		return 0;
	case BETWEEN:
		o->traffic.between = true;
		return 0;
	case PERSISTENT:
		o->persistent = true;
		return 0;
	case MEET:
		return read_meeting(text, o);
	case BASE:
		return inet_pton(AF_INET, text, &o->base) == 1 ? 0 : refuse(name, text, "an IPv4 address");
	case PATTERN:
		return read_pattern(text, o);
	case ACTIVE:
		return unit_fraction(text, &o->traffic.active) == 0 && o->traffic.active > 0
			       ? 0
			       : refuse(name, text, "a share, such as 50%");
	case FLOWS:
		return read_flows(text, o);
	case DURATION:
		return read_duration(name, text, &o->duration_ns);
	case WINDOW:
		return read_window(text, o);
	case PAUSE:
		return read_duration(name, text, &o->pause_ns);
	case SERVERS:
		return read_servers(text, o);
	case SIZE:
		return unit_size(text, &o->size) == 0 && o->size ? 0
								 : refuse(name, text, "bytes, such as 30KB");
	default:
		return read_number(which, name, text, o);
	}
}

static int check(struct options *o)
{
	if (!o->traffic.rack)
		o->traffic.rack = o->traffic.servers;
	if (o->mode == MATRIX_RUN && o->node >= o->traffic.servers && !o->list)
		return refuse("node", "", "it is not one of so many servers");
	if (o->mode == MATRIX_RUN && o->until_ns > o->duration_ns)
		return refuse("window", "", "it ends after the flows");
	if (o->mode == MATRIX_FETCH && (!o->server_count || !o->size))
		return refuse("servers", "", "fetch needs --servers and --size");
	return 0;
}

int options_read(int argc, char **argv, struct options *o)
{
	static const char *const modes[] = {"run", "serve", "fetch"};
	int mode = 0;

	*o = (struct options){.traffic = {.servers = 10, .active = 0.5, .group = 5, .seed = 1},
		.from_ns = NS_PER_S,
		.until_ns = 5 * NS_PER_S,
		.duration_ns = 5 * NS_PER_S,
		.connections = 1,
		.rounds = 1,
		.base.s_addr = htonl(0x0a000001),
		.port = 7100,
		.ready_fd = -1};
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		printf("liquidnet-matrix %s\n", liquidnet_version);
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "--help")) {
		fputs(help, stdout);
		return 0;
	}
	while (mode < 3 && (argc < 2 || strcmp(argv[1], modes[mode]) != 0))
		mode++;
	if (mode == 3) {
		fprintf(stderr, "liquidnet-matrix: `%s`: there are run, serve, fetch; --help\n",
			argc > 1 ? argv[1] : "");
		return 2;
	}
	o->mode = (enum matrix_mode)mode;
	for (int c, which = 0; (c = getopt_long(argc - 1, argv + 1, "", table, &which)) != -1;) {
		if (c == HELP) {
			fputs(help, stdout);
			return 0;
		}
		if (c == '?' || read_one(c, table[which].name, optarg, o) < 0)
			return 2;
	}
	if (optind < argc - 1) {
		fprintf(stderr, "liquidnet-matrix: `%s`: options only; --help\n", argv[optind + 1]);
		return 2;
	}
	return check(o) < 0 ? 2 : -1;
}

void options_free(struct options *o)
{
	free(o->list);
}
