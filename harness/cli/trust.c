/* Trust: see the header. */
#include "harness/cli/trust.h"

#include "harness/experiment/companions.h"
#include "harness/experiment/find.h"
#include "harness/machine/project.h"
#include "harness/page/text.h"
#include "lib/base/error.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHOWN 60 /* lines of programs */

static bool same_file(const char *folder, const char *own)
{
	char path[PATH_MAX];
	const char *slash = strrchr(own, '/');
	return snprintf(path, sizeof path, "%s/%s", folder, slash ? slash + 1 : own) < (int)sizeof path &&
	       companions_equal(path, own);
}

bool trust_own(const struct experiment *e, const char *folder)
{
	char path[PATH_MAX];
	/* Another's topologies, and so the driver itself. */
	if (getenv("LIQUIDNET_ROOT") ||
		snprintf(path, sizeof path, "%s/experiment.yaml", folder) >= (int)sizeof path)
		return false;
	/* Not of the working folder: a stranger's may lie there. */
	struct experiment *own = find_installed(e->name, NULL);
	bool same = own && companions_equal(path, own->path) &&
		    (!own->base_path || same_file(folder, own->base_path)) &&
		    companions_check_copies(own, folder, NULL) == 0;
	experiment_free(own);
	return same;
}

/* ---- what it starts */

struct listing {
	size_t lines;
};

static void print_words(struct listing *l, const char *where, const char *const *words)
{
	if (!words || l->lines++ >= SHOWN)
		return;
	char *place = text_plain(where);
	fprintf(stderr, "  %-14s", place ? place : "?");
	free(place);
	for (; *words; words++) {
		char *word = text_plain(*words);
		/* A script in one word shows how it begins. */
		fprintf(stderr, " %.100s%s", word ? word : "?", word && strlen(word) > 100 ? "..." : "");
		free(word);
	}
	fputc('\n', stderr);
}

static void print_programs(
	struct listing *l, const struct experiment *e, const struct program *programs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		print_words(l, programs[i].node < 0 ? "on this host" : e->topology->nodes[programs[i].node],
			programs[i].argv);
}

static void print_setups(
	struct listing *l, const struct experiment *e, const struct setup *setups, size_t count)
{
	for (size_t i = 0; i < count; i++)
		print_words(l, e->topology->nodes[setups[i].node], setups[i].argv);
}

static void print_procedures(struct listing *l, const struct experiment *e)
{
	print_setups(l, e, e->setups, e->setups_count);
	for (size_t i = 0; i < e->procedures_count; i++) {
		const struct procedure *p = &e->procedures[i];
		print_setups(l, e, p->setups, p->setups_count);
		for (size_t k = 0; k < p->checks_count; k++)
			if (p->checks[k].kind == CHECK_PROGRAM)
				print_programs(l, e, &p->checks[k].program, 1);
	}
	for (size_t i = 0; i < e->workloads_count; i++)
		print_programs(l, e, e->workloads[i].programs, e->workloads[i].programs_count);
}

static void print_all(const struct experiment *e, const char *folder)
{
	struct listing l = {0};
	char *shown = text_plain(folder);
	fprintf(stderr, "%s holds an experiment that is not this installation's. Its trials start, as %s:\n",
		shown ? shown : "?", geteuid() == 0 ? "root" : "you");
	free(shown);
	print_words(&l, "topology",
		(const char *const[]){
			"python3", e->topology_file ? e->topology_file : e->topology->name, NULL});
	for (size_t i = 0; i < e->preparations_count; i++)
		for (const char ***command = e->preparations[i].commands; *command; command++)
			print_words(&l, "scratch folder", *command);
	print_programs(&l, e, e->services, e->services_count);
	print_programs(&l, e, e->daemons, e->daemons_count);
	print_procedures(&l, e);
	for (const char *const *file = e->files; file && *file; file++)
		print_words(&l, "a file", (const char *const[]){*file, NULL});
	if (l.lines > SHOWN)
		fprintf(stderr, "  and %zu more\n", l.lines - SHOWN);
}

int trust_ask(const struct experiment *e, const char *folder, char **error)
{
	char answer[16] = "";
	print_all(e, folder);
	if (!isatty(STDIN_FILENO))
		return error_set(error,
			"it is run by who trusts it: read experiment.yaml and its files, then say --trust (--dry-run starts nothing)");
	fprintf(stderr, "Run that? [y/N] ");
	if (fgets(answer, sizeof answer, stdin) && (*answer == 'y' || *answer == 'Y'))
		return 0;
	return error_set(error, "nothing was started");
}
