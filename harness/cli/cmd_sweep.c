/* liquidnet sweep: an experiment in slices, here or on a cluster; liquidnet collect: their results as one. */
#include "harness/cli/commands.h"
#include "harness/machine/project.h"
#include "harness/report/summary.h"
#include "harness/run/collect.h"
#include "harness/run/sweep.h"
#include "lib/base/terminal.h"
#include "lib/base/units.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"Usage: liquidnet sweep EXPERIMENT --slices N --results DIR [OPTION...]\n"
	"       liquidnet sweep --status DIR\n"
	"       liquidnet sweep --resume DIR\n\n"
	"Runs an experiment in N slices, each of which has every N-th configuration with all its trials: one after the\n"
	"other on this machine, or as an array of jobs of a cluster (docs/sweeps.md). `liquidnet collect DIR` makes one\n"
	"results folder of them.\n\n"
	"  --slices N              how many\n"
	"  --results DIR           the sweep's folder; on a cluster all nodes see it under that name\n"
	"  --engine local|slurm    where (local)\n"
	"  --partition NAME, --time LIMIT, --cpus N   Slurm's, for each job\n"
	"  --at-once N             jobs at the same time, at most\n"
	"  --status DIR            how far the slices are\n"
	"  --resume DIR            go on with those that are not done\n"
	"  --trials, --procedures, --only, --seed, --backend, --clock, --jobs   as of liquidnet run\n"
	"\nExit status: that of the worst slice, or 0 when jobs were submitted; 2 bad input.\n";

static int bad(const char *what, const char *value)
{
	fprintf(stderr, "liquidnet sweep: %s%s; see liquidnet sweep --help\n", what, value ? value : "");
	return 2;
}

static int complain(const char *command, char *error)
{
	if (error)
		fprintf(stderr, "liquidnet %s: %s\n", command, error);
	free(error);
	return 2;
}

enum act { START, STATUS, RESUME, RUN, PROBE };

static int read_number(const char *text, int64_t most, int64_t *value)
{
	return unit_integer(text, value) == 0 && *value >= 1 && *value <= most ? 0 : -1;
}

static int read_one(int c, struct sweep_options *o, int64_t *number)
{
	switch (c) {
	case 't':
		if (read_number(optarg, 100000, number) < 0)
			return bad("--trials wants a number from 1 to 100000, not ", optarg);
		o->run.selection.trials = (unsigned)*number;
		break;
	case 'j':
		if (run_jobs(optarg, &o->run.jobs) < 0)
			return bad("--jobs wants a number from 1 to 256, or auto, not ", optarg);
		break;
	case 's':
		if (unit_integer(optarg, &o->run.seed) < 0 || o->run.seed < 0)
			return bad("--seed wants a number, not ", optarg);
		break;
	case 'b':
		if (!experiment_backend_known(optarg))
			return bad("--backend wants auto, netem, wheel or link, not ", optarg);
		o->run.backend = optarg;
		break;
	case 'c':
		if (experiment_clock(optarg, &(enum trial_clock){0}) < 0)
			return bad("--clock wants real, virtual or virtual-cpu, not ", optarg);
		o->run.clock = optarg;
		break;
	case 'n':
		if (read_number(optarg, 100000, number) < 0)
			return bad("--slices wants a number from 1 to 100000, not ", optarg);
		o->slices = (unsigned)*number;
		break;
	case 'a':
		if (read_number(optarg, 100000, number) < 0)
			return bad("--at-once wants a number from 1 to 100000, not ", optarg);
		o->at_once = (unsigned)*number;
		break;
	case 'e':
		if (strcmp(optarg, "local") != 0 && strcmp(optarg, "slurm") != 0)
			return bad("--engine wants local or slurm, not ", optarg);
		o->engine = *optarg == 's' ? SWEEP_SLURM : SWEEP_LOCAL;
		break;
	default:
		return bad("no such option, or its value is missing", NULL);
	}
	return 0;
}

