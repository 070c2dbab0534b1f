/* liquidnet-echo: how long an application waits. One side answers whatever comes with the same bytes; the other sends a request at
 * every interval, whether or not the one before was answered, writes down each round trip (Trilogy 2, D1.1, figure 2.12(c)), and compares each
 * byte that comes back. Either side may be the one that connects. */
#include "lib/base/clock.h"
#include "lib/base/draw.h"
#include "lib/base/error.h"
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

enum { FAILED = -2 }; /* what was asked for is right, and did not work */
enum { PEERS_MOST = 64, SIZE_MOST = 65536, REQUESTS_MOST = 10000000 };

struct options {
	bool tcp;
	int64_t every_ns, for_ns;
	uint64_t size;
	int ready_fd;
};

static const char usage[] =
	"liquidnet-echo: requests and answers, and how long each takes\n\n"
	"Usage: liquidnet-echo serve [ADDRESS] PORT [--tcp] [--ready-fd N]\n"
	"       liquidnet-echo ask [ADDRESS] PORT [--tcp] [--every 20ms] [--size 100] [--for 40s] [--ready-fd N]\n"
	"\n"
	"serve answers whatever comes with the same bytes. ask sends a request of --size bytes at every interval over one\n"
	"connection, and prints JSON: each round trip, what was never answered, and how many bytes came back as others.\n"
	"When it is interrupted (SIGINT, SIGTERM) it asks no more, and prints what it has two seconds later at most.\n"
	"With an ADDRESS a side connects, without one it listens: ask for one connection, serve for any number. A serve that\n"
	"connects ends with its connection. Multipath TCP unless --tcp is given.\n";

static void say_ready(const struct options *options)
{
	if (options->ready_fd < 0)
		return;
	if (write(options->ready_fd, "READY\n", 6) < 0)
		perror("liquidnet-echo: ready");
	close(options->ready_fd);
}

static int open_socket(const struct options *options, char **error)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, options->tcp ? IPPROTO_TCP : IPPROTO_MPTCP),
	    on = 1;
	if (fd < 0)
		return error_set(error, "socket: %s", strerror(errno));
	/* A request goes out when it is made. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	return fd;
}

/* ---- serve */

/* False: the peer has gone. */
static bool answer(const struct pollfd *peer)
{
	uint8_t bytes[SIZE_MOST];
	int fd = peer->fd;
	ssize_t size = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
	if (size < 0 && errno == EAGAIN)
		return !(peer->revents & (POLLERR | POLLHUP));
	for (ssize_t sent = 0; sent < size;) {
		ssize_t n = send(fd, bytes + sent, (size_t)(size - sent), MSG_NOSIGNAL);
		if (n < 0)
			return false;
		sent += n;
	}
	return size > 0;
}

static int listen_at(const struct options *options, uint16_t port, int waiting, char **error)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = open_socket(options, error);
	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&any, sizeof any) < 0 || listen(fd, waiting) < 0) {
		error_set(error, "port %u: %s", port, strerror(errno));
		close(fd);
		return -1;
	}
	say_ready(options);
	return fd;
}

static int connect_to(const struct options *options, const char *address, uint16_t port, char **error)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		return error_set(error, "'%s' is no IPv4 address", address);
	int fd = open_socket(options, error);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
		error_set(error, "%s:%u: %s", address, port, strerror(errno));
		close(fd);
		return -1;
	}
	say_ready(options);
	return fd;
}

/* Until the peer hangs up. */
static int serve_one(const struct options *options, const char *address, uint16_t port, char **error)
{
	struct pollfd peer = {.fd = connect_to(options, address, port, error), .events = POLLIN};
	if (peer.fd < 0)
		return -1;
	while (poll(&peer, 1, -1) < 0 || answer(&peer))
		;
	close(peer.fd);
	return 0;
}

static int serve(const struct options *options, uint16_t port, char **error)
{
	struct pollfd peers[PEERS_MOST + 1];
	unsigned count = 1;
	int fd = listen_at(options, port, PEERS_MOST, error);
	if (fd < 0)
		return -1;
	peers[0] = (struct pollfd){.fd = fd, .events = POLLIN};
	for (;;) {
		if (poll(peers, count, -1) < 0 && errno != EINTR)
			return error_set(error, "poll: %s", strerror(errno));
		for (unsigned i = count; --i > 0;)
			if (peers[i].revents && !answer(&peers[i])) {
				close(peers[i].fd);
				peers[i] = peers[--count];
			}
		if (!(peers[0].revents & POLLIN))
			continue;
		int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		if (peer >= 0 && count <= PEERS_MOST)
			peers[count++] = (struct pollfd){.fd = peer, .events = POLLIN};
		else if (peer >= 0)
			close(peer);
	}
}

