/* Taking over the egress of an interface, and giving it back; see attach.h. Order matters: the alias is
 * written before the interface is changed, and the program, which diverts the traffic, comes last and goes
 * first. Only the hook is there before the alias, which tells whose it is: a SIGKILL between the two leaves
 * an empty one that nobody takes off. */
#include "nodes/link/attach.h"

#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/net/netns.h"
#include "lib/net/rtnl.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define STAMP_SIZE ATTACHMENT_HEAD
#define MARK 0x4c4e4b31 /* "LNK1": packets that we sent */
/* First among the filters of the hook: others see each packet once, when we send it. */
#define FILTER_PRIORITY 1
#define FILTER_HANDLE 1
#define TCX_EGRESS 47 /* BPF_TCX_EGRESS: Debian 12 has older headers */
/* Frames that a TAP keeps until we read them: 12 ms of small frames at 10 Gbit/s, 1.2 s of large ones at 100
 * Mbit/s. It only fills when this process does not run. */
#define TAP_FRAMES 10000
#define SEND_BUFFER (4 << 20)
#define ALIAS "liquidnet-link"

/* ---- the alias, our memory across a SIGKILL */

static int write_alias(const struct attachment *a)
{
	char text[256];
	int n = snprintf(text, sizeof text, ALIAS " tso=%u gso=%u gro=%u segs=%u clsact=%d was=%s", a->tso,
		a->gso, a->gro, a->gso_max_segs, a->own_clsact, a->alias);

	if (n < 0 || (size_t)n >= sizeof text) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return rtnl_set_alias(a->ifindex, text);
}

/* True when the alias is ours: the settings in it are those before us. */
static bool read_alias(struct attachment *a, const char *text)
{
	int clsact, end = 0;

	if (sscanf(text, ALIAS " tso=%u gso=%u gro=%u segs=%u clsact=%d was=%n", &a->tso, &a->gso, &a->gro,
		    &a->gso_max_segs, &clsact, &end) != 5 ||
		end == 0)
		return false;
	a->own_clsact = clsact != 0;
	snprintf(a->alias, sizeof a->alias, "%s", text + end);
	return true;
}

/* ---- offloads: loss, queue and rate must see the packets of the wire, not the kernel's super-packets */

/* Tries each, whatever becomes of the others. -1 with errno: of one that failed. */
static int set_offloads(
	const char *name, int ifindex, uint32_t tso, uint32_t gso, uint32_t gro, uint32_t segments)
{
	const struct rtnl_offloads offloads = {tso, gso, gro};
	int result = rtnl_set_offloads(name, &offloads), saved = errno;

	if (rtnl_set_gso_max_segs(ifindex, segments) < 0)
		return -1;
	errno = saved;
	return result;
}

static int learn_offloads(struct attachment *a, const char *name, uint32_t segments)
{
	struct rtnl_offloads offloads;
	a->gso_max_segs = segments;
	if (rtnl_get_offloads(name, &offloads) < 0)
		return -1;
	a->tso = offloads.tso;
	a->gso = offloads.gso;
	a->gro = offloads.gro;
	return 0;
}

/* ---- the devices */

/* The TAP is nobody's neighbour: with IPv6 the kernel would announce its groups on it (a router joins some without an
 * address, too). A kernel without IPv6 has no such file. */
static int keep_quiet(const char *tap)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/disable_ipv6", tap);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	ssize_t n = write(fd, "1", 1);
	close(fd);
	return n == 1 ? 0 : -1;
}

/* A TAP without offloads: the kernel completes checksums and cuts super-packets before they come here. */
static int open_tap(struct attachment *a, const char *interface, char **error)
{
	struct ifreq ifr = {.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL)};

	snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "ln-%d", a->ifindex);
	a->tap_fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (a->tap_fd < 0)
		return error_set(
			error, "/dev/net/tun: %s; the link daemon needs TUN/TAP devices", strerror(errno));
	if (ioctl(a->tap_fd, TUNSETIFF, &ifr) < 0) {
		if (errno == EBUSY)
			return error_set(error, "%s exists; another liquidnet-link shapes %s, stop it first",
				ifr.ifr_name, interface);
		return error_set(error, "TAP %s: %s", ifr.ifr_name, strerror(errno));
	}
	a->tap_ifindex = (int)if_nametoindex(ifr.ifr_name);
	int got = ioctl(a->tap_fd, SIOCGIFHWADDR, &ifr);
	memcpy(a->tap_address, ifr.ifr_hwaddr.sa_data, sizeof a->tap_address);
	snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "ln-%d", a->ifindex);
	if (got < 0 || a->tap_ifindex == 0 || keep_quiet(ifr.ifr_name) < 0 ||
		rtnl_up_bare(a->tap_ifindex, TAP_FRAMES) < 0 || rtnl_no_queue(a->tap_ifindex) < 0)
		return error_set(error, "TAP %s: %s", ifr.ifr_name, strerror(errno));
	return 0;
}

