/* liquidnet list: the experiments, a line each; with a name, its configurations and procedures. For programs: --json, and
 * --names, which reads no experiment. */
#include "harness/cli/commands.h"
#include "harness/experiment/find.h"
#include "harness/machine/project.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct listing {
	json_t *json; /* NULL: lines */
	int status;
};

static void add_json(json_t *list, const struct experiment *e, const char *path, bool own)
{
	json_t *configurations = json_array(), *procedures = json_array();
	for (size_t i = 0; i < e->configurations_count; i++)
		json_array_append_new(configurations, json_string(e->configurations[i].name));
	for (size_t i = 0; i < e->procedures_count; i++)
		json_array_append_new(
			procedures, json_pack("{s:s, s:s, s:b}", "name", e->procedures[i].name, "title",
					    e->procedures[i].title, "optional", e->procedures[i].optional));
	json_array_append_new(
		list, json_pack("{s:s, s:s, s:s?, s:s, s:b, s:s, s:i, s:o, s:o}", "experiment", e->name,
			      "title", e->title, "source", e->source, "file", path, "own", own, "topology",
			      e->topology->name, "trials", (int)e->trials, "configurations", configurations,
			      "procedures", procedures));
}

static int list_one(void *context, const char *name, const char *path, bool own)
{
	char *error = NULL;
	struct listing *listing = context;
	struct experiment *e = experiment_load(project_root(), path, &error);
	if (!e) {
		fprintf(stderr, "liquidnet list: %s\n", error);
		free(error);
		listing->status = 2;
		return 0;
	}
	size_t procedures = 0;
	for (size_t i = 0; i < e->procedures_count; i++)
		procedures += !e->procedures[i].optional;
	if (listing->json)
		add_json(listing->json, e, path, own);
	else
		printf("%-20s %3zu x %-3zu x %-4u %s%s%s%s\n", name, e->configurations_count, procedures,
			e->trials, e->title, own ? " (" : "", own ? path : "", own ? ")" : "");
	experiment_free(e);
	return 0;
}

static int print_name(void *context, const char *name, const char *path, bool own)
{
	(void)context;
	(void)path;
	(void)own;
	puts(name);
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

static const char help[] =
	"Usage: liquidnet list [EXPERIMENT]\n"
	"       liquidnet list --json|--names\n"
	"Lists the experiments (configurations x procedures x trials), or one's cells. Those of the working folder, NAME.yaml\n"
	"and experiments/ there, are listed with their files.\n\n"
	"  --json                  everything, for programs\n"
	"  --names                 the names alone; no file is read\n";

int cmd_list(int argc, char **argv)
{
	struct listing listing = {0};
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		fputs(help, stdout);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--names") == 0)
		return find_each(print_name, NULL);
	if (argc == 2 && argv[1][0] != '-')
		return describe(argv[1]);
	bool json = argc == 2 && strcmp(argv[1], "--json") == 0;
	if (argc != 1 + json) {
		fprintf(stderr,
			"liquidnet list: takes one experiment, --json or --names; see liquidnet list --help\n");
		return 2;
	}
	listing.json = json ? json_array() : NULL;
	find_each(list_one, &listing);
	if (json) {
		json_dumpf(listing.json, stdout, JSON_INDENT(1));
		putchar('\n');
		json_decref(listing.json);
	}
	return listing.status;
}
