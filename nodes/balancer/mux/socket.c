/* The data path outside the kernel: a packet socket takes copies of the packets to the VIP, a raw socket
 * sends them encapsulated. The kernel must not do anything with the originals: a blackhole route for the VIP
 * sees to that. About ten times slower than the program in the kernel (make bench-mux). */
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/process.h"
#include "nodes/balancer/mux/path.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 64
#define BATCHES 16 /* before other events get their turn */
#define PACKET_SIZE 65535
#define BUFFER_SIZE (8 << 20) /* of the socket: 20 ms of the smallest packets at 0.2 million a second */
#define ROUTE_PROTOCOL "188"  /* marks our route */

struct slot {
	_Alignas(8) uint8_t
		outer[24]; /* the outer header is its last 20 bytes: the packet follows it without a gap */
	uint8_t packet[PACKET_SIZE + 1];
};

struct socket_path {
	int receive_fd, send_fd;
	sd_event_source *readable;
	struct mux_ring rings[2];
	unsigned active;
	struct mux_counters counters;
	struct slot slots[BATCH];
	char vip[INET_ADDRSTRLEN]; /* of the route; "": none */
};

/* ---- a packet */

/* The sum of words as they lie in memory; an odd last byte counts as if a zero followed. */
static uint32_t sum_words(const uint8_t *bytes, size_t length, uint32_t sum)
{
	uint16_t word;
	for (; length > 1; bytes += 2, length -= 2) {
		memcpy(&word, bytes, sizeof word);
		sum += word;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	if (length) {
		const uint8_t last[2] = {*bytes, 0};
		memcpy(&word, last, sizeof word);
		sum += word;
	}
	return sum;
}

/* A packet of another namespace on this machine comes without its transport checksum when offloads are on. */
static void complete_checksum(struct iphdr *ip, const struct lb_flow *flow)
{
	uint8_t *transport = (uint8_t *)(ip + 1);
	size_t length = flow->size - sizeof *ip;
	size_t at = flow->protocol == IPPROTO_TCP ? offsetof(struct tcphdr, check)
						  : offsetof(struct udphdr, check);
	uint16_t check = 0;
	if (flow->protocol != IPPROTO_TCP && flow->protocol != IPPROTO_UDP)
		return;
	memcpy(transport + at, &check, sizeof check);
	uint32_t sum =
		sum_words((const uint8_t *)&ip->saddr, 8, htons(flow->protocol) + htons((uint16_t)length));
	check = lb_checksum(sum_words(transport, length, sum));
	if (!check && flow->protocol == IPPROTO_UDP)
		check = 0xffff;
	memcpy(transport + at, &check, sizeof check);
}

/* Encapsulates the packet in a slot. True when it is to be sent; *server is whose it is. */
static bool encapsulate(struct socket_path *path, struct slot *slot, size_t length, bool unfinished,
	struct mux_traffic **server)
{
	const struct mux_ring *ring = &path->rings[path->active];
	struct iphdr *ip = (struct iphdr *)slot->packet, *outer = (struct iphdr *)(slot->outer + 4);
	struct lb_flow flow;
	enum lb_verdict verdict = lb_read(ip, slot->packet + length, (uint32_t)length, ring->vip, &flow);
	if (verdict != LB_GOOD) {
		path->counters.counts[verdict]++;
		return false;
	}
	uint32_t picked = mux_pick(ring, &flow);
	if (picked >= LB_SERVERS_MAX) {
		path->counters.counts[MUX_NO_SERVER]++;
		return false;
	}
	if (flow.size > PACKET_SIZE - LB_OUTER_SIZE) {
		path->counters.counts[MUX_TOO_BIG]++;
		return false;
	}
	if (unfinished)
		complete_checksum(ip, &flow);
	lb_write_outer(outer, &flow, ring->vip, ring->dip[picked], (uint16_t)ring->generation);
	*server = &path->counters.servers[picked];
	return true;
}

/* ---- many packets */

union control {
	char bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct cmsghdr align;
};

static bool is_unfinished(struct msghdr *header)
{
	struct tpacket_auxdata auxiliary;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c))
		if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA) {
			memcpy(&auxiliary, CMSG_DATA(c), sizeof auxiliary);
			return (auxiliary.tp_status & TP_STATUS_CSUMNOTREADY) != 0;
		}
	return false;
}

