/* Needs: what an experiment asks of this machine: what every one needs, what the programs that it starts need
 * (systems.h), what its topology needs, and what it says itself (`requires`). `doctor` shows the same. Back ends of
 * links are chosen, not needed: shape.h. */
#ifndef LIQUIDNET_NEEDS_H
#define LIQUIDNET_NEEDS_H

#include "harness/experiment/plan.h"
#include "harness/machine/systems.h"

struct need_program {
	const char *name;
	const struct conf_node *at; /* where the experiment names it; NULL: every experiment needs it */
};

struct needs {
	bool capabilities[CAPABILITIES];
	const struct conf_node *at[CAPABILITIES]; /* who asks; NULL: every experiment does */
	struct need_program *programs;            /* each once */
	size_t programs_count;
};

/* What a plan's trials need; with `plan` NULL what all procedures do. On the experiment's pool. -1 and *error: a
 * capability of that name there is not. */
int needs_of(struct needs *needs, const struct experiment *experiment, const struct plan *plan, char **error);
/* What every experiment needs. On `pool`. */
void needs_always(struct needs *needs, struct pool *pool);
/* Every one of them is there. -1 and *error: one line, file and line where an experiment asks for it, what is
 * missing, and the remedy. */
int needs_check(const struct needs *needs, char **error);
/* The same where trials have a kernel of their own: what this machine's kernel has is not looked at, but what its
 * users share. */
int needs_check_shared(const struct needs *needs, char **error);
/* -1 and the line about one of them that is not there; `remedy` says what to do. */
int needs_lack(const struct needs *needs, enum capability capability, const char *remedy, char **error);
/* Only those programs that the experiment itself starts: without root, before anything else. */
int needs_check_programs(const struct needs *needs, char **error);

#endif
