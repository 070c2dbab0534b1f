/* Busy processors, steady packets, TCP; see link_load.h. Everything is a child that dies with its parent. */
#include "tests/bench/link/link_load.h"

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/net/netns.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT 5201
#define BATCH 64

static void *shared(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

static pid_t child(void)
{
	pid_t pid = fork();
	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static void end(pid_t *pid)
{
	if (*pid > 0) {
		kill(*pid, SIGKILL);
		waitpid(*pid, NULL, 0);
	}
	*pid = 0;
}

static void sleep_until(int64_t when)
{
	struct timespec t = {when / NS_PER_S, when % NS_PER_S};
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

/* ---- processors */

static void turn_for_ever(int processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	sched_setaffinity(0, sizeof set, &set);
	for (;;)
		for (volatile int i = 0; i < 1000; i++)
			;
}

int crowd_start(struct crowd *crowd, char **error)
{
	*crowd = (struct crowd){.count = (int)sysconf(_SC_NPROCESSORS_ONLN)};
	if (crowd->count > PROCESSORS_MOST)
		crowd->count = PROCESSORS_MOST;
	for (int i = 0; i < crowd->count; i++) {
		crowd->pids[i] = child();
		if (crowd->pids[i] == 0)
			turn_for_ever(i);
		if (crowd->pids[i] < 0)
			return error_set(error, "fork: %s", strerror(errno));
	}
	return 0;
}

void crowd_stop(struct crowd *crowd)
{
	for (int i = 0; i < crowd->count; i++)
		end(&crowd->pids[i]);
}

/* The processors' idle time since the machine started. */
static double idle_s(void)
{
	unsigned long long idle = 0, waiting = 0;
	FILE *in = fopen("/proc/stat", "re");

	if (in && fscanf(in, "cpu %*u %*u %*u %llu %llu", &idle, &waiting) != 2)
		idle = waiting = 0;
	if (in)
		fclose(in);
	return (double)(idle + waiting) / (double)sysconf(_SC_CLK_TCK);
}

struct use use_begin(void)
{
	return (struct use){idle_s(), clock_now_ns()};
}

double use_taken(const struct use *use)
{
	double seconds = (double)(clock_now_ns() - use->since_ns) / (double)NS_PER_S;
	return seconds * (double)sysconf(_SC_NPROCESSORS_ONLN) - (idle_s() - use->idle_s);
}

/* ---- sockets */

static struct sockaddr_in address_of(const struct link_network *network, size_t link, int node)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	inet_pton(AF_INET, link_network_address(network, link, node), &address.sin_addr);
	return address;
}

/* In a child, which is then in the node for good. */
static void enter(const struct link_network *network, int node)
{
	if (setns(network->network.places[node].netns_fd, CLONE_NEWNET) < 0)
		_exit(1);
}

/* ---- packets */

static void receive_packets(int fd, volatile uint64_t *count)
{
	static char data[BATCH][16];
	struct mmsghdr messages[BATCH] = {0};
	struct iovec parts[BATCH];

	for (int i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){data[i], sizeof data[i]};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
	}
	for (int64_t when = clock_now_ns();; when += 5 * NS_PER_MS) {
		int n;
		while ((n = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL)) > 0)
			*count += (uint64_t)n;
		sleep_until(when);
	}
}

static void send_packets(const struct flood *flood, const int *fds, size_t links)
{
	static char data[9014];
	size_t bytes = flood->bytes - 42, link = 0;
	int64_t when = clock_now_ns(), stop = when + flood->duration_ns;

	for (; when < stop; when += NS_PER_MS) {
		sleep_until(when);
		for (uint32_t i = 0; i < flood->packets_per_ms; i++) {
			if (send(fds[link], data, bytes, 0) == (ssize_t)bytes)
				flood->counts[0]++;
			link = (link + 1) % links;
		}
	}
}

static void run_sender(const struct flood *flood, const struct link_network *network)
{
	size_t links = network->topology->links_count;
	int fds[FLOOD_LINKS_MOST];

	enter(network, 0);
	for (size_t i = 0; i < links; i++) {
		struct sockaddr_in to = address_of(network, i, 1);
		fds[i] = socket(AF_INET, SOCK_DGRAM, 0);
		if (fds[i] < 0 || connect(fds[i], (struct sockaddr *)&to, sizeof to) < 0)
			_exit(1);
	}
	send_packets(flood, fds, links);
	_exit(0);
}

