/* liquidnet shell: an experiment's network, shaped and set as for a trial, its daemons running, and a shell
 * in a node. */
#include "harness/cli/commands.h"
#include "harness/experiment/find.h"
#include "harness/lab/lab.h"
#include "harness/lab/needs.h"
#include "harness/links/prove.h"
#include "harness/machine/awake.h"
#include "harness/machine/capabilities.h"
#include "harness/machine/host.h"
#include "harness/machine/project.h"
#include "harness/machine/sandbox.h"
#include "harness/run/prepare.h"
#include "harness/run/service.h"
#include "harness/trial/programs.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHELL_WORDS 1000 /* of a command */

struct shell {
	const struct experiment *experiment;
	const struct configuration *configuration;
	const struct procedure *procedure;
	int node;
	char **command; /* NULL: an interactive shell */
	struct proofs *proofs;
	const char *files; /* folder of the experiment's file */
	enum trial_clock clock;
};

static const char help[] =
	"Usage: liquidnet shell EXPERIMENT [OPTION...] [-- COMMAND ...]\n"
	"Builds the experiment's network, starts the daemons of a procedure, and opens a shell in a node; everything goes\n"
	"when the shell ends. With a command: runs that instead.\n\n"
	"  --node NODE             default: the topology's first\n"
	"  --configuration NAME    default: the first\n"
	"  --procedure NAME        whose daemons run (default: the first)\n"
	"  --clock NAME            virtual: in a kernel of its own; there, time passes no faster than here while you type,\n"
	"                          and as fast as it can under a command (default: the experiment's)\n"
	"\nIn the shell, `nsenter -t PID -n` reaches the other nodes; their PIDs are in $LIQUIDNET_NODES.\n";

static void name_nodes(const struct network *network)
{
	char text[2048] = "";
	for (size_t i = 0; i < network->topology->nodes_count; i++) {
		size_t used = strlen(text);
		snprintf(text + used, sizeof text - used, "%s%s=%d", i ? " " : "",
			network->topology->nodes[i], (int)network->places[i].pid);
	}
	setenv("LIQUIDNET_NODES", text, 1);
}

static int become_shell(void *context)
{
	const struct shell *shell = context;
	if (shell->command)
		execvp(shell->command[0], shell->command);
	else
		execl("/bin/bash", "bash", "--norc", "-i", (char *)NULL);
	fprintf(stderr, "liquidnet shell: %s: %s\n", shell->command ? shell->command[0] : "bash",
		strerror(errno));
	return -1;
}

