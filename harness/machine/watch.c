/* Watch: a look every 20 ms at files of /proc that stay open. A stop that lasts is seen in every look; of one that comes
 * and goes faster the looks see its share. What waited for a processor the kernel counts itself, to the nanosecond:
 * when the thread runs again, so that a wait of any length is one step of that count. */
#include "harness/machine/watch.h"

#include "lib/base/clock.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOOK_NS (20 * NS_PER_MS)
#define SCAN_LOOKS 10             /* new processes and threads are looked for every so many looks */
#define LASTING_NS (NS_PER_S / 2) /* a process that has lived so long is no errand */
#define WAITED_MS 1.0
#define FILES_MAX 65536 /* descriptors: two a process, one a thread */

struct thread {
	pid_t tid;
	int schedstat;
	uint64_t waited_ns, first_ns; /* now, and when it was first seen */
	uint64_t longest_ns;          /* of one wait */
};

struct watched {
	pid_t pid;
	char name[32], cgroup[256], moved[256];
	int stat, pidfd;
	bool at_first, gone;
	int64_t born_ns; /* CLOCK_BOOTTIME, to a tick */
	int64_t gone_ns;
	int64_t stopped_ns, stop_ns, longest_stop_ns; /* in all; the present one; the longest */
	struct thread *threads;
	size_t threads_count, threads_room;
};

struct watch {
	struct watched *list;
	size_t count, room;
	bool sampled, first;
	int64_t began_ns, looked_ns, longest_ns;
};

