/* liquidnet-detour-log: the detour's trail, read: whose was what left under this address and port at that time; is the chain whole. */
#include "lib/base/error.h"
#include "lib/base/units.h"
#include "lib/base/version.h"
#include "nodes/detour/trail.h"
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

struct options {
	const char *directory, *key;
	int64_t time_us; /* -1: not given */
	struct address address;
	struct place server; /* port 0: any */
	uint16_t port;
	int64_t tolerance_us;
	bool json;
};

/* ---- find */

/* A flow that used the address and port; `end_us` INT64_MAX while no end is known. */
struct candidate {
	struct trail_record began;
	int64_t end_us;
	uint64_t up, down;
};

struct search {
	const struct options *options;
	struct candidate *items;
	size_t count, room;
};

static bool same_flow(const struct trail_record *a, const struct trail_record *b)
{
	return place_equal(&a->outgoing, &b->outgoing) && place_equal(&a->remote, &b->remote);
}

static bool concerns(const struct options *o, const struct trail_record *r)
{
	return r->outgoing.port == o->port && address_equal(&r->outgoing.address, &o->address) &&
	       (o->server.port == 0 || place_equal(&r->remote, &o->server));
}

/* The last flow between the same two ends has ended by now, whether its end was heard or not: the kernel has given its port
 * away. */
static void end_flow(struct search *s, const struct trail_record *r)
{
	for (size_t i = s->count; i-- > 0;) {
		struct candidate *c = &s->items[i];
		if (!same_flow(&c->began, r))
			continue;
		if (c->end_us == INT64_MAX) {
			c->end_us = r->time_us;
			c->up = r->up;
			c->down = r->down;
		}
		return;
	}
}

static bool take(void *context, const struct trail_record *r)
{
	struct search *s = context;
	if ((r->kind != TRAIL_BEGAN && r->kind != TRAIL_ENDED) || !concerns(s->options, r))
		return true;
	end_flow(s, r);
	if (r->kind == TRAIL_ENDED || r->time_us > s->options->time_us + s->options->tolerance_us)
		return true;
	if (s->count == s->room) {
		s->room = s->room ? 2 * s->room : 64;
		s->items = realloc(s->items, s->room * sizeof *s->items);
		if (!s->items)
			abort();
	}
	s->items[s->count++] = (struct candidate){.began = *r, .end_us = INT64_MAX};
	return true;
}

static void time_text(int64_t time_us, char text[40])
{
	time_t seconds = (time_t)(time_us / 1000000);
	struct tm tm;
	if (time_us == INT64_MAX) {
		strcpy(text, "-");
		return;
	}
	size_t length = strftime(text, 40, "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
	snprintf(text + length, 40 - length, ".%06dZ", (int)(time_us % 1000000));
}

static void print(const struct options *o, const struct candidate *c)
{
	char client[PLACE_TEXT], remote[PLACE_TEXT], began[40], ended[40];
	time_text(c->began.time_us, began);
	time_text(c->end_us, ended);
	place_text(&c->began.client, client);
	place_text(&c->began.remote, remote);
	if (o->json) {
		json_t *json = json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:I}", "member", c->began.member,
			"client", client, "remote", remote, "began", began, "ended", ended, "up",
			(json_int_t)c->up, "down", (json_int_t)c->down, "record",
			(json_int_t)c->began.number);
		json_dumpf(json, stdout, 0);
		putchar('\n');
		json_decref(json);
		return;
	}
	printf("member %s client %s to %s from %s until %s, %" PRIu64 " bytes up, %" PRIu64
	       " down (record %" PRIu64 ")\n",
		c->began.member, client, remote, began, ended, c->up, c->down, c->began.number);
}

/* Chain and seals are checked on the way: a finding in a trail that was changed is none. Exit status: 0 exactly one, 3 none, 4 more
 * than one (towards several servers; --server tells them apart), 1 the trail is broken. */
static int do_find(const struct options *o, char **error)
{
	struct search s = {.options = o};
	struct trail_check check = {0};
	uint8_t key[SEAL_PUBLIC];
	size_t found = 0;
	if (o->time_us < 0 || !o->port || address_is_none(&o->address)) {
		error_set(error, "find needs --time, --address and --port");
		return 2;
	}
	if (o->key && !public_parse(o->key, key)) {
		error_set(error, "--public: '%s' is no public key", o->key);
		return 2;
	}
	check.key = o->key ? key : NULL;
	if (trail_read(o->directory, &check, take, &s, error) < 0)
		return 1;
	for (size_t i = 0; i < s.count; i++)
		if (s.items[i].end_us >= o->time_us - o->tolerance_us) {
			print(o, &s.items[i]);
			found++;
		}
	free(s.items);
	if (check.what[0]) {
		error_set(error, "%s: %s: the trail is no evidence from there on", check.place, check.what);
		return 1;
	}
	return found == 1 ? 0 : found == 0 ? 3 : 4;
}

/* ---- verify, show */

static bool pass(void *context, const struct trail_record *r)
{
	(void)context, (void)r;
	return true;
}

