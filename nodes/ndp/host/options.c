/* Words of the command line; see the header. */
#include "nodes/ndp/host/options.h"

#include "lib/base/units.h"
#include "lib/base/version.h"
#include "lib/ndp/ndp_wire.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define MTU 1500
#define HEADERS_MOST 200        /* of packets that no payload is left beside */
#define RTO_PACKETS (3 * 8 * 6) /* three times eight packets at each of six hops */
#define RTO_LEAST_NS (4 * 1000000)
#define WINDOW 10 /* Trilogy2 D1.4, section 3.6.1.3 */
#define WINDOW_MOST 4096

static const char *const transports[] = {"ndp", "tcp", "mptcp", NULL};
static const char *const sprays[] = {"permute", "random", "flow", NULL};

static const char help[] =
	"liquidnet-ndp: flows by NDP, TCP or Multipath TCP, and how long they take (nodes/ndp/README.md)\n\n"
	"  liquidnet-ndp serve [OPTION...]            takes flows; prints each as JSON in the end\n"
	"  liquidnet-ndp send --to ADDRESS,... --size SIZE [OPTION...]\n\n"
	"  --transport ndp|tcp|mptcp  (default ndp)\n"
	"  --address A,B,...   own addresses, one a path (default: any, one path)\n"
	"  --port N            (default 6199)\n"
	"  --mtu N             of IP, bytes (default 1500)\n"
	"  --rate RATE         of the host's link (default 100Mbit/s): pulls leave at it\n"
	"  --rto TIME          NDP's (default: three times full queues over six hops, at least 4 ms)\n"
	"  --duration TIME     ends then, whatever is still on its way\n"
	"  --seed N            of paths and flow numbers, with the first own address (default 1)\n"
	"send:\n"
	"  --to A,B,...        the receiver's addresses, in the order of the paths; --size SIZE a flow; --count N flows, one after another\n"
	"  --window N          packets sent unasked (default 10)\n"
	"  --spray NAME        permute, random or flow (default permute); --penalty: pass over bad paths\n"
	"  --meet FILE:N       begins when N senders have met at this file; --after TIME: so long after that\n"
	"serve:\n"
	"  --flows N           ends when so many have come whole; --bins TIME: what came, in steps of it\n"
	"  --prefer A,...      flows from there are pulled first\n"
	"  --ready-fd N        says READY on this descriptor\n";

static int refuse(const char *name, const char *text, const char *what)
{
	fprintf(stderr, "liquidnet-ndp: --%s %s: %s\n", name, text, what);
	return -1;
}

static int read_addresses(const char *name, const char *text, struct addresses *out)
{
	char copy[ADDRESSES_MAX * INET_ADDRSTRLEN], *rest = copy, *word;

	out->count = 0;
	if (snprintf(copy, sizeof copy, "%s", text) >= (int)sizeof copy)
		return refuse(name, text, "too many addresses");
	while ((word = strsep(&rest, ",")))
		if (out->count == ADDRESSES_MAX || inet_pton(AF_INET, word, &out->list[out->count++]) != 1)
			return refuse(name, text, "IPv4 addresses, joined by commas, 64 at most");
	return 0;
}

static int read_word(const char *name, const char *text, const char *const *words, int *out)
{
	for (int i = 0; words[i]; i++)
		if (!strcmp(text, words[i])) {
			*out = i;
			return 0;
		}
	return refuse(name, text, "no such word; see --help");
}

static int read_number(const char *name, const char *text, int64_t least, int64_t most, int64_t *out)
{
	char range[64];

	if (unit_integer(text, out) == 0 && *out >= least && *out <= most)
		return 0;
	snprintf(range, sizeof range, "a whole number, %lld..%lld", (long long)least, (long long)most);
	return refuse(name, text, range);
}

static int read_time(const char *name, const char *text, int64_t *out)
{
	if (unit_duration(text, out) == 0 && *out > 0)
		return 0;
	return refuse(name, text, "a time such as 100ms");
}

static int read_meeting(const char *text, struct options *o)
{
	static char path[4096];
	const char *colon = strrchr(text, ':');
	int64_t number;

	if (!colon || colon - text >= (ssize_t)sizeof path || unit_integer(colon + 1, &number) < 0 ||
		number < 1 || number > 100000)
		return refuse("meet", text, "FILE:N, so many senders");
	snprintf(path, sizeof path, "%.*s", (int)(colon - text), text);
	o->meet = path;
	o->meeting = (uint32_t)number;
	return 0;
}

enum {
	OPTION_FIRST = 256,
	TRANSPORT,
	ADDRESS,
	TO,
	PREFER,
	PORT,
	MTU_,
	RATE,
	RTO,
	DURATION,
	SEED,
	SIZE,
	COUNT,
	WINDOW_,
	SPRAY,
	PENALTY,
	MEET,
	AFTER,
	FLOWS,
	BINS,
	READY_FD,
	HELP,
	VERSION
};

