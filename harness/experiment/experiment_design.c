/* Experiment, its design: the points of a file (or of WSP) become configurations. What `design` says of links, settings
 * and so on is there once for every point, its expressions worked out: a text with $FACTOR in it is a formula, whose
 * value gets the unit of its factors. So nothing but this file knows of designs: what it leaves in the document is read as
 * any configuration is.
 *
 * The mapping `points` takes the place of all that in the document: {NAME: {title: ..., links: ...}, ...}. */
#include "harness/experiment/experiment_internal.h"

#include "lib/base/error.h"
#include "lib/base/formula.h"
#include "lib/design/design.h"
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const repeated[] = {
	"trials", "links", "changes", "settings", "congestion", "topology", NULL};

struct making {
	struct experiment *e;
	struct design **designs;
	const char **names; /* of the designs, for levels */
	size_t designs_count;
	struct design_factor *factors;
	bool *used;
	size_t factors_count;
};

/* ---- factors */

static int read_factor(struct making *m, const struct conf_node *item, char **error)
{
	static const char *const keys[] = {"from", "to", "unit", NULL};
	struct design_factor *f = &m->factors[m->factors_count++];
	f->name = item->key;
	for (const char *c = item->key; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '_')
			return conf_error(item, error,
				"`%s` is no name of a factor; it has letters, digits and _", item->key);
	if (conf_expect(item, CONF_MAPPING, error) < 0 || conf_only(item, keys, error) < 0 ||
		conf_number(item, "from", -1e12, 1e12, NAN, &f->from, error) < 0 ||
		conf_number(item, "to", -1e12, 1e12, NAN, &f->to, error) < 0 ||
		conf_string(item, "unit", "", &f->unit, error) < 0)
		return -1;
	return f->from < f->to ? 0
			       : conf_error(item, error,
					 "a factor has a range: {from: 0, to: 100, unit: ms}, from below to");
}

static int read_factors(struct making *m, const struct conf_node *map, char **error)
{
	if (!map || map->type != CONF_MAPPING || map->children == 0)
		return conf_error(map ? map : conf_child(m->e->root, "design"), error,
			"a design has `factors: {COLUMN: {from, to, unit}, ...}`");
	if (map->children > DESIGN_COLUMNS_MAX)
		return conf_error(map, error, "more than %d factors", DESIGN_COLUMNS_MAX);
	m->factors = pool_alloc(m->e->pool, map->children, sizeof *m->factors);
	m->used = pool_alloc(m->e->pool, map->children, sizeof *m->used);
	for (const struct conf_node *item = conf_first(map); item; item = item->next)
		if (read_factor(m, item, error) < 0)
			return -1;
	return 0;
}

static const struct design_factor *factor_named(const struct making *m, const char *name)
{
	for (size_t i = 0; i < m->factors_count; i++)
		if (strcmp(m->factors[i].name, name) == 0)
			return &m->factors[i];
	return NULL;
}

static const char *factor_names(const struct making *m)
{
	const char *text = "";
	for (size_t i = 0; i < m->factors_count; i++)
		text = pool_printf(m->e->pool, "%s%s%s", text, i ? ", " : "", m->factors[i].name);
	return text;
}

/* ---- points */

/* Its columns are the factors, no more and no fewer. */
static int check_columns(
	const struct making *m, const struct design *design, const struct conf_node *at, char **error)
{
	for (size_t i = 0; i < m->factors_count; i++)
		if (design_column(design, m->factors[i].name) < 0)
			return conf_error(at, error, "%s has no column `%s`", at->value, m->factors[i].name);
	for (size_t c = 0; c < design->columns_count; c++)
		if (!factor_named(m, design->columns[c]))
			return conf_error(at, error,
				"%s has a column `%s`, which is no factor; the factors are %s", at->value,
				design->columns[c], factor_names(m));
	return 0;
}

static int read_file(struct making *m, const struct conf_node *at, char **error)
{
	char *reason = NULL;
	if (conf_expect(at, CONF_SCALAR, error) < 0)
		return -1;
	if (!*at->value || *at->value == '/' || strstr(at->value, ".."))
		return conf_error(at, error, "`%s`: name a file beside this one, or below", at->value);
	struct design *design = design_load(m->e->pool, experiment_beside(m->e, at->value), &reason);
	if (!design) {
		conf_error(at, error, "%s", reason);
		free(reason);
		return -1;
	}
	const char *slash = strrchr(at->value, '/'), *stem = slash ? slash + 1 : at->value;
	m->names[m->designs_count] = pool_printf(m->e->pool, "%.*s", (int)strcspn(stem, "."), stem);
	m->designs[m->designs_count] = design;
	m->e->designs[m->designs_count++] = at->value;
	return check_columns(m, design, at, error);
}

