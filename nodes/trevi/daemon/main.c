/* liquidnet-trevi: `serve`, a tract server; `put` and `get`, its client; `table`, a locator table. */
#include "lib/base/daemon.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/units.h"
#include "nodes/trevi/daemon/client.h"
#include "nodes/trevi/daemon/serve.h"
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"liquidnet-trevi: storage traffic without TCP (nodes/trevi/README.md)\n\n"
	"  liquidnet-trevi serve --config FILE ...           a tract server\n"
	"  liquidnet-trevi put --table FILE --guid HEX FILE  writes a blob to its servers\n"
	"  liquidnet-trevi get --table FILE --guid HEX --tracts N [--out FILE]   reads one\n"
	"  liquidnet-trevi table --servers A:P,A:P... [--replicas 3] [--rows 64] [--group 239.1.1.1]   prints a table\n\n"
	"  --by NAME        trevi (default), unicast (put: to each server alone), tcp, mptcp\n"
	"  --parallel N     tracts at once (default 1)\n"
	"  --repeat N       so many times, each begins when the last one is whole (default 1)\n"
	"  --sources N      servers that a tract is read from at once (default 16)\n"
	"  --tract-size S   bytes (default 1MiB)     --fragment N  bytes of a symbol of a put (default 1400)\n"
	"  --timeout T      a tract that makes no progress for so long has failed (default 10s)\n"
	"  --straggler T    a server that asks for nothing for so long is left behind (default 5s)\n"
	"  --noise T        what this machine adds to a round trip, more or less (default 100us; in virtual time 1us)\n"
	"  --ttl N          routers that a group's symbols pass (default 4)\n\n"
	"put and get print JSON. Exit status: 0 all is there, 1 something failed, 2 asked wrongly.\n";

static int complain(const char *what, const char *value, const char *remedy)
{
	fprintf(stderr, "liquidnet-trevi: %s%s%s: %s\n", what, value ? " " : "", value ? value : "", remedy);
	return 2;
}

/* ---- serve ---- */

static void *load(const char *path, char **error)
{
	return settings_load(path, error);
}

static void unload(void *settings)
{
	settings_free(settings);
}

static int serve(struct daemon *daemon, char **error)
{
	struct serve *server = serve_start(daemon->loop, daemon->config, error);
	int status = server ? daemon_run(daemon, serve_commands, server) : 1;

	serve_stop(server);
	return status;
}

static int main_serve(int argc, char **argv)
{
	static const struct daemon_description description = {.program = "liquidnet-trevi serve",
		.summary = "a tract server",
		.default_config = "/etc/liquidnet/trevi.yaml"}; /* and no rights: it needs none */
	static const struct daemon_parts parts = {load, unload, serve};

	return daemon_main(&description, &parts, argc, argv);
}

/* ---- put and get ---- */

struct words {
	const char *table, *guid, *out, *file;
};

static int take_number(const char *name, int64_t least, int64_t most, int64_t *out)
{
	char range[64];

	if (unit_integer(optarg, out) == 0 && *out >= least && *out <= most)
		return 0;
	snprintf(range, sizeof range, "a whole number, %lld..%lld", (long long)least, (long long)most);
	return complain(name, optarg, range);
}

static int take_time(const char *name, int64_t *out)
{
	return unit_duration(optarg, out) == 0 && *out > 0 ? 0 : complain(name, optarg, "a time, such as 5s");
}

static int take_by(struct client_settings *s)
{
	for (int i = 0; client_by_names[i]; i++)
		if (!strcmp(client_by_names[i], optarg)) {
			s->by = (enum client_by)i;
			return 0;
		}
	return complain("--by", optarg, "there are trevi, unicast, tcp, mptcp");
}

static int take_size(struct client_settings *s)
{
	uint64_t size;

	if (unit_size(optarg, &size) < 0 || size < 1 || size > WIRE_TRACT_MAX)
		return complain("--tract-size", optarg, "1 byte to 64MiB");
	s->tract_size = (uint32_t)size;
	return 0;
}

