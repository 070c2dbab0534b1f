/* Place, a host elsewhere. Its agent answers on a unix socket of this machine, however that gets there; each conversation
 * is a connection, and what is begun in one ends with it. A program there has a stand-in here, a child that passes on what
 * the program prints, and signals to it, and ends as it does: so the rest waits for processes as ever. */
#include "harness/place/message.h"
#include "harness/place/place.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_NS (20 * NS_PER_S)   /* of a host that is asked something short */
#define WAY_MS 5000                 /* for the way there and back, besides what was asked for takes */
#define STOP_MS 3000                /* what its agent gives a program to end, besides */
#define FILE_MAX ((size_t)16 << 20) /* of what is sent there before a program */

static int talk(const struct place *place, json_t *first, char **error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = -1;
	if ((size_t)snprintf(address.sun_path, sizeof address.sun_path, "%s", place->socket) >=
		sizeof address.sun_path)
		errno = ENAMETOOLONG;
	else
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int result = fd < 0 ? -1 : connect(fd, (struct sockaddr *)&address, sizeof address);
	int fault = errno;
	if (result < 0 || message_say(fd, json_incref(first)) < 0) {
		if (result == 0)
			fault = errno;
		if (fd >= 0)
			close(fd);
		fd = error_set(error, "host %s cannot be reached: %s", place->name, strerror(fault));
	}
	json_decref(first);
	return fd;
}

/* A question and its one answer, as 0; -1 and *error. */
static int question(
	const struct place *place, json_t *what, int64_t limit_ns, struct message *answer, char **error)
{
	struct channel c = {.fd = talk(place, what, error)};
	if (c.fd < 0)
		return -1;
	int result = channel_await(&c, answer, clock_now_ns() + limit_ns, error);
	channel_close(&c);
	return result < 0 ? error_prefix(error, "host %s", place->name) : 0;
}

/* ---- files that a program is to find there */

static int send_file(int fd, const char *path, char **error)
{
	struct stat info;
	int in = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char *part = malloc(MESSAGE_BYTES_MAX);
	int result = in < 0 || !part || fstat(in, &info) < 0 ? -1 : 0;
	bool more = result == 0 && S_ISREG(info.st_mode);
	if (more && (size_t)info.st_size > FILE_MAX)
		result = error_set(error, "%s is too large to be sent to a host", path), more = false;
	for (bool begun = false; more && result == 0; begun = true) {
		ssize_t n = read(in, part, MESSAGE_BYTES_MAX);
		json_t *head = json_pack("{s:s, s:s, s:i, s:b}", "do", "put", "path", path, "mode",
			(int)(info.st_mode & 0700), "more", begun);
		result = n < 0 ? -1 : message_send(fd, head, part, (size_t)n);
		more = n == MESSAGE_BYTES_MAX;
	}
	if (in >= 0)
		close(in);
	free(part);
	return result < 0 && (!error || !*error) ? error_set(error, "%s: %s", path, strerror(errno)) : result;
}

/* The files of its working directory, and those that its words name. */
static int send_files(int fd, const struct process_options *o, char **error)
{
	int result = 0;
	DIR *list = o->directory ? opendir(o->directory) : NULL;
	for (struct dirent *one; list && result == 0 && (one = readdir(list));) {
		char path[4352];
		if (one->d_type == DT_REG &&
			snprintf(path, sizeof path, "%s/%s", o->directory, one->d_name) < (int)sizeof path)
			result = send_file(fd, path, error);
	}
	if (list)
		closedir(list);
	for (const char *const *word = o->argv; result == 0 && *word; word++)
		if (strncmp(*word, "/tmp/", 5) == 0 && access(*word, R_OK) == 0)
			result = send_file(fd, *word, error);
	return result;
}

/* ---- a program's stand-in */

struct stand_in {
	struct channel channel;
	int keep_fd;
	const char *name; /* of the host */
};

/* Of our descriptors only those that it passes things on to. */
static void keep_only(const struct stand_in *s)
{
	int low = s->channel.fd, high = s->keep_fd;
	if (high >= 0 && high < low)
		high = s->channel.fd, low = s->keep_fd;
	syscall(SYS_close_range, STDERR_FILENO + 1, low - 1, 0);
	if (high >= 0)
		syscall(SYS_close_range, low + 1, high - 1, 0);
	syscall(SYS_close_range, (high >= 0 ? high : low) + 1, ~0U, 0);
}