static int read_files(struct making *m, const struct conf_node *file, char **error)
{
	size_t count = file->type == CONF_SEQUENCE ? file->children : 1;
	m->designs = pool_alloc(m->e->pool, count + 1, sizeof(struct design *));
	m->names = pool_alloc(m->e->pool, count + 1, sizeof *m->names);
	m->e->designs = pool_alloc(m->e->pool, count + 1, sizeof *m->e->designs);
	if (file->type != CONF_SEQUENCE)
		return read_file(m, file, error);
	if (count == 0)
		return conf_error(file, error, "no files");
	for (const struct conf_node *item = conf_first(file); item; item = item->next) {
		if (read_file(m, item, error) < 0)
			return -1;
		for (size_t i = 0; i + 1 < m->designs_count; i++)
			if (strcmp(m->names[i], m->names[m->designs_count - 1]) == 0)
				return conf_error(item, error, "two designs are called `%s`", m->names[i]);
	}
	return 0;
}

static int read_wsp(struct making *m, const struct conf_node *map, char **error)
{
	static const char *const keys[] = {"points", "candidates", "seed", NULL};
	int64_t points, candidates, seed;
	char *reason = NULL, *columns = pool_strdup(m->e->pool, "");
	if (conf_expect(map, CONF_MAPPING, error) < 0 || conf_only(map, keys, error) < 0 ||
		conf_integer(map, "points", 2, DESIGN_POINTS_MAX, 200, &points, error) < 0 ||
		conf_integer(map, "candidates", 2, DESIGN_CANDIDATES_MAX, 2000, &candidates, error) < 0 ||
		conf_integer(map, "seed", 0, INT64_MAX, 1, &seed, error) < 0)
		return -1;
	for (size_t i = 0; i < m->factors_count; i++)
		columns = pool_printf(m->e->pool, "%s%s%s", columns, i ? "," : "", m->factors[i].name);
	struct design_wsp how = {
		.points = (size_t)points, .candidates = (size_t)candidates, .seed = (uint64_t)seed};
	struct design *design = design_new(m->e->pool, columns, &reason);
	if (!design || design_wsp(m->e->pool, design, &how, &reason) < 0) {
		conf_error(map, error, "%s", reason);
		free(reason);
		return -1;
	}
	m->designs = pool_alloc(m->e->pool, 2, sizeof(struct design *));
	m->names = pool_alloc(m->e->pool, 2, sizeof *m->names);
	m->designs[0] = design;
	m->names[m->designs_count++] = "wsp";
	return 0;
}

static int read_points(struct making *m, const struct conf_node *design, char **error)
{
	const struct conf_node *file = conf_child(design, "file"), *wsp = conf_child(design, "wsp");
	if (!file == !wsp)
		return conf_error(design, error,
			"a design is `file: NAME.csv` or `wsp: {points, candidates, seed}`, one of both");
	return file ? read_files(m, file, error) : read_wsp(m, wsp, error);
}

/* ---- expressions */

struct point {
	struct making *m;
	const char *name;
	const double *values; /* as factors are */
};

static double point_value(void *context, const char *name)
{
	const struct point *p = context;
	const struct design_factor *f = factor_named(p->m, name);
	return f ? p->values[f - p->m->factors] : NAN;
}

/* Digits without an exponent, and without zeros at their end. */
static char *number_text(struct pool *pool, double value, int digits, const char *unit)
{
	char *text = pool_printf(pool, "%.*f", digits, value);
	size_t n = strlen(text);
	while (strchr(text, '.') && (text[n - 1] == '0' || text[n - 1] == '.'))
		if (text[--n] == '.') {
			text[n] = 0;
			break;
		} else
			text[n] = 0;
	return pool_printf(pool, "%s%s", text, unit);
}

/* `$c1 / 2` without its dollars. */
static const char *without_dollars(struct pool *pool, const char *text)
{
	char *plain = pool_strdup(pool, text), *to = plain;
	for (const char *at = text; *at; at++)
		if (*at != '$')
			*to++ = *at;
	*to = 0;
	return plain;
}

