/* Experiment, the procedures' part: measures, procedures, what the wire must show, comparisons. */
#include "harness/experiment/experiment_internal.h"

#include "analysis/analysis.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include <stdlib.h>
#include <string.h>

static int read_window(const struct conf_node *map, double window[2], char **error)
{
	const struct conf_node *list = conf_child(map, "window");
	char *end;
	if (!list || list->type != CONF_SEQUENCE || list->children != 2)
		return conf_error(
			list ? list : map, error, "no window; write window: [FROM, TO], in seconds");
	const struct conf_node *item = conf_first(list);
	for (int i = 0; i < 2; i++, item = item->next) {
		window[i] = item->type == CONF_SCALAR ? strtod(item->value, &end) : 0;
		if (item->type != CONF_SCALAR || end == item->value || *end ||
			!(window[i] >= 0 && window[i] < 1e6))
			return conf_error(item, error, "a window's ends are numbers of seconds");
	}
	return window[0] < window[1] ? 0 : conf_error(list, error, "the window ends before it begins");
}

static int measure_named(const struct experiment *e, const struct conf_node *at, int *index, char **error)
{
	for (size_t i = 0; i < e->measures_count; i++)
		if (at->type == CONF_SCALAR && strcmp(e->measures[i].name, at->value) == 0) {
			*index = (int)i;
			return 0;
		}
	return conf_error(at, error, "no measure `%s`; add it to `measures`",
		at->type == CONF_SCALAR ? at->value : "?");
}

/* links: LINK.forward.bytes: what a link counted, as the record says it. */
static int read_link_measure(
	struct experiment *e, const struct conf_node *map, struct measure *m, char **error)
{
	m->kind = MEASURE_LINK;
	if (conf_need_string(map, "links", &m->path, error) < 0)
		return -1;
	size_t length = strcspn(m->path, ".");
	int link = topology_link(e->topology, pool_printf(e->pool, "%.*s", (int)length, m->path));
	return link >= 0 && m->path[length]
		       ? 0
		       : conf_error(conf_child(map, "links"), error,
				 "`%s` names no link of topology %s; write LINK.forward.bytes", m->path,
				 e->topology->name);
}