/* Protocol 0: it sends and never receives. Not PACKET_QDISC_BYPASS, which would hide packets from captures.
 */
static int open_packet(struct attachment *a, char **error)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = a->ifindex};
	int mark = MARK, buffer = SEND_BUFFER;

	a->packet_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (a->packet_fd < 0 || bind(a->packet_fd, (struct sockaddr *)&address, sizeof address) < 0 ||
		setsockopt(a->packet_fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark) < 0 ||
		setsockopt(a->packet_fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer) < 0)
		return error_set(error, "packet socket: %s", strerror(errno));
	return 0;
}

/* ---- the program */

#define INSN(CODE, DST, SRC, OFF, IMM)                                                                       \
	((struct bpf_insn){.code = (CODE), .dst_reg = (DST), .src_reg = (SRC), .off = (OFF), .imm = (IMM)})
#define CALL(FUNCTION) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, FUNCTION)
#define MOVE(DST, SRC) INSN(BPF_ALU64 | BPF_MOV | BPF_X, DST, SRC, 0, 0)
#define SET(DST, IMM) INSN(BPF_ALU64 | BPF_MOV | BPF_K, DST, 0, 0, IMM)
#define EXIT INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

/* Marked packets go on without their mark; all others get the time (attachment_arrival) and go to the TAP. */
static int load_program(int tap_ifindex)
{
	const struct bpf_insn program[] = {
		/* if (skb->mark == MARK) */
		INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 1, offsetof(struct __sk_buff, mark), 0),
		INSN(BPF_JMP | BPF_JNE | BPF_K, 2, 0, 4, MARK),
		/* { skb->mark = 0; pass it on to whatever filter comes next } */
		SET(2, 0),
		INSN(BPF_STX | BPF_MEM | BPF_W, 1, 2, offsetof(struct __sk_buff, mark), 0),
		SET(0, TC_ACT_UNSPEC),
		EXIT,
		/* stamp = time, its last bit replaced by skb->vlan_present */
		MOVE(6, 1),
		CALL(BPF_FUNC_ktime_get_ns),
		INSN(BPF_ALU64 | BPF_RSH | BPF_K, 0, 0, 0, 1),
		INSN(BPF_ALU64 | BPF_LSH | BPF_K, 0, 0, 0, 1),
		INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 6, offsetof(struct __sk_buff, vlan_present), 0),
		INSN(BPF_ALU64 | BPF_OR | BPF_X, 0, 2, 0, 0),
		INSN(BPF_STX | BPF_MEM | BPF_DW, 10, 0, -STAMP_SIZE, 0),
		/* if (bpf_skb_change_head(skb, STAMP_SIZE, 0)) drop, counted by the hook: no memory */
		MOVE(1, 6),
		SET(2, STAMP_SIZE),
		SET(3, 0),
		CALL(BPF_FUNC_skb_change_head),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2, 0),
		SET(0, TC_ACT_SHOT),
		EXIT,
		/* bpf_skb_store_bytes(skb, 0, &stamp, STAMP_SIZE, 0) */
		MOVE(1, 6),
		SET(2, 0),
		MOVE(3, 10),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, -STAMP_SIZE),
		SET(4, STAMP_SIZE),
		SET(5, 0),
		CALL(BPF_FUNC_skb_store_bytes),
		/* return bpf_redirect(tap, 0) */
		SET(1, tap_ifindex),
		SET(2, 0),
		CALL(BPF_FUNC_redirect),
		EXIT,
	};
	return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "liquidnet_link", "Dual MIT/GPL", program,
		sizeof program / sizeof program[0], NULL);
}

/* The tag of a VLAN interface travels beside the packet until the TAP puts it behind the first twelve bytes:
 * those of the frame, it believes. */
int64_t attachment_arrival(unsigned char *read)
{
	uint64_t stamp;
	unsigned char tag[4];

	memcpy(&stamp, read, sizeof stamp);
	if (stamp & 1) {
		memcpy(tag, read + 12, sizeof tag);
		memmove(read + 12, read + 16, ATTACHMENT_HEAD);
		memcpy(read + 20, tag, sizeof tag);
	}
	return (int64_t)(stamp & ~1ULL);
}