/* 0, or an exit status: 2, or -1 for help. */
static int read_options(int argc, char **argv, struct sweep_options *o, enum act *act)
{
	static const struct option options[] = {{"trials", required_argument, NULL, 't'},
		{"procedures", required_argument, NULL, 'p'}, {"only", required_argument, NULL, 'o'},
		{"jobs", required_argument, NULL, 'j'}, {"seed", required_argument, NULL, 's'},
		{"backend", required_argument, NULL, 'b'}, {"clock", required_argument, NULL, 'c'},
		{"results", required_argument, NULL, 'r'}, {"slices", required_argument, NULL, 'n'},
		{"engine", required_argument, NULL, 'e'}, {"partition", required_argument, NULL, 'P'},
		{"time", required_argument, NULL, 'T'}, {"cpus", required_argument, NULL, 'C'},
		{"at-once", required_argument, NULL, 'a'}, {"status", required_argument, NULL, 'S'},
		{"resume", required_argument, NULL, 'R'}, {"run", required_argument, NULL, 'X'},
		{"probe", required_argument, NULL, 'Y'}, {"help", no_argument, NULL, 'h'}, {0}};
	static const struct {
		int option;
		enum act act;
	} acts[] = {{'S', STATUS}, {'R', RESUME}, {'X', RUN}, {'Y', PROBE}};
	*o = (struct sweep_options){.run = {.seed = -1}};
	opterr = 0;
	optind = 1;
	for (int c, status; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		int64_t number;
		const char **text = c == 'p'   ? &o->run.selection.procedures
				    : c == 'o' ? &o->run.selection.configurations
				    : c == 'r' ? &o->folder
				    : c == 'P' ? &o->partition
				    : c == 'T' ? &o->time
				    : c == 'C' ? &o->cpus
					       : NULL;
		bool is_act = false;
		for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
			if (acts[i].option == c) {
				*act = acts[i].act;
				o->folder = optarg;
				is_act = true;
			}
		if (c == 'h')
			return -1;
		if (text)
			*text = optarg;
		else if (!is_act && (status = read_one(c, o, &number)) != 0)
			return status;
	}
	return 0;
}

static int create(struct sweep *sweep, struct sweep_options *o, char **words, char **error)
{
	if (!words[0] || words[1])
		return bad("name one experiment", NULL);
	if (!o->slices || !o->folder)
		return bad("--slices N and --results DIR are needed", NULL);
	o->run.experiment = words[0];
	if (sweep_create(sweep, o, error) < 0)
		return 2;
	return 0;
}

/* A sweep that is there already. */
static int go_on(struct sweep *sweep, const char *folder, enum act act, char **words, char **error)
{
	int64_t slice;
	if ((act == RUN) != (words[0] != NULL) || (words[0] && words[1]))
		return bad("what is left over is no option: ", words[0] ? words[0] : "a slice is missing");
	if (sweep_open(sweep, folder, error) < 0)
		return 2;
	if (act == STATUS)
		return sweep_print(sweep, stdout, error) < 0 ? 2 : 0;
	if (act == RESUME)
		return sweep_start(sweep, error);
	if (unit_integer(words[0], &slice) < 0 || slice < 0 || slice > UINT32_MAX)
		return bad("a slice is a number, not ", words[0]);
	sweep_run_slice(sweep, (unsigned)slice, error);
	return 2;
}

int cmd_sweep(int argc, char **argv)
{
	struct sweep_options o;
	struct sweep sweep = {0};
	enum act act = START;
	char *error = NULL;
	int status = read_options(argc, argv, &o, &act);
	if (status < 0) {
		fputs(help, stdout);
		return 0;
	}
	if (status > 0)
		return status;
	if (act == PROBE)
		return sweep_probe(o.folder, &error) < 0 ? complain("sweep", error) : 0;
	status = act == START ? create(&sweep, &o, argv + optind, &error)
			      : go_on(&sweep, o.folder, act, argv + optind, &error);
	if (status == 0 && act == START)
		status = sweep_start(&sweep, &error);
	sweep_close(&sweep);
	if (error)
		complain("sweep", error);
	return status;
}

int cmd_collect(int argc, char **argv)
{
	struct sweep sweep;
	struct collected collected;
	char *error = NULL;
	if (argc != 2 || *argv[1] == '-') {
		bool asked = argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
		fprintf(asked ? stdout : stderr,
			"Usage: liquidnet collect DIR: makes one results folder, DIR/collected, of a sweep's slices, and prints its\n"
			"tables; also while the sweep goes on, and as often as you like.\n");
		return asked ? 0 : 2;
	}
	int status = 2;
	if (sweep_open(&sweep, argv[1], &error) == 0 && collect_slices(&sweep, &collected, &error) == 0) {
		printf("%zu records of %zu slices\n", collected.trials, collected.slices);
		if (collected.machines > 1)
			printf("They come from %zu machines that differ in kernel or processor (provenance.json, `machines`)\n",
				collected.machines);
		struct experiment *e = sweep.experiment;
		status = summary_make(e, project_root(), collected.folder, stdout, terminal_colors(stdout),
				 &error) < 0
				 ? 1
				 : 0;
		printf("\nResults: %s\n", collected.folder);
	}
	sweep_close(&sweep);
	if (error)
		complain("collect", error);
	return status;
}
