/* Numbered packets with kernel times; see stamp.h. One thread: it wakes up to send, and empties the
 * receiver's socket and the sender's error queue when it is awake anyway, so that measuring costs the machine
 * no wake-ups of its own. */
#include "lib/net/stamp.h"

#include "lib/base/clock.h"
#include "lib/base/draw.h"
#include "lib/base/error.h"
#include "lib/net/netns.h"
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_MOST 9014
#define BUFFER (8 << 20)
#define WARM_UP UINT32_MAX /* the number of a packet that does not count */

struct run {
	const struct stamp_plan *plan;
	struct stamp *stamps;
	int fd[2]; /* sender, receiver */
	uint32_t payload, stamped, received;
	bool warm;
	char interface[IFNAMSIZ]; /* the sender's; empty: whichever the routes say */
};

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t parse_address(const char *text, union address *address)
{
	memset(address, 0, sizeof *address);
	if (inet_pton(AF_INET, text, &address->v4.sin_addr) == 1) {
		address->any.sa_family = AF_INET;
		return sizeof address->v4;
	}
	if (inet_pton(AF_INET6, text, &address->v6.sin6_addr) == 1) {
		address->any.sa_family = AF_INET6;
		return sizeof address->v6;
	}
	return 0;
}

/* ---- sockets */

struct job {
	struct run *run;
	int end;
	char **error;
};

/* The interface that has the address; none if several have it. */
static void find_interface(const union address *address, char found[IFNAMSIZ])
{
	struct ifaddrs *all = NULL;
	unsigned owners = 0;
	*found = 0;
	if (getifaddrs(&all) < 0)
		return;
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		const union address *own = (const union address *)i->ifa_addr;
		if (!own || own->any.sa_family != address->any.sa_family)
			continue;
		if (own->any.sa_family == AF_INET
				? own->v4.sin_addr.s_addr != address->v4.sin_addr.s_addr
				: memcmp(&own->v6.sin6_addr, &address->v6.sin6_addr, 16) != 0)
			continue;
		snprintf(found, IFNAMSIZ, "%s", owners++ ? "" : i->ifa_name);
	}
	freeifaddrs(all);
}

static int open_inside(void *context)
{
	const struct job *job = context;
	const char *text = job->run->plan->address[job->end];
	union address address;
	int on = 1, size = BUFFER;
	socklen_t length = parse_address(text, &address);

	if (length == 0)
		return error_set(job->error, "`%s` is no numeric IPv4 or IPv6 address", text);
	int fd = job->run->fd[job->end] =
		socket(address.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, &address.any, length) < 0)
		return error_set(job->error, "address %s: %s", text, strerror(errno));
	if (job->end == 0)
		find_interface(&address, job->run->interface);
	/* Without the privilege the usual size has to do: what does not fit is counted as lost. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	if (job->end == 1 && setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) < 0)
		return error_set(job->error, "SO_TIMESTAMPNS: %s", strerror(errno));
	return 0;
}

static int open_sockets(struct run *run, char **error)
{
	union address receiver;
	socklen_t length = sizeof receiver;

	for (int end = 0; end < 2; end++) {
		struct job job = {run, end, error};
		errno = 0;
		if (netns_call(run->plan->netns[end], open_inside, &job) < 0)
			return error && *error ? -1 : error_set(error, "namespace: %s", strerror(errno));
	}
	if (getsockname(run->fd[1], &receiver.any, &length) < 0 ||
		connect(run->fd[0], &receiver.any, length) < 0) {
		int result = errno == ENETUNREACH ? STAMP_NO_ROUTE : -1;
		error_set(error, "from %s to %s: %s", run->plan->address[0], run->plan->address[1],
			strerror(errno));
		return result;
	}
	/* From here on by its own link, whatever route an experiment has laid. (Before there is a route, the kernel takes any address for a
	 * neighbour of a bound socket's.) */
	if (*run->interface && setsockopt(run->fd[0], SOL_SOCKET, SO_BINDTODEVICE, run->interface,
				       (socklen_t)strlen(run->interface)) < 0)
		return error_set(error, "%s: %s", run->interface, strerror(errno));
	run->payload = run->plan->bytes - 14 - (receiver.any.sa_family == AF_INET ? 20 : 40) - 8;
	return 0;
}

/* The kernel numbers the packets from the moment of this call on: they get the numbers of ours. */
static int ask_for_times(const struct run *run, char **error)
{
	int flags = SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_ID |
		    SOF_TIMESTAMPING_OPT_TSONLY;

	if (setsockopt(run->fd[0], SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags) < 0)
		return error_set(error, "SO_TIMESTAMPING: %s", strerror(errno));
	return 0;
}

/* ---- what comes back */

static int64_t nanoseconds(const void *timespec)
{
	struct timespec t;
	memcpy(&t, timespec, sizeof t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* A packet that is redirected to another device is stamped there again: the first time counts. */
static void read_sent(struct run *run)
{
	char control[256];
	struct msghdr message = {.msg_control = control, .msg_controllen = sizeof control};

	while (recvmsg(run->fd[0], &message, MSG_ERRQUEUE) >= 0) {
		int64_t when = 0;
		struct sock_extended_err what = {0};
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
			if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPING)
				when = nanoseconds(CMSG_DATA(c));
			else if ((c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR) ||
				 (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR))
				memcpy(&what, CMSG_DATA(c), sizeof what);
		}
		if (what.ee_origin == SO_EE_ORIGIN_TIMESTAMPING && what.ee_info == SCM_TSTAMP_SCHED &&
			what.ee_data < run->plan->count && run->stamps[what.ee_data].sent_ns == 0) {
			run->stamps[what.ee_data].sent_ns = when;
			run->stamped++;
		}
		message.msg_controllen = sizeof control;
	}
}

