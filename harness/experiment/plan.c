/* Plan: see the header. */
#include "harness/experiment/plan.h"

#include "lib/base/draw.h"
#include "lib/base/error.h"
#include "lib/base/units.h"
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#define SLICES_MAX 100000

uint64_t plan_mix(uint64_t x)
{
	return draw_mix(x + DRAW_GOLDEN);
}

static uint64_t text_hash(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325ULL; /* FNV-1a */
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3ULL;
	return hash;
}

/* A pattern means a name, or the name of a level that what is so called is made of. */
static bool matches(const char *pattern, const char *name, const char *const *levels)
{
	if (fnmatch(pattern, name, 0) == 0)
		return true;
	for (; levels && *levels; levels++)
		if (fnmatch(pattern, *levels, 0) == 0)
			return true;
	return false;
}

/* Marks what a comma-separated list of patterns matches; each must match something. `levels`: of each name,
 * or NULL. */
static int match(const char *patterns, const char *const *names, const char *const *const *levels,
	size_t count, const char *what, bool *marks, char **error)
{
	char *copy = strdup(patterns), *rest = NULL;
	int result = 0;
	for (char *one = strtok_r(copy, ",", &rest); one && result == 0; one = strtok_r(NULL, ",", &rest)) {
		bool any = false;
		for (size_t i = 0; i < count; i++)
			if (matches(one, names[i], levels ? levels[i] : NULL))
				marks[i] = any = true;
		if (any)
			continue;
		char known[1024] = "";
		for (size_t i = 0; i < count && strlen(known) + strlen(names[i]) + 3 < sizeof known; i++)
			strcat(strcat(known, i ? ", " : ""), names[i]);
		result = error_set(error, "no %s matches `%s`; there are %s", what, one, known);
	}
	free(copy);
	return result;
}

static int select_cells(const struct experiment *e, const struct selection *s, bool *configurations,
	bool *procedures, char **error)
{
	const char **names = calloc(e->configurations_count + e->procedures_count, sizeof *names);
	const char *const **levels = calloc(e->configurations_count + 1, sizeof *levels);
	int result = 0;
	for (size_t i = 0; i < e->configurations_count; i++) {
		names[i] = e->configurations[i].name;
		levels[i] = (const char *const *)e->configurations[i].levels;
		configurations[i] = !s->configurations;
	}
	if (s->configurations)
		result = match(s->configurations, names, levels, e->configurations_count, "configuration",
			configurations, error);
	for (size_t i = 0; i < e->procedures_count; i++) {
		names[i] = e->procedures[i].name;
		procedures[i] = !s->procedures && !e->procedures[i].optional;
	}
	if (result == 0 && s->procedures)
		result = match(
			s->procedures, names, NULL, e->procedures_count, "procedure", procedures, error);
	free(names);
	free(levels);
	return result;
}

unsigned plan_trials(const struct experiment *e, const struct selection *s, size_t configuration)
{
	unsigned own = e->configurations[configuration].trials;
	return s->trials ? s->trials : own ? own : e->trials;
}

static uint64_t trial_seed(uint64_t seed, const char *configuration, unsigned repeat)
{
	return plan_mix(seed ^ text_hash(configuration) ^ repeat) >> 1;
}

static void fill(struct plan *plan, const struct experiment *e, const struct selection *s,
	const bool *configurations, const bool *procedures)
{
	size_t total = 0;
	for (size_t c = 0; c < e->configurations_count; c++)
		total += plan_trials(e, s, c) * e->procedures_count;
	plan->trials = calloc(total + 1, sizeof *plan->trials);
	for (unsigned c = 0; c < e->configurations_count; c++)
		for (unsigned repeat = 1; configurations[c] && repeat <= plan_trials(e, s, c); repeat++)
			for (unsigned p = 0; p < e->procedures_count; p++)
				if (procedures[p])
					plan->trials[plan->count++] = (struct planned){.configuration = c,
						.procedure = p,
						.repeat = repeat,
						.seed = trial_seed(
							s->seed, e->configurations[c].name, repeat)};
}

