/* Agent, what it watches while a workload runs: the packets between the hosts, how late its machine wakes a process, what
 * its processors were taken for, whose bytes its interface carried. */
#include "harness/hosts/agent_internal.h"

#include "harness/machine/probe.h"
#include "harness/observe/capture.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define CAPTURE AGENT_SCRATCH "/capture.pcap"
#define CAPTURE_RESULT AGENT_SCRATCH "/capture.json"
#define PROBE_RESULT AGENT_SCRATCH "/probe.json"
#define READY_MS 10000
#define FOREVER_NS (86400 * NS_PER_S)

struct watch {
	struct agent *agent;
	pid_t capture_pid, probe_pid;
	int stop_fd, said_fd; /* closing the first ends both; what the capture says goes to the second */
	struct machine_sample before;
	json_t *traffic; /* as it was then; owned */
};

/* Packets from one of the hosts to another one. */
static char *between_hosts(const struct agent *a)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	json_t *hosts = json_object_get(a->orders, "hosts"), *one;
	size_t i;
	for (int k = 0; out && k < 2; k++) {
		fprintf(out, k ? ") and (" : "(");
		json_array_foreach(hosts, i, one)
			fprintf(out, "%s%s host %s", i ? " or " : "", k ? "dst" : "src",
				json_string_value(one));
	}
	if (out) {
		fprintf(out, ")");
		fclose(out);
	}
	return text;
}

static int capture(const struct watch *w, uint32_t snap, int ready_fd, int stop_fd)
{
	struct place here =
		place_of_namespace(w->agent->name, open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
	char *filter = between_hosts(w->agent);
	struct capture_target target = {.name = w->agent->name,
		.place = &here,
		.interface = w->agent->interface,
		.snap = snap,
		.path = CAPTURE,
		.filter = filter};
	dup2(w->said_fd, STDERR_FILENO);
	return capture_run(&target, 1, ready_fd, stop_fd, CAPTURE_RESULT);
}

static int start_capture(struct watch *w, uint32_t snap, int stop_fd, char **error)
{
	int ready[2];
	char word[16];
	if (pipe2(ready, O_CLOEXEC) < 0)
		return error_set(error, "pipe: %s", strerror(errno));
	w->capture_pid = fork();
	if (w->capture_pid == 0) {
		close(w->stop_fd);
		close(ready[0]);
		_exit(capture(w, snap, ready[1], stop_fd));
	}
	close(ready[1]);
	struct pollfd p = {.fd = ready[0], .events = POLLIN};
	bool is = w->capture_pid > 0 && poll(&p, 1, READY_MS) > 0 && read(ready[0], word, sizeof word) > 0;
	close(ready[0]);
	return is ? 0 : -1;
}

/* The capture's own words, or what is given. */
static void say_fault(const struct watch *w, const char *otherwise, char **error)
{
	char text[512];
	ssize_t n = pread(w->said_fd, text, sizeof text - 1, 0);
	if (error && *error)
		return;
	if (n > 0)
		error_set(error, "%.*s",
			(int)(memchr(text, '\n', (size_t)n) ? strcspn(text, "\n") : (size_t)n), text);
	else
		error_set(error, "%s", otherwise);
}

/* A folder that was full is all that can be wrong with a file there; by now others may have left it. */
static void say_full(const struct agent *a, char **error)
{
	char *said = *error;
	if (!strstr(said, "written whole") && !strstr(said, strerror(ENOSPC)))
		return;
	*error = NULL;
	error_set(error,
		"%s: no room was left in the %.1f MB that the inventory gives a trial; raise `space`", said,
		(double)message_number(a->orders, "space") / 1e6);
	free(said);
}

static int start(struct watch *w, const json_t *what, char **error)
{
	int stop[2];
	int64_t snap = message_number(what, "snap");
	w->said_fd = memfd_create("said", MFD_CLOEXEC);
	if (w->said_fd < 0 || pipe2(stop, O_CLOEXEC) < 0)
		return error_set(error, "pipe: %s", strerror(errno));
	w->stop_fd = stop[1];
	if (snap > 0 && start_capture(w, (uint32_t)snap, stop[0], error) < 0) {
		say_fault(w, "the capture did not start there", error);
		return -1;
	}
	w->probe_pid = fork();
	if (w->probe_pid == 0) {
		close(w->stop_fd);
		_exit(probe_run(stop[0], PROBE_RESULT));
	}
	close(stop[0]);
	w->traffic = agent_traffic_read();
	machine_sample_take(&w->before);
	return 0;
}

static int reap(pid_t pid)
{
	int status = 0;
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static void add_file(json_t *result, const char *name, const char *path)
{
	json_t *value = json_load_file(path, 0, NULL);
	if (value)
		json_object_set_new(result, name, value);
}

static int send_capture(int fd)
{
	int in = open(CAPTURE, O_RDONLY | O_CLOEXEC);
	char *part = malloc(MESSAGE_BYTES_MAX);
	int result = in < 0 || !part ? -1 : 0;
	for (ssize_t n = 1; result == 0 && n > 0;) {
		n = read(in, part, MESSAGE_BYTES_MAX);
		result = n < 0 ? -1 : n > 0 ? message_send(fd, json_object(), part, (size_t)n) : 0;
	}
	if (in >= 0)
		close(in);
	free(part);
	return result;
}

/* What has passed since; NULL: it is not known. */
static json_t *traffic_since(const json_t *before)
{
	json_t *now = agent_traffic_read(), *value;
	const char *key;
	void *next;
	if (!before)
		json_decref(now);
	if (!before || !now)
		return NULL;
	json_object_foreach_safe(now, next, key, value)
		json_object_set_new(now, key,
			json_integer(json_integer_value(value) -
				     json_integer_value(json_object_get(before, key))));
	return now;
}

/* Ends all and tells: first the figures, then the capture in parts, then {"end": true}. */
static int stop(struct watch *w, int fd, char **error)
{
	struct machine_sample after;
	machine_sample_take(&after);
	json_t *traffic = traffic_since(w->traffic);
	close(w->stop_fd);
	reap(w->probe_pid);
	if (reap(w->capture_pid) != 0) {
		json_decref(traffic);
		say_fault(w, "the capture failed there", error);
		say_full(w->agent, error);
		return -1;
	}
	json_t *result = json_pack(
		"{s:o, s:o?}", "machine", machine_sample_json(&w->before, &after), "traffic", traffic);
	add_file(result, "probe", PROBE_RESULT);
	if (w->capture_pid > 0)
		add_file(result, "capture", CAPTURE_RESULT);
	if (message_say(fd, result) < 0 || (w->capture_pid > 0 && send_capture(fd) < 0))
		return error_set(error, "the capture could not be sent: %s", strerror(errno));
	message_say(fd, json_pack("{s:b}", "end", 1));
	return 0;
}

void agent_observe(struct agent *a, struct channel *c, struct message *first)
{
	struct watch w = {.agent = a, .stop_fd = -1, .said_fd = -1};
	struct message m;
	char *error = NULL;
	int result = start(&w, first->head, &error);
	if (result == 0 && message_say(c->fd, json_pack("{s:b}", "ok", 1)) == 0 &&
		channel_await(c, &m, clock_now_ns() + FOREVER_NS, NULL) == 0) {
		message_free(&m);
		result = stop(&w, c->fd, &error);
	}
	if (result < 0)
		agent_refuse(c->fd, error ? error : "it could not watch");
	free(error);
	json_decref(w.traffic);
	unlink(CAPTURE);
}
