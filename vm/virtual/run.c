/* Runs one kernel of virtual time. Three processes: the starter (this one) passes output on and watches; the keeper is process 1 of a pid
 * and a mount namespace and dies with the starter; the kernel is its child. All that they have in common lies on a tmpfs in that mount
 * namespace, so that however the starter ends, processes, memory and files go with it: nothing has a name outside. */
#include "lib/base/error.h"
#include "vm/virtual/progress.h"
#include "vm/virtual/virtual.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS 32
#define LINES_SHOWN 12

/* What the guest writes, and how much of it was passed on. */
struct channel {
	const char *name;
	int fd, to; /* to: where it goes; -1: nowhere */
	off_t passed;
};
enum { OUTPUT, ERRORS, STATE, CHANNELS };

struct run {
	const struct virtual_options *options;
	struct virtual_result *result;
	struct liquidnet_progress *progress;
	int progress_fd, console_fd, ready[2], go[2];
	struct channel channels[CHANNELS];
	pid_t keeper;
	unsigned number; /* the starter's, of all processes */
	int64_t started_ns;
	uint64_t last_now, last_entries,
		entries_then; /* the watchdog's: as seen last, and when time stopped */
	int64_t moved_ns;
	struct termios terminal;
	bool terminal_known;
};

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- the keeper and the kernel */

static void keeper_fails(const struct run *run, const char *what)
{
	dprintf(run->ready[1], "%s: %s", what, strerror(errno));
	_exit(VIRTUAL_BAD);
}

/* The guest's memory is a file there, too. */
static void make_private(const struct run *run)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		keeper_fails(run, "cannot make mounts private");
	if (mount("tmpfs", VIRTUAL_PRIVATE, "tmpfs", 0, "size=100%,mode=700") < 0)
		keeper_fails(run, "cannot mount a tmpfs on " VIRTUAL_PRIVATE);
	if (mkdir(VIRTUAL_JOB, 0700) < 0)
		keeper_fails(run, "cannot make " VIRTUAL_JOB);
	static const char *const files[] = {
		VIRTUAL_JOB "/stdout", VIRTUAL_JOB "/stderr", VIRTUAL_JOB "/state"};
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		int fd = open(files[i], O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
		if (fd < 0)
			keeper_fails(run, files[i]);
		close(fd);
	}
}

static void write_job(const struct run *run)
{
	const struct virtual_options *o = run->options;
	char here[4096], *outs[VIRTUAL_OUTS + 1] = {NULL};
	if (!o->directory && !getcwd(here, sizeof(here)))
		keeper_fails(run, "no working directory");
	for (int i = 0; i < o->out_count; i++)
		outs[i] = (char *)o->outs[i];
	struct virtual_job job = {
		.directory = o->directory ? (char *)o->directory : here,
		.outs = outs,
		.command = (char **)o->command,
		.environment = environ,
		.interactive = o->interactive,
	};
	if (virtual_job_write(VIRTUAL_JOB "/job", &job) < 0)
		keeper_fails(run, "cannot write the guest's job");
}

struct arguments {
	char *list[ARGUMENTS];
	int count;
};

static void add(struct arguments *arguments, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct arguments *arguments, const char *format, ...)
{
	va_list values;
	va_start(values, format);
	if (arguments->count + 1 < ARGUMENTS &&
		vasprintf(&arguments->list[arguments->count], format, values) >= 0)
		arguments->count++;
	va_end(values);
}

static void kernel_arguments(const struct run *run, struct arguments *a)
{
	const struct virtual_options *o = run->options;
	char self[4096];
	ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (size < 0)
		keeper_fails(run, "/proc/self/exe");
	self[size] = 0;
	add(a, "%s", o->kernel);
	add(a, "mem=%uM", o->memory_mib);
	add(a, "rootfstype=hostfs");
	add(a, "rootflags=/");
	add(a, "ro");
	add(a, "init=%s", self);
	add(a, VIRTUAL_GUEST "=1");
	add(a, "time-travel=inf-cpu");
	add(a, "time-travel-start=%lld", (long long)o->start_s * 1000000000LL);
	if (o->clock == CLOCK_VIRTUAL_CPU)
		add(a, "cpu=%u", (unsigned)(o->cpu * 100 + 0.5));
	if (o->trap_tsc)
		add(a, "tsc");
	if (o->seeded)
		add(a, "seed=%llu", (unsigned long long)o->seed);
	add(a, "progress=%d", run->progress_fd);
	add(a, "seccomp=%s", o->seccomp);
	add(a, "norandmaps");
	add(a, "noreboot");
	add(a, "panic=-1");
	add(a, "fb_tunnels=none"); /* no tunl0, gre0, sit0 in every namespace */
	add(a, "con=null");
	add(a, "ssl=null");
	if (o->interactive) {
		add(a, "con0=fd:0,fd:1");
		add(a, "pace");
		add(a, "loglevel=1");
		add(a, "quiet");
	} else
		add(a, "con0=null,fd:1");
}