/* The shell itself, as a child of process 1, which collects it. */
static int open_shell(const struct shell *shell, const struct network *network)
{
	char prompt[128], path[8192];
	const struct place *place = &network->places[shell->node];
	snprintf(prompt, sizeof prompt, "%s:\\w# ", place->name);
	snprintf(path, sizeof path, "%s:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		project_programs());
	pid_t pid = fork();
	if (pid == 0) {
		setenv("PATH", path, 1);
		setenv("PS1", prompt, 1);
		signal(SIGINT, SIG_DFL);
		place_call(place, become_shell, (void *)shell);
		_exit(127);
	}
	int status = 0;
	pid_t got;
	while ((got = wait(&status)) != pid)
		if (got < 0 && errno != EINTR)
			return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int set_up(
	const struct shell *shell, struct lab *lab, struct stage *stage, struct pool *pool, char **error)
{
	const struct experiment *e = shell->configuration->variant;
	int64_t deadline = clock_now_ns() + e->trial_limit_ns;
	const struct lab_options options = {.experiment = e,
		.configuration = shell->configuration,
		.procedure = shell->procedure,
		.root = project_root(),
		.files = shell->files,
		.folder = "/tmp",
		.backend = e->backend,
		.proofs = shell->proofs,
		.seed = e->seed,
		.deadline_ns = deadline};
	if (lab_open(lab, &options, pool, error) < 0)
		return -1;
	if (mkdir("/tmp/scratch", 0700) < 0)
		return error_set(error, "/tmp/scratch: %s", strerror(errno));
	const struct stage_options programs = {.experiment = e,
		.configuration = shell->configuration,
		.procedure = shell->procedure,
		.network = &lab->network,
		.folder = "/tmp",
		.scratch = "/tmp/scratch",
		.files = shell->files,
		.seed = "1",
		.deadline_ns = deadline};
	stage_init(stage, pool, &programs);
	return stage_setup(stage, error) < 0 ? -1 : stage_daemons(stage, error);
}

static int body(void *context, int report_fd)
{
	const struct shell *shell = context;
	struct lab lab;
	struct stage stage;
	struct pool *pool = pool_new();
	char *error = NULL, path[8192];
	(void)report_fd;
	signal(SIGINT, SIG_IGN);
	snprintf(path, sizeof path, "%s:%s", project_programs(),
		getenv("PATH") ? getenv("PATH") : "/usr/sbin:/usr/bin:/sbin:/bin");
	setenv("PATH", path, 1);
	if (set_up(shell, &lab, &stage, pool, &error) < 0) {
		fprintf(stderr, "liquidnet shell: %s\n", error);
		return 1;
	}
	name_nodes(&lab.network);
	if (!shell->command)
		fprintf(stderr, "In node %s of %s (%s, %s); `exit` takes everything down.\n",
			lab.network.topology->nodes[shell->node], shell->experiment->name,
			shell->configuration->name, shell->procedure->name);
	int status = open_shell(shell, &lab.network);
	stage_stop(&stage);
	lab_close(&lab);
	return status;
}

static const char *nodes_of(const struct topology *topology, char *text, size_t size)
{
	*text = 0;
	for (size_t i = 0; i < topology->nodes_count; i++) {
		size_t used = strlen(text);
		snprintf(text + used, size - used, "%s%s", i ? ", " : "", topology->nodes[i]);
	}
	return text;
}

static int choose(
	struct shell *shell, const char *node, const char *configuration, const char *procedure, char **error)
{
	char nodes[512];
	const struct experiment *e = shell->experiment;
	shell->configuration = configuration ? NULL : &e->configurations[0];
	shell->procedure = procedure ? NULL : &e->procedures[0];
	for (size_t i = 0; configuration && i < e->configurations_count; i++)
		if (strcmp(e->configurations[i].name, configuration) == 0)
			shell->configuration = &e->configurations[i];
	for (size_t i = 0; procedure && i < e->procedures_count; i++)
		if (strcmp(e->procedures[i].name, procedure) == 0)
			shell->procedure = &e->procedures[i];
	if (!shell->configuration || !shell->procedure)
		return error_set(
			error, "no such configuration or procedure; `liquidnet list %s` lists them", e->name);
	const struct experiment *variant = shell->configuration->variant;
	shell->procedure = &variant->procedures[shell->procedure - e->procedures];
	shell->node = node ? topology_node(variant->topology, node) : 0;
	if (shell->node < 0)
		return error_set(error, "no node `%s` in topology %s; its nodes are %s", node,
			variant->topology->name, nodes_of(variant->topology, nodes, sizeof nodes));
	shell->files = realpath(experiment_beside(e, "."), NULL);
	return 0;
}

/* -1: go on; else the exit status. */
static int read_options(int argc, char **argv, struct shell *shell, char **error)
{
	static const struct option options[] = {{"node", required_argument, NULL, 'n'},
		{"configuration", required_argument, NULL, 'c'}, {"procedure", required_argument, NULL, 'p'},
		{"clock", required_argument, NULL, 'k'}, {"help", no_argument, NULL, 'h'}, {0}};
	const char *clock = NULL;
	const char *node = NULL, *configuration = NULL, *procedure = NULL;
	opterr = 0;
	optind = 1;
	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;)
		switch (c) {
		case 'n':
			node = optarg;
			break;
		case 'c':
			configuration = optarg;
			break;
		case 'p':
			procedure = optarg;
			break;
		case 'k':
			clock = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			error_set(error, "no such option, or its value is missing: %s", argv[optind - 1]);
			return 2;
		}
	if (optind >= argc) {
		error_set(error, "name an experiment; see liquidnet shell --help");
		return 2;
	}
	shell->experiment = find_experiment(argv[optind], error);
	shell->command = optind + 1 < argc ? argv + optind + 1 : NULL;
	shell->clock = shell->experiment ? shell->experiment->clock : TRIAL_REAL;
	if (clock && experiment_clock(clock, &shell->clock) < 0) {
		error_set(error, "--clock wants real, virtual or virtual-cpu, not %s", clock);
		return 2;
	}
	return !shell->experiment || choose(shell, node, configuration, procedure, error) < 0 ? 2 : -1;
}

static int run(const struct shell *shell, char **error)
{
	const char *visible[] = {project_root(), project_programs(), shell->files, NULL};
	struct sandbox_options options = {.visible = visible, .cgroup_fd = -1, .stdio = 1};
	struct sandbox sandbox;
	const struct experiment *e = shell->experiment;
	struct needs needs;
	bool fit = needs_of(&needs, e, NULL, error) == 0 && needs_check(&needs, error) == 0;
	struct host *host = fit ? host_open(error) : NULL;
	int result = host && proofs_add(shell->proofs, shell->configuration->variant->topology,
				     shell->configuration->links, e->backend, error) == 0
			     ? proofs_run(shell->proofs, error)
			     : -1;
	if (result == 0)
		proofs_say(shell->proofs, stderr);
	if (result == 0)
		result = prepare_host(host, e, error);
	struct services *services = result == 0 ? services_start(e, NULL, host, error) : NULL;
	if (!services || sandbox_start(&sandbox, &options, body, (void *)shell, error) < 0) {
		services_stop(services);
		host_close(host);
		return 2;
	}
	host_sandbox_started(host, sandbox.pid);
	char byte;
	signal(SIGINT, SIG_IGN);
	while (read(sandbox.report_fd, &byte, 1) > 0 || errno == EINTR)
		errno = 0;
	int status = 0;
	while (waitpid(sandbox.pid, &status, 0) < 0 && errno == EINTR)
		;
	services_stop(services);
	host_close(host);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* The same shell in a kernel of virtual time: nothing returns but a fault. */
static int become_virtual(const struct shell *shell, char **argv, char **error)
{
	char starter[PATH_MAX], liquidnet[PATH_MAX], cpu[32], seed[32];
	const char *words[SHELL_WORDS + 32];
	size_t count = 0;
	if (!capability_has(CAN_VIRTUAL))
		return error_set(error, "--clock virtual: %s", capability_find(CAN_VIRTUAL)->text);
	snprintf(starter, sizeof starter, "%s/liquidnet-virtual", project_programs());
	snprintf(liquidnet, sizeof liquidnet, "%s/liquidnet", project_programs());
	snprintf(cpu, sizeof cpu, "%.9g", shell->experiment->cpu);
	snprintf(seed, sizeof seed, "%llu", (unsigned long long)shell->experiment->seed);
	const char *head[] = {starter, "run", "--clock", experiment_clock_name(shell->clock), "--cpu", cpu,
		"--seed", seed, shell->command ? "--watchdog=60" : "--watchdog=0"};
	for (size_t i = 0; i < sizeof head / sizeof *head; i++)
		words[count++] = head[i];
	if (!shell->command)
		words[count++] = "--interactive";
	words[count++] = "--";
	words[count++] = liquidnet;
	words[count++] = "shell";
	words[count++] = "--clock=real";
	/* Without our option; what stands after -- is the command's. */
	bool ours = true;
	for (size_t i = 1; argv[i] && count < SHELL_WORDS; i++) {
		ours = ours && strcmp(argv[i], "--") != 0;
		if (ours && strcmp(argv[i], "--clock") == 0 && argv[i + 1])
			i++;
		else if (!ours || strncmp(argv[i], "--clock=", 8) != 0)
			words[count++] = argv[i];
	}
	words[count] = NULL;
	execv(starter, (char *const *)words);
	return error_set(error, "%s: %s", starter, strerror(errno));
}

int cmd_shell(int argc, char **argv)
{
	struct shell shell = {.proofs = proofs_new()};
	char *error = NULL;
	int status = read_options(argc, argv, &shell, &error);
	if (status < 0 && shell.clock != TRIAL_REAL) {
		become_virtual(&shell, argv, &error);
		status = 2;
	} else if (status < 0) {
		/* As while trials run: its links are proved, and then used. */
		int awake = awake_hold();
		status = run(&shell, &error);
		if (awake >= 0)
			close(awake);
	}
	if (error)
		fprintf(stderr, "liquidnet shell: %s\n", error);
	free(error);
	proofs_free(shell.proofs);
	experiment_free((struct experiment *)shell.experiment);
	return status;
}