bool attachment_passed(const unsigned char *read, int64_t since_ns, int64_t now_ns)
{
	uint64_t stamp;

	memcpy(&stamp, read, sizeof stamp);
	return stamp <= INT64_MAX && (int64_t)stamp >= since_ns && (int64_t)stamp <= now_ns;
}

/* Creating the hook is exclusive, and so tells whose it is. */
static int ensure_clsact(struct attachment *a, char **error)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = a->ifindex, .attach_point = BPF_TC_EGRESS);
	int result = bpf_tc_hook_create(&hook);

	if (result < 0 && result != -EEXIST)
		return error_set(error, "clsact: %s; the kernel needs CONFIG_NET_CLS_ACT", strerror(-result));
	a->own_clsact |= result == 0;
	return 0;
}

/* Attached through a descriptor the program goes with the process that holds it, however that ends. */
static int attach_while_alive(struct attachment *a, int program, char **error)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = a->ifindex, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, left, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);

	a->link_fd = bpf_link_create(program, a->ifindex, (enum bpf_attach_type)TCX_EGRESS, NULL);
	if (a->link_fd < 0)
		return error_set(error,
			"BPF program on egress (TCX): %s; `orphaned: pass` needs Linux 6.6, `orphaned: drop` does not",
			strerror(errno));
	if (a->own_program) /* of a daemon that was killed and left it there */
		bpf_tc_detach(&hook, &left);
	a->hooked = true;
	a->own_program = false;
	return 0;
}

static int attach_program(struct attachment *a, bool orphaned_pass, char **error)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = a->ifindex, .attach_point = BPF_TC_EGRESS);
	/* Only a program of our own, left by a SIGKILL, is replaced. */
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY,
		.flags = a->own_program ? BPF_TC_F_REPLACE : 0);

	if (ensure_clsact(a, error) < 0)
		return -1;
	options.prog_fd = load_program(a->tap_ifindex);
	if (options.prog_fd < 0)
		return error_set(error, "BPF program: %s", strerror(errno));
	int result = orphaned_pass ? attach_while_alive(a, options.prog_fd, error)
				   : bpf_tc_attach(&hook, &options);
	close(options.prog_fd);
	if (orphaned_pass)
		return result;
	if (result < 0)
		return error_set(error,
			"BPF program on egress: %s; the kernel needs CONFIG_NET_CLS_BPF, and no other filter may have priority %d",
			strerror(-result), FILTER_PRIORITY);
	a->hooked = a->own_program = true;
	return 0;
}

static void detach_program(struct attachment *a)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = a->ifindex, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);

	if (a->link_fd >= 0)
		close(a->link_fd);
	a->link_fd = -1;
	if (a->own_program)
		bpf_tc_detach(&hook, &options);
	/* With the hook would go what others have put there since. */
	hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	if (a->own_clsact && rtnl_has_filters(a->ifindex) == 0)
		bpf_tc_hook_destroy(&hook);
	a->own_program = a->own_clsact = false;
}

/* ---- in the namespace */

struct job {
	struct attachment *attachment;
	const char *interface;
	bool keep_offloads, orphaned_pass;
	char **error;
	enum attach_result result;
};

static int open_inside(void *context)
{
	struct job *job = context;
	struct attachment *a = job->attachment;
	struct rtnl_interface state;

	a->ifindex = (int)if_nametoindex(job->interface);
	if (a->ifindex == 0) {
		job->result = ATTACH_BAD_CONFIG;
		return error_set(job->error, "no interface `%s` in that namespace; see `ip link` there",
			job->interface);
	}
	if (rtnl_get(a->ifindex, &state) < 0)
		return error_set(job->error, "interface state: %s", strerror(errno));
	a->mtu = state.mtu;
	if (open_tap(a, job->interface, job->error) < 0 || open_packet(a, job->error) < 0)
		return -1;
	a->marked = a->own_program = read_alias(a, state.alias);
	if (!a->marked) {
		snprintf(a->alias, sizeof a->alias, "%s", state.alias);
		if (learn_offloads(a, job->interface, state.gso_max_segs) < 0)
			return error_set(job->error, "offloads: %s", strerror(errno));
		if (ensure_clsact(a, job->error) < 0)
			return -1;
		a->marked = true;
		if (write_alias(a) < 0)
			return error_set(job->error, "interface alias: %s", strerror(errno));
	}
	int result = 0;
	if (!job->keep_offloads)
		result = set_offloads(job->interface, a->ifindex, 0, 0, 0, 1);
	else if (a->own_program) /* a killed daemon may have switched off what is to be kept */
		result = set_offloads(job->interface, a->ifindex, a->tso, a->gso, a->gro, a->gso_max_segs);
	return result < 0 ? error_set(job->error, "offloads: %s", strerror(errno)) : 0;
}