/* The unit that all of its factors share which have one; NULL with *error. */
static const char *unit_of(
	const struct point *p, const struct formula *f, const struct conf_node *at, char **error)
{
	const char *const *names, *unit = "";
	size_t count = formula_names(f, &names);
	for (size_t i = 0; i < count; i++) {
		const struct design_factor *factor = factor_named(p->m, names[i]);
		if (!factor) {
			conf_error(at, error, "`%s`: no factor `%s`; the factors are %s", at->value, names[i],
				factor_names(p->m));
			return NULL;
		}
		p->m->used[factor - p->m->factors] = true;
		if (*unit && *factor->unit && strcmp(unit, factor->unit) != 0) {
			conf_error(at, error,
				"`%s` mixes %s and %s; all factors of an expression have one unit", at->value,
				unit, factor->unit);
			return NULL;
		}
		unit = *factor->unit ? factor->unit : unit;
	}
	return unit;
}

static const char *work_out(struct point *p, const struct conf_node *at, char **error)
{
	struct pool *pool = p->m->e->pool;
	char *reason = NULL;
	const struct formula *f = formula_parse(pool, without_dollars(pool, at->value), &reason);
	if (!f) {
		conf_error(at, error, "`%s`: %s", at->value, reason);
		free(reason);
		return NULL;
	}
	const char *unit = unit_of(p, f, at, error);
	if (!unit)
		return NULL;
	double value = formula_value(f, point_value, p);
	if (isnan(value) || value < 0 || value > 1e15) {
		conf_error(at, error, "`%s` is %g at point %s; a setting is neither negative nor without end",
			at->value, value, p->name);
		return NULL;
	}
	return number_text(pool, value, 9, unit);
}

/* $ and a letter; ${...} is another thing. */
static bool is_expression(const char *text)
{
	const char *dollar = strchr(text, '$');
	return dollar && (isalpha((unsigned char)dollar[1]) || dollar[1] == '_');
}

static struct conf_node *copy_for(struct point *p, const struct conf_node *node, char **error)
{
	struct conf_node *twin = tree_copy(p->m->e->pool, node), **tail = &twin->first;
	if (node->type == CONF_SCALAR) {
		if (is_expression(node->value) && !(twin->value = work_out(p, node, error)))
			return NULL;
		return twin;
	}
	twin->first = NULL;
	twin->children = 0;
	for (const struct conf_node *child = node->first; child; child = child->next) {
		struct conf_node *own = copy_for(p, child, error);
		if (!own)
			return NULL;
		tree_append(twin, &tail, own);
	}
	return twin;
}

/* ---- the document */

static struct conf_node *new_node(struct pool *pool, const struct conf_node *like, enum conf_type type,
	const char *key, const char *value)
{
	struct conf_node *node = tree_copy(pool, like);
	node->type = type;
	node->key = key;
	node->value = value;
	node->first = NULL;
	node->children = 0;
	return node;
}

/* "c1 51.8 Mbit/s, rtt1 14 ms" */
static const char *title_of(const struct point *p)
{
	struct pool *pool = p->m->e->pool;
	const char *text = "";
	for (size_t i = 0; i < p->m->factors_count; i++) {
		const struct design_factor *f = &p->m->factors[i];
		int digits = fabs(p->values[i]) < 10 ? 2 : fabs(p->values[i]) < 100 ? 1 : 0;
		text = pool_printf(pool, "%s%s%s %s%s%s", text, i ? ", " : "", f->name,
			number_text(pool, p->values[i], digits, ""), *f->unit ? " " : "", f->unit);
	}
	return text;
}

static struct conf_node *configuration_of(struct point *p, const struct conf_node *design, char **error)
{
	struct pool *pool = p->m->e->pool;
	struct conf_node *map = new_node(pool, design, CONF_MAPPING, p->name, NULL), **tail = &map->first;
	tree_append(map, &tail, new_node(pool, design, CONF_SCALAR, "title", title_of(p)));
	for (size_t i = 0; repeated[i]; i++) {
		const struct conf_node *part = conf_child(design, repeated[i]);
		struct conf_node *own = part ? copy_for(p, part, error) : NULL;
		if (part && !own)
			return NULL;
		if (own)
			tree_append(map, &tail, own);
	}
	return map;
}

