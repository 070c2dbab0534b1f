/* Hosts: see the header. */
#include "harness/hosts/hosts.h"

#include "harness/hosts/agent.h"
#include "harness/place/message.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/version.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOGIN_NS                                                                                             \
	(30 * NS_PER_S) /* for a login and the agent's first word; its lock may wait for another's end */
#define ANSWER_NS (10 * NS_PER_S)
#define LEAVE_MS 20000 /* an agent's programs have their time to end */
#define PULSE_MS 2000
#define HIGH_FD 600 /* more than a run has open */
#define WORDS 48
#define MISSING_PROGRAM 127 /* a shell's */

struct host_session {
	const struct inventory_host *host;
	struct process ssh;
	struct channel out;
	int in_fd;        /* closing it ends the agent; -1: no session */
	char socket[108]; /* here */
	char remote[108]; /* there */
	char log[128];    /* what ssh and the agent complain of */
	json_t *facts;
	uint64_t before, now; /* bytes that it has sent: in sessions that are over, in this one */
};

struct hosts {
	const struct inventory *inventory;
	char folder[64];
	int64_t until_ns;
	struct host_session sessions[INVENTORY_HOSTS_MAX];
	const char *interfaces[INVENTORY_HOSTS_MAX];
	pid_t pulse; /* a child by which the agents hear that we live; 0: none */
};

/* ---- one session */

/* Ours are the options that must hold whatever a configuration says. */
static size_t ssh_words(const struct hosts *h, const struct host_session *s, const char **words,
	char forward[256], char **command)
{
	static const char *const fixed[] = {"ssh", "-T", "-a", "-x", "-o", "BatchMode=yes", "-o",
		"StrictHostKeyChecking=yes", "-o", "ConnectTimeout=5", "-o", "ServerAliveInterval=5", "-o",
		"ServerAliveCountMax=3", "-o", "ExitOnForwardFailure=yes", "-o", "ControlMaster=no", "-o",
		"ControlPath=none", "-o", "PermitLocalCommand=no", NULL};
	size_t n = 0;
	for (const char *const *word = fixed; *word; word++)
		words[n++] = *word;
	if (h->inventory->ssh_config) {
		words[n++] = "-F";
		words[n++] = h->inventory->ssh_config;
	}
	if (*s->host->port) {
		words[n++] = "-p";
		words[n++] = s->host->port;
	}
	snprintf(forward, 256, "%s:%s", s->socket, s->remote);
	words[n++] = "-L";
	words[n++] = forward;
	if (asprintf(command, "%s%s host", s->host->sudo ? "sudo -n " : "", s->host->program) < 0)
		abort();
	words[n++] = "--";
	words[n++] = s->host->user_and_name;
	words[n++] = *command;
	words[n] = NULL;
	return n;
}

static json_t *orders(const struct hosts *h, const struct host_session *s)
{
	const struct inventory *v = h->inventory;
	json_t *all = json_array();
	for (size_t i = 0; i < v->count; i++)
		json_array_append_new(all, json_string(v->hosts[i].address));
	int64_t seconds = (h->until_ns - clock_now_ns()) / NS_PER_S;
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:I}", "liquidnet", liquidnet_version,
		"name", s->host->node, "address", s->host->address, "socket", s->remote, "hosts", all,
		"rate_bps", (json_int_t)v->rate_bps, "may_send", (json_int_t)(v->bytes - s->before),
		"seconds", (json_int_t)seconds, "space", (json_int_t)v->space);
	if (s->host->interface)
		json_object_set_new(o, "interface", json_string(s->host->interface));
	return o;
}

