/* liquidnet doctor: what this machine has and lacks, as a table or as JSON; with experiments, only what they need, and
 * whether they can run. `run` asks the same questions. */
#include "harness/cli/commands.h"
#include "harness/experiment/find.h"
#include "harness/lab/needs.h"
#include "harness/links/shape.h"
#include "lib/base/process.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum state { OK, NOTE, MISSING };
static const char *const states[] = {"ok", "note", "missing"};

struct row {
	char id[64], name[64];
	enum state state;
	bool required;
	char text[512];
};

struct table {
	char what[256]; /* experiments that were named */
	struct row *rows;
	size_t count, lacking;
};

static struct row *add(struct table *t, const char *id, const char *name, bool there, bool required)
{
	t->rows = realloc(t->rows, (t->count + 1) * sizeof *t->rows);
	struct row *row = &t->rows[t->count++];
	*row = (struct row){.required = required};
	snprintf(row->id, sizeof row->id, "%s", id);
	snprintf(row->name, sizeof row->name, "%s", name);
	row->state = there ? OK : required ? MISSING : NOTE;
	t->lacking += row->state == MISSING;
	return row;
}

static void add_capability(struct table *t, enum capability c, bool required)
{
	const struct finding *f = capability_find(c);
	struct row *row = add(t, capability_id(c), capability_name(c), f->there, required);
	/* What was tried and refused to a user says nothing of the kernel. */
	if (!f->there && geteuid() != 0 && capability_of_kernel(c))
		snprintf(row->text, sizeof row->text, "not known: only root can try it; ask again with sudo");
	else
		snprintf(row->text, sizeof row->text, "%s", f->text);
}

/* Which back ends can shape links here. */
static void add_backends(struct table *t)
{
	char text[256] = "";
	for (size_t i = 0; geteuid() == 0 && shape_backends[i]; i++)
		if (shape_backends[i]->available())
			snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", *text ? ", " : "",
				shape_backends[i]->name);
	struct row *row = add(t, "backends", "shaping back ends", *text, true);
	snprintf(row->text, sizeof row->text, "%s",
		*text ? text
		: geteuid() != 0
			? "not known: only root can try them; ask again with sudo"
			: "neither netem, wheel nor the link daemon serves; TUN/TAP, clsact and BPF say what is missing");
}

static void say_version(const struct system_program *p, const char *path, char text[512])
{
	struct process_options options = PROCESS_OPTIONS;
	char *output = NULL, *error = NULL;
	options.argv = p ? p->version : NULL;
	snprintf(text, 512, "%.500s", p && !p->package ? "built" : path);
	if (options.argv && process_run(&options, true, 5000, &output, &error) >= 0 && output && *output)
		snprintf(text, 512, "%.*s", (int)strcspn(output, "\n"), output);
	free(output);
	free(error);
}

static void add_program(struct table *t, const char *name, bool required)
{
	const struct system_program *p = systems_program(name);
	char path[PATH_MAX], text[512];
	bool there = systems_find(name, path, sizeof path) == 0;
	if (there)
		say_version(p, path, text);
	else if (p && p->package)
		snprintf(text, sizeof text, "Debian's package %s; run `make deps` in the project's folder",
			p->package);
	else
		snprintf(text, sizeof text, "run `make`");
	snprintf(add(t, name, name, there, required)->text, sizeof text, "%s", text);
}

/* The whole machine: what every experiment needs is required, the rest is worth knowing. */
static int examine_machine(struct table *t, struct pool *pool, char **error)
{
	struct needs needs;
	size_t count;
	const struct system_program *programs = systems_programs(&count, error);
	if (!programs)
		return -1;
	needs_always(&needs, pool);
	for (size_t c = 0; c < CAPABILITIES; c++)
		if (c != CAN_DISK)
			add_capability(t, (enum capability)c, needs.capabilities[c]);
	add_backends(t);
	for (size_t i = 0; i < count; i++) {
		bool required = false;
		for (size_t k = 0; k < needs.programs_count; k++)
			required |= strcmp(needs.programs[k].name, programs[i].name) == 0;
		add_program(t, programs[i].name, required);
	}
	add_capability(t, CAN_DISK, false);
	return 0;
}