static const double *values_of(const struct making *m, const struct design *design, size_t point)
{
	double *values = pool_alloc(m->e->pool, m->factors_count, sizeof *values);
	for (size_t i = 0; i < m->factors_count; i++) {
		const struct design_factor *f = &m->factors[i];
		double part = design_value(design, point, (size_t)design_column(design, f->name));
		values[i] = f->from + part * (f->to - f->from);
	}
	return values;
}

static int make_points(
	struct making *m, const struct conf_node *design, struct conf_node *points, char **error)
{
	struct experiment *e = m->e;
	struct conf_node **tail = &points->first;
	size_t total = 0;
	for (size_t d = 0; d < m->designs_count; d++)
		total += m->designs[d]->count;
	e->points = pool_alloc(e->pool, total + 1, sizeof *e->points);
	for (size_t d = 0; d < m->designs_count; d++)
		for (size_t i = 0; i < m->designs[d]->count; i++) {
			struct point p = {.m = m, .values = values_of(m, m->designs[d], i)};
			p.name = m->designs_count == 1 ? pool_printf(e->pool, "p%03zu", i)
						       : pool_printf(e->pool, "%s-p%03zu", m->names[d], i);
			struct conf_node *one = configuration_of(&p, design, error);
			if (!one)
				return -1;
			tree_append(points, &tail, one);
			e->points[e->points_count++] = (struct design_point){p.name, m->names[d], p.values};
		}
	return 0;
}

/* Whether ${factor.NAME} stands anywhere in the document. */
static bool is_mentioned(const struct conf_node *node, const char *text)
{
	if (node->value && strstr(node->value, text))
		return true;
	for (const struct conf_node *child = node->first; child; child = child->next)
		if (is_mentioned(child, text))
			return true;
	return false;
}

static int check_used(const struct making *m, const struct conf_node *design, char **error)
{
	for (size_t i = 0; i < m->factors_count; i++) {
		const char *name = m->factors[i].name, *text = pool_printf(m->e->pool, "${factor.%s}", name);
		if (!m->used[i] && !is_mentioned(m->e->root, text))
			return conf_error(conf_child(conf_child(design, "factors"), name), error,
				"factor `%s` changes nothing; write $%s in the design's links or settings, or leave it out",
				name, name);
	}
	return 0;
}

/* marks: [VALUE, ...] */
static int read_marks(struct experiment *e, const struct conf_node *list, char **error)
{
	if (list && conf_expect(list, CONF_SEQUENCE, error) < 0)
		return -1;
	double *marks = pool_alloc(e->pool, list ? list->children : 0, sizeof *marks);
	e->design_marks = marks;
	e->design_marks_count = 0;
	for (const struct conf_node *item = conf_first(list); item; item = item->next) {
		char *end = NULL;
		double value = item->type == CONF_SCALAR ? strtod(item->value, &end) : NAN;
		if (!end || *end || !*item->value || !isfinite(value))
			return conf_error(item, error, "a mark is a number");
		marks[e->design_marks_count++] = value;
	}
	return 0;
}

int expand_design(struct experiment *e, char **error)
{
	static const char *const keys[] = {"file", "wsp", "factors", "marks", "trials", "links", "changes",
		"settings", "congestion", "topology", NULL};
	struct conf_node *design = (struct conf_node *)conf_child(e->root, "design");
	struct making m = {.e = e};
	if (!design)
		return 0;
	if (conf_expect(design, CONF_MAPPING, error) < 0 || conf_only(design, keys, error) < 0)
		return -1;
	if (conf_child(e->root, "factors"))
		return conf_error(conf_child(e->root, "factors"), error,
			"an experiment has a design or factors, not both");
	struct conf_node *points = new_node(e->pool, design, CONF_MAPPING, "points", NULL);
	if (read_marks(e, conf_child(design, "marks"), error) < 0 ||
		read_factors(&m, conf_child(design, "factors"), error) < 0 ||
		read_points(&m, design, error) < 0 || make_points(&m, design, points, error) < 0 ||
		check_used(&m, design, error) < 0)
		return -1;
	e->design_factors = m.factors;
	e->design_factors_count = m.factors_count;
	struct conf_node **tail = &design->first;
	design->children = 0;
	design->first = NULL;
	tree_append(design, &tail, points);
	return 0;
}
