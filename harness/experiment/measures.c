/* Experiment, its measures: a table of kinds. A measure is of the kind whose key it has first, in the table's
 * order. */
#include "harness/experiment/experiment_internal.h"

#include "analysis/analysis.h"
#include "lib/base/error.h"
#include <stdlib.h>
#include <string.h>

static int read_window(const struct conf_node *map, bool required, struct measure *m, char **error)
{
	const struct conf_node *list = conf_child(map, "window");
	char *end;
	if (!list && !required)
		return 0;
	if (!list || list->type != CONF_SEQUENCE || list->children != 2)
		return conf_error(
			list ? list : map, error, "no window; write window: [FROM, TO], in seconds");
	const struct conf_node *item = conf_first(list);
	for (int i = 0; i < 2; i++, item = item->next) {
		m->window[i] = item->type == CONF_SCALAR ? strtod(item->value, &end) : 0;
		if (item->type != CONF_SCALAR || end == item->value || *end ||
			!(m->window[i] >= 0 && m->window[i] < 1e6))
			return conf_error(item, error,
				"a window's ends are numbers of seconds; write window: [0.9, 10.1]");
	}
	m->windowed = true;
	return m->window[0] < m->window[1]
		       ? 0
		       : conf_error(
				 list, error, "the window ends before it begins; write window: [FROM, TO]");
}

static const char *measure_name(const struct experiment *e, size_t i)
{
	return e->measures[i].name;
}

int measure_named(const struct experiment *e, const struct conf_node *at, int *index, char **error)
{
	for (size_t i = 0; i < e->measures_count; i++)
		if (at->type == CONF_SCALAR && strcmp(e->measures[i].name, at->value) == 0) {
			*index = (int)i;
			return 0;
		}
	return conf_error(at, error, "no measure `%s`; add it to `measures`, or name one of these: %s",
		at->type == CONF_SCALAR ? at->value : "?",
		known_names((struct experiment *)e, measure_name, e->measures_count));
}

/* A measure that stands before the one that is read now, the last. */
static int earlier_measure(const struct experiment *e, const struct conf_node *at, int *index, char **error)
{
	if (measure_named(e, at, index, error) < 0)
		return -1;
	return *index == (int)e->measures_count - 1
		       ? conf_error(at, error, "measure `%s` is made of itself", at->value)
		       : 0;
}

/* ---- of a program's output */

static int read_program_of(const struct conf_node *map, struct measure *m, char **error)
{
	static const char *const folds[] = {"none", "sum", "mean", "min", "max", NULL};
	int fold;
	if (conf_need_string(map, "program", &m->program, error) < 0 ||
		conf_word(map, "fold", folds, FOLD_NONE, &fold, error) < 0)
		return -1;
	m->fold = (enum measure_fold)fold;
	return 0;
}

static int read_value(struct experiment *e, const struct conf_node *map, struct measure *m, char **error)
{
	(void)e;
	return conf_need_string(map, "value", &m->path, error) < 0 ? -1 : read_program_of(map, m, error);
}

static int read_series(struct experiment *e, const struct conf_node *map, struct measure *m, char **error)
{
	(void)e;
	return conf_need_string(map, "series", &m->path, error) < 0 ||
			       conf_need_string(map, "from", &m->from, error) < 0 ||
			       conf_need_string(map, "to", &m->to, error) < 0 ||
			       conf_need_string(map, "amount", &m->amount, error) < 0 ||
			       read_window(map, true, m, error) < 0
		       ? -1
		       : read_program_of(map, m, error);
}

/* samples: PATH of a list; amount: PATH in an item (without it the items are the numbers); from and window: only
 * those that began then. */
static int read_samples(struct experiment *e, const struct conf_node *map, struct measure *m, char **error)
{
	(void)e;
	if (conf_need_string(map, "samples", &m->path, error) < 0 ||
		conf_string(map, "amount", NULL, &m->amount, error) < 0 ||
		conf_string(map, "from", NULL, &m->from, error) < 0 ||
		read_window(map, false, m, error) < 0 ||
		conf_need_string(map, "program", &m->program, error) < 0)
		return -1;
	if (!m->from != !m->windowed)
		return conf_error(
			map, error, "`from` and `window` belong together: `from` is when an item began");
	return m->from && !m->amount
		       ? conf_error(map, error, "items with `from` have their number under `amount`")
		       : 0;
}

static int read_quantile(struct experiment *e, const struct conf_node *map, struct measure *m, char **error)
{
	const struct conf_node *of = conf_child(map, "of");
	if (!of)
		return conf_error(map, error, "no `of`; write {quantile: 99%%, of: MEASURE}");
	if (conf_fraction(map, "quantile", 0.5, &m->quantile, error) < 0 ||
		earlier_measure(e, of, &m->of, error) < 0)
		return -1;
	return e->measures[m->of].kind == MEASURE_SAMPLES
		       ? 0
		       : conf_error(of, error, "measure `%s` has no samples; name one with `samples`",
				 of->value);
}

