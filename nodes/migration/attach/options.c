/* Options of liquidnet-attach: see the header. */
#include "nodes/migration/attach/options.h"

#include "lib/base/error.h"
#include "lib/base/units.h"
#include "lib/base/version.h"
#include "nodes/migration/scenario.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"liquidnet-attach: a node's programs move between networks, and stand still for as long as a machine's migration would stop them\n\n"
	"Usage: liquidnet-attach --at NAME=INTERFACE,ADDRESS/PREFIX,GATEWAY --at ... --move NAME@TIME...\n"
	"                        [--stop TIME | --memory WORDS] [--notice TIME] [--endpoint none|keep|replace|joined|fullmesh] [--for TIME]\n"
	"                        -- PROGRAM [WORD...] [-- PROGRAM...]\n\n"
	"  --at       a place: it begins at the first, and the links of the others are down (2 to 8)\n"
	"  --move     to that place, so long after the programs were started (up to 64, in order)\n"
	"  --stop     how long each move stops them (default 0s)\n"
	"  --memory   as long as formulas 3.1 and 3.2 say of this memory, in one word: 'ram=250MB rate=1Gbit/s dirty=200Mbit/s mode=precopy'\n"
	"  --notice   from going on until it takes its new address (default 0s); a machine sees its cable come back, and asks\n"
	"  --endpoint what becomes of Multipath TCP's endpoints (default joined): none, another program does it; keep, the old one stays;\n"
	"             replace, the old one is removed at once; joined, when a subflow from the new one is there; fullmesh, the same for a server\n"
	"             whose client has announced a port\n"
	"  --for      the programs are ended after so long; else it waits until they end\n"
	"  --help, --version\n\n"
	"Programs run in a cgroup of their own, which is frozen. Prints JSON when they have ended: when each move began, how long it copied, stopped,\n"
	"renumbered and lasted. Then the links are as they were. Keys of --memory: %s.\n";

struct reading {
	struct attach_options *options;
	int64_t stop_ns;
	const char *moves[MOVES]; /* as written: places may be named after them */
	struct scenario scenario;
	bool stops, copies;
};

static int take_time(const char *option, const char *text, int64_t *ns, char **error)
{
	if (unit_duration(text, ns) < 0 || *ns < 0 || *ns > 3600 * NS_PER_S)
		return error_set(
			error, "--%s: '%s' is no time of at most an hour; write 300ms", option, text);
	return 0;
}

static int take_place(struct attach_options *o, const char *text, char **error)
{
	if (o->place_count == SITES)
		return error_set(error, "--at: more than %d places", SITES);
	struct site *place = &o->places[o->place_count];
	if (site_parse(place, text, error) < 0)
		return error_prefix(error, "--at");
	for (unsigned i = 0; i < o->place_count; i++)
		if (strcmp(o->places[i].name, place->name) == 0 ||
			strcmp(o->places[i].interface, place->interface) == 0)
			return error_set(error, "--at: '%s' has the name or the interface of '%s'", text,
				o->places[i].name);
	o->place_count++;
	return 0;
}

static int take_endpoints(struct attach_options *o, const char *text, char **error)
{
	for (int i = 0; i < ENDPOINTS; i++)
		if (strcmp(text, endpoints_names[i]) == 0) {
			o->endpoints = (enum endpoints)i;
			return 0;
		}
	return error_set(error, "--endpoint: '%s'; there are none, keep, replace, joined, fullmesh", text);
}

static int take_option(struct reading *r, int c, char **error)
{
	struct attach_options *o = r->options;
	if (c == 'a')
		return take_place(o, optarg, error);
	if (c == 'e')
		return take_endpoints(o, optarg, error);
	if (c == 'f')
		return take_time("for", optarg, &o->for_ns, error);
	if (c == 'n')
		return take_time("notice", optarg, &o->notice_ns, error);
	if (c == 's') {
		r->stops = true;
		return take_time("stop", optarg, &r->stop_ns, error);
	}
	if (c == 'y') {
		r->copies = true;
		return scenario_parse(&r->scenario, optarg, error) < 0 ? error_prefix(error, "--memory") : 0;
	}
	if (o->move_count == MOVES)
		return error_set(error, "--move: more than %d moves", MOVES);
	r->moves[o->move_count++] = optarg;
	return 0;
}