static void note_received(struct run *run, uint32_t number, int64_t when)
{
	if (number == WARM_UP)
		run->warm = true;
	else if (number < run->plan->count && run->stamps[number].received_ns == 0) {
		run->stamps[number].received_ns = when;
		run->received++;
	}
}

static void read_received(struct run *run)
{
	char control[256];
	uint32_t number;
	struct iovec data = {&number, sizeof number}; /* the rest of the datagram is cut off */
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};

	while (recvmsg(run->fd[1], &message, 0) >= (ssize_t)sizeof number) {
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
			if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS)
				note_received(run, number, nanoseconds(CMSG_DATA(c)));
		message.msg_controllen = sizeof control;
	}
}

/* ---- sending */

static void sleep_until(int64_t when)
{
	struct timespec t = {when / NS_PER_S, when % NS_PER_S};
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static int send_number(const struct run *run, uint32_t number, char **error)
{
	char datagram[FRAME_MOST] = {0};

	memcpy(datagram, &number, sizeof number);
	for (;;) {
		if (send(run->fd[0], datagram, run->payload, 0) >= 0 || errno == ECONNREFUSED)
			return 0;
		struct pollfd room = {.fd = run->fd[0], .events = POLLOUT};
		if (errno != EAGAIN || poll(&room, 1, 1000) <= 0)
			return error_set(error, "sending to %s: %s", run->plan->address[1], strerror(errno));
	}
}

/* One at a time: another that is still on the way would stand in front of the first packet that counts. */
static int warm_up(struct run *run, char **error)
{
	int64_t now = clock_now_ns(), end = now + run->plan->patience_ns + NS_PER_S;

	while (!run->warm) {
		struct pollfd arrival = {.fd = run->fd[1], .events = POLLIN};
		if (clock_now_ns() > end)
			return error_set(error, "nothing arrives at %s from %s within %.1f s",
				run->plan->address[1], run->plan->address[0],
				(double)(end - now) / (double)NS_PER_S);
		if (send_number(run, WARM_UP, error) < 0)
			return -1;
		poll(&arrival, 1, (int)(run->plan->patience_ns / NS_PER_MS) + 1);
		read_received(run);
	}
	return 0;
}

/* Equal distances would meet the ticks and the departures of the same emulator again and again. */
static int64_t draw_interval(uint64_t *state, int64_t mean)
{
	return mean / 2 + (int64_t)(draw_uniform(state) * (double)mean);
}

static int send_all(struct run *run, char **error)
{
	uint64_t state = 1;
	int64_t when = clock_now_ns();

	for (uint32_t i = 0; i < run->plan->count; i++) {
		sleep_until(when);
		if (send_number(run, i, error) < 0)
			return -1;
		read_sent(run);
		read_received(run);
		when += draw_interval(&state, run->plan->interval_ns);
	}
	return 0;
}

static void await_rest(struct run *run)
{
	int64_t now, end = clock_now_ns() + run->plan->patience_ns;

	while (run->received < run->plan->count && (now = clock_now_ns()) < end) {
		struct pollfd arrival = {.fd = run->fd[1], .events = POLLIN};
		poll(&arrival, 1, (int)((end - now) / NS_PER_MS) + 1);
		read_received(run);
	}
	read_sent(run);
}

int stamp_run(const struct stamp_plan *plan, struct stamp *stamps, char **error)
{
	struct run run = {.plan = plan, .stamps = stamps, .fd = {-1, -1}};
	int result;

	if (plan->count == 0 || plan->bytes < STAMP_BYTES_MIN || plan->bytes > FRAME_MOST)
		return error_set(error, "%u packets of %u bytes; at least 1, of %d to %d", plan->count,
			plan->bytes, STAMP_BYTES_MIN, FRAME_MOST);
	memset(stamps, 0, plan->count * sizeof *stamps);
	result = open_sockets(&run, error);
	if (result == 0)
		result = warm_up(&run, error) < 0 || ask_for_times(&run, error) < 0 ? -1
										    : send_all(&run, error);
	if (result == 0) {
		await_rest(&run);
		if (run.stamped < plan->count)
			result = error_set(
				error, "the kernel stamped %u of %u sent packets", run.stamped, plan->count);
	}
	for (int end = 0; end < 2; end++)
		if (run.fd[end] >= 0)
			close(run.fd[end]);
	return result;
}

/* ---- statistics */

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static double percentile_us(const int64_t *sorted, uint32_t count, uint32_t percent)
{
	uint64_t rank = ((uint64_t)count * percent + 99) / 100;
	return (double)sorted[rank > 0 ? rank - 1 : 0] / (double)NS_PER_US;
}

struct stamp_summary stamp_summarise(const struct stamp *stamps, uint32_t count, int64_t expected_ns)
{
	struct stamp_summary summary = {.count = count};
	int64_t *errors = calloc(count + 1, sizeof *errors), newest = 0;

	if (!errors)
		abort();
	for (uint32_t i = 0; i < count; i++) {
		if (stamps[i].received_ns == 0)
			continue;
		errors[summary.received++] = stamps[i].received_ns - stamps[i].sent_ns - expected_ns;
		if (stamps[i].received_ns < newest)
			summary.late++;
		else
			newest = stamps[i].received_ns;
	}
	if (summary.received > 0) {
		qsort(errors, summary.received, sizeof *errors, compare);
		summary.min_us = percentile_us(errors, summary.received, 0);
		summary.median_us = percentile_us(errors, summary.received, 50);
		summary.p90_us = percentile_us(errors, summary.received, 90);
		summary.p99_us = percentile_us(errors, summary.received, 99);
		summary.max_us = percentile_us(errors, summary.received, 100);
	}
	free(errors);
	return summary;
}