static int take_option(int c, struct client_settings *s, struct words *w)
{
	int64_t n = 0;
	int fault = 0;

	switch (c) {
	case 't':
		w->table = optarg;
		break;
	case 'g':
		w->guid = optarg;
		break;
	case 'o':
		w->out = optarg;
		break;
	case 'b':
		return take_by(s);
	case 's':
		return take_size(s);
	case 'n':
		fault = take_number("--tracts", 1, 1 << 20, &n);
		s->tracts = (uint32_t)n;
		break;
	case 'p':
		fault = take_number("--parallel", 1, 256, &n);
		s->parallel = (uint32_t)n;
		break;
	case 'r':
		fault = take_number("--repeat", 1, 1000000, &n);
		s->repeat = (uint32_t)n;
		break;
	case 'k':
		fault = take_number("--sources", 1, TABLE_REPLICAS, &n);
		s->sources = (unsigned)n;
		break;
	case 'f':
		fault = take_number("--fragment", WIRE_FRAGMENT_MIN, WIRE_FRAGMENT_MAX, &n);
		s->fragment = (uint16_t)n;
		break;
	case 'l':
		fault = take_number("--ttl", 0, 255, &n);
		s->ttl = (unsigned)n;
		break;
	case 'T':
		return take_time("--timeout", &s->timeout_ns);
	case 'S':
		return take_time("--straggler", &s->straggler_ns);
	case 'N':
		return take_time("--noise", &s->noise_ns);
	default:
		return complain("unknown option", NULL, "liquidnet-trevi --help names them");
	}
	return fault;
}

static int read_options(int argc, char **argv, struct client_settings *s, struct words *w)
{
	static const struct option options[] = {{"table", required_argument, NULL, 't'},
		{"guid", required_argument, NULL, 'g'}, {"out", required_argument, NULL, 'o'},
		{"by", required_argument, NULL, 'b'}, {"tract-size", required_argument, NULL, 's'},
		{"tracts", required_argument, NULL, 'n'}, {"parallel", required_argument, NULL, 'p'},
		{"repeat", required_argument, NULL, 'r'}, {"sources", required_argument, NULL, 'k'},
		{"fragment", required_argument, NULL, 'f'}, {"ttl", required_argument, NULL, 'l'},
		{"timeout", required_argument, NULL, 'T'}, {"straggler", required_argument, NULL, 'S'},
		{"noise", required_argument, NULL, 'N'}, {0}};

	opterr = 0;
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;)
		if (take_option(c, s, w) != 0)
			return 2;
	w->file = argv[optind];
	if (!w->table)
		return complain("--table", NULL, "is missing; `liquidnet-trevi table` makes one");
	if (!w->guid || !table_guid(w->guid, s->guid))
		return complain("--guid", w->guid, "the blob's name, 32 hexadecimal digits");
	if (s->put && (!w->file || argv[optind + 1]))
		return complain("put", NULL, "name one file to write");
	if (!s->put && w->file)
		return complain("get", w->file, "what is that? the blob goes to --out FILE");
	if (!s->put && s->by == BY_UNICAST)
		return complain("--by", "unicast", "reads are unicast; write trevi");
	return s->put || s->tracts ? 0
				   : complain("--tracts", NULL, "is missing: how many tracts the blob has");
}

static int read_file(const char *path, struct client_settings *s)
{
	FILE *file = fopen(path, "re");
	size_t room = 1 << 20, got = 0, n;

	if (!file)
		return complain("put", path, strerror(errno));
	s->bytes = malloc(room);
	while (s->bytes && (n = fread(s->bytes + got, 1, room - got, file)) > 0) {
		got += n;
		if (got == room)
			s->bytes = realloc(s->bytes, room *= 2);
	}
	int code = ferror(file) || !s->bytes ? errno : 0;
	fclose(file);
	if (code)
		return complain("put", path, strerror(code));
	s->length = got;
	s->tracts = got ? (uint32_t)((got + s->tract_size - 1) / s->tract_size) : 1;
	return 0;
}

static int write_file(const char *path, const struct client_settings *s, uint64_t length)
{
	FILE *file = fopen(path, "we");

	if (!file)
		return complain("--out", path, strerror(errno));
	bool good = fwrite(s->bytes, 1, length, file) == length;
	good = fclose(file) == 0 && good;
	return good ? 0 : complain("--out", path, strerror(errno));
}

