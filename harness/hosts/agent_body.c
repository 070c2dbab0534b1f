/* Agent, its body: process 1 of its namespaces. It takes conversations from the socket; a short question is answered by a
 * child as the others are, so that a slow one keeps nobody waiting. Settings go through it, one at a time. */
#include "harness/hosts/agent_internal.h"

#include "harness/machine/project.h"
#include "harness/machine/systems.h"
#include "lib/base/clock.h"
#include "lib/base/control.h"
#include "lib/base/error.h"
#include "lib/base/folders.h"
#include "lib/net/listeners.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_NS (5 * NS_PER_S) /* for the first word of a conversation */
#define GRACE_NS (5 * NS_PER_S) /* for programs to end */
#define LISTEN_LOOK_MS 5
#define READ_MAX MESSAGE_BYTES_MAX

struct body {
	struct agent *agent;
	int signal_fd;
	pid_t stay; /* the child that holds the trial's conversation; 0: no trial runs */
};

/* ---- folders of its own, in memory */

static int own_folder(const char *path, int64_t bytes)
{
	char options[64];
	snprintf(options, sizeof options, "mode=0755,size=%lld", (long long)bytes);
	return mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, options);
}

/* Where we were installed below /tmp or /run, that is seen still. */
static int keep_visible(const char *path, int fd)
{
	char source[64];
	if (strncmp(path, "/tmp/", 5) != 0 && strncmp(path, "/run/", 5) != 0)
		return 0;
	snprintf(source, sizeof source, "/proc/self/fd/%d", fd);
	return folders_make(path, 0755, NULL) < 0 || mount(source, path, NULL, MS_BIND | MS_REC, NULL) < 0
		       ? -1
		       : 0;
}

