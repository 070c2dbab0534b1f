/* Shared by the BPF programs: the parts of the kernel's structures that they use (CO-RE: offsets are those of the running
 * kernel), and the walk over a connection's subflows. Nothing is stored per connection, except by OLIA in its own sockets, so
 * nothing can leak.
 *
 * The walk holds the lock of one subflow, not that of the connection. It is safe nevertheless: nodes and sockets are freed an
 * RCU grace period after they leave the list, a load through an untrusted pointer that faults gives 0, and the number of steps
 * is limited. A race can only cause a wrong sample for one acknowledgement. */
#ifndef LIQUIDNET_CC_SUBFLOWS_H
#define LIQUIDNET_CC_SUBFLOWS_H

#include "lib/mptcp/coupled.h"
#include <linux/bpf.h>
/* The helpers need the types above. */
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define KERNEL __attribute__((preserve_access_index))
#define NAME_SIZE 16 /* TCP_CA_NAME_MAX */

/* Child namespaces may choose it (net/tcp.h). */
#define TCP_CONG_NON_RESTRICTED 1

enum { TCP_ESTABLISHED = 1, TCP_CLOSE_WAIT = 8 };
enum { TCP_CA_CWR = 2, TCP_CA_RECOVERY = 3, TCP_CA_LOSS = 4 }; /* below: no loss */

struct list_head {
	struct list_head *next;
} KERNEL;

struct sock_common {
	unsigned char skc_state;
} KERNEL;

struct sock {
	struct sock_common __sk_common;
} KERNEL;

struct inet_sock {
	struct sock sk;
} KERNEL;

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	const struct tcp_congestion_ops *icsk_ca_ops;
	void *icsk_ulp_data;
	__u8 icsk_ca_state : 5;
	__u64 icsk_ca_priv[13];
} KERNEL;

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 snd_cwnd, snd_ssthresh, snd_cwnd_clamp, srtt_us, max_packets_out;
	__u32 undo_marker;
	__u64 bytes_acked;
	__u8 is_cwnd_limited : 1;
	bool is_mptcp;
} KERNEL;

struct mptcp_subflow_context {
	struct list_head node; /* its first member, as in the kernel */
	struct sock *tcp_sock, *conn;
} KERNEL;

struct mptcp_sock {
	struct list_head conn_list;
} KERNEL;

struct tcp_congestion_ops {
	__u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
	void (*set_state)(struct sock *sk, __u8 new_state);
	void (*in_ack_event)(struct sock *sk, __u32 flags);
	__u32 (*undo_cwnd)(struct sock *sk);
	char name[NAME_SIZE];
	__u32 flags;
	void (*init)(struct sock *sk);
	void (*release)(struct sock *sk);
};

extern __u32 tcp_reno_undo_cwnd(struct sock *sk) __ksym;
extern __u32 tcp_slow_start(struct tcp_sock *tp, __u32 acked) __ksym;
extern void tcp_cong_avoid_ai(struct tcp_sock *tp, __u32 w, __u32 acked) __ksym;
extern void *bpf_rdonly_cast(const void *object, __u32 btf_id) __ksym;

#define READ_ONLY(pointer, type)                                                                             \
	((type *)bpf_rdonly_cast((const void *)(pointer), bpf_core_type_id_kernel(type)))

char gpl[] SEC("license") = "GPL";

/* Sockets that use the algorithm now, and thresholds that were put right; liquidnet-cc status shows them.
 * Also in algorithms.c. */
struct {
	__s64 sockets, repaired;
} counters;

static __always_inline struct tcp_sock *tcp_of(struct sock *sk)
{
	return (struct tcp_sock *)sk;
}

static __always_inline bool in_slow_start(const struct tcp_sock *tp)
{
	return tp->snd_cwnd < tp->snd_ssthresh;
}

/* tcp_is_cwnd_limited() of net/tcp.h: a window that is not used up says nothing about the path. */
static __always_inline bool window_is_used(const struct tcp_sock *tp)
{
	return BPF_CORE_READ_BITFIELD(tp, is_cwnd_limited) ||
	       (in_slow_start(tp) && tp->snd_cwnd < 2 * tp->max_packets_out);
}

/* What is kept in a socket. */
struct memory {
	__u32 window;    /* as the programs left it: before the loss, during one; 0: not known yet */
	__u64 last_loss; /* OLIA: tp->bytes_acked then */
	__u64 run;       /* OLIA: bytes acknowledged between the last two losses */
	__s64 credit;    /* OLIA: 2^-COUPLED_CREDIT segments */
	__u64 counted;   /* whether it is among `sockets`; by all algorithms */
};

static __always_inline struct memory *memory_of(const struct tcp_sock *tp)
{
	return (struct memory *)tp->inet_conn.icsk_ca_priv;
}

static __always_inline __u8 state_of(const struct tcp_sock *tp)
{
	const struct inet_connection_sock *connection = &tp->inet_conn;
	return BPF_CORE_READ_BITFIELD(connection, icsk_ca_state);
}

/* The window that a path comes back to: in recovery, the one beyond which it will not shrink. */
static __always_inline struct coupled_path path_of(const struct tcp_sock *tp, const void *own_ops)
{
	const struct inet_connection_sock *connection = &tp->inet_conn;
	bool recovers = state_of(tp) == TCP_CA_RECOVERY;
	__u64 run = 0;
	/* The memory of a socket with another algorithm means something else. */
	if (connection->icsk_ca_ops == own_ops) {
		const struct memory *memory = memory_of(tp);
		__u64 since = tp->bytes_acked - memory->last_loss;
		run = since > memory->run ? since : memory->run;
	}
	return coupled_path(recovers ? tp->snd_ssthresh : tp->snd_cwnd, tp->srtt_us >> 3, run);
}