/* What an experiment needs, of a table that other experiments have rows in, too. */
static bool has_row(const struct table *t, const char *id)
{
	for (size_t i = 0; i < t->count; i++)
		if (strcmp(t->rows[i].id, id) == 0)
			return true;
	return false;
}

static int examine_experiment(struct table *t, const struct experiment *e, char **error)
{
	struct needs needs;
	if (needs_of(&needs, e, NULL, error) < 0)
		return -1;
	for (size_t c = 0; c < CAPABILITIES; c++)
		if (needs.capabilities[c] && !has_row(t, capability_id((enum capability)c)))
			add_capability(t, (enum capability)c, true);
	if (!has_row(t, "backends"))
		add_backends(t);
	for (size_t i = 0; i < needs.programs_count; i++)
		if (!has_row(t, needs.programs[i].name))
			add_program(t, needs.programs[i].name, true);
	return 0;
}

static void print_json(const struct table *t)
{
	json_t *all = json_array();
	for (size_t i = 0; i < t->count; i++)
		json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:b, s:s}", "id", t->rows[i].id, "name",
						   t->rows[i].name, "state", states[t->rows[i].state],
						   "required", t->rows[i].required, "text", t->rows[i].text));
	json_dumpf(all, stdout, JSON_INDENT(1));
	printf("\n");
	json_decref(all);
}

static void print_table(const struct table *t, const char *what)
{
	for (size_t i = 0; i < t->count; i++)
		printf("%-8s %-28s %s\n", states[t->rows[i].state], t->rows[i].name, t->rows[i].text);
	if (!t->lacking)
		printf("\n%s can run here.\n", what);
	else
		printf("\n%s cannot run here: %zu missing.%s\n", what, t->lacking,
			geteuid() == 0 ? "" : " Without root the kernel cannot be tried: ask again as root.");
}

static const char help[] =
	"Usage: liquidnet doctor [--json] [EXPERIMENT ...]\n"
	"       liquidnet doctor [--json] --hosts FILE [EXPERIMENT ...]\n"
	"Says what this machine has, what it lacks and what to do; of experiments, what they need; or the same of the hosts\n"
	"of an inventory (docs/hosts.md), and whether what one sends another arrives. Exit status 0: they can run; 1: they\n"
	"cannot.\n";

/* -1: bad input. */
static int examine(struct table *t, int argc, char **argv, struct pool *pool, char **error)
{
	bool named = false;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			continue;
		if (*argv[i] == '-') {
			fprintf(stderr,
				"liquidnet doctor: takes --json, --hosts FILE and experiments, not `%s`\n",
				argv[i]);
			return -1;
		}
		struct experiment *e = find_experiment(argv[i], error);
		int result = e ? examine_experiment(t, e, error) : -1;
		if (e)
			snprintf(t->what + strlen(t->what), sizeof t->what - strlen(t->what), "%s%s",
				named ? ", " : "", e->name);
		experiment_free(e);
		if (result < 0)
			return -1;
		named = true;
	}
	return named ? 0 : examine_machine(t, pool, error);
}

int cmd_doctor(int argc, char **argv)
{
	struct table t = {0};
	struct pool *pool = pool_new();
	char *error = NULL;
	bool json = false;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			fputs(help, stdout);
			return 0;
		}
		json |= strcmp(argv[i], "--json") == 0;
		if (strncmp(argv[i], "--hosts", 7) == 0) {
			pool_free(pool);
			return doctor_hosts(argc, argv);
		}
	}
	int status = examine(&t, argc, argv, pool, &error) < 0 ? 2 : t.lacking ? 1 : 0;
	if (error)
		fprintf(stderr, "liquidnet doctor: %s\n", error);
	else if (status < 2 && json)
		print_json(&t);
	else if (status < 2)
		print_table(&t, *t.what ? t.what : "Experiments");
	free(error);
	free(t.rows);
	pool_free(pool);
	return status;
}
