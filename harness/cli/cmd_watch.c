/* liquidnet watch: how far a run is, seen from another terminal. It reads what the run writes, and asks nothing of it. */
#include "harness/cli/commands.h"
#include "harness/cli/runs.h"
#include "harness/experiment/experiment.h"
#include "harness/experiment/plan.h"
#include "harness/machine/project.h"
#include "harness/record/records.h"
#include "harness/run/progress.h"
#include "harness/run/run.h"
#include "harness/run/standing.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/terminal.h"
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char help[] =
	"Usage: liquidnet watch [RUN] [OPTION...]\n"
	"Shows how far a run is, from another terminal, until it ends: trials, verdicts, time left, the mean of each\n"
	"procedure so far. RUN is a folder results/EXPERIMENT/TIME or an experiment's name, whose latest run in results/\n"
	"here is meant; without it: the newest run in results/ here.\n\n"
	"  --once                  how far it is now, and end\n"
	"  --json                  a line of JSON for each change (docs/results-files.md)\n"
	"\nExit status: 0 shown, 2 bad input.\n";

#define GUESS_S 13.0 /* a trial, until the first has ended */

/* What is known of the run; read again after each change. */
struct watched {
	char folder[PATH_MAX];
	struct experiment *experiment;
	json_t *provenance;
	struct plan plan;
	int64_t began_ns, last_ns; /* of the calendar: when it began; when a trial ended last (0: none has) */
	size_t done, records;
	pid_t writer; /* 0: it has ended */
	struct standing *standing;
	char last[160]; /* which trial ended last */
};

static int64_t calendar_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* When a file of the run was written last; 0: it is not there, or empty. */
static int64_t written_ns(const struct watched *w, const char *name)
{
	char path[PATH_MAX + 32];
	struct stat status;
	snprintf(path, sizeof path, "%s/%s", w->folder, name);
	return stat(path, &status) == 0 && status.st_size
		       ? (int64_t)status.st_mtim.tv_sec * NS_PER_S + status.st_mtim.tv_nsec
		       : 0;
}

static int open_run(struct watched *w, char **error)
{
	char path[PATH_MAX + 32];
	struct run_options options = {0};
	json_error_t why;
	snprintf(path, sizeof path, "%s/provenance.json", w->folder);
	w->provenance = json_load_file(path, 0, &why);
	if (!w->provenance)
		return error_set(error, "%s: %s; a run writes it when it begins: try again in a moment", path,
			why.text);
	if (resume_options(&options, w->provenance, w->folder, error) < 0)
		return -1;
	snprintf(path, sizeof path, "%s/experiment.yaml", w->folder);
	w->experiment = experiment_load(project_root(), path, error);
	options.selection.seed = (uint64_t)options.seed;
	if (!w->experiment || plan_make(&w->plan, w->experiment, &options.selection, error) < 0)
		return -1;
	w->began_ns = written_ns(w, "provenance.json");
	return 0;
}

/* A trial is done when it counts, or has no attempt left. */
static size_t count_done(struct watched *w, const struct records *records)
{
	size_t done = 0;
	resume_plan(&w->plan, records);
	for (size_t i = 0; i < w->plan.count; i++)
		done += w->plan.trials[i].state == PLANNED_GOOD ||
			w->plan.trials[i].attempts > w->experiment->retries;
	return done;
}

static void name_last(struct watched *w, const struct records *records)
{
	const struct record *last = NULL;
	for (size_t i = 0; i < records->count; i++)
		if (!last || records->items[i].line > last->line)
			last = &records->items[i];
	if (last)
		snprintf(w->last, sizeof w->last, "%s %s %lld, %s",
			w->experiment->configurations[last->configuration].name,
			w->experiment->procedures[last->procedure].name, (long long)last->repeat,
			trial_status_name(last->status));
}

/* How far it is now. A file without a record yet is no fault. */
static int look(struct watched *w, char **error)
{
	char path[PATH_MAX + 32];
	struct records records = {0};
	w->writer = runs_writer(w->folder); /* first: what a run wrote that has ended is whole */
	w->last_ns = written_ns(w, "trials.jsonl");
	snprintf(path, sizeof path, "%s/trials.jsonl", w->folder);
	if (w->last_ns && records_load(&records, w->experiment, path, error) < 0) {
		records_free(&records);
		return -1;
	}
	w->done = count_done(w, &records);
	w->records = records.count;
	standing_free(w->standing);
	w->standing = standing_new(w->experiment);
	standing_add_records(w->standing, &records);
	name_last(w, &records);
	records_free(&records);
	return 0;
}

static double seconds_left(const struct watched *w)
{
	int64_t last = w->last_ns ? w->last_ns : w->began_ns;
	return progress_left(w->plan.count, w->done, GUESS_S, (double)(last - w->began_ns) / NS_PER_S,
		(double)(calendar_ns() - w->began_ns) / NS_PER_S);
}