static void become_kernel(const struct run *run, const struct arguments *arguments)
{
	static char *environment[] = {
		"TMPDIR=" VIRTUAL_PRIVATE, "HOME=" VIRTUAL_PRIVATE, "PATH=/usr/bin:/bin", NULL};
	int in = run->options->interactive ? open("/dev/tty", O_RDWR) : open("/dev/null", O_RDONLY);
	dup2(in, 0);
	dup2(run->options->interactive ? in : run->console_fd, 1);
	dup2(run->console_fd, 2);
	/* Else the kernel executes itself anew to have it so. */
	personality(PER_LINUX | ADDR_NO_RANDOMIZE);
	fcntl(run->progress_fd, F_SETFD, 0);
	execve(run->options->kernel, arguments->list, environment);
	dprintf(2, "cannot execute %s: %s\n", run->options->kernel, strerror(errno));
	_exit(127);
}

/* The lock on a free one is this process's, and goes with it. */
static void bind_to_processor(struct run *run)
{
	int processor = run->options->processor, lock;
	if (processor == VIRTUAL_FREE)
		processor = virtual_take_processor(run->number, &lock);
	if (processor < 0)
		return;
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		keeper_fails(run, "no such processor");
}

static void keep(struct run *run)
{
	char go;
	int status = 0;
	sigset_t none;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	close(run->go[1]);
	make_private(run);
	write_job(run);
	struct arguments arguments = {.count = 0};
	kernel_arguments(run, &arguments);
	bind_to_processor(run);
	if (write(run->ready[1], "", 1) != 1)
		_exit(VIRTUAL_BAD);
	/* The starter may have died before it was our death's signal: then nobody says go. */
	if (read(run->go[0], &go, 1) != 1)
		_exit(VIRTUAL_BAD);
	pid_t kernel = fork();
	if (!kernel)
		become_kernel(run, &arguments);
	while (kernel > 0 && wait(&status) != kernel)
		;
	_exit(0);
}

static int start_keeper(struct run *run, char **error)
{
	if (pipe2(run->ready, O_CLOEXEC) < 0 || pipe2(run->go, O_CLOEXEC) < 0)
		return error_set(error, "no pipe: %s", strerror(errno));
	run->number = (unsigned)getpid();
	run->keeper = (pid_t)syscall(SYS_clone, SIGCHLD | CLONE_NEWPID | CLONE_NEWNS, 0, 0, 0, 0);
	if (run->keeper < 0)
		return error_set(error, "no namespaces for the guest: %s; run as root", strerror(errno));
	if (!run->keeper)
		keep(run);
	char said[256];
	close(run->ready[1]);
	close(run->go[0]);
	ssize_t size = read(run->ready[0], said, sizeof(said) - 1);
	close(run->ready[0]);
	if (size == 1 && !said[0])
		return 0;
	said[size < 0 ? 0 : size] = 0;
	return error_set(error, "%s", size > 0 ? said : "the guest's keeper died");
}

/* ---- output */

static int open_channels(struct run *run, char **error)
{
	static const char *const names[CHANNELS] = {"stdout", "stderr", "state"};
	for (int i = 0; i < CHANNELS; i++) {
		char path[128];
		snprintf(path, sizeof(path), "/proc/%d/root" VIRTUAL_JOB "/%s", (int)run->keeper, names[i]);
		run->channels[i] = (struct channel){.name = names[i],
			.fd = open(path, O_RDONLY | O_CLOEXEC),
			.to = i == OUTPUT   ? 1
			      : i == ERRORS ? 2
					    : -1};
		if (run->channels[i].fd < 0)
			return error_set(error, "%s: %s", path, strerror(errno));
	}
	return 0;
}

static int watch_channels(const struct run *run)
{
	int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	for (int i = 0; watch >= 0 && i < CHANNELS; i++) {
		char path[128];
		snprintf(path, sizeof(path), "/proc/%d/root" VIRTUAL_JOB "/%s", (int)run->keeper,
			run->channels[i].name);
		if (inotify_add_watch(watch, path, IN_MODIFY) < 0) {
			close(watch);
			return -1;
		}
	}
	return watch;
}