/* ---- ask */

struct asking {
	const struct options *options;
	int fd;
	int64_t began;
	uint64_t sent, answered; /* requests */
	uint64_t written, bytes,
		differing; /* bytes that went out, that came back, that came back as others */
	int64_t *at;       /* when each request was due */
	json_t *samples;
	const char *ended; /* how the connection did, before its time; NULL */
};

/* The stream's bytes, so that one that is lost, doubled or misplaced is seen. */
static uint8_t byte_at(uint64_t offset)
{
	return (uint8_t)(draw_mix(offset >> 3) >> 8 * (offset & 7));
}

/* The requests come back in order: this is a stream. */
static void take(struct asking *asking)
{
	uint8_t bytes[SIZE_MOST];
	ssize_t size = recv(asking->fd, bytes, sizeof bytes, MSG_DONTWAIT);
	int64_t now = clock_now_ns();
	if (size == 0 || (size < 0 && errno != EAGAIN)) {
		asking->ended = size ? strerrorname_np(errno) : "closed";
		return;
	}
	for (ssize_t i = 0; i < size; i++)
		asking->differing += bytes[i] != byte_at(asking->bytes + (uint64_t)i);
	asking->bytes += size > 0 ? (uint64_t)size : 0;
	for (; asking->answered < asking->bytes / asking->options->size && asking->answered < asking->sent;
		asking->answered++) {
		int64_t at = asking->at[asking->answered];
		json_array_append_new(asking->samples,
			json_pack("{s:f, s:f}", "at", (double)(at - asking->began) / NS_PER_S, "rtt",
				(double)(now - at) / NS_PER_MS));
	}
}

/* What the socket has room for, of the requests that are due. A request that has to wait is as old as it is. */
static void send_requests(struct asking *asking)
{
	uint8_t bytes[SIZE_MOST];
	uint64_t due = asking->sent * asking->options->size;
	while (asking->written < due && !asking->ended) {
		uint64_t left = due - asking->written, size = left < sizeof bytes ? left : sizeof bytes;
		for (uint64_t i = 0; i < size; i++)
			bytes[i] = byte_at(asking->written + i);
		ssize_t n = send(asking->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			asking->ended = strerrorname_np(errno);
		else
			asking->written += (uint64_t)n;
	}
}

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

/* Signals come only where the program waits. *waiting: the mask for it. */
static void catch_signals(sigset_t *waiting)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t ours;
	sigemptyset(&ours);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGTERM);
	sigprocmask(SIG_BLOCK, &ours, waiting);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/* Until all is answered, and for as long as the answers may take: the time that was asked for once more, ten seconds at most. */
static void run(struct asking *asking)
{
	const struct options *o = asking->options;
	sigset_t waiting;
	bool cut = false;
	catch_signals(&waiting);
	int64_t grace = o->for_ns < 10 * NS_PER_S ? o->for_ns : 10 * NS_PER_S;
	int64_t last = asking->began + o->for_ns, end = last + grace;
	while (!asking->ended) {
		int64_t now = clock_now_ns(), due = asking->began + (int64_t)asking->sent * o->every_ns;
		if (interrupted && !cut) {
			cut = true;
			last = last < now ? last : now;
			end = end < now + 2 * NS_PER_S ? end : now + 2 * NS_PER_S;
		}
		if (now >= end || (due >= last && asking->answered == asking->sent))
			break;
		if (due < last && now >= due) {
			asking->at[asking->sent++] = due;
			send_requests(asking);
			continue;
		}
		int64_t wait = (due < last ? due : end) - now;
		struct timespec timeout = {wait / NS_PER_S, wait % NS_PER_S};
		struct pollfd fd = {.fd = asking->fd, .events = POLLIN};
		if (asking->written < asking->sent * o->size)
			fd.events |= POLLOUT;
		if (ppoll(&fd, 1, &timeout, &waiting) <= 0)
			continue;
		if (fd.revents & POLLOUT)
			send_requests(asking);
		if (fd.revents & ~POLLOUT && !asking->ended)
			take(asking);
		if (!asking->ended && fd.revents & (POLLERR | POLLHUP) && !(fd.revents & POLLIN))
			asking->ended = "error";
	}
}

