/* Senders that begin together. Each writes a byte at the end of a file that all of them see; when it is as long as they are many, the time of
 * its last change is the same for all, and a moment after it they begin. */
#include "lib/net/meet.h"

#include "lib/base/clock.h"
#include "lib/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOMENT_NS (50 * NS_PER_MS) /* for the last to read the time, too */

/* CLOCK_REALTIME, which files have, less CLOCK_MONOTONIC. */
static int64_t between_clocks(void)
{
	struct timespec real;
	int64_t before = clock_now_ns();

	clock_gettime(CLOCK_REALTIME, &real);
	return real.tv_sec * NS_PER_S + real.tv_nsec - (before + clock_now_ns()) / 2;
}

/* Waits for the file to be so long. 0: it is; -1: stopped, or errno. */
static int wait_for(
	int file, int watch, uint32_t length, const volatile sig_atomic_t *stopped, struct stat *state)
{
	char events[4096];

	while (!*stopped) {
		struct pollfd poll_fd = {.fd = watch, .events = POLLIN};
		if (fstat(file, state) < 0)
			return -1;
		if (state->st_size >= length)
			return 0;
		if (poll(&poll_fd, 1, -1) > 0 && read(watch, events, sizeof events) < 0 && errno != EINTR)
			return -1;
	}
	return -1;
}

static int64_t sleep_until(int64_t when, const volatile sig_atomic_t *stopped)
{
	struct timespec at = {when / NS_PER_S, when % NS_PER_S};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR && !*stopped)
		;
	return when;
}

int64_t meet_others(const char *path, uint32_t count, int64_t after_ns, const volatile sig_atomic_t *stopped,
	char **error)
{
	struct stat state;

	if (!path)
		return sleep_until(clock_now_ns() + after_ns, stopped);
	int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	int watch = inotify_init1(IN_CLOEXEC);
	bool met = file >= 0 && watch >= 0 && inotify_add_watch(watch, path, IN_MODIFY) >= 0 &&
		   write(file, ".", 1) == 1 && wait_for(file, watch, count, stopped, &state) == 0;
	if (!met)
		error_set(error, "%s, to meet at: %s", path, strerror(errno));
	if (file >= 0)
		close(file);
	if (watch >= 0)
		close(watch);
	if (!met)
		return -1;
	return sleep_until(state.st_mtim.tv_sec * NS_PER_S + state.st_mtim.tv_nsec - between_clocks() +
				   MOMENT_NS + after_ns,
		stopped);
}