static void pass_on(int fd, const struct message *m)
{
	for (size_t at = 0; fd >= 0 && at < m->count;) {
		ssize_t n = write(fd, m->bytes + at, m->count - at);
		if (n < 0 && errno != EINTR)
			return;
		at += n > 0 ? (size_t)n : 0;
	}
}

/* Ends as the program did. */
__attribute__((noreturn)) static void end_like(int status)
{
	sigset_t none;
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		prctl(PR_SET_DUMPABLE, 0); /* no core of a stand-in */
		kill(getpid(), WTERMSIG(status));
		_exit(128 + WTERMSIG(status));
	}
	_exit(WEXITSTATUS(status));
}

static void hear(struct stand_in *s, const struct message *m)
{
	const char *stream = message_text(m->head, "to");
	if (strcmp(stream, "out") == 0)
		pass_on(STDOUT_FILENO, m);
	else if (strcmp(stream, "err") == 0)
		pass_on(STDERR_FILENO, m);
	else if (strcmp(stream, "ready") == 0) {
		pass_on(s->keep_fd, m);
	} else if (strcmp(stream, "unready") == 0 && s->keep_fd >= 0) {
		close(s->keep_fd);
		s->keep_fd = -1;
	}
	if (json_object_get(m->head, "status"))
		end_like((int)message_number(m->head, "status"));
}

static void take_all(struct stand_in *s)
{
	struct message m;
	char *error = NULL;
	int taken;
	while ((taken = channel_take(&s->channel, &m, &error)) == 1) {
		hear(s, &m);
		message_free(&m);
	}
	if (taken < 0) {
		dprintf(STDERR_FILENO, "host %s: %s\n", s->name, error);
		_exit(125);
	}
}

/* Last in the child, in place of a program: `context` is a struct stand_in. */
static int stand_in(void *context)
{
	struct stand_in *s = context;
	sigset_t set;
	keep_only(s);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "stand-in");
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int signals = signalfd(-1, &set, SFD_CLOEXEC);
	for (;;) {
		struct pollfd p[2] = {
			{.fd = s->channel.fd, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
		struct signalfd_siginfo info;
		take_all(s);
		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents && read(signals, &info, sizeof info) == sizeof info)
			message_say(s->channel.fd, json_pack("{s:i}", "signal", (int)info.ssi_signo));
		if (p[0].revents && channel_read(&s->channel) < 0) {
			dprintf(STDERR_FILENO, "host %s: the connection to it ended\n", s->name);
			_exit(125);
		}
	}
}

/* The text of a descriptor that a program was to read. */
static char *input_of(int fd, size_t *size)
{
	char *text = malloc(MESSAGE_BYTES_MAX);
	ssize_t n = 1;
	*size = 0;
	while (text && n > 0 && *size < MESSAGE_BYTES_MAX) {
		n = read(fd, text + *size, MESSAGE_BYTES_MAX - *size);
		*size += n > 0 ? (size_t)n : 0;
	}
	return text;
}

static json_t *words(const char *const *list)
{
	json_t *all = json_array();
	for (; list && *list; list++)
		json_array_append_new(all, json_string(*list));
	return all;
}

/* Asks for the program and hears that it has begun; then its stand-in may. */
static int begin(const struct place *place, const struct process_options *o, struct stand_in *s, char **error)
{
	struct message answer;
	size_t size = 0;
	char *input = o->stdin_fd >= 0 ? input_of(o->stdin_fd, &size) : NULL;
	*s = (struct stand_in){.channel = {.fd = talk(place, json_pack("{s:s}", "do", "start"), error)},
		.keep_fd = o->keep_fd,
		.name = place->name};
	json_t *what = json_pack(
		"{s:o, s:o, s:i}", "argv", words(o->argv), "env", words(o->env), "keep", o->keep_fd);
	if (o->directory)
		json_object_set_new(what, "directory", json_string(o->directory));
	int result = s->channel.fd < 0 ? -1 : send_files(s->channel.fd, o, error);
	if (result == 0 && message_send(s->channel.fd, json_incref(what), input, size) < 0)
		result = error_set(error, "%s", strerror(errno));
	if (result == 0 && channel_await(&s->channel, &answer, clock_now_ns() + ANSWER_NS, error) == 0)
		message_free(&answer);
	else
		result = -1;
	json_decref(what);
	free(input);
	if (result == 0)
		return 0;
	if (s->channel.fd >= 0)
		error_prefix(error, "host %s", place->name);
	channel_close(&s->channel);
	return -1;
}