static int own_mounts(const struct agent *a)
{
	const char *ours[] = {project_root(), project_programs()};
	int fds[2];
	for (int i = 0; i < 2; i++)
		fds[i] = open(ours[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		own_folder("/tmp", message_number(a->orders, "space")) < 0 ||
		own_folder("/run", 16 << 20) < 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		if (keep_visible(ours[i], fds[i]) < 0)
			return -1;
		close(fds[i]);
	}
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return -1;
	return mkdir(AGENT_SCRATCH, 0700);
}

static int forget(const char *path, const struct stat *info, int kind, struct FTW *where)
{
	(void)info, (void)kind;
	if (where->level > 0)
		remove(path);
	return 0;
}

static void forget_files(void)
{
	nftw("/tmp", forget, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	nftw("/run", forget, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	mkdir(AGENT_SCRATCH, 0700);
}

/* ---- the end of what a trial has begun */

/* Asks all to end, then makes them. A child of a child is ours once that has ended. */
static void end_all(struct body *b)
{
	int64_t deadline = clock_now_ns() + GRACE_NS;
	struct pollfd p = {.fd = b->signal_fd, .events = POLLIN};
	struct signalfd_siginfo info;
	kill(-1, SIGTERM);
	for (;;) {
		pid_t pid;
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		int64_t left = deadline - clock_now_ns();
		if (pid < 0 && errno == ECHILD)
			break;
		if (left <= 0) {
			kill(-1, SIGKILL);
			deadline = clock_now_ns() + GRACE_NS;
			continue;
		}
		if (poll(&p, 1, (int)(left / NS_PER_MS) + 1) > 0 &&
			read(b->signal_fd, &info, sizeof info) < 0 && errno != EAGAIN)
			break;
	}
	b->stay = 0;
}

int agent_wire(const struct agent *a, const char *word, char answer[512])
{
	if (send(a->wire_fd, word, strlen(word), MSG_NOSIGNAL) < 0)
		return -1;
	ssize_t n = recv(a->wire_fd, answer, 511, 0);
	answer[n > 0 ? n : 0] = 0;
	return n > 0 ? 0 : -1;
}

static void end_trial(struct body *b)
{
	char answer[512];
	end_all(b);
	agent_wire(b->agent, "restore", answer);
	if (*answer)
		fprintf(stderr, "liquidnet host: %s\n", answer);
	forget_files();
}

/* ---- short questions */

static void answer_read(int fd, const json_t *what)
{
	const char *path = message_text(what, "path");
	char *text = malloc(READ_MAX);
	int in = agent_may_read(path) ? open(path, O_RDONLY | O_CLOEXEC) : (errno = EACCES, -1);
	size_t size = 0;
	ssize_t n = in < 0 || !text ? -1 : 1;
	while (n > 0 && size < READ_MAX) {
		n = read(in, text + size, READ_MAX - size);
		size += n > 0 ? (size_t)n : 0;
	}
	if (n < 0)
		message_say(fd, json_pack("{s:i}", "errno", errno));
	else
		message_send(fd, json_object(), text, size);
	free(text);
	if (in >= 0)
		close(in);
}

static json_t *answer_ask(const json_t *what)
{
	char *error = NULL;
	json_t *answer = NULL;
	if (control_call(message_text(what, "path"), message_text(what, "line"),
		    (int)message_number(what, "limit_ms"), &answer, &error) == 0)
		return json_pack("{s:o}", "answer", answer);
	json_t *refusal = json_pack("{s:s}", "error", error ? error : "it refused");
	free(error);
	return refusal;
}

struct look {
	int port;
	bool found;
};

static void note_listener(void *context, uint16_t port)
{
	struct look *look = context;
	look->found |= port == look->port;
}

static json_t *answer_listens(const json_t *what)
{
	struct look look = {.port = (int)message_number(what, "port")};
	int64_t deadline = clock_now_ns() + message_number(what, "wait_ms") * NS_PER_MS;
	char *error = NULL;
	struct listeners *listeners = listeners_open(&error);
	while (listeners && listeners_read(listeners, note_listener, &look, &error) == 0 && !look.found &&
		clock_now_ns() < deadline)
		poll(NULL, 0, LISTEN_LOOK_MS); /* the kernel announces no listening sockets */
	if (listeners)
		listeners_close(listeners);
	json_t *answer =
		error ? json_pack("{s:s}", "error", error) : json_pack("{s:b}", "listens", look.found);
	free(error);
	return answer;
}

/* Which of these programs are not there. */
static json_t *answer_find(const json_t *what)
{
	json_t *missing = json_array(), *one;
	size_t i;
	json_array_foreach(json_object_get(what, "programs"), i, one) {
		char path[PATH_MAX];
		if (json_is_string(one) && systems_find(json_string_value(one), path, sizeof path) < 0)
			json_array_append(missing, one);
	}
	return json_pack("{s:o}", "missing", missing);
}

/* Times of this host's clock, each as it is asked for. */
static void answer_clock(struct channel *c)
{
	for (;;) {
		struct timespec now;
		struct message m;
		clock_gettime(CLOCK_REALTIME, &now);
		json_int_t ns = (json_int_t)now.tv_sec * 1000000000 + now.tv_nsec;
		if (message_say(c->fd, json_pack("{s:I}", "ns", ns)) < 0 ||
			channel_await(c, &m, clock_now_ns() + FIRST_NS, NULL) < 0)
			return;
		message_free(&m);
	}
}

/* ---- conversations */

static void hold(struct channel *c)
{
	message_say(c->fd, json_pack("{s:b}", "ok", 1));
	while (channel_read(c) > 0)
		c->size = 0;
}

__attribute__((noreturn)) static void converse(struct agent *a, struct channel *c, struct message *m)
{
	const char *what = message_text(m->head, "do");
	json_t *answer = NULL;
	sigset_t none;
	close(a->wire_fd);
	close(a->listen_fd);
	close(a->lock_fd);
	close(a->run_fd);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (strcmp(what, "stay") == 0)
		hold(c);
	else if (strcmp(what, "start") == 0)
		agent_start(a, c, m);
	else if (strcmp(what, "observe") == 0)
		agent_observe(a, c, m);
	else if (strcmp(what, "read") == 0)
		answer_read(c->fd, m->head);
	else if (strcmp(what, "clock") == 0)
		answer_clock(c);
	else if (strcmp(what, "ask") == 0)
		answer = answer_ask(m->head);
	else if (strcmp(what, "listens") == 0)
		answer = answer_listens(m->head);
	else if (strcmp(what, "find") == 0)
		answer = answer_find(m->head);
	else if (strcmp(what, "way") == 0)
		answer = agent_way(a, m->head);
	else if (strcmp(what, "hear") == 0)
		answer = agent_hear(a, m->head, c->fd);
	else if (strcmp(what, "knock") == 0)
		answer = agent_knock(a, m->head);
	else if (strcmp(what, "traffic") == 0)
		answer = agent_traffic_read();
	else
		answer = json_pack("{s:s}", "error", "it knows no such question");
	if (answer)
		message_say(c->fd, answer);
	_exit(0);
}

/* /proc/sys/net/ipv4/ip_forward -> net.ipv4.ip_forward */
static void answer_write(struct body *b, int fd, const json_t *what)
{
	const char *path = message_text(what, "path"), *text = message_text(what, "text");
	char word[1024], answer[512] = "the agent is ending";
	if (!b->stay)
		return agent_refuse(fd, "settings are changed only while a trial runs");
	if (!agent_may_set(path) || strpbrk(path, " \n") || strlen(path) + strlen(text) > 900)
		return agent_refuse(fd, "an experiment on hosts changes " AGENT_SETTINGS ", nothing else");
	size_t used = (size_t)snprintf(word, sizeof word, "set ");
	for (const char *at = path + strlen("/proc/sys/"); *at; at++)
		word[used++] = *at == '/' ? '.' : *at;
	snprintf(word + used, sizeof word - used, " %s", text);
	agent_wire(b->agent, word, answer);
	if (*answer)
		agent_refuse(fd, answer);
	else
		message_say(fd, json_pack("{s:b}", "ok", 1));
}

static void serve_one(struct body *b, int fd)
{
	struct channel c = {.fd = fd};
	struct message m;
	char *error = NULL;
	if (channel_await(&c, &m, clock_now_ns() + FIRST_NS, &error) < 0) {
		if (error)
			agent_refuse(fd, error);
		free(error);
		channel_close(&c);
		return;
	}
	bool stay = strcmp(message_text(m.head, "do"), "stay") == 0;
	if (strcmp(message_text(m.head, "do"), "write") == 0) {
		answer_write(b, fd, m.head);
	} else {
		/* The trial before may have been killed a moment ago. */
		if (stay && b->stay)
			end_trial(b);
		pid_t pid = fork();
		if (pid == 0)
			converse(b->agent, &c, &m);
		if (pid < 0)
			agent_refuse(fd, strerror(errno));
		else if (stay)
			b->stay = pid;
	}
	message_free(&m);
	channel_close(&c);
}

static void reap(struct body *b)
{
	struct signalfd_siginfo info;
	bool over = false;
	pid_t pid;
	while (read(b->signal_fd, &info, sizeof info) == sizeof info)
		;
	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		over |= pid == b->stay;
	if (over)
		end_trial(b);
}

int agent_body(struct agent *a)
{
	sigset_t set;
	struct body b = {.agent = a};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	dup2(null, STDIN_FILENO); /* the outer process hears there, and answers */
	dup2(null, STDOUT_FILENO);
	prctl(PR_SET_NAME, "liquidnet-body");
	if (own_mounts(a) < 0) {
		fprintf(stderr, "liquidnet host: folders of its own: %s\n", strerror(errno));
		return 125;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_SETMASK, &set, NULL);
	b.signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	for (;;) {
		struct pollfd p[3] = {{.fd = a->wire_fd, .events = 0}, {.fd = b.signal_fd, .events = POLLIN},
			{.fd = a->listen_fd, .events = POLLIN}};
		if (poll(p, 3, -1) < 0 && errno != EINTR)
			break;
		if (p[0].revents)
			break;
		if (p[1].revents)
			reap(&b);
		int fd = p[2].revents ? accept4(a->listen_fd, NULL, NULL, SOCK_CLOEXEC) : -1;
		if (fd >= 0)
			serve_one(&b, fd);
	}
	end_all(&b);
	return 0;
}
