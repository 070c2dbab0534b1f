/* Agent, a program of a trial: its files are put where it will look for them, it is started, what it prints goes to its
 * stand-in, and it ends with the conversation. */
#include "harness/hosts/agent_internal.h"

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/folders.h"
#include "lib/base/process.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ORDERS_NS (30 * NS_PER_S)
#define GRACE_MS 3000
#define HIGH_FD 200 /* ours lie above; below is the number by which the program knows its ready descriptor */
#define WORDS_MAX 1024

struct job {
	struct channel *channel;
	struct process process;
	int out_fd, err_fd, ready_fd; /* -1: closed */
};

/* Only in the folders that end with the body. */
static bool may_put(const char *path)
{
	return (strncmp(path, "/tmp/", 5) == 0 || strncmp(path, "/run/", 5) == 0) && !strstr(path, "..");
}

static int make_folder_of(const char *path, char **error)
{
	char folder[4096];
	snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
	return folders_make(folder, 0755, error);
}

static int put_file(const struct message *m, char **error)
{
	const char *path = message_text(m->head, "path");
	bool more = json_is_true(json_object_get(m->head, "more"));
	if (!may_put(path))
		return error_set(error, "%s: files are put below /tmp and /run there, nowhere else", path);
	if (make_folder_of(path, error) < 0)
		return -1;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (more ? O_APPEND : O_TRUNC),
		(mode_t)message_number(m->head, "mode") & 0700);
	int result = fd < 0 ? -1 : 0;
	for (size_t at = 0; result == 0 && at < m->count;) {
		ssize_t n = write(fd, m->bytes + at, m->count - at);
		result = n < 0 ? -1 : 0;
		at += n > 0 ? (size_t)n : 0;
	}
	int fault = errno;
	if (fd >= 0)
		close(fd);
	return result < 0 ? error_set(error, "%s: %s", path, strerror(fault)) : 0;
}

static int in_group(void *context)
{
	(void)context;
	return setgid(AGENT_GROUP);
}

/* The strings stay the message's. */
static const char **words_of(const json_t *list)
{
	size_t count = json_array_size(list), i;
	const char **words = calloc(count + 1, sizeof *words);
	json_t *one;
	json_array_foreach(list, i, one)
		if (words)
			words[i] = json_is_string(one) ? json_string_value(one) : "";
	return words;
}

