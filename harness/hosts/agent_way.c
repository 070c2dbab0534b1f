/* Agent, the way to another host: how long packets take there and back, and over whom they go. One datagram for
 * each distance, to ports that nobody serves, as traceroute does; then twenty echo requests in a second. */
#include "harness/hosts/agent_internal.h"
#include "harness/hosts/ping.h"

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/process.h"
#include "lib/net/address.h"
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PACKETS "20"
#define INTERVAL_S "0.05"
#define PING_MS 5000
#define HOPS_MAX 24
#define PORT 33434 /* traceroute's first */
#define TRACE_NS (1 * NS_PER_S)

bool agent_knows(const struct agent *a, const char *text, struct address *address)
{
	json_t *one;
	size_t i;
	json_array_foreach(json_object_get(a->orders, "hosts"), i, one)
		if (json_is_string(one) && strcmp(json_string_value(one), text) == 0)
			return address_parse(text, address);
	return false;
}

struct hop {
	char address[ADDRESS_TEXT];
	bool last; /* the host itself */
};

static void send_probes(int fd, const struct address *address)
{
	bool v4 = address_is_v4(address);
	for (int ttl = 1; ttl <= HOPS_MAX; ttl++) {
		struct sockaddr_storage to;
		struct place place = {*address, (uint16_t)(PORT + ttl)};
		socklen_t size = place_sockaddr(&place, &to);
		setsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TTL : IPV6_UNICAST_HOPS, &ttl,
			sizeof ttl);
		/* An error of an earlier one may be told here, in place of sending: then once more. */
		for (int i = 0; i < 3 && sendto(fd, "liquidnet", 9, 0, (struct sockaddr *)&to, size) < 0; i++)
			;
	}
}

/* Whether a control message is a router's or the host's answer to a probe, and whose. */
static bool is_answer(struct cmsghdr *c, struct hop *hop)
{
	bool v4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR,
	     v6 = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR;
	const struct sock_extended_err *e = (const void *)CMSG_DATA(c);
	if ((!v4 && !v6) || e->ee_origin != (v4 ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6))
		return false;
	struct place by = place_of_sockaddr(SO_EE_OFFENDER(e));
	address_text(&by.address, hop->address);
	hop->last = e->ee_type == (v4 ? ICMP_DEST_UNREACH : ICMP6_DST_UNREACH);
	return true;
}

/* One report of what became of a probe. False: none is there. */
static bool take_report(int fd, struct hop hops[HOPS_MAX + 1])
{
	char data[64], control[512];
	struct sockaddr_storage to;
	struct iovec part = {data, sizeof data};
	struct msghdr m = {.msg_name = &to,
		.msg_namelen = sizeof to,
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof control};
	if (recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return false;
	int ttl = place_of_sockaddr((struct sockaddr *)&to).port - PORT;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c && ttl >= 1 && ttl <= HOPS_MAX; c = CMSG_NXTHDR(&m, c))
		if (is_answer(c, &hops[ttl]))
			break;
	return true;
}

static bool arrived(const struct hop hops[HOPS_MAX + 1])
{
	for (int ttl = 1; ttl <= HOPS_MAX; ttl++) {
		if (hops[ttl].last)
			return true;
		if (!*hops[ttl].address)
			return false;
	}
	return false;
}

/* ["ADDRESS" or "", ...] to the host, or as far as somebody answered. */
static json_t *trace(const struct agent *a, const struct address *address)
{
	struct hop hops[HOPS_MAX + 1] = {0};
	struct place here = {.port = PORT};
	struct sockaddr_storage own;
	address_parse(a->address, &here.address);
	socklen_t size = place_sockaddr(&here, &own);
	bool v4 = !a->ipv6;
	int fd = socket(own.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1, known = 0;
	int64_t deadline = clock_now_ns() + TRACE_NS, left;
	json_t *list = json_array();
	if (fd < 0 || setsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_RECVERR : IPV6_RECVERR, &on,
			      sizeof on) < 0)
		return list;
	/* From the same port each time: routers that spread flows take the same way for it. */
	(void)!bind(fd, (struct sockaddr *)&own, size);
	send_probes(fd, address);
	while (!arrived(hops) && (left = deadline - clock_now_ns()) > 0) {
		struct pollfd p = {.fd = fd, .events = 0}; /* an error is always told */
		if (poll(&p, 1, (int)(left / NS_PER_MS) + 1) > 0 && !take_report(fd, hops))
			break;
	}
	close(fd);
	for (int ttl = 1; ttl <= HOPS_MAX; ttl++)
		if (*hops[ttl].address)
			known = ttl;
	for (int ttl = 1; ttl <= known; ttl++) {
		json_array_append_new(list, json_string(hops[ttl].address));
		if (hops[ttl].last)
			break;
	}
	return list;
}

json_t *agent_way(const struct agent *a, const json_t *what)
{
	const char *text = message_text(what, "address");
	const char *argv[] = {"ping", "-n", "-c", PACKETS, "-i", INTERVAL_S, "-W", "1", text, NULL};
	struct address address;
	struct process_options o = PROCESS_OPTIONS;
	char *output = NULL, *error = NULL;
	if (!agent_knows(a, text, &address))
		return json_pack("{s:s}", "error", "that address is not in the inventory");
	o.argv = argv;
	json_t *hops = trace(a, &address);
	process_run(&o, true, PING_MS, &output, &error);
	json_t *answer = json_pack("{s:i, s:o, s:o}", "sent", atoi(PACKETS), "rtt_ms",
		ping_times(output ? output : ""), "hops", hops);
	if (error)
		json_object_set_new(answer, "reason", json_string(error));
	free(output);
	free(error);
	return answer;
}
