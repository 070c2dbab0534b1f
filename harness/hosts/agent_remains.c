/* Agent, remains: what daemons of ours leave in a host's network when they are killed: tables of nftables that bear our
 * name, rules and routes that bear our number. A daemon that the host itself runs has its own, from before. */
#include "harness/hosts/agent_internal.h"

#include "lib/base/process.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MS 10000
#define PROTOCOL "proto 76" /* of routing: what the daemons install */

struct remains {
	char *tables, *rules, *rules6;
};

static char *lines_of(const char *const *argv)
{
	struct process_options o = PROCESS_OPTIONS;
	char *output = NULL, *error = NULL;
	o.argv = argv;
	process_run(&o, false, LIST_MS, &output, &error);
	free(error);
	return output ? output : strdup("");
}

static void carry_out(const char *const *argv)
{
	free(lines_of(argv));
}

static const char *const tables[] = {"nft", "list", "tables", NULL};
static const char *const rules[] = {"ip", "-4", "rule", "show", NULL};
static const char *const rules6[] = {"ip", "-6", "rule", "show", NULL};

struct remains *agent_remains_note(void)
{
	struct remains *r = calloc(1, sizeof *r);
	if (r)
		*r = (struct remains){lines_of(tables), lines_of(rules), lines_of(rules6)};
	return r;
}

/* Whether a line is one of a text's. */
static bool had(const char *text, const char *line)
{
	size_t length = strlen(line);
	for (const char *at = text; (at = strstr(at, line)); at += length)
		if ((at == text || at[-1] == '\n') && (at[length] == '\n' || !at[length]))
			return true;
	return false;
}

/* "table inet liquidnet-detour" */
static void remove_table(char *line)
{
	char family[32], name[128];
	if (sscanf(line, "table %31s %127s", family, name) != 2 || strncmp(name, "liquidnet", 9) != 0)
		return;
	carry_out((const char *const[]){"nft", "delete", "table", family, name, NULL});
}

/* "100:  from 10.8.0.6 lookup 1001 proto 76" */
static void remove_rule(char *line, const char *family)
{
	char priority[32], table[32];
	const char *lookup = strstr(line, "lookup ");
	if (!strstr(line, PROTOCOL) || !lookup || sscanf(line, "%31[0-9]:", priority) != 1 ||
		sscanf(lookup, "lookup %31s", table) != 1)
		return;
	carry_out((const char *const[]){
		"ip", family, "rule", "del", "priority", priority, "table", table, NULL});
	carry_out((const char *const[]){"ip", family, "route", "flush", "table", table, "proto", "76", NULL});
}

static void remove_new(const char *const *argv, const char *before, const char *family)
{
	char *now = lines_of(argv), *rest = NULL;
	for (char *line = strtok_r(now, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (before && had(before, line))
			continue;
		else if (family)
			remove_rule(line, family);
		else
			remove_table(line);
	free(now);
}

void agent_remains_remove(struct remains *r)
{
	if (!r)
		return;
	remove_new(tables, r->tables, NULL);
	remove_new(rules, r->rules, "-4");
	remove_new(rules6, r->rules6, "-6");
	free(r->tables);
	free(r->rules);
	free(r->rules6);
	free(r);
}