static int start_ssh(struct hosts *h, struct host_session *s, char **error)
{
	const char *words[WORDS];
	char forward[256], *command = NULL;
	unsigned char token[16];
	int in[2], out[2];
	struct process_options o = PROCESS_OPTIONS;
	if (getrandom(token, sizeof token, 0) != sizeof token)
		return error_set(error, "getrandom: %s", strerror(errno));
	size_t used = (size_t)snprintf(s->remote, sizeof s->remote, "/run/liquidnet-host-");
	for (size_t i = 0; i < sizeof token; i++)
		used += (size_t)snprintf(s->remote + used, sizeof s->remote - used, "%02x", token[i]);
	unlink(s->socket);
	ssh_words(h, s, words, forward, &command);
	/* Its input is a socket: an ssh that has ended already is an error to whoever writes, where a pipe would be a signal. */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) < 0 || pipe2(out, O_CLOEXEC) < 0)
		abort();
	o.argv = words;
	o.stdin_fd = in[0];
	o.stdout_fd = out[1];
	o.stderr_fd = open(s->log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	o.own_group = true; /* an interrupt to us is ours to pass on */
	o.die_with_parent = true;
	int result = process_start(&s->ssh, &o, error);
	free(command);
	close(in[0]);
	close(out[1]);
	close(o.stderr_fd);
	s->in_fd = in[1];
	s->out = (struct channel){.fd = out[0]};
	if (result == 0)
		message_say(s->in_fd, orders(h, s));
	return result;
}

static const char *remedy(const struct host_session *s, const char *said)
{
	bool missing = WIFEXITED(s->ssh.status) && WEXITSTATUS(s->ssh.status) == MISSING_PROGRAM;
	if (missing && s->host->sudo)
		return "; install sudo there, or log in as root";
	if (missing || (strstr(said, "sudo:") && strstr(said, "command not found")))
		return "; install Liquidnet there (`make deb` makes packages), or say where it is by `liquidnet: PATH`";
	if (strstr(said, "key verification failed"))
		return "; its key is not the known one: find out why before you change known_hosts";
	if (strstr(said, "Permission denied"))
		return "; ssh must log in by a key, without a password";
	if (strstr(said, "sudo:"))
		return "; sudo must start `liquidnet host` there without a password: docs/hosts.md has the line of sudoers";
	return "";
}

static void end_ssh(struct host_session *s)
{
	if (s->in_fd >= 0)
		close(s->in_fd);
	s->in_fd = -1;
	if (process_wait(&s->ssh, clock_now_ns() + LEAVE_MS * NS_PER_MS) != 1)
		process_stop(&s->ssh, 0);
	channel_close(&s->out);
	unlink(s->socket);
}

static int fail(struct host_session *s, const char *said, char **error)
{
	char text[512] = "";
	end_ssh(s);
	if (!said)
		log_last_line(s->log, NULL, text, sizeof text);
	char status[64];
	return conf_error(s->host->at, error, "host %s (ssh %s): %s%s", s->host->node, s->host->user_and_name,
		said    ? said
		: *text ? text
			: process_status_text(s->ssh.status, status),
		remedy(s, text));
}

static int await_facts(struct hosts *h, struct host_session *s, char **error)
{
	struct message m;
	char *said = NULL;
	if (channel_await(&s->out, &m, clock_now_ns() + LOGIN_NS, &said) == 0) {
		json_decref(s->facts);
		s->facts = json_incref(m.head);
		message_free(&m);
		h->interfaces[s - h->sessions] = message_text(s->facts, "interface");
		return 0;
	}
	/* The stream ended: ssh's own words are in the log. */
	bool agent = said && strstr(said, "connection to it ended") == NULL;
	int result = fail(s, agent ? said : NULL, error);
	free(said);
	return result;
}

/* ---- the pulse */

/* Its copies of the sessions' inputs would keep agents alive: it ends before one is closed. */
static void stop_pulse(struct hosts *h)
{
	if (h->pulse <= 0)
		return;
	kill(h->pulse, SIGKILL);
	while (waitpid(h->pulse, NULL, 0) < 0 && errno == EINTR)
		;
	h->pulse = 0;
}

__attribute__((noreturn)) static void beat(const struct hosts *h, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "liquidnet-pulse");
	signal(SIGPIPE, SIG_IGN);
	/* Nothing else of the harness's: what it says by closing a descriptor must not depend on us. */
	int inputs[INVENTORY_HOSTS_MAX];
	for (size_t i = 0; i < h->inventory->count; i++)
		if ((inputs[i] = fcntl(h->sessions[i].in_fd, F_DUPFD_CLOEXEC, HIGH_FD)) >= 0)
			fcntl(inputs[i], F_SETFL, O_NONBLOCK);
	syscall(SYS_close_range, STDERR_FILENO + 1, HIGH_FD - 1, 0);
	while (getppid() == parent) {
		for (size_t i = 0; i < h->inventory->count; i++)
			if (inputs[i] >= 0)
				(void)!write(inputs[i], "\n", 1);
		poll(NULL, 0, PULSE_MS);
	}
	_exit(0);
}

