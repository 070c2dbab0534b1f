#include "nodes/threats/attack/options.h"
#include "lib/base/error.h"
#include "lib/base/units.h"
#include "lib/base/version.h"
#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum { RATE_MOST = 1000000, PACKETS_MOST = 10000000, OTHERS = 10000 /* packets besides a flood's */ };
#define FOR_MOST (60 * NS_PER_S)

const char attack_usage[] =
	"liquidnet-attack: plays the published attacks on Multipath TCP, inside of trials\n\n"
	"Usage: liquidnet-attack SCENARIO --server NODE --port N --watch NODE [OPTION...]\n\n"
	"It runs in a node of a trial's network, and nowhere else. What it is told are names of nodes; addresses it takes from\n"
	"the sandbox. It prints JSON when it ends.\n\n"
	"  --knows LIST       what it is granted: nothing, or some of tuple,sequence,acknowledgement,token,keys (nothing)\n"
	"  --watch NODE       where what is granted is learnt: a node that the connections pass\n"
	"  --target END       client or server: who is lied to (client)\n"
	"  --forms LIST       announce: v0,none,zero,swapped,left,echo,right; residual: remove,prio,prio-v0,fastclose\n"
	"  --from NODE        whose address a flood carries (its own)\n"
	"  --tries N          connections that are attacked, one after the other (20)\n"
	"  --after N          flood, guess: begin when so many connections are up (1)\n"
	"  --packets N        flood, guess, amplify: how many (2000)\n"
	"  --rate N           of them, packets per second (5000)\n"
	"  --settle TIME      from a connection's handshake to the attack; guess: of silence (100ms)\n"
	"  --hold TIME        from a connection's handshake to the verdict (500ms)\n"
	"  --for TIME         all of it at most (60s)\n"
	"  --seed N, --ready-fd N, --help, --version\n\n"
	"Scenarios:\n";

enum {
	KNOWS = 256,
	WATCH,
	TARGET,
	FORM_LIST,
	FROM,
	TRIES,
	AFTER,
	PACKETS,
	RATE,
	SETTLE,
	HOLD,
	FOR,
	SEED,
	READY,
	SERVER,
	PORT,
	HELP,
	VERSION
};

static const struct option names[] = {{"knows", 1, NULL, KNOWS}, {"watch", 1, NULL, WATCH},
	{"target", 1, NULL, TARGET}, {"forms", 1, NULL, FORM_LIST}, {"from", 1, NULL, FROM},
	{"tries", 1, NULL, TRIES}, {"after", 1, NULL, AFTER}, {"packets", 1, NULL, PACKETS},
	{"rate", 1, NULL, RATE}, {"settle", 1, NULL, SETTLE}, {"hold", 1, NULL, HOLD}, {"for", 1, NULL, FOR},
	{"seed", 1, NULL, SEED}, {"ready-fd", 1, NULL, READY}, {"server", 1, NULL, SERVER},
	{"port", 1, NULL, PORT}, {"help", 0, NULL, HELP}, {"version", 0, NULL, VERSION}, {NULL, 0, NULL, 0}};

static int read_number(
	const char *name, const char *text, int64_t least, int64_t most, int64_t *value, char **error)
{
	if (unit_integer(text, value) < 0 || *value < least || *value > most)
		return error_set(error, "--%s %s: write a whole number from %lld to %lld", name, text,
			(long long)least, (long long)most);
	return 0;
}

static int read_time(const char *name, const char *text, int64_t *value, char **error)
{
	if (unit_duration(text, value) < 0 || *value <= 0 || *value > FOR_MOST)
		return error_set(error, "--%s %s: write a time of at most 60s, such as 500ms", name, text);
	return 0;
}

static int read_node(const char *name, const char *text, const char **node, char **error)
{
	struct in6_addr any;
	if (inet_pton(AF_INET, text, &any) == 1 || inet_pton(AF_INET6, text, &any) == 1)
		return error_set(
			error, "--%s %s: that is an address; name a node of the trial's network", name, text);
	*node = text;
	return 0;
}

static int read_forms(struct play_options *o, const char *text, char **error)
{
	bool announces = o->scenario == SCENARIO_ANNOUNCE;
	o->forms_count = 0;
	for (const char *at = text;; at++) {
		size_t length = strcspn(at, ",");
		unsigned i = 0;
		while (i < FORMS &&
			(strlen(form_name(i)) != length || strncmp(form_name(i), at, length) != 0 ||
				form_announces(i) != announces))
			i++;
		if (i == FORMS)
			return error_set(error, "--forms: `%.*s` is no form of %s; --help lists them",
				(int)(length < 40 ? length : 40), at, scenarios[o->scenario].name);
		if (o->forms_count == PLAY_FORMS_MOST)
			return error_set(error, "--forms: there may be %d at most", PLAY_FORMS_MOST);
		o->forms[o->forms_count++] = i;
		at += length;
		if (!*at)
			return 0;
	}
}