/* ---- of captures, links and nodes */

int read_flows(const struct conf_node *map, struct flow_selection *flows, char **error)
{
	static const char *const protocols[] = {"tcp", "udp", NULL};
	int64_t port;
	int protocol = 0;
	const struct conf_node *of = conf_child(map, "flows");
	static const char *const keys[] = {"port", "protocol", NULL};
	if (!of)
		return 0;
	if (conf_only(of, keys, error) < 0)
		return -1;
	if (!conf_child(of, "port"))
		return conf_error(of, error, "no `port`; write flows: {port: PORT, protocol: tcp}");
	if (conf_integer(of, "port", 1, 65535, 0, &port, error) < 0 ||
		conf_word(of, "protocol", protocols, 0, &protocol, error) < 0)
		return -1;
	*flows = (struct flow_selection){.port = (int)port, .udp = protocol == 1};
	return 0;
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

static int read_capture(struct experiment *e, const struct conf_node *map, struct measure *m, char **error)
{
	return capture_named(e, map, "capture", true, &m->capture, error) < 0 ||
			       read_window(map, true, m, error) < 0 ||
			       read_flows(map, &m->flows, error) < 0 ||
			       check_windows(e, map, m->capture, error) < 0
		       ? -1
		       : 0;
}

/* links: LINK.forward.bytes: what a link counted, as the record says it. */
static int read_link_measure(
	struct experiment *e, const struct conf_node *map, struct measure *m, char **error)
{
	if (conf_need_string(map, "links", &m->path, error) < 0)
		return -1;
	/* A link's name may have dots of its own. */
	for (const char *dot = strchr(m->path, '.'); dot && dot[1]; dot = strchr(dot + 1, '.')) {
		const char *name = pool_printf(e->pool, "%.*s", (int)(dot - m->path), m->path);
		if (topology_link(e->topology, name) < 0)
			continue;
		m->link = name;
		m->path = dot + 1;
		return 0;
	}
	return conf_error(conf_child(map, "links"), error,
		"`%s` names no link of topology %s; write LINK.forward.bytes", m->path, e->topology->name);
}

/* counter: NODE, name: MPTcpExtMPJoinSynRx */
static int read_counter(struct experiment *e, const struct conf_node *map, struct measure *m, char **error)
{
	return read_node(e, map, "counter", &m->node, error) < 0 ||
			       conf_need_string(map, "name", &m->counter, error) < 0
		       ? -1
		       : 0;
}

/* ---- of other measures */

static int read_terms(
	struct experiment *e, const struct conf_node *list, const int **terms, size_t *count, char **error)
{
	if (list && conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	int *indices = pool_alloc(e->pool, (list ? list->children : 0) + 1, sizeof *indices);
	for (const struct conf_node *item = conf_first(list); item; item = item->next)
		if (earlier_measure(e, item, &indices[(*count)++], error) < 0)
			return -1;
	*terms = indices;
	return list && *count == 0 ? conf_error(list, error, "no measures; write [NAME, ...]") : 0;
}

static int read_sum(struct experiment *e, const struct conf_node *map, struct measure *m, char **error)
{
	return read_terms(e, conf_child(map, "sum"), &m->sum, &m->sum_count, error) < 0 ||
			       read_terms(e, conf_child(map, "over"), &m->over, &m->over_count, error) < 0
		       ? -1
		       : 0;
}

/* Whether a formula may use this name: an earlier measure, or a factor's or topology's number. */
static bool known_to_formulas(const struct experiment *e, const char *name)
{
	for (size_t i = 0; i + 1 < e->measures_count; i++)
		if (strcmp(e->measures[i].name, name) == 0)
			return true;
	if (strncmp(name, "topology.", 9) == 0)
		return json_is_number(json_object_get(e->parameters, name + 9));
	if (e->frame)
		e = e->frame;
	for (size_t i = 0; i < e->configurations_count; i++)
		for (const struct factor_value *v = e->configurations[i].values; v && v->name; v++)
			if (strcmp(v->name, name) == 0)
				return true;
	return false;
}

static int read_formula(struct experiment *e, const struct conf_node *map, struct measure *m, char **error)
{
	const struct conf_node *at = conf_child(map, "formula");
	const char *text, *const *names;
	char *reason = NULL;
	if (conf_need_string(map, "formula", &text, error) < 0)
		return -1;
	m->formula = formula_parse(e->pool, text, &reason);
	if (!m->formula) {
		conf_error(at, error, "%s", reason);
		free(reason);
		return -1;
	}
	size_t count = formula_names(m->formula, &names);
	for (size_t i = 0; i < count; i++)
		if (!known_to_formulas(e, names[i]))
			return conf_error(at, error,
				"`%s` is neither an earlier measure nor a factor with a `value`, nor topology.PARAMETER",
				names[i]);
	return 0;
}

/* ---- the table */

static const struct kind {
	const char *key;     /* that says the kind */
	const char *keys[7]; /* others that it may have */
	int (*read)(struct experiment *e, const struct conf_node *map, struct measure *m, char **error);
} kinds[MEASURE_KINDS] = {
	[MEASURE_VALUE] = {"value", {"program", "fold"}, read_value},
	[MEASURE_SERIES] = {"series", {"program", "fold", "from", "to", "amount", "window"}, read_series},
	[MEASURE_SAMPLES] = {"samples", {"program", "from", "amount", "window"}, read_samples},
	[MEASURE_QUANTILE] = {"quantile", {"of"}, read_quantile},
	[MEASURE_CAPTURE] = {"capture", {"window", "flows"}, read_capture},
	[MEASURE_LINK] = {"links", {NULL}, read_link_measure},
	[MEASURE_COUNTER] = {"counter", {"name"}, read_counter},
	[MEASURE_SUM] = {"sum", {"over"}, read_sum},
	[MEASURE_FORMULA] = {"formula", {NULL}, read_formula},
};
static const char *const common[] = {"unit", "scale", "better", NULL};

static bool among(const char *const *words, const char *word)
{
	for (; *words; words++)
		if (strcmp(*words, word) == 0)
			return true;
	return false;
}

/* Every key of every kind, for the message that names the nearest one. */
static int check_known(struct experiment *e, const struct conf_node *map, char **error)
{
	size_t n = 0;
	const char **all = pool_alloc(e->pool, MEASURE_KINDS * 8 + 4, sizeof *all);
	for (const char *const *c = common; *c; c++)
		all[n++] = *c;
	for (size_t k = 0; k < MEASURE_KINDS; k++) {
		all[n++] = kinds[k].key;
		for (const char *const *key = kinds[k].keys; *key; key++)
			all[n++] = *key;
	}
	return conf_only(map, all, error);
}

/* A key that the kind of measure that it is has no use for is refused: whoever wrote it means something by it. */
static int check_keys(const struct conf_node *map, const struct kind *kind, char **error)
{
	for (const struct conf_node *item = conf_first(map); item; item = item->next)
		if (strcmp(item->key, kind->key) != 0 && !among(kind->keys, item->key) &&
			!among(common, item->key))
			return conf_error(
				item, error, "a measure that has `%s` has no `%s`", kind->key, item->key);
	return 0;
}

static int read_measure(struct experiment *e, const struct conf_node *map, struct measure *m, char **error)
{
	static const char *const better[] = {"more", "less", NULL};
	/* Captures before links and programs: as it was when a measure could name several. */
	static const enum measure_kind order[] = {MEASURE_CAPTURE, MEASURE_LINK, MEASURE_COUNTER, MEASURE_SUM,
		MEASURE_FORMULA, MEASURE_QUANTILE, MEASURE_SAMPLES, MEASURE_VALUE, MEASURE_SERIES};
	int less;
	m->name = map->key;
	if (check_known(e, map, error) < 0 || conf_need_string(map, "unit", &m->unit, error) < 0 ||
		conf_number(map, "scale", -1e300, 1e300, 1, &m->scale, error) < 0 ||
		conf_word(map, "better", better, 0, &less, error) < 0)
		return -1;
	m->less = less == 1;
	for (size_t i = 0; i < MEASURE_KINDS; i++) {
		const struct kind *kind = &kinds[order[i]];
		if (!conf_child(map, kind->key))
			continue;
		m->kind = order[i];
		return check_keys(map, kind, error) < 0 ? -1 : kind->read(e, map, m, error);
	}
	return conf_error(map, error,
		"measure `%s` names neither `value` nor `series`, `samples`, `quantile`, `capture`, `links`, `counter`, `sum` or `formula`",
		m->name);
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
	return measure_named(e, conf_first(pair), &e->agree[0], error) < 0 ||
			       measure_named(e, conf_first(pair)->next, &e->agree[1], error) < 0
		       ? -1
		       : 0;
}

/* A program and its replicas, in a workload: how many there are of that name. */
static size_t programs_named(const struct workload *w, const char *name)
{
	size_t count = 0;
	for (size_t i = 0; i < w->programs_count; i++)
		count += program_called(&w->programs[i], name);
	return count;
}

int check_measured(
	const struct experiment *e, const struct workload *w, const struct conf_node *at, char **error)
{
	for (size_t i = 0; i < e->measures_count; i++) {
		const struct measure *m = &e->measures[i];
		size_t count = m->program ? programs_named(w, m->program) : 1;
		if (count == 0)
			return conf_error(at, error,
				"workload `%s` has no program `%s`, which measure `%s` reads", w->name,
				m->program, m->name);
		if (count > 1 && m->fold == FOLD_NONE && m->kind != MEASURE_SAMPLES)
			return conf_error(at, error,
				"measure `%s` reads %zu programs `%s`; say how they become one number: fold: sum, mean, min or max",
				m->name, count, m->program);
	}
	return 0;
}