static void account(struct socket_path *path, struct mux_traffic *server, size_t size, int error)
{
	if (error) {
		path->counters.counts[error == EMSGSIZE                               ? MUX_TOO_BIG
				      : error == ENETUNREACH || error == EHOSTUNREACH ? MUX_NO_ROUTE
										      : MUX_FAILED]++;
		return;
	}
	path->counters.counts[MUX_FORWARDED]++;
	server->packets++;
	server->bytes += size;
}

/* A packet that cannot be sent is counted, and does not hold up those behind it. */
static void send_all(
	struct socket_path *path, struct mmsghdr *messages, struct mux_traffic **servers, unsigned count)
{
	for (unsigned done = 0; done < count;) {
		int n = sendmmsg(path->send_fd, messages + done, count - done, 0);
		int failed = n < 0 ? errno : 0;
		unsigned upto = done + (failed ? 1 : (unsigned)n);
		for (; done < upto; done++)
			account(path, servers[done], messages[done].msg_hdr.msg_iov->iov_len - LB_OUTER_SIZE,
				failed);
	}
}

/* One batch; returns how many packets there were. */
static unsigned forward_batch(struct socket_path *path)
{
	struct mmsghdr in[BATCH] = {0}, out[BATCH] = {0};
	struct iovec in_parts[BATCH], out_parts[BATCH];
	union control controls[BATCH];
	struct sockaddr_in to[BATCH];
	struct mux_traffic *servers[BATCH];
	unsigned sending = 0;
	for (int i = 0; i < BATCH; i++) {
		in_parts[i] = (struct iovec){path->slots[i].packet, PACKET_SIZE};
		in[i].msg_hdr = (struct msghdr){.msg_iov = &in_parts[i],
			.msg_iovlen = 1,
			.msg_control = &controls[i],
			.msg_controllen = sizeof controls[i]};
	}
	int got = recvmmsg(path->receive_fd, in, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < got; i++) {
		struct slot *slot = &path->slots[i];
		const struct iphdr *outer = (const struct iphdr *)(slot->outer + 4);
		if (!encapsulate(path, slot, in[i].msg_len, is_unfinished(&in[i].msg_hdr), &servers[sending]))
			continue;
		to[sending] = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = outer->daddr};
		out_parts[sending] = (struct iovec){slot->outer + 4, ntohs(outer->tot_len)};
		out[sending].msg_hdr = (struct msghdr){.msg_name = &to[sending],
			.msg_namelen = sizeof *to,
			.msg_iov = &out_parts[sending],
			.msg_iovlen = 1};
		sending++;
	}
	send_all(path, out, servers, sending);
	return got < 0 ? 0 : (unsigned)got;
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *context)
{
	(void)source, (void)fd, (void)events;
	for (int i = 0; i < BATCHES && forward_batch(context) == BATCH; i++)
		continue;
	return 0;
}

/* ---- setting up */

static int run_ip(const char *const argv[], char **error)
{
	struct process_options options = PROCESS_OPTIONS;
	char *output = NULL;
	options.argv = argv;
	int status = process_run(&options, true, 5000, &output, error);
	if (status > 0)
		error_set(error, "ip route: %s", output ? output : "");
	free(output);
	return status == 0 ? 0 : -1;
}

static int add_blackhole(const char *vip, char **error)
{
	const char *const add[] = {"ip", "route", "replace", "blackhole", vip, "proto", ROUTE_PROTOCOL, NULL};
	return run_ip(add, error);
}