static int open_input(const struct message *m)
{
	int fd = m->bytes ? memfd_create("input", MFD_CLOEXEC) : -1;
	if (fd >= 0 && (write(fd, m->bytes, m->count) < 0 || lseek(fd, 0, SEEK_SET) < 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A pipe whose reading end lies high; the writing end has the number `want`, or any. */
static int open_pipe(int want, int *read_fd)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	*read_fd = fcntl(ends[0], F_DUPFD_CLOEXEC, HIGH_FD);
	close(ends[0]);
	if (want < 0 || want == ends[1])
		return ends[1];
	int fd = dup3(ends[1], want, O_CLOEXEC);
	close(ends[1]);
	return fd;
}

static int begin(struct job *job, const struct message *m, char **error)
{
	struct process_options o = PROCESS_OPTIONS;
	const char *directory = message_text(m->head, "directory");
	int64_t keep = json_object_get(m->head, "keep") ? message_number(m->head, "keep") : -1;
	size_t count = json_array_size(json_object_get(m->head, "argv"));
	if (count == 0 || count > WORDS_MAX || keep >= HIGH_FD || (*directory && !may_put(directory)))
		return error_set(error, "it was told to start nothing that it can");
	/* The ready descriptor first, while its number is free. */
	if (keep > STDERR_FILENO)
		o.keep_fd = open_pipe((int)keep, &job->ready_fd);
	o.stdout_fd = open_pipe(-1, &job->out_fd);
	o.stderr_fd = open_pipe(-1, &job->err_fd);
	o.stdin_fd = open_input(m);
	if (*directory && folders_make(directory, 0755, error) < 0)
		return -1;
	o.directory = *directory ? directory : AGENT_SCRATCH;
	o.own_group = true;
	o.last = in_group;
	o.argv = words_of(json_object_get(m->head, "argv"));
	o.env = words_of(json_object_get(m->head, "env"));
	int result = !o.argv || !o.env || o.stdout_fd < 0 || o.stderr_fd < 0
			     ? error_set(error, "pipes for a program: %s", strerror(errno))
			     : process_start(&job->process, &o, error);
	if (o.keep_fd >= 0)
		close(o.keep_fd);
	close(o.stdout_fd);
	close(o.stderr_fd);
	if (o.stdin_fd >= 0)
		close(o.stdin_fd);
	free((void *)o.argv);
	free((void *)o.env);
	return result;
}

static void pass_on(struct job *job, int *fd, const char *name)
{
	char part[65536];
	ssize_t n = read(*fd, part, sizeof part);
	if (n > 0) {
		message_send(job->channel->fd, json_pack("{s:s}", "to", name), part, (size_t)n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close(*fd);
		*fd = -1;
		if (strcmp(name, "ready") == 0)
			message_say(job->channel->fd, json_pack("{s:s}", "to", "unready"));
	}
}

/* What the program still has in its pipes when it has ended; a child that it left may hold them open. */
static void drain(struct job *job)
{
	int *fds[] = {&job->out_fd, &job->err_fd, &job->ready_fd};
	static const char *const names[] = {"out", "err", "ready"};
	for (int i = 0; i < 3; i++)
		while (*fds[i] >= 0 && poll(&(struct pollfd){.fd = *fds[i], .events = POLLIN}, 1, 0) > 0)
			pass_on(job, fds[i], names[i]);
}

/* A signal that the stand-in got. False: the conversation is over. */
static bool hear(struct job *job)
{
	struct message m;
	if (channel_read(job->channel) < 0)
		return false;
	while (channel_take(job->channel, &m, NULL) == 1) {
		int64_t number = message_number(m.head, "signal");
		if (job->process.pid > 0 && (number == SIGTERM || number == SIGINT))
			kill(job->process.pid, (int)number);
		message_free(&m);
	}
	return true;
}

static void serve(struct job *job)
{
	pid_t pid = job->process.pid;
	bool there = true;
	while (there && job->process.pid > 0) {
		struct pollfd p[5] = {{.fd = job->channel->fd, .events = POLLIN},
			{.fd = job->process.pidfd, .events = POLLIN}, {.fd = job->out_fd, .events = POLLIN},
			{.fd = job->err_fd, .events = POLLIN}, {.fd = job->ready_fd, .events = POLLIN}};
		if (poll(p, 5, -1) < 0)
			continue;
		if (p[2].revents)
			pass_on(job, &job->out_fd, "out");
		if (p[3].revents)
			pass_on(job, &job->err_fd, "err");
		if (p[4].revents)
			pass_on(job, &job->ready_fd, "ready");
		if (p[0].revents)
			there = hear(job);
		if (p[1].revents)
			process_wait(&job->process, clock_now_ns());
	}
	if (there) {
		drain(job);
		message_say(job->channel->fd, json_pack("{s:i}", "status", job->process.status));
	}
	process_stop(&job->process, GRACE_MS);
	kill(-pid, SIGKILL);
}

void agent_start(struct agent *a, struct channel *c, struct message *first)
{
	struct job job = {.channel = c, .process = PROCESS_NONE, .out_fd = -1, .err_fd = -1, .ready_fd = -1};
	struct message m;
	char *error = NULL;
	int result;
	(void)a, (void)first;
	int high = fcntl(c->fd, F_DUPFD_CLOEXEC, HIGH_FD);
	if (high < 0)
		return;
	c->fd = high;
	syscall(SYS_close_range, STDERR_FILENO + 1, HIGH_FD - 1, 0);
	while ((result = channel_await(c, &m, clock_now_ns() + ORDERS_NS, &error)) == 0 &&
		strcmp(message_text(m.head, "do"), "put") == 0) {
		result = put_file(&m, &error);
		message_free(&m);
		if (result < 0)
			break;
	}
	if (result == 0) {
		result = begin(&job, &m, &error);
		message_free(&m);
	}
	if (result < 0)
		agent_refuse(c->fd, error ? error : "it could not be started");
	else if (message_say(c->fd, json_pack("{s:b}", "ok", 1)) == 0)
		serve(&job);
	process_stop(&job.process, GRACE_MS);
	free(error);
}
