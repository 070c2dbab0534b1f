/* Agent, the outer process: see the header. */
#include "harness/hosts/agent_internal.h"
#include "harness/hosts/forward.h"

#include "harness/machine/host.h"
#include "harness/machine/journal.h"
#include "harness/machine/project.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/version.h"
#include "lib/net/address.h"
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <limits.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define ORDERS_NS (30 * NS_PER_S)
#define BODY_END_NS (10 * NS_PER_S)
/* The harness is heard every two seconds (hosts.c). A connection that is lost without a word is no end of standard
 * input, for a quarter of an hour or for ever. */
#define SILENCE_NS (20 * NS_PER_S)
#define HIGH_FD 100           /* the body's descriptors lie above */
#define LOCK "liquidnet-host" /* an abstract socket: one agent a network, gone with its last holder */
#define SOCKET_PREFIX "/run/liquidnet-host-"

struct outer {
	struct agent *agent;
	struct host *host;
	struct remains *remains;
	pid_t body;
	int body_fd, wire_fd, signal_fd;
	bool opened; /* the journal */
	int64_t until_ns, heard_ns;
};

void agent_refuse(int fd, const char *text)
{
	message_say(fd, json_pack("{s:s}", "error", text));
}

bool agent_may_set(const char *path)
{
	static const char *const prefixes[] = {"/proc/sys/net/mptcp/", "/proc/sys/net/ipv4/tcp_",
		"/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv4/conf/all/rp_filter",
		"/proc/sys/net/ipv6/conf/all/forwarding"};
	if (strstr(path, ".."))
		return false;
	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
		if (strncmp(path, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

bool agent_may_read(const char *path)
{
	return !strstr(path, "..") &&
	       (strncmp(path, "/proc/sys/net/", 14) == 0 || strncmp(path, "/proc/net/", 10) == 0);
}

/* ---- what it is told, and whether it can be that */

static int read_orders(struct agent *a, char **error)
{
	struct channel c = {.fd = STDIN_FILENO};
	struct message m;
	if (channel_await(&c, &m, clock_now_ns() + ORDERS_NS, error) < 0)
		return -1;
	free(c.text);
	a->orders = json_incref(m.head);
	message_free(&m);
	a->name = message_text(a->orders, "name");
	a->address = message_text(a->orders, "address");
	a->socket = message_text(a->orders, "socket");
	struct address address = ADDRESS_NONE;
	const char *version = message_text(a->orders, "liquidnet");
	if (strcmp(version, liquidnet_version) != 0)
		return error_set(error,
			"Liquidnet is version %s there and %.40s here; install the same version on both",
			liquidnet_version, version);
	if (strncmp(a->socket, SOCKET_PREFIX, strlen(SOCKET_PREFIX)) != 0 || strchr(a->socket + 5, '/') ||
		!address_parse(a->address, &address) || !json_is_array(json_object_get(a->orders, "hosts")))
		return error_set(error, "it was not told what to be; `liquidnet run --hosts` tells it");
	a->ipv6 = !address_is_v4(&address);
	if (geteuid() != 0)
		return error_set(error,
			"its user there is not root; log in as root, or say `sudo: true` where sudo asks no password");
	return 0;
}

/* The interface that has the address; *error lists those that there are. */
static int find_interface(struct agent *a, char **error)
{
	struct ifaddrs *list, *one;
	struct address own;
	char known[512] = "";
	address_parse(a->address, &own);
	if (getifaddrs(&list) < 0)
		return error_set(error, "its interfaces: %s", strerror(errno));
	for (one = list; one; one = one->ifa_next) {
		char text[ADDRESS_TEXT];
		if (!one->ifa_addr)
			continue;
		struct address address = place_of_sockaddr(one->ifa_addr).address;
		if (address_family(&address) != address_family(&own))
			continue;
		if (address_equal(&address, &own))
			snprintf(a->interface, sizeof a->interface, "%s", one->ifa_name);
		size_t used = strlen(known);
		snprintf(known + used, sizeof known - used, "%s%s (%s)", used ? ", " : "",
			address_text(&address, text), one->ifa_name);
	}
	freeifaddrs(list);
	const char *meant = message_text(a->orders, "interface");
	if (!*a->interface)
		return error_set(error, "address %s is on no interface there; it has %s", a->address,
			*known ? known : "none of its family");
	if (*meant && strcmp(meant, a->interface) != 0)
		return error_set(error, "address %s is on interface %s there, not on %s", a->address,
			a->interface, meant);
	return 0;
}

/* What it sends to the others must come from the address by which they know it: a host may have several, and temporary
 * ones of IPv6 (RFC 8981), which the kernel prefers. */
static int check_source(const struct agent *a, char **error)
{
	struct address own, other;
	json_t *one;
	size_t i;
	int result = 0;
	address_parse(a->address, &own);
	json_array_foreach(json_object_get(a->orders, "hosts"), i, one) {
		struct sockaddr_storage to, from;
		char text[ADDRESS_TEXT];
		if (result < 0 || !json_is_string(one) || !address_parse(json_string_value(one), &other) ||
			address_equal(&own, &other))
			continue;
		struct place place = {other, 9}; /* any port: nothing is sent */
		socklen_t size = place_sockaddr(&place, &to), room = sizeof from;
		int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		/* Without a route the echoes tell. */
		if (fd >= 0 && connect(fd, (struct sockaddr *)&to, size) == 0 &&
			getsockname(fd, (struct sockaddr *)&from, &room) == 0) {
			place = place_of_sockaddr((struct sockaddr *)&from);
			if (!address_equal(&place.address, &own))
				result = error_set(error,
					"to %s it sends from %s, not from %s; write that address, or see to its routes (of IPv6: to net.ipv6.conf.%s.use_tempaddr)",
					json_string_value(one), address_text(&place.address, text),
					a->address, a->interface);
		}
		if (fd >= 0)
			close(fd);
	}
	return result;
}

static int take_lock(struct agent *a, char **error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	memcpy(address.sun_path + 1, LOCK, sizeof LOCK - 1);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof LOCK);
	int64_t deadline = clock_now_ns() + BODY_END_NS;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fault = 0;
	/* One whose connection has just ended is still putting things back. */
	while (fd >= 0 && bind(fd, (struct sockaddr *)&address, size) < 0 && !fault) {
		fault = errno == EADDRINUSE && clock_now_ns() < deadline ? 0 : errno;
		if (!fault)
			poll(NULL, 0, 50);
	}
	if (fd >= 0 && !fault) {
		a->lock_fd = fd;
		return 0;
	}
	if (fd >= 0)
		close(fd);
	return fault == EADDRINUSE ? error_set(error, "another run uses this host; wait until that has ended")
				   : error_set(error, "its lock: %s", strerror(fault ? fault : errno));
}

/* The user that logged in reaches it through sshd, which runs as that user. */
static int open_socket(struct agent *a, char **error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *user = getenv("SUDO_UID");
	snprintf(address.sun_path, sizeof address.sun_path, "%s", a->socket);
	a->run_fd = open("/run", O_PATH | O_DIRECTORY | O_CLOEXEC);
	a->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t before = umask(0177);
	int result = a->run_fd < 0 || a->listen_fd < 0 ||
				     bind(a->listen_fd, (struct sockaddr *)&address, sizeof address) < 0
			     ? -1
			     : 0;
	umask(before);
	if (result == 0 && user && chown(a->socket, (uid_t)strtoul(user, NULL, 10), (gid_t)-1) < 0)
		result = -1;
	if (result == 0)
		result = listen(a->listen_fd, 64);
	return result < 0 ? error_set(error, "%s: %s", a->socket, strerror(errno)) : 0;
}

static void remove_socket(const struct agent *a)
{
	if (a->run_fd >= 0 && a->listen_fd >= 0)
		unlinkat(a->run_fd, a->socket + sizeof "/run/" - 1, 0);
}

/* ---- its body */

/* The guardian of the settings acts when its socket is closed: a copy here would keep it waiting. */
static void keep_own(struct agent *a)
{
	int *own[] = {&a->wire_fd, &a->listen_fd, &a->lock_fd, &a->run_fd};
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		*own[i] = fcntl(*own[i], F_DUPFD_CLOEXEC, HIGH_FD);
	syscall(SYS_close_range, STDERR_FILENO + 1, HIGH_FD - 1, 0);
}

static int start_body(struct outer *o, char **error)
{
	int pair[2];
	struct agent *a = o->agent;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(error, "socketpair: %s", strerror(errno));
	fflush(NULL);
	int pidfd = -1;
	struct clone_args arguments = {.flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_PIDFD,
		.pidfd = (uintptr_t)&pidfd,
		.exit_signal = SIGCHLD};
	o->body = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
	if (o->body == 0) {
		a->wire_fd = pair[1];
		keep_own(a);
		int status = agent_body(a);
		/* The outer process may have been killed; then it is ours to do. */
		agent_traffic_remove();
		remove_socket(a);
		_exit(status);
	}
	int fault = errno;
	close(pair[1]);
	o->wire_fd = pair[0];
	o->body_fd = pidfd;
	return o->body < 0 ? error_set(error, "no fresh namespaces there (%s)", strerror(fault)) : 0;
}

/* Closes the wire: the body ends its programs and then itself. */
static void end_body(struct outer *o)
{
	struct pollfd p = {.fd = o->body_fd, .events = POLLIN};
	if (o->body <= 0)
		return;
	close(o->wire_fd);
	if (poll(&p, 1, (int)(BODY_END_NS / NS_PER_MS)) <= 0)
		kill(o->body, SIGKILL);
	while (waitpid(o->body, NULL, 0) < 0 && errno == EINTR)
		;
	o->body = 0;
}

static void answer_wire(struct outer *o)
{
	char word[4096], *error = NULL;
	ssize_t n = recv(o->wire_fd, word, sizeof word - 1, 0);
	if (n <= 0)
		return;
	word[n] = 0;
	char *key = strchr(word, ' '), *value = key ? strchr(key + 1, ' ') : NULL;
	if (strcmp(word, "restore") == 0) {
		host_close(o->host);
		o->host = host_open(&error);
	} else if (value) {
		*value++ = 0;
		if (!o->host)
			error_set(&error, "the journal could not be opened");
		else if (strcmp(key + 1, AGENT_FORWARDING6) != 0 || strcmp(value, "0") == 0 ||
			 forward_check(&error) == 0)
			host_sysctl(o->host, key + 1, value, &error);
	}
	send(o->wire_fd, error ? error : "", error ? strlen(error) + 1 : 1, MSG_NOSIGNAL);
	free(error);
}

/* Why it ends, or NULL: standard input did. */
static const char *serve(struct outer *o)
{
	struct pollfd p[4] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = o->wire_fd, .events = POLLIN},
		{.fd = o->body_fd, .events = POLLIN}, {.fd = o->signal_fd, .events = POLLIN}};
	for (;;) {
		char beats[64];
		int64_t silent = o->heard_ns + SILENCE_NS - clock_now_ns(),
			left = o->until_ns - clock_now_ns();
		if (left <= 0)
			return "the inventory's `until` is over; raise it to go on";
		if (silent <= 0)
			return "nothing was heard from the harness";
		if (silent < left)
			left = silent;
		int ms = left / NS_PER_MS > INT_MAX / 2 ? INT_MAX / 2 : (int)(left / NS_PER_MS) + 1;
		if (poll(p, 4, ms) < 0 && errno != EINTR)
			return "poll failed";
		if (p[0].revents && read(STDIN_FILENO, beats, sizeof beats) <= 0)
			return NULL;
		if (p[0].revents)
			o->heard_ns = clock_now_ns();
		if (p[1].revents & POLLIN)
			answer_wire(o);
		if (p[2].revents)
			return "the agent's body was killed";
		if (p[3].revents)
			return "it was told to end";
	}
}

