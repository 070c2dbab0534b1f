/* Compare: see the header. Cells are matched by the names of configuration and procedure; one whose links are
 * shaped otherwise in the two runs is named, and not judged. */
#include "harness/report/compare.h"
#include "harness/experiment/companions.h"
#include "harness/record/differences.h"
#include "lib/base/error.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 400 };

static const char *network_of(const struct cells *cells)
{
	return cells->experiment->topology ? cells->experiment->topology->name : "none";
}

static int check_comparable(const struct compared *c, char **error)
{
	const struct measure *a = cells_primary(c->a), *b = cells_primary(c->b);

	if (strcmp(a->name, b->name) || strcmp(a->unit, b->unit))
		return error_set(error,
			"not comparable: %s measures `%s` in %s, %s `%s` in %s; name two runs of one kind",
			c->folder_a, a->name, a->unit, c->folder_b, b->name, b->unit);
	if (strcmp(network_of(c->a), network_of(c->b)))
		return error_set(error,
			"not comparable: the network of %s is `%s`, that of %s `%s`; name two runs in one network",
			c->folder_a, network_of(c->a), c->folder_b, network_of(c->b));
	return 0;
}

static bool same_shape(const struct shape *a, const struct shape *b)
{
	/* Each run has traces of its own: what counts is what they hold. */
	struct shape as_a = *b;
	strcpy(as_a.opportunities, a->opportunities);
	strcpy(as_a.loss_trace, a->loss_trace);
	return shape_equal(a, &as_a) && companions_equal(a->opportunities, b->opportunities) &&
	       companions_equal(a->loss_trace, b->loss_trace);
}

static bool same_changes(const struct link_shape *a, const struct link_shape *b)
{
	bool same = a->changes_count == b->changes_count;
	for (size_t i = 0; same && i < a->changes_count; i++)
		same = a->changes[i].at_ns == b->changes[i].at_ns &&
		       same_shape(&a->changes[i].direction[0], &b->changes[i].direction[0]) &&
		       same_shape(&a->changes[i].direction[1], &b->changes[i].direction[1]);
	return same;
}

/* The first link that is shaped otherwise; NULL: none. */
static const char *other_link(
	const struct topology *topology, const struct configuration *a, const struct configuration *b)
{
	for (size_t i = 0; topology && a->links && b->links && i < topology->links_count; i++)
		if (a->links[i].shaped != b->links[i].shaped || !same_changes(&a->links[i], &b->links[i]) ||
			(a->links[i].shaped &&
				(!same_shape(&a->links[i].direction[0], &b->links[i].direction[0]) ||
					!same_shape(&a->links[i].direction[1], &b->links[i].direction[1]))))
			return topology->links[i].name;
	return NULL;
}

struct contrast compare_contrast(const struct stats *a, const struct stats *b)
{
	struct stats_group group_a = {a->mean, a->sd, (double)a->n}, group_b = {b->mean, b->sd, (double)b->n};
	struct stats_term terms[] = {{1, b->sd, (double)b->n}, {-1, a->sd, (double)a->n}};
	struct contrast c = {.difference = b->mean - a->mean,
		.half_width = stats_welch_half_width(terms, 2),
		.test = stats_welch(group_b, group_a),
		.hedges_g = stats_hedges_g(group_b, group_a)};

	if (!isnan(c.difference) && !isnan(c.half_width))
		c.judgement = fabs(c.difference) <= c.half_width ? JUDGED_SAME
			      : c.difference < 0                 ? JUDGED_LOWER
								 : JUDGED_HIGHER;
	return c;
}

/* Why a cell has no number: what is said of its last attempt. "" where it has one. */
static void explain_empty(const char *run, const struct cells *cells, const struct cell *cell, char why[256])
{
	size_t count;
	const struct record *records = cells_records(cells, cell, &count);

	if (cell->stats.n)
		*why = 0;
	else if (!count)
		snprintf(why, 256, "%s has no trial", run);
	else
		snprintf(why, 256, "of %s none of %zu trials counts: %s", run, count,
			records[count - 1].reasons);
}

static void judge_pair(const struct compared *compared, struct compared_cell *cell)
{
	const struct stats *a = &cell->a->stats, *b = &cell->b->stats;
	struct contrast c = compare_contrast(a, b);

	cell->difference = c.difference;
	cell->difference_percent = a->mean != 0 ? 100 * c.difference / a->mean : NAN;
	cell->half_width = a->mean != 0 ? 100 * c.half_width / fabs(a->mean) : NAN;
	cell->test = c.test;
	cell->hedges_g = c.hedges_g;
	if (cell->judgement == JUDGED_INCOMPARABLE)
		return;
	cell->judgement = c.judgement;
	char why_a[256], why_b[256];
	explain_empty("A", compared->a, cell->a, why_a);
	explain_empty("B", compared->b, cell->b, why_b);
	snprintf(cell->why, sizeof cell->why, "%s%s%s", why_a, *why_a && *why_b ? "; " : "", why_b);
}