static int read_end(const char *text, unsigned *end, char **error)
{
	*end = strcmp(text, "server") == 0;
	return *end || strcmp(text, "client") == 0
		       ? 0
		       : error_set(error, "--target %s: write client or server", text);
}

static int read_one(struct attack_options *o, int option, const char *text, char **error)
{
	int64_t value = 0;
	int result = 0;
	switch (option) {
	case KNOWS:
		return knowledge_read(text, &o->play.knows, error);
	case WATCH:
		return read_node("watch", text, &o->watch, error);
	case FROM:
		return read_node("from", text, &o->from, error);
	case SERVER:
		return read_node("server", text, &o->server, error);
	case TARGET:
		return read_end(text, &o->play.target, error);
	case FORM_LIST:
		return read_forms(&o->play, text, error);
	case TRIES:
		result = read_number("tries", text, 1, PLAY_TRIES_MOST, &value, error);
		o->play.tries = (unsigned)value;
		return result;
	case AFTER:
		result = read_number("after", text, 1, WITNESS_MOST, &value, error);
		o->play.after = (unsigned)value;
		return result;
	case PACKETS:
		result = read_number("packets", text, 1, PACKETS_MOST, &value, error);
		o->play.count = (uint64_t)value;
		return result;
	case RATE:
		result = read_number("rate", text, 1, RATE_MOST, &value, error);
		o->play.rate = (uint64_t)value;
		return result;
	case PORT:
		result = read_number("port", text, 1, UINT16_MAX, &value, error);
		o->port = (uint16_t)value;
		return result;
	case SEED:
		result = read_number("seed", text, 0, INT64_MAX, &value, error);
		o->play.seed = (uint64_t)value;
		return result;
	case READY:
		result = read_number("ready-fd", text, 0, 1023, &value, error);
		o->ready_fd = (int)value;
		return result;
	case SETTLE:
		return read_time("settle", text, &o->play.settle_ns, error);
	case HOLD:
		return read_time("hold", text, &o->play.hold_ns, error);
	default:
		return read_time("for", text, &o->for_ns, error);
	}
}

static int check(struct attack_options *o, char **error)
{
	struct play_options *p = &o->play;
	bool with_forms = p->scenario == SCENARIO_ANNOUNCE || p->scenario == SCENARIO_RESIDUAL;
	if (!o->server || !o->port || !o->watch)
		return error_set(error, "--%s is missing; --help says what it is",
			!o->server ? "server"
			: !o->port ? "port"
				   : "watch");
	if (knowledge_check(p->scenario, p->knows, error) < 0)
		return -1;
	if (with_forms != (p->forms_count != 0))
		return error_set(error, "%s",
			with_forms ? "--forms is missing; --help lists them"
				   : "--forms is for announce and residual");
	for (unsigned i = 0; i < p->forms_count; i++)
		if (form_needs(p->forms[i]) & ~p->knows)
			return error_set(error, "form %s needs %s; add it to --knows", form_name(p->forms[i]),
				knowledge_name(form_needs(p->forms[i]) & ~p->knows));
	bool at_a_rate = p->scenario == SCENARIO_GUESS || p->scenario == SCENARIO_FLOOD ||
			 p->scenario == SCENARIO_AMPLIFY;
	if (!at_a_rate && p->hold_ns <= p->settle_ns)
		return error_set(
			error, "--hold must be longer than --settle: it is counted from the same moment");
	p->cap = p->count + OTHERS;
	return 0;
}

int attack_options_read(struct attack_options *o, int argc, char **argv, char **error)
{
	int option;
	*o = (struct attack_options){.play = {.tries = 20,
					     .after = 1,
					     .count = 2000,
					     .rate = 5000,
					     .settle_ns = 100 * NS_PER_MS,
					     .hold_ns = 500 * NS_PER_MS,
					     .seed = 1},
		.for_ns = FOR_MOST,
		.ready_fd = -1};
	if (argc > 1 && argv[1][0] != '-') {
		if (scenario_named(argv[1], &o->play.scenario, error) < 0)
			return -1;
		argc--;
		argv++;
	} else if (argc < 2 || (strcmp(argv[1], "--help") != 0 && strcmp(argv[1], "--version") != 0)) {
		return error_set(error, "no scenario; --help lists them");
	}
	opterr = 0;
	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (option == HELP) {
			fputs(attack_usage, stdout);
			for (unsigned i = 0; i < SCENARIOS; i++)
				printf("  %-18s %s\n", scenarios[i].name, scenarios[i].summary);
			return 1;
		}
		if (option == VERSION) {
			printf("liquidnet-attack %s\n", liquidnet_version);
			return 1;
		}
		if (option == '?')
			return error_set(error,
				"%s: no such option, or its value is missing; --help lists them",
				argv[optind - 1]);
		if (read_one(o, option, optarg, error) < 0)
			return -1;
	}
	if (optind < argc)
		return error_set(error, "`%s`: one scenario, then options", argv[optind]);
	return check(o, error);
}
