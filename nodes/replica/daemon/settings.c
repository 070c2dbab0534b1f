#include "nodes/replica/daemon/settings.h"

#include "lib/base/draw.h"
#include "lib/base/units.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_server(const struct conf_node *node, struct place *out, char **error)
{
	if (conf_expect(node, CONF_SCALAR, error) < 0)
		return -1;
	if (!place_parse(node->value, out) || !address_is_v4(&out->address))
		return conf_error(node, error, "'%s' is no address; write 10.0.0.1:7000", node->value);
	return 0;
}

static int read_record(
	const struct conf_node *root, struct record_shape *record, uint64_t *records, char **error)
{
	int64_t count;
	uint64_t size;

	if (conf_integer(root, "records", 1, 100000000, 10000, &count, error) < 0 ||
		conf_size(root, "record_size", 8, RECORD_MAX, 1000, &size, error) < 0 ||
		conf_bool(root, "skewed_sizes", false, &record->skewed, error) < 0)
		return -1;
	*records = (uint64_t)count;
	record->size = (uint32_t)size;
	return 0;
}

/* Any text, so that an experiment can put a trial's seed and a node's number together (FNV-1a, then mixed). */
static int read_seed(const struct conf_node *root, uint64_t *seed, char **error)
{
	const char *text;

	if (conf_string(root, "seed", "1", &text, error) < 0)
		return -1;
	*seed = 0xcbf29ce484222325;
	for (; *text; text++)
		*seed = (*seed ^ (uint8_t)*text) * 0x100000001b3;
	*seed = draw_mix(*seed);
	return 0;
}

/* ---- serve ---- */

static int read_service(const struct conf_node *root, struct serve_settings *s, char **error)
{
	static const char *const kinds[] = {"lmdb", "exponential", "constant", NULL};
	int64_t concurrency;
	int kind;

	if (conf_word(root, "service", kinds, SERVICE_EXPONENTIAL, &kind, error) < 0 ||
		conf_duration(root, "service_time", 1000, 3600 * NS_PER_S, 4 * NS_PER_MS, &s->service_ns,
			error) < 0 ||
		conf_bool(root, "by_size", false, &s->by_size, error) < 0 ||
		conf_integer(root, "concurrency", 1, 1024, 4, &concurrency, error) < 0 ||
		conf_duration(root, "fluctuation", 0, 3600 * NS_PER_S, 0, &s->fluctuation_ns, error) < 0 ||
		conf_number(root, "ratio", 1, 1000, 3, &s->ratio, error) < 0)
		return -1;
	s->service = (enum service_kind)kind;
	s->concurrency = (unsigned)concurrency;
	if (s->service == SERVICE_LMDB &&
		(conf_child(root, "service_time") || s->by_size || s->fluctuation_ns))
		return conf_error(conf_child(root, "service"), error,
			"service: lmdb takes what the look-up takes; leave service_time, by_size and fluctuation out");
	if (s->fluctuation_ns && s->fluctuation_ns < NS_PER_MS)
		return conf_error(conf_child(root, "fluctuation"), error, "fluctuation: 1ms at least, or 0");
	return 0;
}

static struct serve_settings *read_serve(struct conf *conf, char **error)
{
	static const char *const keys[] = {"listen", "store", "records", "record_size", "skewed_sizes",
		"service", "service_time", "by_size", "concurrency", "fluctuation", "ratio", "seed", NULL};
	struct serve_settings *s = calloc(1, sizeof *s);
	const struct conf_node *root = conf ? conf_root(conf) : NULL;
	const char *listen;

	if (!s)
		abort();
	s->conf = conf;
	if (root && conf_expect(root, CONF_MAPPING, error) == 0 && conf_only(root, keys, error) == 0 &&
		conf_need_string(root, "listen", &listen, error) == 0 &&
		read_server(conf_child(root, "listen"), &s->listen, error) == 0 &&
		conf_need_string(root, "store", &s->store, error) == 0 &&
		read_record(root, &s->record, &s->records, error) == 0 && read_service(root, s, error) == 0 &&
		read_seed(root, &s->seed, error) == 0)
		return s;
	serve_settings_free(s);
	return NULL;
}

struct serve_settings *serve_settings_load(const char *path, char **error)
{
	return read_serve(conf_load(path, error), error);
}

struct serve_settings *serve_settings_parse(const char *name, const char *text, char **error)
{
	return read_serve(conf_parse(name, text, strlen(text), error), error);
}

void serve_settings_free(struct serve_settings *s)
{
	if (s)
		conf_free(s->conf);
	free(s);
}

/* ---- load ---- */