static int start_pulse(struct hosts *h, char **error)
{
	pid_t parent = getpid();
	fflush(NULL);
	h->pulse = fork();
	if (h->pulse == 0)
		beat(h, parent);
	return h->pulse < 0 ? error_set(error, "fork: %s", strerror(errno)) : 0;
}

/* ---- all of them */

struct place hosts_place(const struct hosts *hosts, size_t h)
{
	return place_of_host(hosts->inventory->hosts[h].node, hosts->sessions[h].socket);
}

const char *const *hosts_interfaces(const struct hosts *hosts)
{
	return hosts->interfaces;
}

const char *hosts_folder(const struct hosts *hosts)
{
	return hosts->folder;
}

struct hosts *hosts_open(const struct inventory *v, char **error)
{
	struct hosts *h = calloc(1, sizeof *h);
	if (!h)
		abort();
	h->inventory = v;
	h->until_ns = clock_now_ns() + v->until_ns;
	snprintf(h->folder, sizeof h->folder, "/run/liquidnet-hosts-%d", (int)getpid());
	int result = mkdir(h->folder, 0700) < 0 ? error_set(error, "%s: %s", h->folder, strerror(errno)) : 0;
	for (size_t i = 0; i < v->count; i++) {
		struct host_session *s = &h->sessions[i];
		*s = (struct host_session){
			.host = &v->hosts[i], .ssh = PROCESS_NONE, .out = {.fd = -1}, .in_fd = -1};
		snprintf(s->socket, sizeof s->socket, "%s/%zu.sock", h->folder, i);
		snprintf(s->log, sizeof s->log, "%s/%zu.log", h->folder, i);
	}
	/* All at once; then they are waited for. */
	for (size_t i = 0; result == 0 && i < v->count; i++)
		result = start_ssh(h, &h->sessions[i], error);
	for (size_t i = 0; result == 0 && i < v->count; i++)
		result = await_facts(h, &h->sessions[i], error);
	if (result == 0)
		result = start_pulse(h, error);
	if (result == 0)
		return h;
	hosts_close(h);
	return NULL;
}

void hosts_close(struct hosts *h)
{
	if (!h)
		return;
	stop_pulse(h);
	/* All are told before one is waited for. */
	for (size_t i = 0; i < h->inventory->count; i++)
		if (h->sessions[i].in_fd >= 0) {
			close(h->sessions[i].in_fd);
			h->sessions[i].in_fd = -1;
		}
	for (size_t i = 0; i < h->inventory->count; i++) {
		end_ssh(&h->sessions[i]);
		unlink(h->sessions[i].log);
		json_decref(h->sessions[i].facts);
	}
	rmdir(h->folder);
	free(h);
}

/* What it has sent in this session. */
static void note_sent(struct hosts *h, size_t i)
{
	struct place place = hosts_place(h, i);
	struct message m;
	struct channel c = {.fd = place_talk(&place, json_pack("{s:s}", "do", "traffic"), NULL)};
	if (c.fd < 0)
		return;
	if (channel_await(&c, &m, clock_now_ns() + ANSWER_NS, NULL) == 0) {
		uint64_t sent = (uint64_t)message_number(m.head, "out_bytes");
		h->sessions[i].now = sent > h->sessions[i].now ? sent : h->sessions[i].now;
		message_free(&m);
	}
	channel_close(&c);
}

static bool alive(struct host_session *s)
{
	struct pollfd p = {.fd = s->out.fd, .events = POLLIN};
	/* It says nothing more but why it ends. */
	return s->in_fd >= 0 && process_wait(&s->ssh, 0) == 0 && poll(&p, 1, 0) == 0;
}

