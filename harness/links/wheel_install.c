/* Wheel, its installation: see the header. By netlink: a `tc` for each step would cost more than all of them.
 */
#include "harness/links/wheel_install.h"

#include "harness/links/wheel_geometry.h"
#include "lib/base/error.h"
#include "lib/net/rtnl.h"
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES 65536
#define TICK_NS 64  /* of the packet scheduler */
#define SIZE_LOG 15 /* prices are multiplied by 2^15, so that 65535 of them stay below 2^31 */
#define FILTER_PRIORITY 1
#define FIFO_PACKETS (1 << 20)
#define HTB_VERSION 3

struct batch {
	struct mnl_socket *socket;
	char *bytes;
	size_t used;
	uint32_t sequence;
};

/* Waits for the answers to everything sent so far: the last request asked for one, and errors come unasked.
 */
static int await(struct batch *batch)
{
	char answer[32768];
	for (;;) {
		ssize_t n = mnl_socket_recvfrom(batch->socket, answer, sizeof answer);
		if (n < 0)
			return -1;
		int left = (int)n;
		for (struct nlmsghdr *m = (void *)answer; mnl_nlmsg_ok(m, left);
			m = mnl_nlmsg_next(m, &left)) {
			const struct nlmsgerr *result = mnl_nlmsg_get_payload(m);
			if (m->nlmsg_type != NLMSG_ERROR)
				continue;
			if (result->error) {
				errno = -result->error;
				return -1;
			}
			if (m->nlmsg_seq == batch->sequence)
				return 0;
		}
	}
}

static int flush(struct batch *batch, struct nlmsghdr *last)
{
	last->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(batch->socket, batch->bytes, batch->used) < 0)
		return -1;
	batch->used = 0;
	return await(batch);
}

static struct nlmsghdr *request(
	struct batch *batch, uint16_t type, uint16_t flags, int ifindex, struct tcmsg **tc)
{
	struct nlmsghdr *m = mnl_nlmsg_put_header(batch->bytes + batch->used);
	m->nlmsg_type = type;
	m->nlmsg_flags = NLM_F_REQUEST | flags;
	m->nlmsg_seq = ++batch->sequence;
	*tc = mnl_nlmsg_put_extra_header(m, sizeof **tc);
	(*tc)->tcm_family = AF_UNSPEC;
	(*tc)->tcm_ifindex = ifindex;
	return m;
}

static void done(struct batch *batch, const struct nlmsghdr *m)
{
	batch->used += MNL_ALIGN(m->nlmsg_len);
}

static int add_root(struct batch *batch, int ifindex, const struct wheel_settings *w)
{
	static uint16_t table[WHEEL_SIZES];
	struct tcmsg *tc;
	const struct tc_sizespec sizes = {.size_log = SIZE_LOG, .tsize = WHEEL_SIZES};
	const struct tc_htb_glob options = {.version = HTB_VERSION, .rate2quantum = 10};
	struct nlmsghdr *m = request(batch, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, ifindex, &tc);
	tc->tcm_parent = TC_H_ROOT;
	tc->tcm_handle = WHEEL_MAJOR;
	mnl_attr_put_strz(m, TCA_KIND, "htb");
	struct nlattr *nest = mnl_attr_nest_start(m, TCA_OPTIONS);
	mnl_attr_put(m, TCA_HTB_INIT, sizeof options, &options);
	mnl_attr_nest_end(m, nest);
	wheel_size_table(w, table);
	nest = mnl_attr_nest_start(m, TCA_STAB | NLA_F_NESTED);
	mnl_attr_put(m, TCA_STAB_BASE, sizeof sizes, &sizes);
	mnl_attr_put(m, TCA_STAB_DATA, sizeof table, table);
	mnl_attr_nest_end(m, nest);
	done(batch, m);
	return flush(batch, m);
}

