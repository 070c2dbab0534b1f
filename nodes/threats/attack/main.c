/* liquidnet-attack: one of the published attacks, played on the connections of a trial with what it is granted to know (README.md). */
#include "lib/base/clock.h"
#include "lib/base/confine.h"
#include "lib/base/error.h"
#include "lib/net/netns.h"
#include "nodes/threats/attack/guard.h"
#include "nodes/threats/attack/options.h"
#include "nodes/threats/attack/places.h"
#include "nodes/threats/attack/report.h"
#include "nodes/threats/attack/wire.h"
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

enum { TURN = 1024 /* packets before anything else */, FAILED = -2 };

struct attack {
	struct attack_options options;
	struct places places;
	struct play *play;
	struct wire_sender *sender;
	int watching, own, signals, connection;
	uint64_t malformed;
	int64_t now;
};

static void send_one(void *context, const struct packet *packet)
{
	wire_send(((struct attack *)context)->sender, packet);
}

static void witnessed(void *context, const struct packet *packet)
{
	struct attack *a = context;
	play_witnessed(a->play, a->now, packet);
}

static void received(void *context, const struct packet *packet)
{
	struct attack *a = context;
	if (memcmp(packet->destination.address, a->options.play.own.address, 16) == 0)
		play_received(a->play, a->now, packet);
}

/* ---- start */

static int watch_there(void *context)
{
	return wire_watch(((struct attack *)context)->options.port);
}

/* Names to ends; -1 with *error: what was asked for is not there. */
static int find_ends(struct attack *a, char **error)
{
	struct play_options *play = &a->options.play;
	const struct place_address *server, *from, *watch;
	if (places_find(&a->places, error) < 0)
		return -1;
	const struct place *at = places_named(&a->places, a->options.server, &server, error);
	const struct place *watched = at ? places_named(&a->places, a->options.watch, &watch, error) : NULL;
	if (!at || !watched)
		return -1;
	if (at == a->places.own)
		return error_set(error, "--server %s: that is this node; run the attacker in another one",
			a->options.server);
	memcpy(play->server.address, server->address, 16);
	play->server.port = a->options.port;
	memcpy(play->own.address, a->places.own->addresses[0].address, 16);
	play->from = play->own;
	if (a->options.from) {
		if (!places_named(&a->places, a->options.from, &from, error))
			return -1;
		memcpy(play->from.address, from->address, 16);
	}
	a->watching = netns_call(watched->fd, watch_there, a);
	if (a->watching < 0) {
		error_set(error, "watching %s: %s", a->options.watch, strerror(errno));
		return FAILED;
	}
	return 0;
}

/* T3's own connection, which needs nothing of anybody's. */
static int connect_own(struct attack *a, char **error)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(a->options.port)};
	memcpy(&to.sin_addr, a->options.play.server.address + 12, 4);
	a->connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_MPTCP);
	if (a->connection < 0 ||
		(connect(a->connection, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)) {
		error_set(error, "connecting to %s: %s", a->options.server, strerror(errno));
		return FAILED;
	}
	return 0;
}

static int open_all(struct attack *a, char **error)
{
	static const struct confinement nothing = {0};
	sigset_t ends;
	int result = find_ends(a, error);
	if (result < 0)
		return result;
	/* Any port: a join to us goes to the port that its sender had for its peer. */
	a->own = wire_watch(0);
	a->sender = wire_sender_new(error);
	if (!a->sender)
		return FAILED;
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	a->signals = signalfd(-1, &ends, SFD_CLOEXEC);
	if (a->own < 0 || a->signals < 0) {
		error_set(error, "watching our own address: %s", strerror(errno));
		return FAILED;
	}
	const struct play_handlers handlers = {send_one, a};
	a->play = play_new(&a->options.play, &handlers);
	places_close(&a->places);
	return confine(&nothing, error) < 0 ? FAILED : 0;
}

static void say_ready(int fd)
{
	if (fd < 0)
		return;
	if (write(fd, "READY\n", 6) < 0)
		perror("liquidnet-attack: ready");
	close(fd);
}

/* ---- the attack */

/* The time until the next deadline; never later than `end`. */
static struct timespec until(const struct attack *a, int64_t end)
{
	int64_t deadline = play_deadline(a->play), now = clock_now_ns();
	deadline = deadline < end ? deadline : end;
	int64_t left = deadline > now ? deadline - now : 0;
	return (struct timespec){left / NS_PER_S, left % NS_PER_S};
}

/* -1 with *error; 0: done, or the time is up, or a signal came. */
static int run(struct attack *a, int64_t end, char **error)
{
	struct pollfd p[] = {{.fd = a->signals, .events = POLLIN}, {.fd = a->own, .events = POLLIN},
		{.fd = a->watching, .events = POLLIN}};
	while (!play_done(a->play)) {
		struct timespec wait = until(a, end);
		if (ppoll(p, 3, &wait, NULL) < 0 && errno != EINTR)
			return error_set(error, "poll: %s", strerror(errno));
		a->now = clock_now_ns();
		if (p[0].revents || a->now >= end)
			return 0;
		/* The witness stands on the way to us: what it saw came before. */
		if (p[2].revents)
			wire_read(a->watching, TURN, &a->malformed, witnessed, a);
		if (p[1].revents)
			wire_read(a->own, TURN, &a->malformed, received, a);
		play_tick(a->play, a->now);
		wire_flush(a->sender);
	}
	return 0;
}

static int serve(struct attack *a, char **error)
{
	static const struct confinement rights = {
		.start = CONFINE(CAP_NET_RAW) | CONFINE(CAP_SYS_ADMIN) | CONFINE(CAP_SYS_PTRACE)};
	if (guard_sandbox(error) < 0)
		return -1;
	if (confine_start(&rights, error) < 0)
		return FAILED;
	int result = open_all(a, error);
	if (result < 0)
		return result;
	int64_t began = clock_now_ns();
	say_ready(a->options.ready_fd);
	if (a->options.play.scenario == SCENARIO_AMPLIFY && (result = connect_own(a, error)) < 0)
		return result;
	if (run(a, began + a->options.for_ns, error) < 0)
		return FAILED;
	return attack_report(&a->options, a->play, wire_failed(a->sender), a->malformed) < 0
		       ? (error_set(error, "standard output: %s", strerror(errno)), FAILED)
		       : 0;
}

static void end(struct attack *a)
{
	int fds[] = {a->watching, a->own, a->signals, a->connection};
	for (unsigned i = 0; i < sizeof fds / sizeof *fds; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	places_close(&a->places);
	wire_sender_free(a->sender);
	play_free(a->play);
}

int main(int argc, char **argv)
{
	struct attack a = {.watching = -1, .own = -1, .signals = -1, .connection = -1};
	char *error = NULL;
	int status = attack_options_read(&a.options, argc, argv, &error);
	if (status == 0)
		status = serve(&a, &error);
	else if (status == 1)
		return 0;
	end(&a);
	if (status < 0)
		fprintf(stderr, "liquidnet-attack: %s\n", error);
	free(error);
	return status == FAILED ? 1 : status < 0 ? 2 : 0;
}