static void print_json(const struct watched *w)
{
	json_t *state = json_pack("{s:s, s:s, s:b, s:I, s:I, s:o}", "experiment", w->experiment->name,
		"folder", w->folder, "running", w->writer != 0, "planned", (json_int_t)w->plan.count, "done",
		(json_int_t)w->done, "seconds_left", w->writer ? json_real(seconds_left(w)) : json_null());
	json_t *standing = standing_json(w->standing);
	json_object_update(state, standing);
	json_dumpf(state, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
	putchar('\n');
	fflush(stdout);
	json_decref(standing);
	json_decref(state);
}

static void print_text(const struct watched *w)
{
	char standing[512], duration[32];
	printf("%s: %zu of %zu trials done", w->experiment->name, w->done, w->plan.count);
	if (w->writer)
		printf(", %s left", progress_duration(seconds_left(w), duration));
	if (*standing_text(w->standing, standing, sizeof standing))
		printf("; %s", standing);
	printf("\n%s: %s\n", w->writer ? "Runs" : "Ended", w->folder);
	if (!w->writer && w->done < w->plan.count)
		printf("Not whole; go on with: liquidnet run %s --resume=%s\n", w->experiment->name,
			w->folder);
}

/* ---- until it ends */

/* The calendar as the progress's clock, held still while it is told of what has been. */
static int64_t told_ns(void *context)
{
	const int64_t *still = context;
	return *still ? *still : calendar_ns();
}

static time_t told_time(void *context)
{
	(void)context;
	return time(NULL);
}

static int width_of(FILE *out)
{
	struct winsize size;
	return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

static void show(const struct watched *w, struct progress *progress)
{
	char standing[512];
	progress_standing(progress, standing_text(w->standing, standing, sizeof standing));
	progress_step(progress, w->done, w->writer ? 1 : 0, *w->last ? w->last : "the first trial");
}

/* Waits until records come, the run ends, or a second has gone by. True: there is something to read. */
static bool await(int changes, int writer)
{
	struct pollfd p[] = {{.fd = changes, .events = POLLIN}, {.fd = writer, .events = POLLIN}};
	char events[4096];
	int n = poll(p, 2, 1000);
	if (p[0].revents && read(changes, events, sizeof events) < 0 && errno != EAGAIN)
		return true;
	return n > 0;
}

static int follow(struct watched *w, bool json, char **error)
{
	char path[PATH_MAX + 32];
	int64_t still = w->began_ns;
	const struct progress_clock clock = {told_ns, told_time, &still};
	struct progress *progress = json ? NULL
					 : progress_open_with(stdout, w->plan.count, GUESS_S, &clock,
						   terminal_draws(stdout), width_of(stdout));
	int changes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), result = 0;
	int writer = (int)syscall(SYS_pidfd_open, w->writer, 0);
	snprintf(path, sizeof path, "%s/trials.jsonl", w->folder);
	if (changes < 0 || inotify_add_watch(changes, path, IN_MODIFY) < 0)
		result = error_set(error, "%s cannot be watched: %s", path, strerror(errno));
	else
		result = look(w, error); /* what came before it was watched */
	still = w->last_ns;
	if (json)
		print_json(w);
	else
		show(w, progress);
	still = 0;
	while (result == 0 && w->writer) {
		bool news = await(changes, writer);
		size_t before = w->records;
		if (news || !runs_writer(w->folder))
			result = look(w, error);
		if (!json)
			show(w, progress);
		else if (w->records != before || !w->writer)
			print_json(w);
	}
	progress_close(progress);
	if (writer >= 0)
		close(writer);
	if (changes >= 0)
		close(changes);
	return result;
}

static int watch(const char *named, bool once, bool json, char **error)
{
	struct watched w = {0};
	int result = runs_find(named, w.folder, sizeof w.folder, error);
	if (result == 0)
		result = open_run(&w, error);
	if (result == 0)
		result = look(&w, error);
	if (result == 0 && w.writer && !once)
		result = follow(&w, json, error);
	else if (result == 0 && json)
		print_json(&w);
	if (result == 0 && !json)
		print_text(&w);
	standing_free(w.standing);
	plan_free(&w.plan);
	experiment_free(w.experiment);
	json_decref(w.provenance);
	return result < 0 ? 2 : 0;
}

int cmd_watch(int argc, char **argv)
{
	static const struct option options[] = {{"once", no_argument, NULL, 'o'},
		{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
	bool once = false, json = false;
	char *error = NULL;
	opterr = 0;
	optind = 1;
	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;)
		switch (c) {
		case 'o':
			once = true;
			break;
		case 'j':
			json = true;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			fprintf(stderr, "liquidnet watch: no such option: %s; see liquidnet watch --help\n",
				argv[optind - 1]);
			return 2;
		}
	if (optind + 1 < argc) {
		fprintf(stderr, "liquidnet watch: name one run; see liquidnet watch --help\n");
		return 2;
	}
	int status = watch(argv[optind], once, json, &error);
	if (error)
		fprintf(stderr, "liquidnet watch: %s\n", error);
	free(error);
	return status;
}