static int signals(void)
{
	sigset_t set;
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* Programs beside us first, then where the system has them: a login without a shell may lack the latter. */
static void set_path(void)
{
	char path[PATH_MAX + 128];
	snprintf(path, sizeof path, "%s:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		project_programs());
	setenv("PATH", path, 1);
	setenv("LC_ALL", "C.UTF-8", 1);
}

static json_t *facts(const struct agent *a)
{
	struct utsname kernel;
	char *why = NULL;
	uname(&kernel);
	json_t *all = json_pack("{s:b, s:s, s:s, s:s, s:i}", "ok", 1, "interface", a->interface, "kernel",
		kernel.release, "liquidnet", liquidnet_version, "processors",
		(int)sysconf(_SC_NPROCESSORS_ONLN));
	if (forward_check(&why) < 0)
		json_object_set_new(all, "no_forwarding6", json_string(why));
	free(why);
	return all;
}

static int open_all(struct outer *o, char **error)
{
	struct agent *a = o->agent;
	int64_t seconds = message_number(a->orders, "seconds");
	o->until_ns = clock_now_ns() + (seconds > 0 ? seconds : 0) * NS_PER_S;
	if (find_interface(a, error) < 0 || check_source(a, error) < 0 || take_lock(a, error) < 0)
		return -1;
	o->opened = true;
	if (!(o->host = host_open(error)))
		return -1;
	o->remains = agent_remains_note();
	return agent_traffic_install(a, error) < 0 || open_socket(a, error) < 0 || start_body(o, error) < 0
		       ? -1
		       : 0;
}

int agent_main(void)
{
	struct agent a = {.listen_fd = -1, .lock_fd = -1, .run_fd = -1, .wire_fd = -1};
	struct outer o = {.agent = &a, .body_fd = -1, .wire_fd = -1, .signal_fd = signals()};
	char *error = NULL;
	set_path();
	int result = read_orders(&a, &error) < 0 || open_all(&o, &error) < 0 ? -1 : 0;
	const char *why = error;
	if (result == 0) {
		message_say(STDOUT_FILENO, facts(&a));
		o.heard_ns = clock_now_ns();
		why = serve(&o);
	}
	if (why)
		agent_refuse(STDOUT_FILENO, why);
	end_body(&o);
	host_close(o.host);
	if (a.lock_fd >= 0) {
		agent_traffic_remove();
		agent_remains_remove(o.remains);
	}
	remove_socket(&a);
	if (o.opened)
		journal_leave();
	json_decref(a.orders);
	free(error);
	return why ? 1 : 0;
}