static const struct cell *find(const struct cells *cells, const char *configuration, const char *procedure)
{
	const struct experiment *e = cells->experiment;

	for (size_t i = 0; i < cells->count; i++) {
		const struct cell *cell = &cells->cells[i];
		if (cell->shown && !strcmp(e->configurations[cell->configuration].name, configuration) &&
			!strcmp(e->procedures[cell->procedure].name, procedure))
			return cell;
	}
	return NULL;
}

static void match(struct compared *c)
{
	const struct experiment *e = c->a->experiment;

	for (size_t i = 0; i < c->a->count; i++) {
		const struct cell *a = &c->a->cells[i];
		if (!a->shown)
			continue;
		const struct configuration *configuration = &e->configurations[a->configuration];
		struct compared_cell cell = {.a = a,
			.configuration = configuration->name,
			.procedure = e->procedures[a->procedure].name};
		if (!(cell.b = find(c->b, cell.configuration, cell.procedure))) {
			c->only_a++;
			continue;
		}
		const char *link = other_link(experiment_topology(e, configuration), configuration,
			&c->b->experiment->configurations[cell.b->configuration]);
		if (link) {
			cell.judgement = JUDGED_INCOMPARABLE;
			snprintf(cell.why, sizeof cell.why, "%s is another one", link);
		}
		judge_pair(c, &cell);
		c->cells[c->count++] = cell;
	}
	for (size_t i = 0; i < c->b->count; i++)
		c->only_b += c->b->cells[i].shown;
	c->only_b -= c->count;
}

static void put_settings(
	json_t *into, const struct topology *topology, const struct setting *settings, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *node = settings[i].node < 0 ? "all" : topology->nodes[settings[i].node];
		json_t *of = json_object_get(into, node);
		if (!of) {
			of = json_object();
			json_object_set_new(into, node, of);
		}
		json_object_set_new(of, settings[i].key, json_string(settings[i].value));
	}
}

/* Those of one configuration or procedure, where it has any. */
static void put_own_settings(json_t *into, const struct topology *topology, const char *name,
	const struct setting *settings, size_t count)
{
	json_t *own = json_object();

	put_settings(own, topology, settings, count);
	if (json_object_size(own))
		json_object_set(into, name, own);
	json_decref(own);
}

/* What a run was: environment, options, settings; all that may explain a difference. */
static json_t *circumstances(const struct cells *cells, const char *folder)
{
	char path[4200] = "";
	const struct experiment *e = cells->experiment;

	snprintf(path, sizeof path, "%s/provenance.json", folder);
	json_t *provenance = json_load_file(path, 0, NULL), *all = json_object(), *settings = json_object();
	json_object_set(all, "environment", json_object_get(provenance, "environment"));
	json_object_set(all, "run", json_object_get(provenance, "run"));
	json_t *of_procedures = json_object();
	put_settings(settings, e->topology, e->settings, e->settings_count);
	for (size_t c = 0; c < e->configurations_count; c++)
		put_own_settings(settings, experiment_topology(e, &e->configurations[c]),
			e->configurations[c].name, e->configurations[c].settings,
			e->configurations[c].settings_count);
	for (size_t p = 0; p < e->procedures_count; p++)
		put_own_settings(of_procedures, e->topology, e->procedures[p].name, e->procedures[p].settings,
			e->procedures[p].settings_count);
	json_object_set_new(all, "settings", settings);
	json_object_set_new(all, "procedures", of_procedures);
	json_object_set_new(all, "experiment", json_string(e->name));
	json_decref(provenance);
	return all;
}

static void list_differences(struct compared *c)
{
	json_t *a = circumstances(c->a, c->folder_a), *b = circumstances(c->b, c->folder_b);
	size_t count = differences_list(a, b, c->differences, SHOWN);

	c->differences_count = count < SHOWN ? count : SHOWN;
	json_decref(a);
	json_decref(b);
}

int compare_runs(struct compared *c, const struct cells *a, const char *folder_a, const struct cells *b,
	const char *folder_b, char **error)
{
	*c = (struct compared){.a = a, .b = b, .folder_a = folder_a, .folder_b = folder_b};
	if (check_comparable(c, error) < 0)
		return -1;
	c->cells = calloc(a->count + 1, sizeof *c->cells);
	c->differences = calloc(SHOWN, sizeof *c->differences);
	if (!c->cells || !c->differences)
		return error_set(error, "out of memory");
	match(c);
	if (!c->count)
		return error_set(error,
			"not comparable: no cell is in both %s (%zu cells) and %s (%zu cells); name runs of one experiment",
			folder_a, c->only_a, folder_b, c->only_b);
	list_differences(c);
	return 0;
}

void compared_free(struct compared *c)
{
	for (size_t i = 0; i < c->differences_count; i++)
		free(c->differences[i]);
	free(c->differences);
	free(c->cells);
}
