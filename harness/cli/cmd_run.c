/* liquidnet run: its options; run.c does the work. */
#include "harness/cli/commands.h"
#include "harness/run/run.h"
#include "lib/base/units.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"Usage: liquidnet run EXPERIMENT [OPTION...]\n"
	"EXPERIMENT is a name (see liquidnet list) or the path of a YAML file.\n\n"
	"  --trials N              trials a cell, instead of the experiment's\n"
	"  --procedures PATTERNS   only these (comma-separated; * and ? match); also optional ones\n"
	"  --only PATTERNS         only these configurations, by their names or their factors' levels\n"
	"  --slice K/N             only the K-th (from 0) of N parts of the plan (liquidnet sweep)\n"
	"  --jobs N|auto           trials at once; auto: as many as the machine carries faithfully\n"
	"  --until ci=SHARE        a cell has enough trials when its 95 % interval is that narrow (ci=1%)\n"
	"  --seed N                another order and other losses\n"
	"  --backend NAME          shape every link with netem, wheel or link (default: the first that serves)\n"
	"  --clock NAME            real, or virtual: each trial in a kernel whose time waits for the machine\n"
	"                          (default: the experiment's; docs/virtual.md)\n"
	"  --hosts FILE            run on the hosts of this inventory, over ssh (docs/hosts.md)\n"
	"  --results DIR           where results go (default: results)\n"
	"  --resume[=FOLDER]       go on with an interrupted run (default: the experiment's latest)\n"
	"  --dry-run               check everything, print the plan, start nothing\n"
	"\nExit status: 0 every trial counts, 1 some do not, 2 bad input (nothing was started), 130 stopped.\n";

static int bad(const char *what, const char *value)
{
	fprintf(stderr, "liquidnet run: %s%s; see liquidnet run --help\n", what, value ? value : "");
	return 2;
}

static int number(const char *text, int64_t min, int64_t max, int64_t *value)
{
	return unit_integer(text, value) < 0 || *value < min || *value > max ? -1 : 0;
}

/* -1: go on; else the exit status. */
static int read_options(struct run_options *o, int argc, char **argv)
{
	static const struct option options[] = {{"trials", required_argument, NULL, 't'},
		{"procedures", required_argument, NULL, 'p'}, {"only", required_argument, NULL, 'o'},
		{"jobs", required_argument, NULL, 'j'}, {"seed", required_argument, NULL, 's'},
		{"backend", required_argument, NULL, 'b'}, {"results", required_argument, NULL, 'r'},
		{"until", required_argument, NULL, 'u'}, {"clock", required_argument, NULL, 'c'},
		{"slice", required_argument, NULL, 'S'}, {"hosts", required_argument, NULL, 'H'},
		{"resume", optional_argument, NULL, 'R'}, {"dry-run", no_argument, NULL, 'd'},
		{"help", no_argument, NULL, 'h'}, {0}};
	int64_t trials = 0;
	*o = (struct run_options){.results = "results", .seed = -1, .argc = argc, .argv = argv};
	opterr = 0;
	optind = 1;
	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;)
		switch (c) {
		case 't':
			if (number(optarg, 1, 100000, &trials) < 0)
				return bad("--trials wants a number from 1 to 100000, not ", optarg);
			o->selection.trials = (unsigned)trials;
			break;
		case 'p':
			if (o->selection.procedures)
				return bad(
					"--procedures is said twice; write it once, with commas, not again as ",
					optarg);
			o->selection.procedures = optarg;
			break;
		case 'o':
			if (o->selection.configurations)
				return bad("--only is said twice; write it once, with commas, not again as ",
					optarg);
			o->selection.configurations = optarg;
			break;
		case 'j':
			if (run_jobs(optarg, &o->jobs) < 0)
				return bad("--jobs wants a number from 1 to 256, or auto, not ", optarg);
			break;
		case 's':
			if (number(optarg, 0, INT64_MAX, &o->seed) < 0)
				return bad("--seed wants a number, not ", optarg);
			break;
		case 'b':
			if (!experiment_backend_known(optarg))
				return bad("--backend wants auto, netem, wheel or link, not ", optarg);
			o->backend = optarg;
			break;
		case 'c':
			if (experiment_clock(optarg, &(enum trial_clock){0}) < 0)
				return bad("--clock wants real, virtual or virtual-cpu, not ", optarg);
			o->clock = optarg;
			break;
		case 'r':
			o->results = optarg;
			break;
		case 'H':
			o->hosts = optarg;
			break;
		case 'u':
			if (until_parse(optarg, &o->until) < 0)
				return bad("--until wants ci=SHARE, such as ci=1%, not ", optarg);
			break;
		case 'S':
			if (plan_slice(optarg, &o->selection) < 0)
				return bad("--slice wants K/N, K from 0 to N - 1, not ", optarg);
			break;
		case 'R':
			o->resume = true;
			o->folder = optarg;
			break;
		case 'd':
			o->dry = true;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			return bad("no such option, or its value is missing: ", argv[optind - 1]);
		}
	if (optind + 1 != argc)
		return bad("name one experiment", NULL);
	o->experiment = argv[optind];
	return -1;
}

int cmd_run(int argc, char **argv)
{
	struct run_options options;
	char *error = NULL;
	int status = read_options(&options, argc, argv);
	if (status >= 0)
		return status;
	status = run_experiment(&options, &error);
	if (error)
		fprintf(stderr, "liquidnet run: %s\n", error);
	free(error);
	return status;
}
