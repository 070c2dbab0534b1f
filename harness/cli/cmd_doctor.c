/* liquidnet doctor: the findings as a table, or as JSON. */
#include "harness/cli/commands.h"
#include "harness/links/shape.h"
#include "harness/machine/capabilities.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FINDINGS_MAX 64

static const char *const states[] = {"ok", "note", "missing"};

static void print_json(const struct capability_finding *findings, size_t count)
{
	json_t *all = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(all, json_pack("{s:s, s:s, s:b, s:s}", "name", findings[i].name,
						   "state", states[findings[i].state], "required",
						   findings[i].required, "text", findings[i].text));
	json_dumpf(all, stdout, JSON_INDENT(1));
	printf("\n");
	json_decref(all);
}

/* Which back ends can shape links here. */
static void look_backends(struct capability_finding *f)
{
	*f = (struct capability_finding){.name = "shaping back ends", .required = true};
	for (size_t i = 0; geteuid() == 0 && shape_backends[i]; i++)
		if (shape_backends[i]->available())
			snprintf(f->text + strlen(f->text), sizeof f->text - strlen(f->text), "%s%s",
				*f->text ? ", " : "", shape_backends[i]->name);
	if (*f->text)
		return;
	f->state = CAPABILITY_MISSING;
	snprintf(f->text, sizeof f->text,
		"neither netem, wheel nor the link daemon serves; TUN/TAP, clsact and BPF above say what is missing");
}

int cmd_doctor(int argc, char **argv)
{
	bool json = argc == 2 && strcmp(argv[1], "--json") == 0;
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		printf("Usage: liquidnet doctor [--json]\n"
		       "Says what this machine has, what it lacks and what to do. Exit status 0: experiments can run.\n");
		return 0;
	}
	if (argc > 1 && !json) {
		fprintf(stderr, "liquidnet doctor: takes --json or nothing, not `%s`\n", argv[1]);
		return 2;
	}
	struct capability_finding findings[FINDINGS_MAX];
	size_t count = capabilities_examine(findings, FINDINGS_MAX - 1), lacking = 0;
	look_backends(&findings[count++]);
	for (size_t i = 0; i < count; i++)
		lacking += findings[i].state == CAPABILITY_MISSING;
	if (json) {
		print_json(findings, count);
		return lacking ? 1 : 0;
	}
	for (size_t i = 0; i < count; i++)
		printf("%-8s %-24s %s\n", states[findings[i].state], findings[i].name, findings[i].text);
	if (!lacking)
		printf("\nExperiments can run here.\n");
	else
		printf("\nExperiments cannot run here: %zu missing.%s\n", lacking,
			geteuid() == 0 ? "" : " Without root the kernel cannot be tried: ask again as root.");
	return lacking ? 1 : 0;
}