struct walk {
	__u64 head, node;
	const void *ops;
	__u32 count;
	struct coupled_path paths[COUPLED_PATHS];
};

/* One sibling. It counts when it can send and its round trip has been measured. A callback of bpf_loop(): the
 * verifier gives up on an open loop over pointers that it cannot follow. */
static long walk_step(__u32 i, struct walk *walk)
{
	(void)i;
	if (!walk->node || walk->node == walk->head)
		return 1;
	struct mptcp_subflow_context *subflow = READ_ONLY(walk->node, struct mptcp_subflow_context);
	walk->node = (__u64)subflow->node.next;
	struct tcp_sock *tp = READ_ONLY(subflow->tcp_sock, struct tcp_sock);
	__u8 state = tp->inet_conn.icsk_inet.sk.__sk_common.skc_state;
	if ((state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT) || !(tp->srtt_us >> 3))
		return 0;
	if (walk->count < COUPLED_PATHS)
		walk->paths[walk->count++] = path_of(tp, walk->ops);
	return 0;
}

/* Looks at all paths of a subflow's connection. False: there is nothing to couple (plain TCP, one path, or
 * the connection is not there yet or any more), and the rules are Reno's. */
static __always_inline bool walk_paths(struct sock *sk, struct walk *walk)
{
	struct tcp_sock *tp = tcp_of(sk);
	if (!tp->is_mptcp)
		return false;
	struct mptcp_subflow_context *subflow =
		READ_ONLY(tp->inet_conn.icsk_ulp_data, struct mptcp_subflow_context);
	if (!subflow->conn)
		return false;
	struct mptcp_sock *connection = READ_ONLY(subflow->conn, struct mptcp_sock);
	walk->head = (__u64)&connection->conn_list;
	walk->node = (__u64)connection->conn_list.next;
	walk->ops = tp->inet_conn.icsk_ca_ops;
	bpf_loop(COUPLED_PATHS, walk_step, walk, 0);
	return walk->count > 1;
}

/* The programs changed the window. What it was before a loss stays known until the loss is over. */
static __always_inline void remember_window(struct tcp_sock *tp)
{
	struct memory *memory = memory_of(tp);
	if (state_of(tp) < TCP_CA_CWR || tp->snd_cwnd > memory->window)
		memory->window = tp->snd_cwnd;
}

/* The window that a loss is answered for. */
static __always_inline __u32 window_of(const struct tcp_sock *tp)
{
	const struct memory *memory = memory_of(tp);
	return memory->window && memory->window < tp->snd_cwnd ? memory->window : tp->snd_cwnd;
}

static __always_inline __u32 reno_after_loss(__u32 window)
{
	return window >= 4 ? window >> 1 : 2;
}

/* The part of an acknowledgement that is left for congestion avoidance; slow start is TCP's. */
static __always_inline __u32 after_slow_start(struct tcp_sock *tp, __u32 acked)
{
	if (!window_is_used(tp))
		return 0;
	if (!in_slow_start(tp))
		return acked;
	acked = tcp_slow_start(tp, acked);
	remember_window(tp);
	return acked;
}

SEC("struct_ops/coupled_init")
void BPF_PROG(coupled_init, struct sock *sk)
{
	struct tcp_sock *tp = tcp_of(sk);
	struct memory *memory = memory_of(tp);
	memory->window = tp->snd_cwnd;
	memory->last_loss = tp->bytes_acked;
	memory->run = 0;
	memory->credit = 0;
	memory->counted = 1;
	__sync_fetch_and_add(&counters.sockets, 1);
}

/* Some kernels (6.12) call it for sockets too that never began: a connection beside its subflows. */
SEC("struct_ops/coupled_release")
void BPF_PROG(coupled_release, struct sock *sk)
{
	struct memory *memory = memory_of(tcp_of(sk));
	if (!memory->counted)
		return;
	memory->counted = 0;
	__sync_fetch_and_sub(&counters.sockets, 1);
}

/* A kernel may decline to run a BPF program in some contexts, and TCP then takes for its answer what lay on
 * the stack: a threshold, or a window, of millions. Only the programs raise either, so that what is above the
 * last window that they know is that. This comes before all else that TCP does for an acknowledgement. */
SEC("struct_ops/coupled_ack")
void BPF_PROG(coupled_ack, struct sock *sk, __u32 flags)
{
	struct tcp_sock *tp = tcp_of(sk);
	struct memory *memory = memory_of(tp);
	__u8 state = state_of(tp);
	__u32 known = memory->window;
	if (!known || (state < TCP_CA_CWR && tp->snd_cwnd <= known)) {
		memory->window = tp->snd_cwnd;
		return;
	}
	/* Without an undo marker it is no loss but a path of a smaller MTU, and TCP's own threshold. */
	bool reduces = state == TCP_CA_CWR || (state > TCP_CA_CWR && tp->undo_marker);
	if (state >= TCP_CA_CWR && !(reduces && coupled_foreign(tp->snd_ssthresh, known)))
		return;
	if (tp->snd_ssthresh > known)
		tp->snd_ssthresh = state < TCP_CA_CWR ? known : reno_after_loss(known);
	if (tp->snd_cwnd > known)
		tp->snd_cwnd = known;
	__sync_fetch_and_add(&counters.repaired, 1);
}

SEC("struct_ops/coupled_undo")
__u32 BPF_PROG(coupled_undo, struct sock *sk)
{
	__u32 window = tcp_reno_undo_cwnd(sk), known = memory_of(tcp_of(sk))->window;
	return known && known < window ? known : window;
}

#endif