static int read_move(struct attach_options *o, const char *text, struct attach_move *move, char **error)
{
	const char *at = strchr(text, '@');
	size_t length = at ? (size_t)(at - text) : 0;
	if (!at || take_time("move", at + 1, &move->at_ns, NULL) < 0)
		return error_set(error, "--move: '%s'; write NAME@TIME, as b@5s", text);
	for (move->to = 0; move->to < o->place_count; move->to++)
		if (strlen(o->places[move->to].name) == length &&
			strncmp(o->places[move->to].name, text, length) == 0)
			return 0;
	return error_set(error, "--move: '%s': there is no --at of that name", text);
}

/* One move ends before the next begins, and leads elsewhere. */
static int read_moves(struct reading *r, char **error)
{
	struct attach_options *o = r->options;
	int64_t lasts = (int64_t)(o->plan.total_s * NS_PER_S) + o->notice_ns;
	for (unsigned i = 0; i < o->move_count; i++) {
		if (read_move(o, r->moves[i], &o->moves[i], error) < 0)
			return -1;
		if (o->moves[i].to == (i ? o->moves[i - 1].to : 0))
			return error_set(error, "--move: '%s': it is there already", r->moves[i]);
		if (i && o->moves[i].at_ns < o->moves[i - 1].at_ns + lasts)
			return error_set(error, "--move: '%s' begins before '%s' is over, which lasts %.3f s",
				r->moves[i], r->moves[i - 1], (double)lasts / NS_PER_S);
	}
	return 0;
}

static int read_programs(struct attach_options *o, int count, char **words, char **error)
{
	for (int i = 0; i < count; i++) {
		if (strcmp(words[i], "--") == 0) {
			words[i] = NULL;
			continue;
		}
		if (i && words[i - 1])
			continue;
		if (o->program_count == MACHINE_PROGRAMS)
			return error_set(error, "more than %d programs", MACHINE_PROGRAMS);
		o->programs[o->program_count++] = &words[i];
	}
	return o->program_count ? 0 : error_set(error, "no program; write it behind --");
}

static int check(struct reading *r, char **error)
{
	struct attach_options *o = r->options;
	if (o->place_count < 2)
		return error_set(error, "--at: a machine that moves has two places or more");
	if (r->stops && r->copies)
		return error_set(error, "--stop and --memory both say how long a move lasts; write one");
	if (r->copies)
		copy_plan(&r->scenario.copy, NULL, NULL, &o->plan);
	else
		o->plan = (struct copy_plan){.total_s = (double)r->stop_ns / NS_PER_S,
			.downtime_s = (double)r->stop_ns / NS_PER_S};
	if (o->plan.total_s > 3600)
		return error_set(
			error, "--memory: a move would last %.0f s; an hour is the most", o->plan.total_s);
	return read_moves(r, error);
}

int attach_read_options(struct attach_options *options, int argc, char **argv)
{
	static const struct option long_options[] = {{"at", required_argument, NULL, 'a'},
		{"move", required_argument, NULL, 'm'}, {"stop", required_argument, NULL, 's'},
		{"memory", required_argument, NULL, 'y'}, {"notice", required_argument, NULL, 'n'},
		{"endpoint", required_argument, NULL, 'e'}, {"for", required_argument, NULL, 'f'},
		{"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'v'}, {0}};
	struct reading reading = {.options = options};
	char *error = NULL;
	int c, result = 0;

	*options = (struct attach_options){.endpoints = ENDPOINTS_JOINED, .for_ns = INT64_MAX};
	while (result == 0 && (c = getopt_long(argc, argv, "+", long_options, NULL)) != -1) {
		if (c == 'h' || c == 'v') {
			if (c == 'h')
				printf(usage, scenario_keys);
			else
				printf("liquidnet-attach %s\n", liquidnet_version);
			return 0;
		}
		if (c == '?')
			return 2;
		result = take_option(&reading, c, &error);
	}
	if (result == 0)
		result = check(&reading, &error);
	if (result == 0)
		result = read_programs(options, argc - optind, argv + optind, &error);
	if (result == 0)
		return OPTIONS_GO_ON;
	fprintf(stderr, "liquidnet-attach: %s\n", error);
	free(error);
	return 2;
}
