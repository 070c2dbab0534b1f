/* liquidnet: the table of its subcommands. `liquidnet NAME ...` runs the program liquidnet-NAME where one is
 * installed. */
#include "harness/cli/commands.h"
#include "harness/machine/project.h"

#include "lib/base/log.h"
#include "lib/base/version.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{"run", cmd_run, "run an experiment and print its tables"},
	{"watch", cmd_watch, "show how far a run is, from another terminal"},
	{"open", cmd_open, "open the page of a run in a browser"},
	{"new", cmd_new, "write an experiment to start from"},
	{"rerun", cmd_rerun, "run again what a results folder holds, and name what differs"},
	{"sweep", cmd_sweep, "run an experiment in slices, here or on a cluster"},
	{"collect", cmd_collect, "make one results folder of a sweep's slices"},
	{"list", cmd_list, "list the experiments"},
	{"report", cmd_report, "make the tables and the page of a results folder again"},
	{"compare", cmd_compare, "put two results folders side by side"},
	{"bundle", cmd_bundle, "pack a results folder for others to check"},
	{"analyze", cmd_analyze, "turn captures into tables of TCP and MPTCP flows"},
	{"sim", cmd_sim, "simulate a published system"},
	{"shell", cmd_shell, "build an experiment's network and open a shell in a node"},
	{"trial", cmd_trial, NULL}, /* of run's own */
	{"host", cmd_host, NULL},   /* likewise, on hosts elsewhere */
	{"design", cmd_design, "choose points in a space of networks"},
	{"doctor", cmd_doctor, "say what this machine has, what it lacks, and what to do"},
};

static void usage(FILE *out)
{
	fprintf(out, "liquidnet: the reference testbed for multipath transport\n\n");
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (commands[i].summary)
			fprintf(out, "  liquidnet %-8s  %s\n", commands[i].name, commands[i].summary);
	fprintf(out, "\n`liquidnet COMMAND --help` says more.\n");
}

/* A system of nodes/ may bring a tool of its own: liquidnet-NAME, beside us or in PATH. */
static void run_program(char **argv)
{
	char path[PATH_MAX], name[64];
	if (strchr(argv[0], '/') || snprintf(name, sizeof name, "liquidnet-%s", argv[0]) >= (int)sizeof name)
		return;
	if (snprintf(path, sizeof path, "%s/%s", project_programs(), name) < (int)sizeof path)
		execv(path, argv);
	execvp(name, argv);
}

/* cron and su leave out where Debian has ip, tc and sysctl: found or not, they would be told of as if the kernel lacked them. */
static void complete_path(void)
{
	static const char *const folders[] = {"/usr/local/sbin", "/usr/sbin", "/sbin"};
	const char *given = getenv("PATH");
	char path[8192];
	if (snprintf(path, sizeof path, "%s", given && *given ? given : "/usr/local/bin:/usr/bin:/bin") >=
		(int)sizeof path - 64)
		return;
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		char among[8200], one[32];
		snprintf(among, sizeof among, ":%s:", path);
		snprintf(one, sizeof one, ":%s:", folders[i]);
		if (!strstr(among, one))
			snprintf(path + strlen(path), sizeof path - strlen(path), ":%s", folders[i]);
	}
	setenv("PATH", path, 1);
}

int main(int argc, char **argv)
{
	complete_path();
	log_open("liquidnet", LOG_LEVEL_INFO);
	if (argc < 2) {
		usage(stderr);
		return 2;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		usage(stdout);
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("liquidnet %s\n", liquidnet_version);
		return 0;
	}
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	run_program(argv + 1);
	fprintf(stderr, "liquidnet: no command `%s`; `liquidnet --help` lists them\n", argv[1]);
	return 2;
}
