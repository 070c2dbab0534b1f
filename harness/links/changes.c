/* Changes: see the header. */
#include "harness/links/changes.h"

#include "harness/record/verdict.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LATE_SUSPECT_MS 20.0
#define LATE_INVALID_MS 200.0
#define PRIORITY 20 /* below the link daemon's */

struct change_log {
	size_t planned, made;
	char failure[256];
	int64_t made_ns[]; /* since the start, in the order of `next_change` */
};

struct cursor { /* the next change of each link */
	size_t *next;
	size_t links;
};

/* The earliest change that is left, of the first link that has one then; NULL: none is left. */
static const struct link_change *next_change(
	const struct shaping *shaping, struct cursor *cursor, size_t *link)
{
	const struct link_change *best = NULL;
	for (size_t i = 0; i < cursor->links; i++) {
		const struct link_shape *of = &shaping->links[i];
		const struct link_change *c =
			cursor->next[i] < of->changes_count ? &of->changes[cursor->next[i]] : NULL;
		if (c && (!best || c->at_ns < best->at_ns)) {
			best = c;
			*link = i;
		}
	}
	if (best)
		cursor->next[*link]++;
	return best;
}

static struct cursor cursor_new(const struct shaping *shaping)
{
	size_t links = shaping->network->topology->links_count;
	return (struct cursor){.next = calloc(links + 1, sizeof(size_t)), .links = links};
}

static void wait_until(int64_t at_ns)
{
	const struct timespec at = {at_ns / NS_PER_S, at_ns % NS_PER_S};
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		;
}

static int make(struct shaping *shaping, size_t link, const struct link_change *change,
	const struct link_change *before, char **error)
{
	for (int k = 0; k < 2; k++) {
		const struct shape *was = before ? &before->direction[k] : &shaping->links[link].direction[k];
		if (!shape_equal(was, &change->direction[k]) &&
			shape_change(shaping, link, k, &change->direction[k], error) < 0)
			return -1;
	}
	return 0;
}

static void make_all(struct shaping *shaping, int64_t began_ns, struct change_log *log)
{
	struct cursor cursor = cursor_new(shaping);
	const struct link_change *change;
	char *error = NULL;
	size_t link = 0;
	while ((change = next_change(shaping, &cursor, &link))) {
		const struct link_change *before = cursor.next[link] > 1 ? change - 1 : NULL;
		wait_until(began_ns + change->at_ns);
		if (make(shaping, link, change, before, &error) < 0) {
			strncpy(log->failure, error ? error : "no reason was given", sizeof log->failure - 1);
			return;
		}
		log->made_ns[log->made] = clock_now_ns() - began_ns;
		__atomic_store_n(&log->made, log->made + 1, __ATOMIC_RELEASE);
	}
}

/* A process that the machine lets wait would be late. Without the right to it, its lateness says so. */
static void hurry(void)
{
	struct sched_param parameters = {.sched_priority = PRIORITY};
	prctl(PR_SET_TIMERSLACK, 1);
	sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &parameters);
}

static size_t log_size(size_t planned)
{
	return sizeof(struct change_log) + planned * sizeof(int64_t);
}

int changes_start(struct changer *changer, struct shaping *shaping, char **error)
{
	size_t planned = 0;
	for (size_t i = 0; i < shaping->network->topology->links_count; i++)
		planned += shaping->links[i].changes_count;
	*changer = (struct changer){.began_ns = clock_now_ns(), .shaping = shaping};
	if (planned == 0)
		return 0;
	changer->log =
		mmap(NULL, log_size(planned), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (changer->log == MAP_FAILED) {
		changer->log = NULL;
		return error_set(error, "memory for the links' changes: %s", strerror(errno));
	}
	changer->log->planned = planned;
	changer->pid = fork();
	if (changer->pid < 0)
		return error_set(error, "fork: %s", strerror(errno));
	if (changer->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		hurry();
		make_all(shaping, changer->began_ns, changer->log);
		_exit(0);
	}
	return 0;
}

/* ---- what happened */

static json_t *shape_json(const struct shape *shape)
{
	char *text = shape_text(shape);
	json_t *json = json_string(text);
	free(text);
	return json;
}

static json_t *change_json(const char *link, const struct link_change *change, int64_t made_ns)
{
	return json_pack("{s:f, s:f, s:s, s:o, s:o}", "at_s", (double)change->at_ns / 1e9, "made_s",
		(double)made_ns / 1e9, "link", link, "forward", shape_json(&change->direction[0]), "reverse",
		shape_json(&change->direction[1]));
}

/* True when they came late. */
static bool judge(json_t *record, double latest_ms, const struct change_log *log, size_t due, size_t made)
{
	if (log->failure[0]) {
		verdict_judge(record, "failed", "a change of a link: %s", log->failure);
		return false;
	}
	if (made < due)
		verdict_judge(record, "invalid", "%zu of %zu changes of links were not made in time",
			due - made, due);
	else if (latest_ms > LATE_SUSPECT_MS)
		verdict_judge(record, latest_ms > LATE_INVALID_MS ? "invalid" : "suspect",
			"a change of a link came %.1f ms late, more than %.0f", latest_ms,
			latest_ms > LATE_INVALID_MS ? LATE_INVALID_MS : LATE_SUSPECT_MS);
	return made < due || latest_ms > LATE_SUSPECT_MS;
}

static bool write_record(const struct changer *changer, int64_t lasted_ns, json_t *record)
{
	const struct change_log *log = changer->log;
	const struct link_change *change;
	struct cursor cursor = cursor_new(changer->shaping);
	size_t made = __atomic_load_n(&log->made, __ATOMIC_ACQUIRE), due = 0, i = 0, link = 0;
	json_t *list = json_array();
	double latest_ms = 0;
	while ((change = next_change(changer->shaping, &cursor, &link))) {
		due += change->at_ns < lasted_ns - (int64_t)(LATE_INVALID_MS * NS_PER_MS);
		if (i < made) {
			double late_ms = (double)(log->made_ns[i] - change->at_ns) / 1e6;
			latest_ms = late_ms > latest_ms ? late_ms : latest_ms;
			if (!change->passing)
				json_array_append_new(list,
					change_json(changer->shaping->network->topology->links[link].name,
						change, log->made_ns[i]));
		}
		i++;
	}
	free(cursor.next);
	json_object_set_new(record, "changes",
		json_pack("{s:I, s:I, s:f, s:o}", "planned", (json_int_t)log->planned, "made",
			(json_int_t)made, "latest_ms", latest_ms, "list", list));
	return judge(record, latest_ms, log, due, made);
}

bool changes_end(struct changer *changer, json_t *record)
{
	int64_t lasted_ns = clock_now_ns() - changer->began_ns;
	bool late = false;
	if (changer->pid > 0) {
		kill(changer->pid, SIGKILL);
		while (waitpid(changer->pid, NULL, 0) < 0 && errno == EINTR)
			;
		late = write_record(changer, lasted_ns, record);
	}
	if (changer->log)
		munmap(changer->log, log_size(changer->log->planned));
	*changer = (struct changer){0};
	return late;
}