/* The connection to ask over: ours, or the first that comes. The port stays open: without a listening socket the kernel resets subflows that join it. */
static int open_asking(const struct options *options, const char *address, uint16_t port, char **error)
{
	int on = 1;
	if (address)
		return connect_to(options, address, port, error);
	int listening = listen_at(options, port, 1, error);
	if (listening < 0)
		return -1;
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		error_set(error, "port %u: %s", port, strerror(errno));
	else
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

static int ask(const struct options *options, const char *address, uint16_t port, char **error)
{
	struct asking asking = {.options = options, .samples = json_array()};
	asking.fd = open_asking(options, address, port, error);
	if (asking.fd < 0)
		return -1;
	asking.at = calloc((size_t)(options->for_ns / options->every_ns) + 1, sizeof *asking.at);
	if (!asking.at)
		return error_set(error, "out of memory");
	asking.began = clock_now_ns();
	run(&asking);
	json_t *out = json_pack("{s:I, s:I, s:I, s:o, s:o}", "sent", (json_int_t)asking.sent, "answered",
		(json_int_t)asking.answered, "differing", (json_int_t)asking.differing, "ended",
		asking.ended ? json_string(asking.ended) : json_null(), "samples", asking.samples);
	json_dumpf(out, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
	putchar('\n');
	json_decref(out);
	free(asking.at);
	close(asking.fd);
	return 0;
}

/* ---- options */

static int read_option(struct options *options, int c, char **error)
{
	int64_t number;
	if (c == 't')
		options->tcp = true;
	else if (c == 'e' &&
		 (unit_duration(optarg, &options->every_ns) < 0 || options->every_ns < 100 * NS_PER_US))
		return error_set(error, "--every: '%s' is no time of 100us or more; write 20ms", optarg);
	else if (c == 'f' && (unit_duration(optarg, &options->for_ns) < 0 || options->for_ns <= 0))
		return error_set(error, "--for: '%s' is no time; write 40s", optarg);
	else if (c == 's' &&
		 (unit_size(optarg, &options->size) < 0 || options->size < 1 || options->size > SIZE_MOST))
		return error_set(error, "--size: '%s' is not 1 to %d bytes", optarg, SIZE_MOST);
	else if (c == 'r' && (unit_integer(optarg, &number) < 0 || number < 0 || number > 1 << 20))
		return error_set(error, "--ready-fd: '%s' is no descriptor", optarg);
	else if (c == 'r')
		options->ready_fd = (int)number;
	return 0;
}

static int dispatch(struct options *options, int count, char **words, char **error)
{
	bool asks = count >= 2 && strcmp(words[0], "ask") == 0;
	const char *address = count == 3 ? words[1] : NULL;
	int64_t port;
	if (count < 2 || count > 3 || (!asks && strcmp(words[0], "serve") != 0))
		return error_set(error, "say what to do; liquidnet-echo --help shows how");
	if (unit_integer(words[count - 1], &port) < 0 || port < 1 || port > UINT16_MAX)
		return error_set(error, "'%s' is no port", words[count - 1]);
	if (options->for_ns / options->every_ns > REQUESTS_MOST)
		return error_set(
			error, "more than %d requests: a longer --every, or a shorter --for", REQUESTS_MOST);
	int result = asks      ? ask(options, address, (uint16_t)port, error)
		     : address ? serve_one(options, address, (uint16_t)port, error)
			       : serve(options, (uint16_t)port, error);
	return result < 0 ? FAILED : 0;
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {{"tcp", no_argument, NULL, 't'},
		{"every", required_argument, NULL, 'e'}, {"for", required_argument, NULL, 'f'},
		{"size", required_argument, NULL, 's'}, {"ready-fd", required_argument, NULL, 'r'},
		{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	struct options options = {
		.every_ns = 20 * NS_PER_MS, .for_ns = 40 * NS_PER_S, .size = 100, .ready_fd = -1};
	char *error = NULL;
	int c, status = 0;
	while (status == 0 && (c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return 0;
		}
		if (c == '?')
			return 2;
		status = read_option(&options, c, &error);
	}
	if (status == 0)
		status = dispatch(&options, argc - optind, argv + optind, &error);
	if (status < 0)
		fprintf(stderr, "liquidnet-echo: %s\n", error);
	free(error);
	return status == FAILED ? 1 : status < 0 ? 2 : 0;
}