static int main_client(int argc, char **argv, bool put)
{
	struct client_settings s = {.put = put,
		.parallel = 1,
		.repeat = 1,
		.sources = TABLE_REPLICAS,
		.tract_size = 1 << 20,
		.fragment = 1400,
		.ttl = 4,
		.timeout_ns = 10 * NS_PER_S,
		.straggler_ns = 5 * NS_PER_S,
		.noise_ns = WINDOW_SETTINGS.noise_ns};
	struct words w = {0};
	char *error = NULL;
	int status = read_options(argc, argv, &s, &w);

	if (status == 0 && put)
		status = read_file(w.file, &s);
	if (status == 0 && !put) {
		s.length = (uint64_t)s.tracts * s.tract_size;
		s.bytes = malloc(s.length);
		if (!s.bytes)
			status = complain("get", NULL, "no memory for so large a blob");
	}
	struct table *table = status == 0 ? table_load(w.table, &error) : NULL;
	if (status == 0 && !table)
		status = 2;
	if (status == 0) {
		s.table = table;
		status = client_run(&s, stdout, &error);
	}
	if (error)
		fprintf(stderr, "liquidnet-trevi %s: %s\n", put ? "put" : "get", error);
	if (status == 0 && w.out)
		status = write_file(w.out, &s, s.read);
	free(error);
	table_free(table);
	free(s.bytes);
	return status;
}

/* ---- table ---- */

static int main_table(int argc, char **argv)
{
	static const struct option options[] = {{"servers", required_argument, NULL, 's'},
		{"replicas", required_argument, NULL, 'k'}, {"rows", required_argument, NULL, 'r'},
		{"group", required_argument, NULL, 'g'}, {0}};
	char *servers[65536], *list = NULL;
	const char *group = NULL;
	int64_t replicas = 3, rows = 0;
	unsigned count = 0, a, b, c, d;

	opterr = 0;
	for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (o == 's')
			list = optarg;
		else if (o == 'g')
			group = optarg;
		else if (o == '?' || take_number(o == 'k' ? "--replicas" : "--rows", 1,
					     o == 'k' ? TABLE_REPLICAS : 65536, o == 'k' ? &replicas : &rows))
			return o == '?' ? complain("table", NULL,
						  "unknown option; liquidnet-trevi --help names them")
					: 2;
	}
	if (!list)
		return complain("--servers", NULL, "is missing: ADDRESS:PORT,ADDRESS:PORT...");
	for (char *one; count < 65536 && (one = strsep(&list, ","));)
		servers[count++] = one;
	if (replicas > count)
		return complain("--replicas", NULL, "more than there are servers");
	if (group && (sscanf(group, "%u.%u.%u.%u", &a, &b, &c, &d) != 4 || a < 224 || a > 239 || b > 255 ||
			     c > 255 || d > 255))
		return complain("--group", group, "the first multicast address, such as 239.1.1.1");
	rows = rows ? rows : count;
	puts("rows:");
	for (unsigned r = 0; r < rows; r++) {
		printf("  - {servers: [");
		for (unsigned k = 0; k < replicas; k++)
			printf("%s%s", k ? ", " : "", servers[(r + k) % count]);
		if (group) {
			uint32_t address = (a << 24 | b << 16 | c << 8 | d) + r;
			printf("], group: %u.%u.%u.%u}\n", address >> 24, address >> 16 & 255,
				address >> 8 & 255, address & 255);
		} else
			puts("]}");
	}
	return 0;
}

int main(int argc, char **argv)
{
	log_open("liquidnet-trevi", LOG_LEVEL_INFO);
	if (argc > 1 && !strcmp(argv[1], "serve"))
		return main_serve(argc - 1, argv + 1);
	if (argc > 1 && (!strcmp(argv[1], "put") || !strcmp(argv[1], "get")))
		return main_client(argc - 1, argv + 1, !strcmp(argv[1], "put"));
	if (argc > 1 && !strcmp(argv[1], "table"))
		return main_table(argc - 1, argv + 1);
	bool asked = argc > 1 && !strcmp(argv[1], "--help");
	fputs(help, asked ? stdout : stderr);
	return asked ? 0 : 2;
}
