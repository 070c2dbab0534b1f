/* liquidnet list: the experiments, a line each; with a name, its configurations and procedures. */
#include "harness/cli/commands.h"
#include "harness/experiment/find.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int list_one(void *context, const char *name, const char *path)
{
	char *error = NULL;
	int *status = context;
	(void)path;
	struct experiment *e = find_experiment(name, &error);
	if (e) {
		size_t procedures = 0;
		for (size_t i = 0; i < e->procedures_count; i++)
			procedures += !e->procedures[i].optional;
		printf("%-20s %3zu x %-3zu x %-4u %s\n", name, e->configurations_count, procedures, e->trials,
			e->title);
		experiment_free(e);
		return 0;
	}
	fprintf(stderr, "liquidnet list: %s\n", error);
	free(error);
	*status = 2;
	return 0;
}

static int describe(const char *name)
{
	char *error = NULL;
	struct experiment *e = find_experiment(name, &error);
	if (!e) {
		fprintf(stderr, "liquidnet list: %s\n", error);
		free(error);
		return 2;
	}
	printf("%s: %s\n", e->name, e->title);
	if (e->source)
		printf("source: %s\n", e->source);
	printf("topology: %s; %u trials a cell; ", e->topology->name, e->trials);
	if (e->jobs)
		printf("%u at once\n\nconfigurations:\n", e->jobs);
	else
		printf("as many at once as the machine carries\n\nconfigurations:\n");
	for (size_t i = 0; i < e->configurations_count; i++)
		printf("  %-28s %s\n", e->configurations[i].name,
			e->configurations[i].title ? e->configurations[i].title : "");
	printf("procedures:\n");
	for (size_t i = 0; i < e->procedures_count; i++)
		printf("  %-28s %s%s\n", e->procedures[i].name, e->procedures[i].title,
			e->procedures[i].optional ? " (only when named)" : "");
	experiment_free(e);
	return 0;
}

int cmd_list(int argc, char **argv)
{
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		printf("Usage: liquidnet list [EXPERIMENT]\n"
		       "Lists the experiments (configurations x procedures x trials), or one's cells.\n");
		return 0;
	}
	if (argc == 2 && argv[1][0] != '-')
		return describe(argv[1]);
	if (argc != 1) {
		fprintf(stderr, "liquidnet list: takes one experiment at most; see liquidnet list --help\n");
		return 2;
	}
	int status = 0;
	find_each(list_one, &status);
	return status;
}