static int hook_inside(void *context)
{
	struct job *job = context;
	return attach_program(job->attachment, job->orphaned_pass, job->error);
}

static int close_inside(void *context)
{
	struct job *job = context;
	struct attachment *a = job->attachment;
	char name[IF_NAMESIZE];

	/* The interface may have been renamed, or gone with its namespace. */
	if (a->ifindex == 0 || !if_indextoname((unsigned)a->ifindex, name))
		return 0;
	detach_program(a);
	if (!a->marked)
		return 0;
	/* What cannot be put back stays written in the alias, for the next start or for people. */
	if (set_offloads(name, a->ifindex, a->tso, a->gso, a->gro, a->gso_max_segs) == 0 &&
		rtnl_set_alias(a->ifindex, a->alias) == 0)
		return 0;
	log_error("not-restored",
		"interface=%s error=\"%s\" remedy=\"see its alias for what the offloads were\"", name,
		strerror(errno));
	return -1;
}

static int dropped_inside(void *context)
{
	struct rtnl_interface state;
	struct job *job = context;

	if (rtnl_get(job->attachment->tap_ifindex, &state) < 0)
		return -1;
	return state.tx_dropped > INT_MAX ? INT_MAX : (int)state.tx_dropped;
}

/* ---- from outside */

static int open_netns(const char *netns)
{
	char path[PATH_MAX];

	if (!netns)
		return netns_open("/proc/self/ns/net");
	if (strspn(netns, "0123456789") == strlen(netns)) {
		long pid = strtol(netns, NULL, 10);
		if (pid > 0 && pid <= INT_MAX)
			return netns_open_pid((pid_t)pid);
		errno = ESRCH;
		return -1;
	}
	if (strchr(netns, '/'))
		return netns_open(netns);
	snprintf(path, sizeof path, "/run/netns/%s", netns);
	return netns_open(path);
}

enum attach_result attachment_open(struct attachment *attachment, const char *netns, const char *interface,
	bool keep_offloads, char **error)
{
	struct job job = {attachment, interface, keep_offloads, false, error, ATTACH_FAILED};

	*attachment = ATTACHMENT_NONE;
	libbpf_set_print(NULL); /* errors are values here, not text on standard error */
	attachment->netns_fd = open_netns(netns);
	if (attachment->netns_fd < 0) {
		error_set(error, "namespace `%s`: %s", netns ? netns : "", strerror(errno));
		return ATTACH_BAD_CONFIG;
	}
	errno = 0;
	if (netns_call(attachment->netns_fd, open_inside, &job) == 0)
		return ATTACH_OK;
	if (error && !*error)
		error_set(error, "namespace `%s`: %s", netns ? netns : "", strerror(errno));
	attachment_close(attachment);
	return job.result;
}

int attachment_hook(struct attachment *attachment, bool orphaned_pass, char **error)
{
	struct job job = {attachment, NULL, false, orphaned_pass, error, ATTACH_FAILED};

	if (netns_call(attachment->netns_fd, hook_inside, &job) == 0)
		return 0;
	return error && !*error ? error_set(error, "namespace: %s", strerror(errno)) : -1;
}

void attachment_close(struct attachment *attachment)
{
	struct job job = {attachment, NULL, false, false, NULL, ATTACH_FAILED};

	if (attachment->netns_fd < 0)
		return;
	netns_call(attachment->netns_fd, close_inside, &job);
	if (attachment->tap_fd >= 0)
		close(attachment->tap_fd);
	if (attachment->packet_fd >= 0)
		close(attachment->packet_fd);
	close(attachment->netns_fd);
	*attachment = ATTACHMENT_NONE;
}

uint64_t attachment_dropped(struct attachment *attachment)
{
	struct job job = {attachment, NULL, false, false, NULL, ATTACH_FAILED};
	int dropped = netns_call(attachment->netns_fd, dropped_inside, &job);

	return dropped < 0 ? 0 : (uint64_t)dropped;
}
