/* Experiment, loaded: the file as a whole. The parts are read by experiment_network.c, experiment_programs.c and
 * experiment_procedures.c; experiment_check.c fills in every template once before anything starts. */
#include "harness/experiment/experiment.h"

#include "harness/experiment/experiment_internal.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *node_name(const struct experiment *e, size_t i)
{
	return e->topology->nodes[i];
}

const char *known_names(
	struct experiment *e, const char *(*name)(const struct experiment *e, size_t i), size_t count)
{
	char *text = pool_strdup(e->pool, "");
	for (size_t i = 0; i < count; i++)
		text = pool_printf(e->pool, "%s%s%s", text, i ? ", " : "", name(e, i));
	return text;
}

const char *known_nodes(const struct experiment *e)
{
	return known_names((struct experiment *)e, node_name, e->topology->nodes_count);
}

int read_node(
	const struct experiment *e, const struct conf_node *map, const char *key, int *node, char **error)
{
	const char *name;
	if (conf_need_string(map, key, &name, error) < 0)
		return -1;
	*node = topology_node(e->topology, name);
	if (*node < 0)
		return conf_error(conf_child(map, key), error,
			"no node `%s` in topology %s; its nodes are %s", name, e->topology->name,
			known_nodes(e));
	return 0;
}

int read_strings(
	struct experiment *e, const struct conf_node *list, const char ***out, size_t *count, char **error)
{
	if (list && conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	size_t n = 0;
	*out = pool_alloc(e->pool, (list ? list->children : 0) + 1, sizeof **out);
	for (const struct conf_node *item = conf_first(list); item; item = item->next) {
		if (conf_expect(item, CONF_SCALAR, error) < 0)
			return -1;
		(*out)[n++] = item->value;
	}
	if (count)
		*count = n;
	return 0;
}

int read_pairs(struct experiment *e, const struct conf_node *map, const struct pair **out, size_t *count,
	char **error)
{
	if (map && conf_expect(map, CONF_MAPPING, error) < 0)
		return -1;
	struct pair *pairs = pool_alloc(e->pool, (map ? map->children : 0) + 1, sizeof *pairs);
	size_t n = 0;
	for (const struct conf_node *item = conf_first(map); item; item = item->next) {
		if (conf_expect(item, CONF_SCALAR, error) < 0)
			return -1;
		pairs[n++] = (struct pair){item->key, item->value};
	}
	*out = pairs;
	*count = n;
	return 0;
}

/* A file's name stands for the experiment, in results/ and on the command line: both must agree. */
static int check_name(const struct experiment *e, const struct conf_node *root, char **error)
{
	const char *slash = strrchr(e->path, '/');
	const char *base = slash ? slash + 1 : e->path;
	size_t length = strcspn(base, ".");
	if (strspn(e->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") !=
			strlen(e->name) ||
		!*e->name)
		return conf_error(conf_child(root, "experiment"), error,
			"`%s` is no name for an experiment; use letters, digits, - and _", e->name);
	if (strcmp(base, "experiment.yaml") != 0 &&
		(strlen(e->name) != length || memcmp(base, e->name, length) != 0))
		return conf_error(conf_child(root, "experiment"), error,
			"the experiment is called `%s` and its file %s; give both the same name", e->name,
			base);
	return 0;
}

static const char *const clocks[] = {"real", "virtual", "virtual-cpu"};

int experiment_clock(const char *name, enum trial_clock *clock)
{
	for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++)
		if (strcmp(clocks[i], name) == 0) {
			*clock = (enum trial_clock)i;
			return 0;
		}
	return -1;
}

const char *experiment_clock_name(enum trial_clock clock)
{
	return clocks[clock];
}

bool experiment_backend_known(const char *name)
{
	static const char *const names[] = {"auto", "netem", "wheel", "link"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* `host`: sysctls, whether this machine has them or not. */
static int read_host(struct experiment *e, const struct conf_node *map, char **error)
{
	if (read_pairs(e, map, &e->host_settings, &e->host_settings_count, error) < 0)
		return -1;
	for (const struct conf_node *item = conf_first(map); item; item = item->next)
		if (!sysctl_named(item->key))
			return conf_error(item, error,
				"`%s` is no sysctl that a run changes; it begins with `net.`", item->key);
	return 0;
}

/* files: [NAME, ...], each beside the experiment's file. */
static int read_files(struct experiment *e, const struct conf_node *list, char **error)
{
	if (read_strings(e, list, &e->files, NULL, error) < 0)
		return -1;
	const struct conf_node *item = conf_first(list);
	for (size_t i = 0; e->files[i]; i++, item = item->next) {
		const char *name = e->files[i], *path = experiment_beside(e, name);
		if (!*name || *name == '/' || strstr(name, ".."))
			return conf_error(item, error, "`%s`: name a file beside this one, or below", name);
		if (access(path, R_OK) < 0)
			return conf_error(item, error, "%s: %s", path, strerror(errno));
	}
	return 0;
}

static int read_jobs(const struct conf_node *root, int64_t *jobs, char **error)
{
	const struct conf_node *at = conf_child(root, "jobs");
	if (at && at->type == CONF_SCALAR && strcmp(at->value, "auto") == 0) {
		*jobs = 0;
		return 0;
	}
	return conf_integer(root, "jobs", 1, JOBS_MAX, 1, jobs, error);
}

static int read_head(struct experiment *e, const struct conf_node *root, char **error)
{
	static const char *const keys[] = {"experiment", "base", "title", "source", "topology", "backend",
		"clock", "cpu", "trials", "jobs", "retries", "seed", "trial_limit", "host", "services",
		"requires", "files", "setup", "settings", "congestion", "links", "changes", "configurations",
		"factors", "design", "captures", "preparations", "daemons", "workloads", "measures",
		"primary", "agree", "procedures", "default_procedures", "comparisons", "pairs", "order",
		"subflow_bytes", NULL};
	static const char *const orders[] = {"shuffled", "blocks", NULL};
	int64_t trials, jobs, retries, seed;
	const char *clock;
	int order;
	if (conf_only(root, keys, error) < 0 || conf_need_string(root, "experiment", &e->name, error) < 0 ||
		check_name(e, root, error) < 0 || conf_string(root, "title", e->name, &e->title, error) < 0 ||
		conf_string(root, "source", NULL, &e->source, error) < 0 ||
		conf_string(root, "backend", "auto", &e->backend, error) < 0 ||
		conf_string(root, "clock", "real", &clock, error) < 0 ||
		conf_number(root, "cpu", 0.01, 1000, 1, &e->cpu, error) < 0 ||
		conf_integer(root, "trials", 1, 100000, 3, &trials, error) < 0 ||
		read_jobs(root, &jobs, error) < 0 ||
		conf_integer(root, "retries", 0, 100, 1, &retries, error) < 0 ||
		conf_integer(root, "seed", 0, INT64_MAX, 1, &seed, error) < 0 ||
		conf_word(root, "order", orders, 0, &order, error) < 0 ||
		conf_duration(root, "trial_limit", NS_PER_S, 86400 * NS_PER_S, 180 * NS_PER_S,
			&e->trial_limit_ns, error) < 0 ||
		read_strings(e, conf_child(root, "requires"), &e->requires, NULL, error) < 0 ||
		read_files(e, conf_child(root, "files"), error) < 0)
		return -1;
	if (experiment_clock(clock, &e->clock) < 0)
		return conf_error(conf_child(root, "clock"), error,
			"no clock `%s`; write real, virtual or virtual-cpu", clock);
	if (!experiment_backend_known(e->backend))
		return conf_error(conf_child(root, "backend"), error,
			"no shaping back end `%s`; write auto, netem, wheel or link", e->backend);
	e->blocks = order == 1;
	e->trials = (unsigned)trials;
	e->jobs = (unsigned)jobs;
	e->retries = (unsigned)retries;
	e->seed = (uint64_t)seed;
	return read_host(e, conf_child(root, "host"), error);
}

static int read_subflow_bytes(struct experiment *e, const struct conf_node *bytes, char **error)
{
	static const char *const keys[] = {"file", "columns", NULL};
	if (!bytes)
		return 0;
	return conf_only(bytes, keys, error) < 0 ||
			       conf_need_string(bytes, "file", &e->subflow_bytes.file, error) < 0 ||
			       conf_need_string(bytes, "columns", &e->subflow_bytes.value, error) < 0
		       ? -1
		       : 0;
}

/* Everything but the configurations, which a variant leaves to its frame. */
static int read_all(struct experiment *e, char **error)
{
	const struct conf_node *root = e->root;
	if (check_names(e, error) < 0 || read_head(e, root, error) < 0 ||
		read_services(e, conf_child(root, "services"), error) < 0 ||
		read_settings(e, root, &e->settings, &e->settings_count, error) < 0 ||
		(!e->frame && read_configurations(e, root, error) < 0) ||
		read_captures(e, conf_child(root, "captures"), error) < 0 ||
		read_preparations(e, conf_child(root, "preparations"), error) < 0 ||
		read_setups(e, conf_child(root, "setup"), &e->setups, &e->setups_count, error) < 0 ||
		read_daemons(e, conf_child(root, "daemons"), error) < 0 ||
		read_workloads(e, conf_child(root, "workloads"), error) < 0 ||
		read_measures(e, root, error) < 0 ||
		read_procedures(e, conf_child(root, "procedures"), error) < 0 ||
		read_default_procedures(e, conf_child(root, "default_procedures"), error) < 0 ||
		read_comparisons(e, conf_child(root, "comparisons"), error) < 0 ||
		read_procedure_pairs(e, conf_child(root, "pairs"), error) < 0 ||
		read_subflow_bytes(e, conf_child(root, "subflow_bytes"), error) < 0)
		return -1;
	return check_templates(e, error);
}

static int read_network(struct experiment *e, const char *project, json_t *parameters, char **error)
{
	return read_topology(e, project, parameters, error) < 0 || expand_document(e, error) < 0 ||
			       expand_design(e, error) < 0
		       ? -1
		       : 0;
}

static struct experiment *new_experiment(const char *path)
{
	struct pool *pool = pool_new();
	struct experiment *e = pool_alloc(pool, 1, sizeof *e);
	e->pool = pool;
	e->path = pool_strdup(pool, path);
	e->agree[0] = e->agree[1] = -1;
	return e;
}

struct experiment *load_variant(
	struct experiment *frame, const char *project, json_t *parameters, char **error)
{
	struct experiment *e = new_experiment(frame->path);
	e->frame = frame;
	e->document = frame->document;
	e->base_path = frame->base_path;
	int result = read_network(e, project, parameters, error);
	json_decref(parameters);
	if (result == 0 && read_all(e, error) == 0)
		return e;
	experiment_free(e);
	return NULL;
}

struct experiment *experiment_load(const char *project, const char *path, char **error)
{
	struct experiment *e = new_experiment(path);
	bool read = load_with_base(e, error) == 0 && read_network(e, project, NULL, error) == 0 &&
		    read_all(e, error) == 0 && lay_out_configurations(e, project, error) == 0;
	forget_drafts(e);
	if (read)
		return e;
	experiment_free(e);
	return NULL;
}

const struct topology *experiment_topology(const struct experiment *e, const struct configuration *c)
{
	return c->variant ? c->variant->topology : e->topology;
}

const struct subflow_place *experiment_subflows(const struct procedure *p, size_t *count)
{
	for (size_t i = 0; i < p->checks_count; i++)
		if (p->checks[i].kind == CHECK_SUBFLOWS) {
			*count = p->checks[i].subflows_count;
			return p->checks[i].subflows;
		}
	*count = 0;
	return NULL;
}

const char *experiment_beside(const struct experiment *e, const char *name)
{
	const char *slash = strrchr(e->path, '/');
	return pool_printf(e->pool, "%.*s%s", slash ? (int)(slash - e->path + 1) : 0, e->path, name);
}

double experiment_number(const struct configuration *c, const char *name)
{
	const json_t *parameter =
		strncmp(name, "topology.", 9) == 0 ? json_object_get(c->variant->parameters, name + 9) : NULL;
	if (json_is_number(parameter))
		return json_number_value(parameter);
	for (const struct factor_value *v = c->values; v && v->name; v++)
		if (strcmp(v->name, name) == 0)
			return v->value;
	return NAN;
}

void experiment_free(struct experiment *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->variants_count; i++)
		experiment_free(e->variants[i]);
	json_decref(e->parameters);
	topology_free(e->topology);
	conf_free(e->conf);
	conf_free(e->base);
	pool_free(e->pool);
}
