/* liquidnet trial FILE: runs one trial that FILE describes, and prints its record. `liquidnet run --clock virtual` starts
 * it so in a kernel of the trial's own; it is not for people. That kernel is the trial's whole world: the experiment's
 * settings of the host and its services are brought in here. */
#include "harness/cli/commands.h"
#include "harness/experiment/experiment.h"
#include "harness/machine/capabilities.h"
#include "harness/machine/host.h"
#include "harness/record/provenance.h"
#include "harness/run/prepare.h"
#include "harness/run/service.h"
#include "harness/trial/trial.h"
#include "lib/base/error.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *word(const json_t *what, const char *key)
{
	const char *text = json_string_value(json_object_get(what, key));
	return text ? text : "";
}

static int find(const struct experiment *e, const json_t *what, struct planned *planned, char **error)
{
	size_t c = 0, p = 0;
	while (c < e->configurations_count &&
		strcmp(e->configurations[c].name, word(what, "configuration")) != 0)
		c++;
	while (p < e->procedures_count && strcmp(e->procedures[p].name, word(what, "procedure")) != 0)
		p++;
	if (c == e->configurations_count || p == e->procedures_count)
		return error_set(error, "the experiment has no such configuration or procedure");
	*planned = (struct planned){.configuration = (unsigned)c,
		.procedure = (unsigned)p,
		.repeat = (unsigned)json_integer_value(json_object_get(what, "repeat")),
		.seed = (uint64_t)json_integer_value(json_object_get(what, "seed"))};
	return 0;
}

static int prepare(const struct experiment *e, struct host **host, struct services **services, char **error)
{
	if (!prepare_needed(e) && e->services_count == 0)
		return 0;
	if (!(*host = host_open(error)))
		return -1;
	if (prepare_host(*host, e, error) < 0)
		return -1;
	*services = services_start(e, NULL, *host, error);
	return *services ? 0 : -1;
}

static int run(const json_t *what, char **error)
{
	char path[PATH_MAX];
	struct planned planned;
	struct host *host = NULL;
	struct services *services = NULL;
	snprintf(path, sizeof path, "%s/experiment.yaml", word(what, "results"));
	struct experiment *e = experiment_load(word(what, "root"), path, error);
	if (!e || find(e, what, &planned, error) < 0 || prepare(e, &host, &services, error) < 0)
		return -1;
	struct trial trial = {.experiment = e,
		.planned = &planned,
		.number = (unsigned)json_integer_value(json_object_get(what, "number")),
		.attempt = (unsigned)json_integer_value(json_object_get(what, "attempt")),
		.backend = word(what, "backend"),
		.root = word(what, "root"),
		.files = word(what, "results")};
	if (experiment_clock(word(what, "clock"), &trial.clock) < 0)
		return error_set(error, "no clock `%s`", word(what, "clock"));
	snprintf(trial.folder, sizeof trial.folder, "%s", word(what, "folder"));
	/* The trial keeps its log where standard output was. */
	int report = dup(STDOUT_FILENO);
	int status = trial_body(&trial, report);
	services_stop(services);
	if (host)
		host_close(host);
	return status;
}

/* What this kernel has of {"needs": [CAPABILITY...], "settings": [KEY...]}, and what it is. */
static int survey(const char *text)
{
	json_t *what = json_loads(text, 0, NULL), *one;
	json_t *lacks = json_object(), *unknown = json_array();
	size_t i;
	json_array_foreach(json_object_get(what, "needs"), i, one) {
		enum capability c = capability_named(json_string_value(one));
		if (c == CAPABILITIES || !capability_has(c))
			json_object_set(lacks, json_string_value(one), json_true());
	}
	json_array_foreach(json_object_get(what, "settings"), i, one)
		if (!host_knows(json_string_value(one)))
			json_array_append(unknown, one);
	json_t *found = json_pack(
		"{s:o, s:o, s:o}", "kernel", provenance_kernel(), "lacks", lacks, "unknown", unknown);
	int result = json_dumpf(found, stdout, JSON_COMPACT);
	json_decref(found);
	json_decref(what);
	return result < 0 ? 1 : 0;
}

int cmd_trial(int argc, char **argv)
{
	char *error = NULL;
	json_error_t fault;
	if (argc == 3 && strcmp(argv[1], "--survey") == 0)
		return survey(argv[2]);
	if (argc != 2) {
		fprintf(stderr,
			"liquidnet trial: takes the file that describes a trial; `liquidnet run` writes it\n");
		return 2;
	}
	json_t *what = json_load_file(argv[1], 0, &fault);
	if (!what) {
		fprintf(stderr, "liquidnet trial: %s: %s\n", argv[1], fault.text);
		return 2;
	}
	int status = run(what, &error);
	if (status < 0)
		fprintf(stderr, "liquidnet trial: %s\n", error ? error : "no reason was given");
	return status < 0 ? 2 : status;
}