static void run_receiver(const struct flood *flood, const struct link_network *network)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	int size = 64 << 20;

	enter(network, 1);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0 ||
		bind(fd, (struct sockaddr *)&any, sizeof any) < 0)
		_exit(1);
	receive_packets(fd, &flood->counts[1]);
}

int flood_start(struct flood *flood, const struct link_network *network, char **error)
{
	flood->sender = flood->receiver = 0;
	flood->counts = shared(2 * sizeof *flood->counts);
	if (!flood->counts || network->topology->links_count > FLOOD_LINKS_MOST)
		return error_set(error, "no memory, or too many links");
	flood->receiver = child();
	if (flood->receiver == 0)
		run_receiver(flood, network);
	flood->sender = child();
	if (flood->sender == 0)
		run_sender(flood, network);
	return flood->receiver < 0 || flood->sender < 0 ? error_set(error, "fork: %s", strerror(errno)) : 0;
}

void flood_wait(struct flood *flood)
{
	uint64_t before;

	waitpid(flood->sender, NULL, 0);
	flood->sender = 0;
	do {
		before = flood->counts[1];
		sleep_until(clock_now_ns() + 200 * NS_PER_MS);
	} while (flood->counts[1] != before);
}

void flood_free(struct flood *flood)
{
	end(&flood->sender);
	end(&flood->receiver);
	if (flood->counts)
		munmap((void *)flood->counts, 2 * sizeof *flood->counts);
	flood->counts = NULL;
}

/* ---- TCP */

struct transfer {
	const struct link_network *network;
	int listener;
	uint32_t window;
	char **error;
};

static int listen_inside(void *context)
{
	struct transfer *t = context;
	struct sockaddr_in address = address_of(t->network, 0, 1);
	int size = (int)t->window, on = 1, low_water = (int)(t->window / 16);
	struct timeval limit = {.tv_sec = 10};

	t->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (t->listener < 0 || setsockopt(t->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
		setsockopt(t->listener, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0 ||
		setsockopt(t->listener, SOL_SOCKET, SO_RCVLOWAT, &low_water, sizeof low_water) < 0 ||
		setsockopt(t->listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0 ||
		bind(t->listener, (struct sockaddr *)&address, sizeof address) < 0 ||
		listen(t->listener, 1) < 0)
		return error_set(t->error, "listening: %s", strerror(errno));
	return 0;
}

static void run_tcp_sender(const struct link_network *network)
{
	static char data[1 << 17];
	struct sockaddr_in to = address_of(network, 0, 1);

	enter(network, 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) < 0 ||
		connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		_exit(1);
	while (send(fd, data, sizeof data, MSG_NOSIGNAL) > 0)
		;
	_exit(0);
}

static double receive_stream(int fd, int64_t warm_up_ns, int64_t duration_ns, char **error)
{
	static char data[1 << 18];
	int64_t began = clock_now_ns(), first = 0, now;
	uint64_t bytes = 0;

	for (;;) {
		ssize_t n = recv(fd, data, sizeof data, 0);
		if (n <= 0)
			return error_set(error, "TCP: %s", n < 0 ? strerror(errno) : "ended early");
		now = clock_now_ns();
		if (first != 0)
			bytes += (uint64_t)n;
		else if (now - began >= warm_up_ns)
			first = now;
		if (first != 0 && now - first >= duration_ns)
			return (double)bytes * 8 * (double)NS_PER_S / (double)(now - first);
	}
}

double tcp_goodput(const struct link_network *network, uint32_t window, int64_t warm_up_ns,
	int64_t duration_ns, char **error)
{
	struct transfer t = {network, -1, window, error};
	struct timeval limit = {.tv_sec = 10};
	double goodput = -1;

	if (place_call(&network->network.places[1], listen_inside, &t) == 0) {
		pid_t sender = child();
		if (sender == 0)
			run_tcp_sender(network);
		int fd = accept4(t.listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0)
			error_set(error, "no connection: %s", strerror(errno));
		else
			goodput = receive_stream(fd, warm_up_ns, duration_ns, error);
		if (fd >= 0)
			close(fd);
		end(&sender);
	}
	if (t.listener >= 0)
		close(t.listener);
	return goodput;
}
