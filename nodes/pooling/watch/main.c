/* liquidnet-watch: congestion windows and buffers of a namespace's TCP connections over time, asked of the kernel
 * (sock_diag(7)); a workload's companion. It prints one JSON object when the connections have ended:
 *
 *   rcvbuf_max    bytes: the largest receive buffer that any of them had (Multipath TCP's subflows have their connection's)
 *   cwnd_max      segments, of the one that sent most
 *   slow_start_s  when that one's slow start ended (slow_start.h), since it was first seen; null: it did not
 *   sockets       [{local, remote, sent, received (bytes), cwnd_max, rcvbuf_max, slow_start_s}] */
#include "lib/base/clock.h"
#include "lib/base/units.h"
#include "lib/net/sockdiag.h"
#include "nodes/pooling/slow_start.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <jansson.h>
#include <libmnl/libmnl.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define SOCKETS_MAX 256
#define QUIET_NS NS_PER_S /* without a connection after there was one: it is over */
#define SAMPLES_MAX 1000000

struct socket {
	uint64_t cookie;
	char local[INET6_ADDRSTRLEN + 8], remote[INET6_ADDRSTRLEN + 8];
	uint64_t sent, received;
	uint32_t cwnd_max, rcvbuf_max;
	struct window_sample *samples;
	size_t count, room;
};

struct watch {
	uint16_t port;
	int64_t every_ns, for_ns; /* for_ns 0: until the connections end */
	struct sockdiag *diag;
	struct socket sockets[SOCKETS_MAX];
	size_t count;
	int64_t now_ns, first_seen_ns, last_seen_ns; /* 0: none yet */
};

static void write_address(
	char *text, size_t size, const struct inet_diag_msg *m, const __be32 *address, __be16 port)
{
	char host[INET6_ADDRSTRLEN] = "?";
	inet_ntop(m->idiag_family, address, host, sizeof host);
	snprintf(text, size, "%s:%u", host, ntohs(port));
}

/* The one of that message; NULL: not asked for, or too many. */
static struct socket *socket_of(struct watch *w, const struct inet_diag_msg *m)
{
	uint64_t cookie = (uint64_t)m->id.idiag_cookie[1] << 32 | m->id.idiag_cookie[0];
	if (ntohs(m->id.idiag_sport) != w->port && ntohs(m->id.idiag_dport) != w->port)
		return NULL;
	for (size_t i = 0; i < w->count; i++)
		if (w->sockets[i].cookie == cookie)
			return &w->sockets[i];
	if (w->count == SOCKETS_MAX)
		return NULL;
	struct socket *s = &w->sockets[w->count++];
	s->cookie = cookie;
	write_address(s->local, sizeof s->local, m, m->id.idiag_src, m->id.idiag_sport);
	write_address(s->remote, sizeof s->remote, m, m->id.idiag_dst, m->id.idiag_dport);
	return s;
}

static void add_sample(struct socket *s, struct window_sample sample)
{
	if (s->count == s->room) {
		size_t room = s->room ? 2 * s->room : 1024;
		struct window_sample *more =
			room <= SAMPLES_MAX ? realloc(s->samples, room * sizeof *more) : NULL;
		if (!more)
			return;
		s->samples = more;
		s->room = room;
	}
	s->samples[s->count++] = sample;
}

static void take_info(struct watch *w, struct socket *s, const struct nlattr *attribute)
{
	struct tcp_info info = {0};
	size_t length = mnl_attr_get_payload_len(attribute);
	memcpy(&info, mnl_attr_get_payload(attribute), length < sizeof info ? length : sizeof info);
	s->cwnd_max = info.tcpi_snd_cwnd > s->cwnd_max ? info.tcpi_snd_cwnd : s->cwnd_max;
	s->sent = info.tcpi_bytes_acked;
	s->received = info.tcpi_bytes_received;
	add_sample(s, (struct window_sample){w->now_ns, info.tcpi_snd_cwnd, info.tcpi_total_retrans});
}

static void take_memory(struct socket *s, const struct nlattr *attribute)
{
	uint32_t memory[SK_MEMINFO_VARS] = {0};
	size_t length = mnl_attr_get_payload_len(attribute);
	memcpy(memory, mnl_attr_get_payload(attribute), length < sizeof memory ? length : sizeof memory);
	s->rcvbuf_max = memory[SK_MEMINFO_RCVBUF] > s->rcvbuf_max ? memory[SK_MEMINFO_RCVBUF] : s->rcvbuf_max;
}

struct taking {
	struct watch *watch;
	struct socket *socket;
};

static int take_attribute(const struct nlattr *attribute, void *context)
{
	struct taking *t = context;
	if (mnl_attr_get_type(attribute) == INET_DIAG_INFO)
		take_info(t->watch, t->socket, attribute);
	else if (mnl_attr_get_type(attribute) == INET_DIAG_SKMEMINFO)
		take_memory(t->socket, attribute);
	return MNL_CB_OK;
}

static void take(void *context, const struct inet_diag_msg *m, const struct nlmsghdr *message)
{
	struct taking t = {context, socket_of(context, m)};
	if (!t.socket)
		return;
	t.watch->last_seen_ns = t.watch->now_ns;
	if (!t.watch->first_seen_ns)
		t.watch->first_seen_ns = t.watch->now_ns;
	mnl_attr_parse(message, sizeof *m, take_attribute, &t);
}

