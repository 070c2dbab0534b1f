/* Watch: a process that was stopped, one that ended, one that came and went, and one that only waited for a word. */
#include "harness/machine/watch.h"

#include "lib/base/clock.h"
#include "lib/base/units.h"
#include "tests/unit/check.h"
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LASTING_MS 700 /* from here on an end is told */

static void rest_ms(int64_t ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * NS_PER_MS};
	nanosleep(&t, NULL);
}

static pid_t sleeper(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	assert_true(pid > 0);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

struct watch { /* that runs */
	pid_t pid;
	int stop;
	char path[64];
};

static void begin(struct watch *w, bool sampled)
{
	int stop[2], ready[2];
	char word[16];
	strcpy(w->path, "/tmp/test-watch-XXXXXX");
	close(mkstemp(w->path));
	assert_int_equal(pipe(stop), 0);
	assert_int_equal(pipe(ready), 0);
	w->pid = fork();
	if (w->pid == 0) {
		close(stop[1]);
		close(ready[0]);
		_exit(watch_run(ready[1], stop[0], sampled, w->path));
	}
	close(stop[0]);
	close(ready[1]);
	assert_true(read(ready[0], word, sizeof word) > 0);
	close(ready[0]);
	w->stop = stop[1];
}

/* What it told; the caller's. */
static json_t *over(struct watch *w)
{
	int status = -1;
	close(w->stop);
	assert_int_equal(waitpid(w->pid, &status, 0), w->pid);
	assert_int_equal(status, 0);
	json_t *told = json_load_file(w->path, 0, NULL);
	assert_non_null(told);
	unlink(w->path);
	return told;
}

static json_t *about(json_t *told, const char *what, pid_t pid)
{
	json_t *one;
	size_t i;
	json_array_foreach(json_object_get(told, what), i, one)
		if (json_integer_value(json_object_get(one, "pid")) == pid)
			return one;
	return NULL;
}

static void a_stop(void **state)
{
	struct watch w;
	(void)state;
	pid_t stopped = sleeper(), waits = sleeper();
	begin(&w, true);
	int64_t began = clock_now_ns();
	kill(stopped, SIGSTOP);
	rest_ms(200);
	kill(stopped, SIGCONT);
	double lasted_ms = (double)(clock_now_ns() - began) / 1e6;
	rest_ms(60);
	json_t *told = over(&w);
	json_t *it = about(told, "stopped", stopped);
	assert_non_null(it);
	double ms = json_number_value(json_object_get(it, "ms"));
	/* A machine that kept the watch from looking says that of itself. */
	double late_ms = json_number_value(json_object_get(told, "late_ms"));
	assert_true(ms > 100 - late_ms && ms < lasted_ms + 60);
	assert_string_equal(json_string_value(json_object_get(it, "name")), "test_watch");
	assert_null(about(told, "stopped", waits)); /* waiting for a word is no stop */
	json_decref(told);
	end(stopped);
	end(waits);
}

static void ends(bool sampled)
{
	struct watch w;
	pid_t old = sleeper(), stays = sleeper();
	rest_ms(LASTING_MS);
	pid_t errand = sleeper();
	begin(&w, sampled);
	pid_t later = sleeper();
	end(errand);
	end(later);
	end(old);
	rest_ms(60);
	json_t *told = over(&w);
	assert_non_null(about(told, "ended", old));
	assert_null(about(told, "ended", stays));
	assert_null(about(told, "ended", errand)); /* had lived for a moment only */
	assert_null(about(told, "ended", later));  /* was not there at first */
	json_decref(told);
	end(stays);
}

static void ends_are_told(void **state)
{
	(void)state;
	ends(true);
	ends(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_stop), cmocka_unit_test(ends_are_told)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
