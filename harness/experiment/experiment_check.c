/* Experiment, the check of its templates: each is filled in once for every procedure that uses it, so that a
 * wrong name is an error of the file and not of the fortieth trial. */
#include "harness/experiment/experiment_internal.h"

#include "harness/experiment/names.h"
#include "lib/base/error.h"
#include <stdlib.h>
#include <string.h>

static int check_text(struct names *names, const char *text, const struct conf_node *at, char **error)
{
	char *reason = NULL;
	if (!text || names_expand(names, text, &reason))
		return 0;
	conf_error(at, error, "%s", reason);
	free(reason);
	return -1;
}

static int check_words(struct names *names, const char **words, const struct conf_node *at, char **error)
{
	for (const char **word = words; *word; word++)
		if (check_text(names, *word, at, error) < 0)
			return -1;
	return 0;
}

static int check_preparations(struct names *names, const struct program *p, char **error)
{
	const struct experiment *e = names->experiment;
	for (const char **need = p->needs; *need; need++)
		for (size_t i = 0; i < e->preparations_count; i++)
			for (const char ***c = e->preparations[i].commands;
				strcmp(e->preparations[i].name, *need) == 0 && *c; c++)
				if (check_words(names, *c, p->at, error) < 0)
					return -1;
	return 0;
}

static int check_program(const struct names *base, const struct program *p, bool daemon, char **error)
{
	struct names names = *base;
	names.control = daemon ? "?" : NULL;
	if (check_preparations(&names, p, error) < 0 || check_text(&names, p->config, p->at, error) < 0)
		return -1;
	names.config = p->config ? "?" : NULL;
	names.ready = p->ready == READY_DESCRIPTOR ? "?" : NULL;
	return check_words(&names, p->argv, p->at, error);
}

static int check_setups(struct names *names, const struct setup *setups, size_t count, char **error)
{
	for (size_t i = 0; i < count; i++)
		if (check_words(names, setups[i].argv, setups[i].at, error) < 0)
			return -1;
	return 0;
}

/* What stands for the names of a procedure while nothing runs. */
static struct names names_of(const struct experiment *e, const struct procedure *p, struct pool *pool)
{
	return (struct names){.experiment = e,
		.procedure = p,
		.pool = pool,
		.scratch = "?",
		.seed = "?",
		.files = "?",
		.folder = "?"};
}

static int check_procedure(
	const struct experiment *e, const struct procedure *p, struct pool *pool, char **error)
{
	struct names names = names_of(e, p, pool);
	if (check_setups(&names, e->setups, e->setups_count, error) < 0 ||
		check_setups(&names, p->setups, p->setups_count, error) < 0)
		return -1;
	for (size_t i = 0; i < p->asks_count; i++)
		if (check_text(&names, p->asks[i].command, p->at, error) < 0)
			return -1;
	for (size_t i = 0; i < e->daemons_count; i++)
		for (size_t d = 0; d < p->daemons_count; d++)
			if (program_called(&e->daemons[i], p->daemons[d]) &&
				check_program(&names, &e->daemons[i], true, error) < 0)
				return -1;
	const struct workload *w = &e->workloads[p->workload];
	for (size_t i = 0; i < w->programs_count; i++)
		if (check_program(&names, &w->programs[i], false, error) < 0)
			return -1;
	for (size_t i = 0; i < p->checks_count; i++)
		if (p->checks[i].kind == CHECK_PROGRAM &&
			check_program(&names, &p->checks[i].program, false, error) < 0)
			return -1;
	return 0;
}

int check_configuration(const struct configuration *c, char **error)
{
	const struct experiment *e = c->variant;
	struct pool *pool = pool_new();
	int result = 0;
	for (size_t i = 0; result == 0 && i < e->procedures_count; i++) {
		struct names names = names_of(e, &e->procedures[i], pool);
		result = check_setups(&names, c->setups, c->setups_count, error);
	}
	pool_free(pool);
	return result;
}

int experiment_check_names(const struct experiment *e, const struct procedure *p, char **error)
{
	struct pool *pool = pool_new();
	int result = check_procedure(e, p, pool, error);
	pool_free(pool);
	return result;
}

int check_templates(const struct experiment *e, char **error)
{
	struct pool *pool = pool_new();
	int result = 0;
	for (size_t i = 0; result == 0 && i < e->procedures_count; i++)
		result = check_procedure(e, &e->procedures[i], pool, error);
	pool_free(pool);
	return result;
}