static int again(struct hosts *h, struct host_session *s, char **error)
{
	end_ssh(s);
	s->before += s->now;
	s->now = 0;
	if (s->before >= h->inventory->bytes)
		return error_set(error,
			"host %s has sent all that the inventory's `bytes` allows; raise it to go on",
			s->host->node);
	return start_ssh(h, s, error) < 0 ? -1 : await_facts(h, s, error);
}

int hosts_ready(struct hosts *h, char **error)
{
	if (clock_now_ns() > h->until_ns)
		return error_set(error, "the inventory's `until` is over; raise it to go on");
	for (size_t i = 0; i < h->inventory->count; i++) {
		struct host_session *s = &h->sessions[i];
		if (alive(s)) {
			note_sent(h, i);
		} else {
			stop_pulse(h);
			int result = again(h, s, error);
			if (start_pulse(h, result < 0 ? NULL : error) < 0 || result < 0)
				return -1;
		}
		if (s->before + s->now >= h->inventory->bytes)
			return error_set(error,
				"host %s has sent all that the inventory's `bytes` allows; raise it to go on",
				s->host->node);
	}
	return 0;
}

json_t *hosts_facts(const struct hosts *h)
{
	json_t *all = json_object();
	for (size_t i = 0; i < h->inventory->count; i++) {
		const struct host_session *s = &h->sessions[i];
		json_object_set_new(all, s->host->node,
			json_pack("{s:s, s:s, s:s, s:s, s:I}", "ssh", s->host->user_and_name, "address",
				s->host->address, "interface", message_text(s->facts, "interface"), "kernel",
				message_text(s->facts, "kernel"), "processors",
				(json_int_t)message_number(s->facts, "processors")));
	}
	return all;
}

static int check_setting(
	const struct hosts *h, const struct experiment *e, const struct setting *s, char **error)
{
	if (strcmp(s->key, AGENT_FORWARDING6) != 0 || strcmp(s->value, "0") == 0)
		return 0;
	for (size_t i = 0; i < h->inventory->count; i++) {
		const char *node = h->inventory->hosts[i].node,
			   *why = message_text(h->sessions[i].facts, "no_forwarding6");
		if (*why && (s->node < 0 || strcmp(e->topology->nodes[s->node], node) == 0))
			return conf_error(s->at, error, "host %s: `%s: %s`: %s", node, s->key, s->value, why);
	}
	return 0;
}

static int check_list(const struct hosts *h, const struct experiment *e, const struct setting *list,
	size_t count, char **error)
{
	for (size_t i = 0; i < count; i++)
		if (check_setting(h, e, &list[i], error) < 0)
			return -1;
	return 0;
}

int hosts_check_settings(const struct hosts *h, const struct experiment *e, char **error)
{
	if (check_list(h, e, e->settings, e->settings_count, error) < 0)
		return -1;
	for (size_t i = 0; i < e->procedures_count; i++)
		if (check_list(h, e, e->procedures[i].settings, e->procedures[i].settings_count, error) < 0)
			return -1;
	for (size_t i = 0; i < e->configurations_count; i++)
		if (check_list(h, e, e->configurations[i].settings, e->configurations[i].settings_count,
			    error) < 0)
			return -1;
	return 0;
}

int hosts_check_programs(const struct hosts *h, const char *const *names, char **error)
{
	json_t *list = json_array();
	int result = 0;
	for (; *names; names++)
		json_array_append_new(list, json_string(*names));
	for (size_t i = 0; result == 0 && i < h->inventory->count; i++) {
		struct place place = hosts_place(h, i);
		struct message m;
		struct channel c = {.fd = place_talk(&place,
					    json_pack("{s:s, s:O}", "do", "find", "programs", list), error)};
		result = c.fd < 0 ? -1 : channel_await(&c, &m, clock_now_ns() + ANSWER_NS, error);
		if (result == 0) {
			const char *missing =
				json_string_value(json_array_get(json_object_get(m.head, "missing"), 0));
			if (missing)
				result = conf_error(h->inventory->hosts[i].at, error,
					"host %s has no program `%s`; install it there", place.name, missing);
			message_free(&m);
		}
		channel_close(&c);
	}
	json_decref(list);
	return result;
}