static int read_servers(const struct conf_node *root, struct load_settings *s, char **error)
{
	const struct conf_node *list = conf_child(root, "servers");

	if (!list)
		return conf_error(root, error, "servers: is missing; a list of ADDRESS:PORT");
	if (conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	for (const struct conf_node *n = conf_first(list); n; n = n->next) {
		if (s->server_count == LOAD_SERVERS)
			return conf_error(n, error, "servers: more than %d", LOAD_SERVERS);
		if (read_server(n, &s->servers[s->server_count++], error) < 0)
			return -1;
	}
	int64_t replicas;
	if (conf_integer(root, "replicas", 1, CHOOSER_REPLICAS, 3, &replicas, error) < 0)
		return -1;
	s->replicas = (unsigned)replicas;
	return s->replicas <= s->server_count
		       ? 0
		       : conf_error(list, error, "replicas: %u, but there are %u servers", s->replicas,
				 s->server_count);
}

static int read_policy(const struct conf_node *root, struct load_settings *s, char **error)
{
	int64_t clients, of;
	int select;
	bool usual;

	if (conf_word(root, "select", selection_names, SELECT_C3, &select, error) < 0)
		return -1;
	if (select == SELECT_ORACLE)
		return conf_error(conf_child(root, "select"), error,
			"select: nobody tells real clients the servers' loads; the simulator has the oracle");
	s->select = (enum selection)select;
	usual = select == SELECT_C3 || select == SELECT_ROUND_ROBIN;
	if (conf_bool(root, "control", usual, &s->control, error) < 0 ||
		conf_integer(root, "clients", 1, 256, 1, &clients, error) < 0 ||
		conf_integer(root, "of", clients, 1000000, clients, &of, error) < 0 ||
		conf_fraction(root, "repair", 0, &s->repair, error) < 0)
		return -1;
	s->clients = (unsigned)clients;
	s->of = (unsigned)of;
	return 0;
}

static int read_workload(const struct conf_node *root, struct load_settings *s, char **error)
{
	int64_t generators;

	if (conf_integer(root, "generators", 0, 100000, 0, &generators, error) < 0 ||
		conf_number(root, "rate", 0, 1e6, 0, &s->rate, error) < 0 ||
		conf_fraction(root, "updates", 0, &s->updates, error) < 0 ||
		conf_number(root, "zipf", 0, 5, 0.99, &s->zipf, error) < 0 ||
		conf_duration(root, "after", 0, 3600 * NS_PER_S, 0, &s->after_ns, error) < 0 ||
		conf_duration(root, "warmup", 0, 3600 * NS_PER_S, 0, &s->warmup_ns, error) < 0 ||
		conf_duration(root, "duration", NS_PER_MS, 24 * 3600 * NS_PER_S, 10 * NS_PER_S,
			&s->duration_ns, error) < 0 ||
		conf_duration(root, "timeout", NS_PER_MS, 600 * NS_PER_S, 2 * NS_PER_S, &s->timeout_ns,
			error) < 0 ||
		conf_bool(root, "mptcp", false, &s->mptcp, error) < 0 ||
		conf_string(root, "log", NULL, &s->log, error) < 0)
		return -1;
	s->generators = (unsigned)generators;
	if (!s->generators == !(s->rate > 0))
		return conf_error(root, error,
			"write either `generators` (each asks again when it was answered) or `rate` (requests per second)");
	return 0;
}

static struct load_settings *read_load(struct conf *conf, char **error)
{
	static const char *const keys[] = {"servers", "replicas", "select", "control", "clients", "of",
		"repair", "generators", "rate", "updates", "records", "record_size", "skewed_sizes", "zipf",
		"after", "warmup", "duration", "timeout", "mptcp", "log", "seed", NULL};
	struct load_settings *s = calloc(1, sizeof *s);
	const struct conf_node *root = conf ? conf_root(conf) : NULL;

	if (!s)
		abort();
	s->conf = conf;
	if (root && conf_expect(root, CONF_MAPPING, error) == 0 && conf_only(root, keys, error) == 0 &&
		read_servers(root, s, error) == 0 && read_policy(root, s, error) == 0 &&
		read_record(root, &s->record, &s->records, error) == 0 &&
		read_workload(root, s, error) == 0 && read_seed(root, &s->seed, error) == 0)
		return s;
	load_settings_free(s);
	return NULL;
}

struct load_settings *load_settings_load(const char *path, char **error)
{
	return read_load(conf_load(path, error), error);
}

struct load_settings *load_settings_parse(const char *name, const char *text, char **error)
{
	return read_load(conf_parse(name, text, strlen(text), error), error);
}

void load_settings_free(struct load_settings *s)
{
	if (s)
		conf_free(s->conf);
	free(s);
}