static int look(struct watch *w, char **error)
{
	w->now_ns = clock_now_ns();
	return sockdiag_walk(w->diag, IPPROTO_TCP, SOCKDIAG_ESTABLISHED, INET_DIAG_INFO, take, w, error) <
				       0 ||
			       sockdiag_walk(w->diag, IPPROTO_TCP, SOCKDIAG_ESTABLISHED, INET_DIAG_SKMEMINFO,
				       take, w, error) < 0
		       ? -1
		       : 0;
}

static json_t *slow_start(const struct socket *s)
{
	int64_t end = slow_start_end(s->samples, s->count);
	return end < 0 ? json_null() : json_real((double)(end - s->samples[0].at_ns) / NS_PER_S);
}

static void print(const struct watch *w)
{
	json_t *list = json_array();
	const struct socket *most = NULL;
	uint32_t rcvbuf_max = 0;
	for (size_t i = 0; i < w->count; i++) {
		const struct socket *s = &w->sockets[i];
		rcvbuf_max = s->rcvbuf_max > rcvbuf_max ? s->rcvbuf_max : rcvbuf_max;
		most = !most || s->sent > most->sent ? s : most;
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:I, s:I, s:i, s:i, s:o}", "local", s->local, "remote",
				      s->remote, "sent", (json_int_t)s->sent, "received",
				      (json_int_t)s->received, "cwnd_max", (int)s->cwnd_max, "rcvbuf_max",
				      (int)s->rcvbuf_max, "slow_start_s", slow_start(s)));
	}
	json_t *all = json_pack("{s:I, s:I, s:o, s:o}", "rcvbuf_max", (json_int_t)rcvbuf_max, "cwnd_max",
		(json_int_t)(most ? most->cwnd_max : 0), "slow_start_s",
		most ? slow_start(most) : json_null(), "sockets", list);
	json_dumpf(all, stdout, JSON_INDENT(1));
	printf("\n");
	json_decref(all);
}

/* Until a signal, or until the connections are over. */
static int watch(struct watch *w, char **error)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	struct pollfd stop = {.fd = signalfd(-1, &set, SFD_CLOEXEC), .events = POLLIN};
	int64_t due = clock_now_ns();
	for (;;) {
		if (look(w, error) < 0)
			return -1;
		if (w->last_seen_ns && w->now_ns - w->last_seen_ns >= QUIET_NS)
			return 0;
		if (w->first_seen_ns && w->for_ns && w->now_ns - w->first_seen_ns >= w->for_ns)
			return 0;
		due += w->every_ns;
		int64_t left = due - clock_now_ns();
		struct timespec wait = {left > 0 ? left / NS_PER_S : 0, left > 0 ? left % NS_PER_S : 0};
		if (ppoll(&stop, 1, &wait, NULL) > 0)
			return 0;
	}
}

static const char help[] =
	"liquidnet-watch: windows and buffers of TCP connections, looked at again and again\n\n"
	"Usage: liquidnet-watch --port PORT [--every TIME] [--for TIME] [--ready-fd N]\n\n"
	"Congestion windows and receive buffers of this network namespace's TCP connections from and to a port, looked at\n"
	"every TIME (10ms), until they have ended, or for a TIME since the first; then, or on SIGTERM, prints JSON.\n";

static int refuse(const char *what, const char *value)
{
	fprintf(stderr, "liquidnet-watch: %s%s; see --help\n", what, value);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"port", required_argument, NULL, 'p'},
		{"every", required_argument, NULL, 'e'}, {"for", required_argument, NULL, 'f'},
		{"ready-fd", required_argument, NULL, 'r'}, {"help", no_argument, NULL, 'h'}, {0}};
	static struct watch w = {.every_ns = 10 * NS_PER_MS};
	int64_t port = 0, ready = -1;
	char *error = NULL;
	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		if (c == 'h') {
			fputs(help, stdout);
			return 0;
		}
		if (c == 'p' && (unit_integer(optarg, &port) < 0 || port < 1 || port > 65535))
			return refuse("--port wants a number from 1 to 65535, not ", optarg);
		if (c == 'e' && (unit_duration(optarg, &w.every_ns) < 0 || w.every_ns < NS_PER_MS))
			return refuse("--every wants a time from 1ms on, not ", optarg);
		if (c == 'f' && (unit_duration(optarg, &w.for_ns) < 0 || w.for_ns < NS_PER_MS))
			return refuse("--for wants a time from 1ms on, not ", optarg);
		if (c == 'r' && (unit_integer(optarg, &ready) < 0 || ready < 0 || ready > 1000000))
			return refuse("--ready-fd wants a descriptor, not ", optarg);
		if (c == '?')
			return 2;
	}
	if (optind < argc || !port)
		return refuse("--port is needed, and nothing besides options", "");
	w.port = (uint16_t)port;
	w.diag = sockdiag_open(&error);
	if (w.diag && ready >= 0 && (write((int)ready, "READY\n", 6) != 6 || close((int)ready) < 0))
		return refuse("--ready-fd cannot be written", "");
	int result = w.diag ? watch(&w, &error) : -1;
	if (result == 0)
		print(&w);
	else
		fprintf(stderr, "liquidnet-watch: %s\n", error ? error : "?");
	sockdiag_close(w.diag);
	free(error);
	for (size_t i = 0; i < w.count; i++)
		free(w.sockets[i].samples);
	return result == 0 ? 0 : 1;
}