/* Fisher-Yates. Multiplication instead of the remainder: no bias worth naming at these sizes. */
static void shuffle(struct planned *trials, size_t count, uint64_t seed)
{
	for (size_t i = count; i > 1; i--) {
		size_t j = (size_t)(((unsigned __int128)plan_mix(seed + i) * i) >> 64);
		struct planned other = trials[j];
		trials[j] = trials[i - 1];
		trials[i - 1] = other;
	}
}

static int by_repeat(const void *a, const void *b)
{
	const struct planned *x = a, *y = b;
	return x->repeat != y->repeat ? (x->repeat > y->repeat) - (x->repeat < y->repeat)
	       : x->configuration != y->configuration
		       ? (x->configuration > y->configuration) - (x->configuration < y->configuration)
		       : (x->procedure > y->procedure) - (x->procedure < y->procedure);
}

/* A block is every cell once, of one repeat; within it the order is drawn. What changes slowly is then the same to all
 * of a block. */
static void shuffle_blocks(struct plan *plan, uint64_t seed)
{
	qsort(plan->trials, plan->count, sizeof *plan->trials, by_repeat);
	for (size_t from = 0, to; from < plan->count; from = to) {
		for (to = from; to < plan->count && plan->trials[to].repeat == plan->trials[from].repeat;
			to++)
			;
		shuffle(plan->trials + from, to - from, plan_mix(seed ^ plan->trials[from].repeat));
	}
}

int plan_slice(const char *text, struct selection *s)
{
	int64_t slice, slices;
	const char *slash = strchr(text, '/');
	char first[16];
	if (!slash || slash - text >= (long)sizeof first)
		return -1;
	memcpy(first, text, (size_t)(slash - text));
	first[slash - text] = 0;
	if (unit_integer(first, &slice) < 0 || unit_integer(slash + 1, &slices) < 0 || slice < 0 ||
		slices < 1 || slices > SLICES_MAX || slice >= slices)
		return -1;
	s->slice = (unsigned)slice;
	s->slices = (unsigned)slices;
	return 0;
}

/* Leaves the trials of every slices-th configuration among those chosen, in their order. */
static int cut(struct plan *plan, const struct experiment *e, const struct selection *s,
	const bool *configurations, char **error)
{
	size_t *place = calloc(e->configurations_count + 1, sizeof *place), chosen = 0, kept = 0;
	for (size_t c = 0; c < e->configurations_count; c++)
		if (configurations[c])
			place[c] = chosen++;
	for (size_t i = 0; i < plan->count; i++)
		if (place[plan->trials[i].configuration] % s->slices == s->slice)
			plan->trials[kept++] = plan->trials[i];
	plan->count = kept;
	free(place);
	return kept ? 0
		    : error_set(error, "slice %u of %u is empty: there are %zu configurations", s->slice,
			      s->slices, chosen);
}

int plan_make(struct plan *plan, const struct experiment *e, const struct selection *s, char **error)
{
	bool *configurations = calloc(e->configurations_count + 1, sizeof *configurations);
	bool *procedures = calloc(e->procedures_count + 1, sizeof *procedures);
	*plan = (struct plan){0};
	int result = select_cells(e, s, configurations, procedures, error);
	if (result == 0) {
		fill(plan, e, s, configurations, procedures);
		if (e->blocks)
			shuffle_blocks(plan, s->seed);
		else
			shuffle(plan->trials, plan->count, s->seed);
		if (s->slices)
			result = cut(plan, e, s, configurations, error);
	}
	free(configurations);
	free(procedures);
	return result;
}

size_t plan_count(const struct plan *plan, enum planned_state state)
{
	size_t count = 0;
	for (size_t i = 0; i < plan->count; i++)
		count += plan->trials[i].state == state;
	return count;
}

void plan_free(struct plan *plan)
{
	free(plan->trials);
	*plan = (struct plan){0};
}