static void remove_blackhole(const char *vip)
{
	const char *const del[] = {"ip", "route", "del", "blackhole", vip, "proto", ROUTE_PROTOCOL, NULL};
	char *error = NULL;
	if (*vip && run_ip(del, &error) < 0)
		log_warning("route-not-removed", "problem=\"%s\"", error);
	free(error);
}

/* Only packets to the VIP come to the socket: the program sees a packet from its IP header on. */
static int filter(int fd, struct in_addr vip, char **error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct iphdr, daddr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ntohl(vip.s_addr), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog program = {sizeof code / sizeof *code, code};
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0)
		return error_set(error, "packet socket: %s", strerror(errno));
	return 0;
}

static int use(void *context, const struct lb_map *map, char **error)
{
	struct socket_path *path = context;
	char vip[INET_ADDRSTRLEN];
	unsigned next = path->active ^ 1;
	inet_ntop(AF_INET, &map->vip, vip, sizeof vip);
	/* The new route and filter first: when one cannot be had, the old ones are still there. */
	bool moves = strcmp(vip, path->vip) != 0;
	if (moves && add_blackhole(vip, error) < 0)
		return -1;
	if (filter(path->receive_fd, map->vip, error) < 0) {
		if (moves)
			remove_blackhole(vip);
		return -1;
	}
	if (moves) {
		remove_blackhole(path->vip);
		strcpy(path->vip, vip);
	}
	mux_ring_fill(&path->rings[next], map);
	for (unsigned i = 0; i < LB_SERVERS_MAX; i++)
		if (path->rings[next].dip[i] != path->rings[next ^ 1].dip[i] && path->rings[next].dip[i])
			path->counters.servers[i] = (struct mux_traffic){0};
	path->active = next;
	return 0;
}

static int read_counters(void *context, struct mux_counters *counters)
{
	*counters = ((struct socket_path *)context)->counters;
	return 0;
}

static void close_path(void *context)
{
	struct socket_path *path = context;
	sd_event_source_disable_unref(path->readable);
	remove_blackhole(path->vip);
	if (path->receive_fd >= 0)
		close(path->receive_fd);
	if (path->send_fd >= 0)
		close(path->send_fd);
	free(path);
}

static int open_sockets(struct socket_path *path, int ifindex, char **error)
{
	const struct sockaddr_ll where = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = ifindex};
	const int one = 1, buffer = BUFFER_SIZE;
	path->send_fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	/* Protocol 0 until the filter is there. */
	path->receive_fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (path->send_fd < 0 || path->receive_fd < 0 ||
		setsockopt(path->receive_fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof one) < 0 ||
		setsockopt(path->receive_fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one) < 0)
		return error_set(error, "packet socket: %s", strerror(errno));
	/* As large as we may: without it bursts are lost a little sooner. */
	if (setsockopt(path->receive_fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) < 0)
		setsockopt(path->receive_fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
	if (filter(path->receive_fd, (struct in_addr){0}, error) < 0)
		return -1;
	if (bind(path->receive_fd, (const struct sockaddr *)&where, sizeof where) < 0)
		return error_set(error, "packet socket: %s", strerror(errno));
	return 0;
}

static void *open_path(
	sd_event *loop, const struct mux_config *config, const struct lb_map *map, bool generic, char **error)
{
	struct socket_path *path = calloc(1, sizeof *path);
	(void)generic;
	if (!path) {
		error_set(error, "out of memory");
		return NULL;
	}
	path->receive_fd = path->send_fd = -1;
	if (open_sockets(path, config->ifindex, error) == 0 && use(path, map, error) == 0) {
		int result =
			sd_event_add_io(loop, &path->readable, path->receive_fd, EPOLLIN, on_readable, path);
		if (result >= 0)
			return path;
		error_set(error, "event loop: %s", strerror(-result));
	}
	close_path(path);
	return NULL;
}

const struct mux_path mux_path_socket = {open_path, use, read_counters, close_path};
