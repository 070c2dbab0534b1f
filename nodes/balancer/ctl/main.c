/* liquidnet-balancer-ctl: shows and changes the map that muxes and agents watch. One command, one change, written whole
 * or not at all. */
#include "lib/base/error.h"
#include "lib/base/units.h"
#include "nodes/balancer/source.h"
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEFAULT_MAP "/run/liquidnet/lb.map"

struct options {
	const char *map;
	bool json;
	struct lb_access access;
	char secret[256];
	/* of init */
	const char *vip;
	int64_t tokens, history;
	bool modulo;
};

struct command {
	const char *name, *arguments, *summary;
	int min_words, max_words;
	int (*run)(const struct options *options, char **words, int count, char **error);
};

/* ---- changes */

struct change {
	const struct command *command;
	char **words;
	int count;
	uint32_t generation, moved;
};

static int apply(struct lb_map *map, const struct change *change, char **error)
{
	const char *what = change->command->name, *name = change->words[0];
	struct in_addr dip;
	int64_t port;
	if (strcmp(what, "add") == 0)
		return inet_pton(AF_INET, change->words[1], &dip) == 1
			       ? lb_map_add(map, name, dip, error)
			       : error_set(error, "`%s` is no IPv4 address", change->words[1]);
	if (strcmp(what, "drain") == 0)
		return lb_map_drain(map, name, error);
	if (strcmp(what, "undrain") == 0)
		return lb_map_undrain(map, name, error);
	if (strcmp(what, "remove") == 0)
		return lb_map_remove(map, name, error);
	if (unit_integer(name, &port) < 0 || port < 1 || port > UINT16_MAX)
		return error_set(error, "`%s` is no port", name);
	return lb_map_set_port(map, (uint16_t)port, change->count > 1 ? change->words[1] : NULL, error);
}

static int change_map(struct lb_map *map, void *context, char **error)
{
	struct change *change = context;
	struct lb_map *before = lb_map_copy(map);
	int result = before ? apply(map, change, error) : error_set(error, "out of memory");
	change->moved = 0;
	for (uint32_t t = 0; result == 0 && t < map->tokens; t++)
		change->moved += map->chains[t][0] != before->chains[t][0];
	change->generation = map->generation;
	lb_map_free(before);
	return result;
}

static int run_change(const struct options *options, char **words, int count, char **error);

static int run_init(const struct options *options, char **words, int count, char **error)
{
	struct in_addr vip;
	(void)words, (void)count;
	if (!options->vip || inet_pton(AF_INET, options->vip, &vip) != 1)
		return error_set(error, "init needs --vip ADDRESS");
	struct lb_map *map = lb_map_new(vip, (uint32_t)options->tokens, error);
	if (!map)
		return -1;
	map->history = (unsigned)options->history;
	map->assignment = options->modulo ? LB_MODULO : LB_EVEN;
	int result = lb_source_create(options->map, &options->access, map, error);
	lb_map_free(map);
	return result;
}

/* ---- showing */

/* Tokens whose packets may pass this server: in whose history it is. */
static uint32_t former(const struct lb_map *map, unsigned server)
{
	uint32_t count = 0;
	bool member;
	for (uint32_t t = 0; t < map->tokens; t++) {
		lb_map_next(map, t, server, &member);
		count += member && map->chains[t][0] != server;
	}
	return count;
}

static void print_text(const struct lb_map *map)
{
	char text[INET_ADDRSTRLEN];
	printf("generation %u, VIP %s, %u tokens, %u former owners kept\n\n", map->generation,
		inet_ntop(AF_INET, &map->vip, text, sizeof text), map->tokens, map->history);
	printf("%-20s %-15s %-8s %8s %8s %8s\n", "server", "address", "health", "tokens", "share %",
		"former");
	for (unsigned i = 0; i < LB_SERVERS_MAX; i++) {
		const struct lb_server *server = &map->servers[i];
		uint32_t load;
		if (!server->name[0])
			continue;
		load = lb_map_load(map, i);
		printf("%-20s %-15s %-8s %8u %8.3f %8u\n", server->name,
			inet_ntop(AF_INET, &server->dip, text, sizeof text),
			server->drained ? "drained" : "active", load, 100.0 * load / map->tokens,
			former(map, i));
	}
	for (size_t i = 0; i < map->port_count; i++)
		printf("port %u belongs to %s\n", map->ports[i].port,
			map->servers[map->ports[i].server].name);
}

