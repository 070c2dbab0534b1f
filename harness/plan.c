/* Plan: see the header. */
#include "harness/plan.h"

#include "lib/error.h"
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

uint64_t plan_mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static uint64_t text_hash(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325ULL; /* FNV-1a */
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3ULL;
	return hash;
}

/* Marks what a comma-separated list of patterns matches; each must match something. */
static int match(const char *patterns, const char *const *names, size_t count, const char *what, bool *marks,
	char **error)
{
	char *copy = strdup(patterns), *rest = NULL;
	int result = 0;
	for (char *one = strtok_r(copy, ",", &rest); one && result == 0; one = strtok_r(NULL, ",", &rest)) {
		bool any = false;
		for (size_t i = 0; i < count; i++)
			if (fnmatch(one, names[i], 0) == 0)
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
	int result = 0;
	for (size_t i = 0; i < e->configurations_count; i++) {
		names[i] = e->configurations[i].name;
		configurations[i] = !s->configurations;
	}
	if (s->configurations)
		result = match(s->configurations, names, e->configurations_count, "configuration",
			configurations, error);
	for (size_t i = 0; i < e->procedures_count; i++) {
		names[i] = e->procedures[i].name;
		procedures[i] = !s->procedures && !e->procedures[i].optional;
	}
	if (result == 0 && s->procedures)
		result = match(s->procedures, names, e->procedures_count, "procedure", procedures, error);
	free(names);
	return result;
}

static void fill(struct plan *plan, const struct experiment *e, const struct selection *s,
	const bool *configurations, const bool *procedures)
{
	unsigned trials = s->trials ? s->trials : e->trials;
	plan->trials =
		calloc(e->configurations_count * e->procedures_count * trials + 1, sizeof *plan->trials);
	for (unsigned repeat = 1; repeat <= trials; repeat++)
		for (unsigned c = 0; c < e->configurations_count; c++)
			for (unsigned p = 0; p < e->procedures_count; p++)
				if (configurations[c] && procedures[p])
					plan->trials[plan->count++] = (struct planned){c, p, repeat,
						plan_mix(s->seed ^ text_hash(e->configurations[c].name) ^
							 repeat) >>
							1};
}

/* Fisher-Yates. Multiplication instead of the remainder: no bias worth naming at these sizes. */
static void shuffle(struct plan *plan, uint64_t seed)
{
	for (size_t i = plan->count; i > 1; i--) {
		size_t j = (size_t)(((unsigned __int128)plan_mix(seed + i) * i) >> 64);
		struct planned other = plan->trials[j];
		plan->trials[j] = plan->trials[i - 1];
		plan->trials[i - 1] = other;
	}
}

int plan_make(struct plan *plan, const struct experiment *e, const struct selection *s, char **error)
{
	bool *configurations = calloc(e->configurations_count + 1, sizeof *configurations);
	bool *procedures = calloc(e->procedures_count + 1, sizeof *procedures);
	*plan = (struct plan){0};
	int result = select_cells(e, s, configurations, procedures, error);
	if (result == 0) {
		fill(plan, e, s, configurations, procedures);
		shuffle(plan, s->seed);
	}
	free(configurations);
	free(procedures);
	return result;
}

void plan_free(struct plan *plan)
{
	free(plan->trials);
	*plan = (struct plan){0};
}