/* Measures that stand before this one. */
static int read_terms(
	struct experiment *e, const struct conf_node *list, const int **terms, size_t *count, char **error)
{
	if (list && conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	int *indices = pool_alloc(e->pool, (list ? list->children : 0) + 1, sizeof *indices);
	for (const struct conf_node *item = conf_first(list); item; item = item->next) {
		if (measure_named(e, item, &indices[*count], error) < 0)
			return -1;
		if (indices[(*count)++] == (int)e->measures_count - 1)
			return conf_error(item, error, "measure `%s` is made of itself", item->value);
	}
	*terms = indices;
	return list && *count == 0 ? conf_error(list, error, "no measures; write [NAME, ...]") : 0;
}

/* Each is a window of the one pass over its capture. */
static int check_windows(const struct experiment *e, const struct conf_node *map, int capture, char **error)
{
	size_t count = 0;
	for (size_t i = 0; i < e->measures_count; i++)
		count += e->measures[i].kind == MEASURE_CAPTURE && e->measures[i].capture == capture;
	return count <= ANALYSIS_WINDOWS
		       ? 0
		       : conf_error(map, error, "more than %d measures of the capture %s; leave some out",
				 ANALYSIS_WINDOWS, e->captures[capture].name);
}

/* A key that the kind of measure that it is has no use for is refused: whoever wrote it means something by
 * it. The kind is what the first of these keys says, in this order. */
static int check_kind(const struct conf_node *map, char **error)
{
	static const char *const kinds[][7] = {{"capture", "window"}, {"links"}, {"sum", "over"},
		{"value", "program"}, {"series", "program", "from", "to", "amount", "window"}};
	size_t kind = 0;
	while (kind < 5 && !conf_child(map, kinds[kind][0]))
		kind++;
	for (const struct conf_node *item = conf_first(map); kind < 5 && item; item = item->next) {
		bool known = strcmp(item->key, "unit") == 0 || strcmp(item->key, "scale") == 0;
		for (const char *const *key = kinds[kind]; *key; key++)
			known |= strcmp(item->key, *key) == 0;
		if (!known)
			return conf_error(item, error, "a measure that has `%s` has no `%s`", kinds[kind][0],
				item->key);
	}
	return 0;
}

static int read_measure(struct experiment *e, const struct conf_node *map, struct measure *m, char **error)
{
	static const char *const keys[] = {"unit", "program", "capture", "value", "series", "from", "to",
		"amount", "window", "scale", "links", "sum", "over", NULL};
	m->name = map->key;
	if (conf_only(map, keys, error) < 0 || check_kind(map, error) < 0 ||
		conf_need_string(map, "unit", &m->unit, error) < 0 ||
		conf_number(map, "scale", -1e300, 1e300, 1, &m->scale, error) < 0)
		return -1;
	if (conf_child(map, "capture")) {
		m->kind = MEASURE_CAPTURE;
		return capture_named(e, map, "capture", true, &m->capture, error) < 0 ||
				       read_window(map, m->window, error) < 0 ||
				       check_windows(e, map, m->capture, error) < 0
			       ? -1
			       : 0;
	}
	if (conf_child(map, "links"))
		return read_link_measure(e, map, m, error);
	if (conf_child(map, "sum")) {
		m->kind = MEASURE_SUM;
		return read_terms(e, conf_child(map, "sum"), &m->sum, &m->sum_count, error) < 0 ||
				       read_terms(e, conf_child(map, "over"), &m->over, &m->over_count,
					       error) < 0
			       ? -1
			       : 0;
	}
	if (conf_need_string(map, "program", &m->program, error) < 0)
		return -1;
	if (conf_child(map, "value"))
		return conf_need_string(map, "value", &m->path, error);
	m->kind = MEASURE_SERIES;
	if (!conf_child(map, "series"))
		return conf_error(map, error, "measure `%s` names neither `value` nor `series`", m->name);
	if (conf_need_string(map, "series", &m->path, error) < 0 ||
		conf_need_string(map, "from", &m->from, error) < 0 ||
		conf_need_string(map, "to", &m->to, error) < 0 ||
		conf_need_string(map, "amount", &m->amount, error) < 0 ||
		read_window(map, m->window, error) < 0)
		return -1;
	return 0;
}

int read_measures(struct experiment *e, const struct conf_node *root, char **error)
{
	const struct conf_node *map = conf_child(root, "measures"), *primary = conf_child(root, "primary");
	const struct conf_node *agree = conf_child(root, "agree");
	if (!map || map->children == 0)
		return conf_error(root, error, "no measures; add `measures`");
	if (conf_expect(map, CONF_MAPPING, error) < 0)
		return -1;
	e->measures = pool_alloc(e->pool, map->children, sizeof *e->measures);
	for (const struct conf_node *item = conf_first(map); item; item = item->next)
		if (read_measure(e, item, &e->measures[e->measures_count++], error) < 0)
			return -1;
	int index = 0;
	if (primary && measure_named(e, primary, &index, error) < 0)
		return -1;
	e->primary = (size_t)index;
	if (!agree)
		return 0;
	static const char *const keys[] = {"measures", "within", NULL};
	const struct conf_node *pair = conf_child(agree, "measures");
	if (conf_only(agree, keys, error) < 0 ||
		conf_fraction(agree, "within", 0.005, &e->agree_within, error) < 0)
		return -1;
	if (!pair || pair->type != CONF_SEQUENCE || pair->children != 2)
		return conf_error(agree, error, "write agree: {measures: [A, B], within: 0.5%%}");
	if (measure_named(e, conf_first(pair), &e->agree[0], error) < 0 ||
		measure_named(e, conf_first(pair)->next, &e->agree[1], error) < 0)
		return -1;
	return 0;
}

static int read_asks(struct experiment *e, const struct conf_node *list, struct procedure *p, char **error)
{
	static const char *const keys[] = {"daemon", "command", "as", "within", NULL};
	if (list && conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	struct ask *asks = pool_alloc(e->pool, (list ? list->children : 0) + 1, sizeof *asks);
	for (const struct conf_node *item = conf_first(list); item; item = item->next) {
		struct ask *ask = &asks[p->asks_count++];
		bool known = false;
		if (conf_only(item, keys, error) < 0 ||
			conf_need_string(item, "daemon", &ask->daemon, error) < 0 ||
			conf_need_string(item, "command", &ask->command, error) < 0 ||
			conf_need_string(item, "as", &ask->as, error) < 0 ||
			conf_duration(item, "within", NS_PER_MS, 3600 * NS_PER_S, 10 * NS_PER_S,
				&ask->within_ns, error) < 0)
			return -1;
		for (size_t i = 0; i < p->daemons_count; i++)
			known |= strcmp(p->daemons[i], ask->daemon) == 0;
		if (!known)
			return conf_error(item, error, "daemon `%s` does not run in procedure `%s`",
				ask->daemon, p->name);
	}
	p->asks = asks;
	return 0;
}

static int read_tunnel(struct experiment *e, const struct conf_node *map, struct expect *x, char **error)
{
	static const char *const keys[] = {"at", "port", "pattern", "readable", NULL};
	int64_t port;
	if (conf_only(map, keys, error) < 0 ||
		capture_named(e, map, "at", true, &x->tunnel_capture, error) < 0 ||
		conf_integer(map, "port", 1, 65535, 1194, &port, error) < 0 ||
		conf_need_string(map, "pattern", &x->tunnel_pattern, error) < 0 ||
		conf_bool(map, "readable", true, &x->tunnel_readable, error) < 0)
		return -1;
	x->tunnel_port = (int)port;
	return 0;
}

static int read_expect(struct experiment *e, const struct conf_node *map, struct expect *x, char **error)
{
	static const char *const keys[] = {"protocol", "at", "subflows", "tunnel", NULL};
	x->capture = x->tunnel_capture = -1;
	if (!map)
		return 0;
	const char *protocol;
	if (conf_only(map, keys, error) < 0 || conf_string(map, "protocol", "any", &protocol, error) < 0)
		return -1;
	if (strcmp(protocol, "tcp") == 0)
		x->protocol = EXPECT_TCP;
	else if (strcmp(protocol, "mptcp") == 0)
		x->protocol = EXPECT_MPTCP;
	else if (strcmp(protocol, "any") != 0)
		return conf_error(conf_child(map, "protocol"), error,
			"`%s` is no protocol; write tcp, mptcp or any", protocol);
	const struct conf_node *subflows = conf_child(map, "subflows"), *tunnel = conf_child(map, "tunnel");
	if (capture_named(e, map, "at", x->protocol != EXPECT_ANY || subflows, &x->capture, error) < 0)
		return -1;
	if (subflows && conf_expect(subflows, CONF_SEQUENCE, error) < 0)
		return -1;
	int *nodes = pool_alloc(e->pool, (subflows ? subflows->children : 0) + 1, sizeof *nodes);
	for (const struct conf_node *item = conf_first(subflows); item; item = item->next) {
		int node = item->type == CONF_SCALAR ? topology_node(e->topology, item->value) : -1;
		if (node < 0)
			return conf_error(item, error, "not a node of topology %s", e->topology->name);
		nodes[x->subflows_count++] = node;
	}
	x->subflows = nodes;
	return tunnel ? read_tunnel(e, tunnel, x, error) : 0;
}

static int read_published(const struct conf_node *map, struct published *p, char **error)
{
	static const char *const keys[] = {"file", "value", "sd", "n", NULL};
	if (!map)
		return 0;
	if (conf_only(map, keys, error) < 0 || conf_need_string(map, "file", &p->file, error) < 0 ||
		conf_need_string(map, "value", &p->value, error) < 0 ||
		conf_string(map, "sd", NULL, &p->sd, error) < 0 ||
		conf_string(map, "n", NULL, &p->n, error) < 0)
		return -1;
	return 0;
}

static int find_parts(
	const struct experiment *e, const struct conf_node *map, struct procedure *p, char **error)
{
	const char *workload;
	if (conf_need_string(map, "workload", &workload, error) < 0)
		return -1;
	p->workload = -1;
	for (size_t i = 0; i < e->workloads_count; i++)
		if (strcmp(e->workloads[i].name, workload) == 0)
			p->workload = (int)i;
	if (p->workload < 0)
		return conf_error(conf_child(map, "workload"), error,
			"no workload `%s`; add it to `workloads`", workload);
	const struct conf_node *item = conf_first(conf_child(map, "daemons"));
	for (size_t d = 0; d < p->daemons_count; d++, item = item->next) {
		bool known = false;
		for (size_t i = 0; i < e->daemons_count; i++)
			known |= strcmp(e->daemons[i].name, p->daemons[d]) == 0;
		if (!known)
			return conf_error(item, error, "no daemon `%s`; add it to `daemons`", p->daemons[d]);
	}
	for (size_t i = 0; i < e->measures_count; i++) {
		bool known = !e->measures[i].program;
		for (size_t j = 0; j < e->workloads[p->workload].programs_count; j++)
			known |= e->measures[i].program && strcmp(e->workloads[p->workload].programs[j].name,
								   e->measures[i].program) == 0;
		if (!known)
			return conf_error(map, error,
				"workload `%s` has no program `%s`, which measure `%s` reads", workload,
				e->measures[i].program, e->measures[i].name);
	}
	return 0;
}

int read_procedures(struct experiment *e, const struct conf_node *map, char **error)
{
	static const char *const keys[] = {"title", "daemons", "ask", "workload", "with", "settings",
		"congestion", "expect", "published", "subflow_row", "optional", NULL};
	if (!map || map->children == 0)
		return conf_error(e->root, error, "no procedures; add `procedures`");
	if (conf_expect(map, CONF_MAPPING, error) < 0)
		return -1;
	e->procedures = pool_alloc(e->pool, map->children, sizeof *e->procedures);
	for (const struct conf_node *item = conf_first(map); item; item = item->next) {
		struct procedure *p = &e->procedures[e->procedures_count++];
		p->name = item->key;
		p->at = item;
		if (conf_only(item, keys, error) < 0 ||
			conf_string(item, "title", item->key, &p->title, error) < 0 ||
			conf_string(item, "subflow_row", item->key, &p->subflow_row, error) < 0 ||
			conf_bool(item, "optional", false, &p->optional, error) < 0 ||
			read_strings(e, conf_child(item, "daemons"), &p->daemons, &p->daemons_count, error) <
				0 ||
			find_parts(e, item, p, error) < 0 ||
			read_asks(e, conf_child(item, "ask"), p, error) < 0 ||
			read_pairs(e, conf_child(item, "with"), &p->with, &p->with_count, error) < 0 ||
			read_settings(e, item, &p->settings, &p->settings_count, error) < 0 ||
			read_expect(e, conf_child(item, "expect"), &p->expect, error) < 0 ||
			read_published(conf_child(item, "published"), &p->published, error) < 0)
			return -1;
	}
	return 0;
}

static int procedure_named(const struct experiment *e, const struct conf_node *at, int *index, char **error)
{
	for (size_t i = 0; at->type == CONF_SCALAR && i < e->procedures_count; i++)
		if (strcmp(e->procedures[i].name, at->value) == 0) {
			*index = (int)i;
			return 0;
		}
	return conf_error(at, error, "no procedure `%s`", at->type == CONF_SCALAR ? at->value : "?");
}

/* default_procedures: [NAME, ...]: those of a run that names none; without it, all that are not optional. */
int read_default_procedures(struct experiment *e, const struct conf_node *list, char **error)
{
	int index;
	if (!list)
		return 0;
	if (conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	for (size_t i = 0; i < e->procedures_count; i++)
		e->procedures[i].optional = true;
	for (const struct conf_node *item = conf_first(list); item; item = item->next) {
		if (procedure_named(e, item, &index, error) < 0)
			return -1;
		e->procedures[index].optional = false;
	}
	return 0;
}

int read_comparisons(struct experiment *e, const struct conf_node *list, char **error)
{
	static const char *const keys[] = {"name", "of", "against", NULL};
	if (list && conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	e->comparisons = pool_alloc(e->pool, (list ? list->children : 0) + 1, sizeof *e->comparisons);
	for (const struct conf_node *item = conf_first(list); item; item = item->next) {
		struct comparison *c = &e->comparisons[e->comparisons_count++];
		const struct conf_node *against = conf_child(item, "against"), *of = conf_child(item, "of");
		if (conf_only(item, keys, error) < 0 || conf_need_string(item, "name", &c->name, error) < 0)
			return -1;
		if (!of || !against || against->type != CONF_SEQUENCE || against->children == 0)
			return conf_error(
				item, error, "write {name: TEXT, of: PROCEDURE, against: [PROCEDURE, ...]}");
		int *indices = pool_alloc(e->pool, against->children, sizeof *indices);
		if (procedure_named(e, of, &c->of, error) < 0)
			return -1;
		for (const struct conf_node *one = conf_first(against); one; one = one->next)
			if (procedure_named(e, one, &indices[c->against_count++], error) < 0)
				return -1;
		c->against = indices;
	}
	return 0;
}