static struct process_options through(const struct process_options *o, struct stand_in *s)
{
	struct process_options here = *o;
	here.netns_fd = -1;
	here.stdin_fd = -1;
	here.last = stand_in;
	here.context = s;
	return here;
}

static int start(const struct place *place, const struct process_options *options, struct process *process,
	char **error)
{
	struct stand_in s;
	*process = PROCESS_NONE;
	if (begin(place, options, &s, error) < 0)
		return -1;
	struct process_options here = through(options, &s);
	int result = process_start(process, &here, error);
	channel_close(&s.channel);
	return result;
}

static void stop(const struct place *place, struct process *process, int grace_ms)
{
	(void)place;
	process_stop(process, grace_ms + STOP_MS);
}

static int run(const struct place *place, const struct process_options *options, bool merge, int limit_ms,
	char **output, char **error)
{
	struct stand_in s;
	if (output)
		*output = NULL;
	if (begin(place, options, &s, error) < 0)
		return -1;
	struct process_options here = through(options, &s);
	int status = process_run(&here, merge, limit_ms, output, error);
	channel_close(&s.channel);
	return status;
}

static int feed(
	const struct place *place, const char *const *argv, const char *input, char **output, char **error)
{
	struct process_options options = PROCESS_OPTIONS;
	char *said = NULL;
	FILE *in = tmpfile();
	if (!in || fputs(input, in) < 0 || fflush(in) != 0)
		return error_set(error, "a program's input: %s", strerror(errno));
	rewind(in);
	options.argv = argv;
	options.stdin_fd = fileno(in);
	int status = run(place, &options, true, (int)(ANSWER_NS / NS_PER_MS), &said, error);
	fclose(in);
	if (status > 0)
		error_set(error, "%s: %.*s", argv[0], (int)strcspn(said, "\n"), said);
	if (status == 0 && output)
		*output = said;
	else
		free(said);
	return status;
}

/* ---- files of the kernel, daemons, ports */

static int read_file(const struct place *place, const char *path, char **text)
{
	struct message m;
	char *error = NULL;
	*text = NULL;
	if (question(place, json_pack("{s:s, s:s}", "do", "read", "path", path), ANSWER_NS, &m, &error) < 0) {
		free(error);
		return -EIO;
	}
	int fault = (int)message_number(m.head, "errno");
	if (!fault && m.bytes) {
		*text = m.bytes;
		m.bytes = NULL;
	}
	message_free(&m);
	return *text ? 0 : fault > 0 && fault < 4096 ? -fault : -EIO;
}

static int write_file(const struct place *place, const char *path, const char *text)
{
	struct message m;
	char *error = NULL;
	json_t *what = json_pack("{s:s, s:s, s:s}", "do", "write", "path", path, "text", text);
	if (question(place, what, ANSWER_NS, &m, &error) < 0) {
		fprintf(stderr, "%s\n", error); /* the caller knows a number */
		free(error);
		return -EIO;
	}
	message_free(&m);
	return 0;
}

static struct pcap *capture(const struct place *place, const char *interface, uint32_t snap, char **error)
{
	(void)snap;
	error_set(error, "%s of host %s is captured there, not here", interface, place->name);
	return NULL;
}

static int ask(const struct place *place, const char *path, const char *line, int limit_ms, json_t **answer,
	char **error)
{
	struct message m;
	json_t *what = json_pack(
		"{s:s, s:s, s:s, s:i}", "do", "ask", "path", path, "line", line, "limit_ms", limit_ms);
	if (question(place, what, (limit_ms + WAY_MS) * NS_PER_MS, &m, error) < 0)
		return -1;
	*answer = json_incref(json_object_get(m.head, "answer"));
	message_free(&m);
	return *answer ? 0 : error_set(error, "host %s gave no answer", place->name);
}

static int listens(const struct place *place, int port, int wait_ms, char **error)
{
	struct message m;
	json_t *what = json_pack("{s:s, s:i, s:i}", "do", "listens", "port", port, "wait_ms", wait_ms);
	if (question(place, what, (wait_ms + WAY_MS) * NS_PER_MS, &m, error) < 0)
		return -1;
	int found = json_is_true(json_object_get(m.head, "listens"));
	message_free(&m);
	return found;
}

static void leave(struct place *place)
{
	(void)place;
}

static const struct place_kind host = {
	"host", start, stop, run, feed, read_file, write_file, capture, NULL, ask, listens, talk, leave};

struct place place_of_host(const char *name, const char *socket)
{
	return (struct place){.kind = &host, .name = name, .netns_fd = -1, .socket = socket};
}