static int do_verify(const struct options *o, char **error)
{
	struct trail_check check = {0};
	uint8_t key[SEAL_PUBLIC];
	if (o->key && !public_parse(o->key, key)) {
		error_set(error, "--public: '%s' is no public key", o->key);
		return 2;
	}
	check.key = o->key ? key : NULL;
	if (trail_read(o->directory, &check, pass, NULL, error) < 0)
		return 1;
	printf("%" PRIu64 " records in %" PRIu64 " files, %" PRIu64 " seals%s\n", check.records, check.files,
		check.seals, check.torn ? ", the last line is not whole yet" : "");
	if (!check.what[0])
		return 0;
	error_set(error, "%s: %s", check.place, check.what);
	return 1;
}

static bool show(void *context, const struct trail_record *r)
{
	char line[TRAIL_LINE];
	(void)context;
	size_t length = trail_format(r, line);
	fwrite(line, 1, length, stdout);
	putchar('\n');
	return true;
}

static int do_show(const struct options *o, char **error)
{
	struct trail_check check = {0};
	if (trail_read(o->directory, &check, show, NULL, error) < 0)
		return 1;
	if (!check.what[0])
		return 0;
	error_set(error, "%s: %s", check.place, check.what);
	return 1;
}

/* ---- the program */

static const struct {
	const char *name, *summary;
	int (*run)(const struct options *options, char **error);
} commands[] = {
	{"find", "whose it was: --time T --address A --port P [--server A:P]", do_find},
	{"verify", "whether chain and seals are whole", do_verify},
	{"show", "all records, without their hashes", do_show},
};

static void help(void)
{
	fputs("liquidnet-detour-log: reads a detour's trail\n\nusage: liquidnet-detour-log COMMAND [OPTION...] DIRECTORY\n\n",
		stdout);
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		printf("  %-7s %s\n", commands[i].name, commands[i].summary);
	fputs("\n  --time T          2026-11-22T10:20:30Z, or seconds since 1970\n"
	      "  --address A       of the detour, as the server saw it\n"
	      "  --port P          likewise\n"
	      "  --server A:P      of the server\n"
	      "  --tolerance TIME  how far clocks may differ (0s)\n"
	      "  --public KEY      the detour's public key, which the seals must be of\n"
	      "  --json            find: a line of JSON each\n"
	      "  --help, --version\n\n"
	      "find exits with 0 when it was exactly one flow, 3 when none, 4 when several, to several servers; 1: the trail is broken.\n",
		stdout);
}

static bool read_time(const char *text, int64_t *time_us)
{
	struct tm tm = {0};
	double seconds;
	if (unit_number(text, &seconds) == 0) {
		*time_us = (int64_t)(seconds * 1e6);
		return seconds >= 0;
	}
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!rest)
		return false;
	double fraction = 0;
	if (*rest == '.') {
		char *end;
		fraction = strtod(rest, &end);
		rest = end;
	}
	*time_us = timegm(&tm) * 1000000LL + (int64_t)(fraction * 1e6 + 0.5);
	return strcmp(rest, "Z") == 0 && *time_us >= 0;
}

static int read_option(struct options *o, int option, char **error)
{
	int64_t port, ns;
	switch (option) {
	case 't':
		return read_time(optarg, &o->time_us) ? 0 : error_set(error, "--time: '%s' is none", optarg);
	case 'a':
		return address_parse(optarg, &o->address)
			       ? 0
			       : error_set(error, "--address: '%s' is none", optarg);
	case 'p':
		if (unit_integer(optarg, &port) < 0 || port < 1 || port > UINT16_MAX)
			return error_set(error, "--port: '%s' is none", optarg);
		o->port = (uint16_t)port;
		return 0;
	case 's':
		return place_parse(optarg, &o->server)
			       ? 0
			       : error_set(error, "--server: '%s' is no address with a port", optarg);
	case 'T':
		if (unit_duration(optarg, &ns) < 0)
			return error_set(error, "--tolerance: '%s' is no time", optarg);
		o->tolerance_us = ns / 1000;
		return 0;
	case 'P':
		o->key = optarg;
		return 0;
	case 'j':
		o->json = true;
		return 0;
	default:
		return error_set(error, "unknown option; --help lists them");
	}
}

static int run(int argc, char **argv, char **error)
{
	static const struct option longs[] = {{"time", required_argument, NULL, 't'},
		{"address", required_argument, NULL, 'a'}, {"port", required_argument, NULL, 'p'},
		{"server", required_argument, NULL, 's'}, {"tolerance", required_argument, NULL, 'T'},
		{"public", required_argument, NULL, 'P'}, {"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'v'}, {0}};
	struct options options = {.time_us = -1};
	int option;
	opterr = 0;
	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (option == 'h') {
			help();
			return 0;
		}
		if (option == 'v') {
			printf("liquidnet-detour-log %s\n", liquidnet_version);
			return 0;
		}
		if (read_option(&options, option, error) < 0)
			return 2;
	}
	if (argc - optind != 2) {
		error_set(
			error, "usage: liquidnet-detour-log COMMAND [OPTION...] DIRECTORY; --help says more");
		return 2;
	}
	options.directory = argv[optind + 1];
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strcmp(commands[i].name, argv[optind]) == 0)
			return commands[i].run(&options, error);
	error_set(error, "'%s' is no command; --help lists them", argv[optind]);
	return 2;
}

int main(int argc, char **argv)
{
	char *error = NULL;
	int status = seal_init(&error) < 0 ? 1 : run(argc, argv, &error);
	if (error)
		fprintf(stderr, "liquidnet-detour-log: %s\n", error);
	free(error);
	return status;
}