static const struct option words[] = {{"transport", 1, NULL, TRANSPORT}, {"address", 1, NULL, ADDRESS},
	{"to", 1, NULL, TO}, {"prefer", 1, NULL, PREFER}, {"port", 1, NULL, PORT}, {"mtu", 1, NULL, MTU_},
	{"rate", 1, NULL, RATE}, {"rto", 1, NULL, RTO}, {"duration", 1, NULL, DURATION},
	{"seed", 1, NULL, SEED}, {"size", 1, NULL, SIZE}, {"count", 1, NULL, COUNT},
	{"window", 1, NULL, WINDOW_}, {"spray", 1, NULL, SPRAY}, {"penalty", 0, NULL, PENALTY},
	{"meet", 1, NULL, MEET}, {"after", 1, NULL, AFTER}, {"flows", 1, NULL, FLOWS},
	{"bins", 1, NULL, BINS}, {"ready-fd", 1, NULL, READY_FD}, {"help", 0, NULL, HELP},
	{"version", 0, NULL, VERSION}, {0}};

/* Of both commands. */
static int take_common(int option, struct options *o)
{
	const char *text = optarg;
	int64_t number = 0;
	int word = 0, result = 0;

	switch (option) {
	case TRANSPORT:
		result = read_word("transport", text, transports, &word);
		o->transport = (enum transport)word;
		return result;
	case ADDRESS:
		return read_addresses("address", text, &o->own);
	case PORT:
		result = read_number("port", text, 1, 65535, &number);
		o->port = (uint16_t)number;
		return result;
	case MTU_:
		result = read_number("mtu", text, 576, 65535, &number);
		o->mtu = (uint32_t)number;
		return result;
	case RATE:
		return unit_rate(text, &o->rate_bps) == 0 && o->rate_bps >= 1000
			       ? 0
			       : refuse("rate", text, "a rate such as 100Mbit/s");
	case RTO:
		return read_time("rto", text, &o->rto_ns);
	case DURATION:
		return read_time("duration", text, &o->duration_ns);
	case SEED:
		result = read_number("seed", text, 0, INT64_MAX, &number);
		o->seed = (uint64_t)number;
		return result;
	}
	return 1;
}

static int take(int option, struct options *o)
{
	const char *text = optarg;
	int64_t number = 0;
	int word = 0, result = take_common(option, o);

	if (result <= 0)
		return result;
	switch (option) {
	case TO:
		return read_addresses("to", text, &o->to);
	case PREFER:
		return read_addresses("prefer", text, &o->preferred);
	case SIZE:
		return unit_size(text, &o->size) == 0 ? 0 : refuse("size", text, "a size such as 450KB");
	case COUNT:
		result = read_number("count", text, 1, 1000000, &number);
		o->count = (uint32_t)number;
		return result;
	case WINDOW_:
		result = read_number("window", text, 1, WINDOW_MOST, &number);
		o->window = (uint32_t)number;
		return result;
	case SPRAY:
		result = read_word("spray", text, sprays, &word);
		o->spray = (enum ndp_spray)word;
		return result;
	case PENALTY:
		o->penalty = true;
		return 0;
	case MEET:
		return read_meeting(text, o);
	case AFTER:
		return read_time("after", text, &o->after_ns);
	case FLOWS:
		result = read_number("flows", text, 1, 100000, &number);
		o->flows = (uint32_t)number;
		return result;
	case BINS:
		return read_time("bins", text, &o->bin_ns);
	case READY_FD:
		result = read_number("ready-fd", text, 0, 65535, &number);
		o->ready_fd = (int)number;
		return result;
	}
	return -1; /* getopt has said why */
}

static int complain(const char *what)
{
	fprintf(stderr, "liquidnet-ndp: %s\n", what);
	return 2;
}

static int check(struct options *o)
{
	uint64_t payload = o->mtu - HEADERS_MOST;

	if (!o->serve && o->to.count == 0)
		return complain("send needs --to ADDRESS,...");
	if (!o->serve && o->size / payload >= UINT32_MAX - 1)
		return complain("--size: more packets than a flow can number");
	if (!o->serve && o->transport == TRANSPORT_NDP && o->own.count != o->to.count &&
		(o->own.count > 0 || o->to.count > 1))
		return complain("--address and --to: as many own addresses as the receiver's, one a path");
	if (o->rto_ns == 0)
		o->rto_ns = (int64_t)(RTO_PACKETS * 8e9 * (o->mtu + 14) / (double)o->rate_bps);
	if (o->rto_ns < RTO_LEAST_NS)
		o->rto_ns = RTO_LEAST_NS;
	return -1;
}

int options_read(int argc, char **argv, struct options *o)
{
	*o = (struct options){.port = NDP_PORT,
		.mtu = MTU,
		.rate_bps = 100000000,
		.count = 1,
		.window = WINDOW,
		.ready_fd = -1,
		.seed = 1};
	bool known = argc > 1 && (!strcmp(argv[1], "serve") || !strcmp(argv[1], "send"));
	o->serve = known && !strcmp(argv[1], "serve");
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		printf("liquidnet-ndp %s\n", liquidnet_version);
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "--help")) {
		fputs(help, stdout);
		return 0;
	}
	if (!known)
		return complain("serve or send? see --help");
	for (int c; (c = getopt_long(argc - 1, argv + 1, "", words, NULL)) != -1;) {
		if (c == HELP) {
			fputs(help, stdout);
			return 0;
		}
		if (take(c, o) < 0)
			return 2;
	}
	if (optind + 1 < argc)
		return complain("options only; see --help");
	return check(o);
}