/* The class pays one unit's price in one unit of time. */
static int add_class(struct batch *batch, int ifindex, const struct wheel_settings *w)
{
	struct tcmsg *tc;
	uint64_t rate = (uint64_t)((double)(1 << SIZE_LOG) * 1e9 / (double)w->unit_ns + 0.5); /* bytes/s */
	uint32_t small = rate > UINT32_MAX ? UINT32_MAX : (uint32_t)rate;
	const uint32_t credit = WHEEL_CREDIT_NS / TICK_NS;
	const struct tc_htb_opt options = {.rate.rate = small,
		.ceil.rate = small,
		.buffer = credit,
		.cbuffer = credit,
		.quantum = 1000000000};
	struct nlmsghdr *m = request(batch, RTM_NEWTCLASS, NLM_F_CREATE | NLM_F_EXCL, ifindex, &tc);
	tc->tcm_parent = WHEEL_MAJOR;
	tc->tcm_handle = WHEEL_MAJOR | WHEEL_CLASS;
	mnl_attr_put_strz(m, TCA_KIND, "htb");
	struct nlattr *nest = mnl_attr_nest_start(m, TCA_OPTIONS);
	mnl_attr_put(m, TCA_HTB_PARMS, sizeof options, &options);
	mnl_attr_put_u64(m, TCA_HTB_RATE64, rate);
	mnl_attr_put_u64(m, TCA_HTB_CEIL64, rate);
	mnl_attr_nest_end(m, nest);
	done(batch, m);
	/* The model decides what a queue holds: HTB's own would stop at txqueuelen, with a primer a packet.
	 */
	const struct tc_fifo_qopt fifo = {.limit = FIFO_PACKETS};
	m = request(batch, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, ifindex, &tc);
	tc->tcm_parent = WHEEL_MAJOR | WHEEL_CLASS;
	mnl_attr_put_strz(m, TCA_KIND, "pfifo");
	mnl_attr_put(m, TCA_OPTIONS, sizeof fifo, &fifo);
	done(batch, m);
	return flush(batch, m);
}

static int add_program(struct batch *batch, int ifindex, int program_fd, unsigned end)
{
	struct tcmsg *tc;
	struct nlmsghdr *m = request(batch, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, ifindex, &tc);
	tc->tcm_parent = TC_H_CLSACT;
	tc->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	mnl_attr_put_strz(m, TCA_KIND, "clsact");
	done(batch, m);
	m = request(batch, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, ifindex, &tc);
	tc->tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS);
	tc->tcm_info = TC_H_MAKE(FILTER_PRIORITY << 16, htons(ETH_P_ALL));
	tc->tcm_handle = 1;
	mnl_attr_put_strz(m, TCA_KIND, "bpf");
	struct nlattr *nest = mnl_attr_nest_start(m, TCA_OPTIONS);
	mnl_attr_put_u32(m, TCA_BPF_FD, (uint32_t)program_fd);
	mnl_attr_put_strz(m, TCA_BPF_NAME, "liquidnet_wheel");
	mnl_attr_put_u32(m, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	mnl_attr_put_u32(m, TCA_BPF_CLASSID, end);
	mnl_attr_nest_end(m, nest);
	done(batch, m);
	return flush(batch, m);
}

static int install_all(struct batch *batch, const char *interface, const struct wheel_settings *w,
	int program_fd, unsigned end, char **error)
{
	struct rtnl_interface state;
	int ifindex = (int)if_nametoindex(interface);
	if (ifindex == 0 || rtnl_get(ifindex, &state) < 0)
		return error_set(error, "%s: %s", interface, strerror(errno));
	if (state.mtu + ETH_HLEN >= WHEEL_BASE)
		return error_set(error, "%s: an MTU of %u is too large for the wheel; use --backend link",
			interface, state.mtu);
	if (rtnl_plain_packets(interface, error) < 0)
		return -1;
	if (add_root(batch, ifindex, w) < 0 || add_class(batch, ifindex, w) < 0)
		return error_set(error, "%s: HTB: %s", interface, strerror(errno));
	if (add_program(batch, ifindex, program_fd, end) < 0)
		return error_set(error, "%s: BPF on egress: %s", interface, strerror(errno));
	return 0;
}

int wheel_install(
	const char *interface, const struct wheel_settings *w, int program_fd, unsigned end, char **error)
{
	struct batch batch = {
		.socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC), .bytes = calloc(1, BATCH_BYTES)};
	int result = -1;
	if (!batch.socket || !batch.bytes || mnl_socket_bind(batch.socket, 0, MNL_SOCKET_AUTOPID) < 0)
		error_set(error, "netlink: %s", strerror(errno));
	else
		result = install_all(&batch, interface, w, program_fd, end, error);
	if (batch.socket)
		mnl_socket_close(batch.socket);
	free(batch.bytes);
	return result;
}