static void write_all(int fd, const char *text, size_t size)
{
	while (size) {
		ssize_t n = write(fd, text, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		text += n;
		size -= (size_t)n;
	}
}

static void pass_on(struct channel *channel)
{
	char buffer[65536];
	for (ssize_t n; (n = pread(channel->fd, buffer, sizeof(buffer), channel->passed)) > 0;
		channel->passed += n)
		write_all(channel->to, buffer, (size_t)n);
}

/* The guest's lines: "started 0", then "exited STATUS" or "signal NUMBER". */
static void read_state(struct run *run)
{
	char text[256];
	ssize_t size = pread(run->channels[STATE].fd, text, sizeof(text) - 1, 0);
	text[size < 0 ? 0 : size] = 0;
	int value;
	const char *at;
	if (run->result->boot_s <= 0 && strstr(text, "started"))
		run->result->boot_s = (double)(now_ns() - run->started_ns) / 1e9;
	if ((at = strstr(text, "exited ")) && sscanf(at, "exited %d\n", &value) == 1) {
		run->result->end = "exited";
		run->result->status = value;
	} else if ((at = strstr(text, "signal ")) && sscanf(at, "signal %d\n", &value) == 1) {
		run->result->end = "signal";
		run->result->status = 128 + value;
	}
}

static void pass_all(struct run *run)
{
	pass_on(&run->channels[OUTPUT]);
	pass_on(&run->channels[ERRORS]);
	read_state(run);
}

/* ---- the watchdog */

/* Whether virtual time stood still for too long; who is at fault is then in result->spun. */
static bool stands_still(struct run *run)
{
	struct liquidnet_progress seen = *run->progress;
	int64_t now = now_ns();
	if (seen.now_ns != run->last_now || run->result->end) {
		run->last_now = seen.now_ns;
		run->entries_then = seen.entries;
		run->moved_ns = now;
		return false;
	}
	if (run->options->watchdog_s <= 0 || (double)(now - run->moved_ns) < run->options->watchdog_s * 1e9)
		return false;
	seen.comm[sizeof(seen.comm) - 1] = 0;
	if (!seen.entries)
		snprintf(
			run->result->spun, sizeof(run->result->spun), "the kernel, before its first program");
	else
		snprintf(run->result->spun, sizeof(run->result->spun), "%s[%d]", seen.comm, seen.pid);
	return true;
}

static int watchdog_error(const struct run *run, char **error)
{
	struct liquidnet_progress seen = *run->progress;
	uint64_t calls = seen.entries - run->entries_then;
	run->result->end = "watchdog";
	run->result->status = VIRTUAL_WATCHDOG;
	if (seen.in_user && !calls)
		return error_set(error,
			"%s spins: it ran %.0f s of wall time without a system call, and virtual time cannot pass; ended",
			run->result->spun, run->options->watchdog_s);
	return error_set(error,
		"virtual time stood still for %.0f s of wall time: last to run was %s, after %llu system calls and page faults; ended",
		run->options->watchdog_s, run->result->spun, (unsigned long long)calls);
}

/* ---- the starter */

static int prepare(struct run *run, char **error)
{
	const struct virtual_options *o = run->options;
	if (access(o->kernel, X_OK) < 0)
		return error_set(error, "no kernel of virtual time (%s: %s); run `make virtual`", o->kernel,
			strerror(errno));
	if (o->interactive && (!isatty(0) || tcgetattr(0, &run->terminal) < 0))
		return error_set(error, "standard input is no terminal: an interactive guest needs one");
	run->terminal_known = o->interactive;
	for (int i = 0; i < o->out_count; i++)
		if (o->outs[i][0] != '/' || access(o->outs[i], W_OK) < 0)
			return error_set(
				error, "%s: not a folder that can be written, by its full name", o->outs[i]);
	long page = sysconf(_SC_PAGESIZE);
	run->progress_fd = memfd_create("progress", MFD_CLOEXEC);
	run->console_fd = memfd_create("console", MFD_CLOEXEC);
	if (run->progress_fd < 0 || run->console_fd < 0 || ftruncate(run->progress_fd, page) < 0)
		return error_set(error, "no memory to share with the guest: %s", strerror(errno));
	run->progress = mmap(NULL, (size_t)page, PROT_READ, MAP_SHARED, run->progress_fd, 0);
	if (run->progress == MAP_FAILED)
		return error_set(error, "no memory to share with the guest: %s", strerror(errno));
	return 0;
}

/* The kernel's last lines, for whoever has to find out why it died. */
static void show_console(const struct run *run)
{
	char text[4096];
	off_t size = lseek(run->console_fd, 0, SEEK_END),
	      from = size > (off_t)sizeof(text) - 1 ? size - (off_t)sizeof(text) + 1 : 0;
	ssize_t n = pread(run->console_fd, text, sizeof(text) - 1, from);
	if (n <= 0)
		return;
	text[n] = 0;
	char *at = text + n;
	for (int lines = 0; at > text && lines <= LINES_SHOWN; at--)
		lines += at[-1] == '\n';
	fprintf(stderr, "%s", at);
}

static int keep_console(const struct run *run, char **error)
{
	int to = open(run->options->console, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (to < 0)
		return error_set(error, "%s: %s", run->options->console, strerror(errno));
	struct channel console = {.fd = run->console_fd, .to = to};
	pass_on(&console);
	close(to);
	return 0;
}

/* Until the keeper is gone: 0; -1 with *error when it had to be killed. */
static int attend(struct run *run, const sigset_t *signals, char **error)
{
	int failed = 0, child = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK),
	    watch = watch_channels(run);
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	struct itimerspec often = {.it_interval.tv_nsec = 250000000, .it_value.tv_nsec = 250000000};
	if (child < 0 || watch < 0 || timer < 0 || timerfd_settime(timer, 0, &often, NULL) < 0)
		failed = error_set(error, "cannot watch the guest: %s", strerror(errno));
	struct pollfd on[] = {{child, POLLIN, 0}, {watch, POLLIN, 0}, {timer, POLLIN, 0}};
	for (bool over = failed; !over;) {
		char events[4096];
		struct signalfd_siginfo signal;
		if (poll(on, 3, -1) < 0 && errno != EINTR)
			break;
		while (read(watch, events, sizeof(events)) > 0)
			;
		pass_all(run);
		if (read(timer, events, 8) == 8 && stands_still(run)) {
			failed = watchdog_error(run, error);
			over = true;
		}
		while (read(child, &signal, sizeof(signal)) == (ssize_t)sizeof(signal)) {
			over = true;
			if (signal.ssi_signo != SIGCHLD) {
				run->result->end = "stopped";
				run->result->status = 128 + (int)signal.ssi_signo;
				failed = error_set(error, "stopped by signal %u", signal.ssi_signo);
			}
		}
	}
	close(child);
	close(watch);
	close(timer);
	return failed;
}

static int conclude(struct run *run, int failed, char **error)
{
	struct rusage used;
	if (failed)
		kill(run->keeper, SIGKILL);
	while (wait4(run->keeper, NULL, 0, &used) < 0 && errno == EINTR)
		;
	pass_all(run);
	run->result->wall_s = (double)(now_ns() - run->started_ns) / 1e9;
	run->result->virtual_s = (double)run->progress->now_ns / 1e9;
	run->result->entries = run->progress->entries;
	run->result->cpu_s = (double)used.ru_utime.tv_sec + (double)used.ru_stime.tv_sec +
			     (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
	if (run->terminal_known)
		tcsetattr(0, TCSADRAIN, &run->terminal);
	if (!failed && !run->result->end) {
		run->result->end = "died";
		run->result->status = VIRTUAL_DIED;
		if (!run->options->console)
			show_console(run);
		failed = error_set(error, "the kernel of virtual time ended before the command did");
	}
	if (run->options->console && keep_console(run, failed ? NULL : error) < 0)
		failed = -1;
	return failed;
}

int virtual_run(const struct virtual_options *options, struct virtual_result *result, char **error)
{
	struct virtual_result unused;
	struct run run = {
		.options = options, .result = result ? result : &unused, .progress_fd = -1, .console_fd = -1};
	sigset_t signals, before;
	*run.result = (struct virtual_result){.status = VIRTUAL_BAD};
	run.started_ns = run.moved_ns = now_ns();
	if (prepare(&run, error) < 0)
		return VIRTUAL_BAD;
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, &before);
	int failed = start_keeper(&run, error);
	if (!failed && !(failed = open_channels(&run, error)) && write(run.go[1], "", 1) == 1)
		failed = attend(&run, &signals, error);
	if (run.keeper > 0)
		conclude(&run, failed, error);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return run.result->status;
}