static void print_json(const struct lb_map *map)
{
	char text[INET_ADDRSTRLEN];
	json_t *servers = json_array(), *ports = json_array();
	for (unsigned i = 0; i < LB_SERVERS_MAX; i++)
		if (map->servers[i].name[0])
			json_array_append_new(servers,
				json_pack("{s:s s:s s:s s:I s:I}", "name", map->servers[i].name, "address",
					inet_ntop(AF_INET, &map->servers[i].dip, text, sizeof text), "health",
					map->servers[i].drained ? "drained" : "active", "tokens",
					(json_int_t)lb_map_load(map, i), "former",
					(json_int_t)former(map, i)));
	for (size_t i = 0; i < map->port_count; i++)
		json_array_append_new(ports, json_pack("{s:i s:s}", "port", map->ports[i].port, "server",
						     map->servers[map->ports[i].server].name));
	json_t *out = json_pack("{s:I s:s s:I s:i s:o s:o}", "generation", (json_int_t)map->generation, "vip",
		inet_ntop(AF_INET, &map->vip, text, sizeof text), "tokens", (json_int_t)map->tokens,
		"history", (int)map->history, "servers", servers, "ports", ports);
	json_dumpf(out, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(out);
}

static int run_show(const struct options *options, char **words, int count, char **error)
{
	struct lb_map *map = lb_source_read(options->map, error);
	(void)words, (void)count;
	if (!map)
		return -1;
	if (options->json)
		print_json(map);
	else
		print_text(map);
	lb_map_free(map);
	return 0;
}

static int run_ring(const struct options *options, char **words, int count, char **error)
{
	struct lb_map *map = lb_source_read(options->map, error);
	(void)words, (void)count;
	char *text = map ? lb_map_format(map) : NULL;
	lb_map_free(map);
	if (!text)
		return error && *error ? -1 : error_set(error, "out of memory");
	fputs(text, stdout);
	free(text);
	return 0;
}

/* ---- the program */

static const struct command commands[] = {
	{"init", "--vip ADDRESS", "a first map, without servers", 0, 0, run_init},
	{"add", "NAME ADDRESS", "a server; it gets its share of the tokens", 2, 2, run_change},
	{"drain", "NAME", "takes a server's tokens away; its connections go on", 1, 1, run_change},
	{"undrain", "NAME", "gives a drained server tokens again", 1, 1, run_change},
	{"remove", "NAME", "a server is gone, and its connections with it", 1, 1, run_change},
	{"port", "PORT [NAME]", "gives a port of the VIP to one server; or to none", 1, 2, run_change},
	{"show", "", "servers and their shares", 0, 0, run_show},
	{"ring", "", "the whole map, as muxes and agents read it", 0, 0, run_ring},
	{0},
};

static const struct command *find_command(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

static int run_change(const struct options *options, char **words, int count, char **error)
{
	struct change change = {.command = find_command(words[-1]), .words = words, .count = count};
	if (lb_source_change(options->map, &options->access, change_map, &change, error) < 0)
		return -1;
	if (options->json)
		printf("{\"generation\":%u,\"moved\":%u}\n", change.generation, change.moved);
	else
		printf("generation %u: %u tokens moved\n", change.generation, change.moved);
	return 0;
}

static void print_help(void)
{
	printf("liquidnet-balancer-ctl [--map PLACE] [--json] COMMAND: shows and changes the load balancer's map\n\n"
	       "  --map PLACE   a file (" DEFAULT_MAP ") or zk://HOST:PORT/PATH\n"
	       "  --json        answers in JSON\n"
	       "  --secret FILE of a zk:// map: NAME:PASSWORD, which only you may read; who knows it may change the map\n"
	       "  --open        of init: no secret, anybody who reaches the servers may change it\n"
	       "  of init: --vip ADDRESS, --tokens N (65536), --history N (former owners kept: 7),\n"
	       "           --assign even|modulo (modulo moves nearly all tokens: for comparison)\n\n");
	for (const struct command *c = commands; c->name; c++)
		printf("  %-8s %-16s %s\n", c->name, c->arguments, c->summary);
}

static int read_secret(struct options *options, const char *path, char **error)
{
	struct stat status;
	FILE *in = fopen(path, "re");
	bool good =
		in && fstat(fileno(in), &status) == 0 && fgets(options->secret, sizeof options->secret, in);
	int fault = errno;
	if (in)
		fclose(in);
	options->secret[good ? strcspn(options->secret, "\n") : 0] = 0;
	if (!in)
		return error_set(error, "--secret %s: %s", path, strerror(fault));
	if (good && status.st_mode & 077)
		return error_set(error, "--secret %s: others may read it; chmod 600 it", path);
	if (!good || !strchr(options->secret, ':'))
		return error_set(error, "--secret %s: write a line NAME:PASSWORD into it", path);
	options->access.secret = options->secret;
	return 0;
}

static int read_options(struct options *options, int argc, char **argv, char **error)
{
	static const struct option known[] = {{"map", required_argument, NULL, 'm'},
		{"json", no_argument, NULL, 'j'}, {"secret", required_argument, NULL, 's'},
		{"open", no_argument, NULL, 'o'}, {"vip", required_argument, NULL, 'v'},
		{"tokens", required_argument, NULL, 't'}, {"history", required_argument, NULL, 'h'},
		{"assign", required_argument, NULL, 'a'}, {"help", no_argument, NULL, '?'}, {0}};
	*options = (struct options){.map = DEFAULT_MAP, .tokens = 65536, .history = LB_CHAIN_MAX - 1};
	opterr = 0;
	for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		switch (c) {
		case 'm':
			options->map = optarg;
			break;
		case 'j':
			options->json = true;
			break;
		case 's':
			if (read_secret(options, optarg, error) < 0)
				return -1;
			break;
		case 'o':
			options->access.open = true;
			break;
		case 'v':
			options->vip = optarg;
			break;
		case 't':
			if (unit_integer(optarg, &options->tokens) < 0 || options->tokens < 1 ||
				options->tokens > LB_TOKENS_MAX)
				return error_set(error, "--tokens %s: write a number from 1 to %d", optarg,
					LB_TOKENS_MAX);
			break;
		case 'h':
			if (unit_integer(optarg, &options->history) < 0 || options->history < 0 ||
				options->history >= LB_CHAIN_MAX)
				return error_set(error, "--history %s: write a number from 0 to %d", optarg,
					LB_CHAIN_MAX - 1);
			break;
		case 'a':
			options->modulo = strcmp(optarg, "modulo") == 0;
			if (!options->modulo && strcmp(optarg, "even") != 0)
				return error_set(error, "--assign %s: write even or modulo", optarg);
			break;
		default:
			return error_set(error, "bad option %s; see --help", argv[optind - 1]);
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct options options;
	char *error = NULL;
	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		print_help();
		return 0;
	}
	if (read_options(&options, argc, argv, &error) < 0) {
		fprintf(stderr, "liquidnet-balancer-ctl: %s\n", error);
		free(error);
		return 2;
	}
	const struct command *command = optind < argc ? find_command(argv[optind]) : NULL;
	int count = argc - optind - 1;
	if (!command || count < command->min_words || count > command->max_words) {
		fprintf(stderr, "liquidnet-balancer-ctl: %s; see --help\n",
			command ? "too few or too many words" : "no command, or an unknown one");
		return 2;
	}
	int result = command->run(&options, argv + optind + 1, count, &error);
	if (result < 0)
		fprintf(stderr, "liquidnet-balancer-ctl: %s\n", error);
	free(error);
	return result < 0 ? 1 : 0;
}
