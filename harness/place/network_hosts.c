/* Network, of hosts: a conversation with each agent for as long as the trial lasts, held by a child that stands for the
 * driver: it ends when one of them does, and says which. */
#include "harness/place/message.h"
#include "harness/place/network.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* An agent first undoes what the trial before has left: its programs have some seconds to end. */
#define STAY_NS (30 * NS_PER_S)

/* A program's end is heard over the same connection as its host's. */
#define BLAME_NS (1 * NS_PER_S)

struct keeper {
	const struct network *network;
	struct channel *channels; /* by node; fd -1: nobody's */
	int stdin_fd, said_fd;
};

/* What a host says besides its answer is why it leaves. */
static void look(struct keeper *k, size_t node)
{
	struct message m;
	char *error = NULL;
	struct channel *c = &k->channels[node];
	int ended = channel_read(c) < 0;
	int taken = channel_take(c, &m, &error);
	if (!ended && taken == 0)
		return;
	const char *why = taken == 1 ? message_text(m.head, "error")
			  : error    ? error
				     : "the connection to it ended";
	dprintf(k->said_fd, "host %s: %s", k->network->topology->nodes[node],
		*why ? why : "its agent said something that nobody asked");
	_exit(1);
}

__attribute__((noreturn)) static void keep(struct keeper *k)
{
	size_t count = k->network->topology->nodes_count;
	struct pollfd *p = calloc(count + 1, sizeof *p);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "hosts");
	for (size_t i = 0; p && i < count; i++)
		p[i] = (struct pollfd){.fd = k->channels[i].fd, .events = POLLIN};
	if (p)
		p[count] = (struct pollfd){.fd = k->stdin_fd, .events = POLLIN};
	for (;;) {
		if (!p || (poll(p, count + 1, -1) < 0 && errno != EINTR) || p[count].revents)
			_exit(0);
		for (size_t i = 0; i < count; i++)
			if (p[i].revents)
				look(k, i);
	}
}

static int stay(const struct place *place, struct channel *c, char **error)
{
	struct message m;
	c->fd = place_talk(place, json_pack("{s:s}", "do", "stay"), error);
	if (c->fd < 0)
		return -1;
	if (channel_await(c, &m, clock_now_ns() + STAY_NS, error) < 0)
		return error_prefix(error, "host %s", place->name);
	message_free(&m);
	return 0;
}

static int start_keeper(struct network *network, struct keeper *k, char **error)
{
	int in[2], said[2];
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(said, O_CLOEXEC | O_NONBLOCK) < 0)
		return error_set(error, "network: pipe: %s", strerror(errno));
	k->stdin_fd = in[0];
	k->said_fd = said[1];
	network->driver_stdin = in[1];
	network->said_fd = said[0];
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		close(in[1]);
		keep(k);
	}
	int fault = errno;
	close(in[0]);
	close(said[1]);
	if (pid < 0)
		return error_set(error, "network: fork: %s", strerror(fault));
	network->driver = (struct process){.pid = pid, .pidfd = (int)syscall(SYS_pidfd_open, pid, 0)};
	if (network->driver.pidfd < 0)
		return error_set(error, "network: pidfd: %s", strerror(errno));
	fcntl(network->driver.pidfd, F_SETFD, FD_CLOEXEC);
	return 0;
}

int network_of_hosts(
	struct network *network, const struct topology *topology, const char *const *sockets, char **error)
{
	size_t count = topology->nodes_count;
	*network = (struct network){.topology = topology,
		.driver = PROCESS_NONE,
		.driver_stdin = -1,
		.said_fd = -1,
		.elsewhere = true,
		.places = calloc(count + 1, sizeof *network->places)};
	struct keeper k = {.network = network, .channels = calloc(count + 1, sizeof *k.channels)};
	int result = network->places && k.channels ? 0 : error_set(error, "no memory");
	for (size_t i = 0; k.channels && i < count; i++)
		k.channels[i].fd = -1;
	for (size_t i = 0; result == 0 && i < count; i++) {
		network->places[i] = sockets[i] ? place_of_host(topology->nodes[i], sockets[i])
						: place_of_nobody(topology->nodes[i]);
		if (sockets[i])
			result = stay(&network->places[i], &k.channels[i], error);
	}
	if (result == 0)
		result = start_keeper(network, &k, error);
	for (size_t i = 0; k.channels && i < count; i++)
		channel_close(&k.channels[i]);
	free(k.channels);
	return result;
}

void network_blame(struct network *network, char **error)
{
	char text[512];
	if (!network->elsewhere || network->said_fd < 0 ||
		process_wait(&network->driver, clock_now_ns() + BLAME_NS) != 1)
		return;
	ssize_t n = read(network->said_fd, text, sizeof text - 1);
	if (n > 0)
		error_set(error, "%.*s", (int)n, text);
}