static int64_t boot_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static int open_of(pid_t pid, const char *file)
{
	char path[96];
	snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* The whole of a small file from its beginning, NUL-ended; -1: the process has gone. */
static ssize_t read_again(int fd, char *text, size_t size)
{
	ssize_t n = pread(fd, text, size - 1, 0);
	text[n > 0 ? n : 0] = 0;
	return n > 0 ? n : -1;
}

static void read_cgroup(pid_t pid, char text[256])
{
	int fd = open_of(pid, "cgroup");
	*text = 0;
	if (fd < 0)
		return;
	read_again(fd, text, 256);
	text[strcspn(text, "\n")] = 0;
	close(fd);
}

/* ---- looks */

/* Fields 2 and 3 of stat. The name, in parentheses, may hold anything, and is another one once a program has been
 * executed. 0: the process has gone. */
static char state_of(struct watched *w)
{
	char text[512];
	if (read_again(w->stat, text, sizeof text) < 0)
		return 0;
	const char *open = strchr(text, '('), *end = strrchr(text, ')');
	if (!open || !end || end[1] != ' ')
		return '?';
	snprintf(w->name, sizeof w->name, "%.*s", (int)(end - open - 1), open + 1);
	return end[2];
}

static void note_gone(struct watched *w, int64_t now)
{
	w->gone = true;
	w->gone_ns = now;
}

static void look_at_state(struct watched *w, int64_t now, int64_t since_ns)
{
	char state = state_of(w);
	if (state == 0 || state == 'Z' || state == 'X') {
		/* Of those that were there at first the end is an event. */
		if (w->pidfd < 0)
			note_gone(w, now);
	} else if (state == 'T' || state == 't') {
		w->stopped_ns += since_ns;
		w->stop_ns += since_ns;
		if (w->stop_ns > w->longest_stop_ns)
			w->longest_stop_ns = w->stop_ns;
	} else {
		w->stop_ns = 0;
	}
}

/* The second number of schedstat; false: the thread has gone, or the kernel does not count. */
static bool waited_of(const struct thread *t, uint64_t *waited_ns)
{
	char text[128];
	unsigned long long ran, waited;
	if (t->schedstat < 0 || read_again(t->schedstat, text, sizeof text) < 0 ||
		sscanf(text, "%llu %llu", &ran, &waited) != 2)
		return false;
	*waited_ns = waited;
	return true;
}

static void look_at_threads(struct watched *w)
{
	for (size_t i = 0; i < w->threads_count; i++) {
		struct thread *t = &w->threads[i];
		uint64_t waited;
		if (t->schedstat < 0)
			continue;
		if (!waited_of(t, &waited)) {
			close(t->schedstat);
			t->schedstat = -1;
			continue;
		}
		if (waited - t->waited_ns > t->longest_ns)
			t->longest_ns = waited - t->waited_ns;
		t->waited_ns = waited;
	}
}

static void look(struct watch *watch)
{
	int64_t now = clock_now_ns(), since_ns = now - watch->looked_ns;
	if (since_ns - LOOK_NS > watch->longest_ns)
		watch->longest_ns = since_ns - LOOK_NS;
	watch->looked_ns = now;
	for (size_t i = 0; i < watch->count; i++) {
		struct watched *w = &watch->list[i];
		if (w->gone)
			continue;
		/* What happened while nobody could look is not told by how it is now. */
		look_at_state(w, now, since_ns < 2 * LOOK_NS ? since_ns : LOOK_NS);
		look_at_threads(w);
	}
}

/* ---- who is there */

/* Of a process that came later all that it waited was in the watch. */
static void add_thread(struct watched *w, pid_t tid)
{
	char file[64];
	for (size_t i = 0; i < w->threads_count; i++)
		if (w->threads[i].tid == tid)
			return;
	if (w->threads_count == w->threads_room) {
		size_t room = w->threads_room ? 2 * w->threads_room : 4;
		struct thread *more = realloc(w->threads, room * sizeof *more);
		if (!more)
			return;
		w->threads = more;
		w->threads_room = room;
	}
	snprintf(file, sizeof file, "task/%d/schedstat", tid);
	struct thread *t = &w->threads[w->threads_count];
	*t = (struct thread){.tid = tid, .schedstat = open_of(w->pid, file)};
	if (waited_of(t, &t->waited_ns)) {
		t->first_ns = w->at_first ? t->waited_ns : 0;
		w->threads_count++;
	} else if (t->schedstat >= 0) {
		close(t->schedstat);
	}
}

/* Calls add(context, number) for each numbered entry of a folder of /proc. */
static void each_number(const char *path, void (*add)(void *context, pid_t number), void *context)
{
	DIR *dir = opendir(path);
	for (struct dirent *entry; dir && (entry = readdir(dir));)
		if (isdigit((unsigned char)entry->d_name[0]))
			add(context, (pid_t)strtol(entry->d_name, NULL, 10));
	if (dir)
		closedir(dir);
}

static void found_thread(void *context, pid_t tid)
{
	add_thread(context, tid);
}

/* Its name, and when it began (field 22, ticks since the machine did). False: it has gone, or is a thread of the
 * kernel. */
static bool describe(struct watched *w)
{
	char text[512];
	unsigned long long ticks;
	if (read_again(w->stat, text, sizeof text) < 0)
		return false;
	char *open = strchr(text, '('), *end = strrchr(text, ')');
	if (!open || !end ||
		sscanf(end + 1,
			" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
			&ticks) != 1)
		return false;
	snprintf(w->name, sizeof w->name, "%.*s", (int)(end - open - 1), open + 1);
	w->born_ns =
		(int64_t)(ticks * (unsigned long long)NS_PER_S / (unsigned long long)sysconf(_SC_CLK_TCK));
	return true;
}

static void found_process(void *context, pid_t pid)
{
	struct watch *watch = context;
	char file[64];
	if (pid == getpid())
		return;
	for (size_t i = 0; i < watch->count; i++)
		if (watch->list[i].pid == pid && !watch->list[i].gone)
			return;
	if (watch->count == watch->room) {
		size_t room = watch->room ? 2 * watch->room : 32;
		struct watched *more = realloc(watch->list, room * sizeof *more);
		if (!more)
			return;
		watch->list = more;
		watch->room = room;
	}
	struct watched *w = &watch->list[watch->count];
	*w = (struct watched){.pid = pid, .pidfd = -1, .at_first = watch->first};
	/* Of the first thread, since a stop is one of all: the whole process's would be added up over its threads. */
	snprintf(file, sizeof file, "task/%d/stat", pid);
	w->stat = open_of(pid, file);
	if (w->stat < 0)
		return;
	if (!describe(w)) {
		close(w->stat);
		return;
	}
	if (watch->first)
		w->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	read_cgroup(pid, w->cgroup);
	watch->count++;
}

static void look_for_more(struct watch *watch)
{
	char path[64], cgroup[256];
	each_number("/proc", found_process, watch);
	for (size_t i = 0; i < watch->count && watch->sampled; i++) {
		struct watched *w = &watch->list[i];
		if (w->gone)
			continue;
		snprintf(path, sizeof path, "/proc/%d/task", w->pid);
		each_number(path, found_thread, w);
		read_cgroup(w->pid, cgroup);
		if (*cgroup && strcmp(cgroup, w->cgroup) != 0 && !*w->moved)
			memcpy(w->moved, cgroup, sizeof cgroup);
	}
}

/* ---- the time between */

/* An end that comes after the watch was told to end is none of its matter. */
static bool told_to_end(int stop_fd)
{
	struct pollfd stop = {.fd = stop_fd, .events = POLLIN};
	return poll(&stop, 1, 0) > 0;
}

/* Until then, or until something ends. True: the watch is over. */
static bool rest(struct watch *watch, int stop_fd, int64_t until_ns)
{
	struct pollfd *p = calloc(watch->count + 1, sizeof *p);
	int64_t left_ns = until_ns > clock_now_ns() ? until_ns - clock_now_ns() : 0;
	struct timespec left = {left_ns / NS_PER_S, left_ns % NS_PER_S};
	bool over = !p;
	for (size_t i = 0; p && i < watch->count; i++)
		p[i] = (struct pollfd){.fd = watch->list[i].pidfd, .events = POLLIN};
	if (p) {
		p[watch->count] = (struct pollfd){.fd = stop_fd, .events = POLLIN};
		int ready = ppoll(p, watch->count + 1, watch->sampled ? &left : NULL, NULL);
		over = ready > 0 && told_to_end(stop_fd);
		for (size_t i = 0; ready > 0 && !over && i < watch->count; i++)
			if (p[i].revents) {
				note_gone(&watch->list[i], clock_now_ns());
				close(watch->list[i].pidfd);
				watch->list[i].pidfd = -1;
			}
	}
	free(p);
	return over;
}

/* ---- what is told */

static void tell_times(json_t *list, const struct watched *w, double ms, double longest_ms)
{
	json_array_append_new(list, json_pack("{s:s, s:i, s:f, s:f}", "name", w->name, "pid", (int)w->pid,
					    "ms", ms, "longest_ms", longest_ms));
}

static void tell_waits(json_t *list, const struct watched *w)
{
	uint64_t most = 0, longest = 0;
	for (size_t i = 0; i < w->threads_count; i++) {
		const struct thread *t = &w->threads[i];
		most = t->waited_ns - t->first_ns > most ? t->waited_ns - t->first_ns : most;
		longest = t->longest_ns > longest ? t->longest_ns : longest;
	}
	if ((double)most / 1e6 >= WAITED_MS)
		tell_times(list, w, (double)most / 1e6, (double)longest / 1e6);
}

static json_t *told(const struct watch *watch)
{
	json_t *stopped = json_array(), *waited = json_array(), *ended = json_array(), *moved = json_array();
	int64_t boot = boot_ns() - clock_now_ns();
	for (size_t i = 0; i < watch->count; i++) {
		const struct watched *w = &watch->list[i];
		if (w->stopped_ns)
			tell_times(stopped, w, (double)w->stopped_ns / 1e6, (double)w->longest_stop_ns / 1e6);
		tell_waits(waited, w);
		if (w->at_first && w->gone && w->gone_ns + boot - w->born_ns >= LASTING_NS)
			json_array_append_new(
				ended, json_pack("{s:s, s:i, s:f}", "name", w->name, "pid", (int)w->pid,
					       "at_s", (double)(w->gone_ns - watch->began_ns) / 1e9));
		if (*w->moved)
			json_array_append_new(moved, json_pack("{s:s, s:i, s:s}", "name", w->name, "pid",
							     (int)w->pid, "cgroup", w->moved));
	}
	return json_pack("{s:o, s:o, s:o, s:o, s:f}", "stopped", stopped, "waited", waited, "ended", ended,
		"moved", moved, "late_ms", (double)watch->longest_ns / 1e6);
}

static void forget(struct watch *watch)
{
	for (size_t i = 0; i < watch->count; i++)
		free(watch->list[i].threads);
	free(watch->list);
}

int watch_run(int ready_fd, int stop_fd, bool sampled, const char *result_path)
{
	struct watch watch = {.sampled = sampled, .first = true, .began_ns = clock_now_ns()};
	struct rlimit files = {FILES_MAX, FILES_MAX};
	setrlimit(RLIMIT_NOFILE, &files);
	prctl(PR_SET_TIMERSLACK, 1);
	look_for_more(&watch);
	watch.first = false;
	bool told_ready = write(ready_fd, "READY\n", 6) == 6;
	close(ready_fd);
	if (!told_ready)
		return 1;
	watch.looked_ns = clock_now_ns();
	int64_t due = watch.looked_ns + LOOK_NS;
	for (unsigned looks = 0; !rest(&watch, stop_fd, due);) {
		if (!sampled || clock_now_ns() < due)
			continue;
		look(&watch);
		if (++looks % SCAN_LOOKS == 0)
			look_for_more(&watch);
		due = watch.looked_ns > due + LOOK_NS ? watch.looked_ns + LOOK_NS : due + LOOK_NS;
	}
	json_t *result = told(&watch);
	int outcome = json_dump_file(result, result_path, JSON_INDENT(1));
	json_decref(result);
	forget(&watch);
	return outcome < 0 ? 1 : 0;
}
