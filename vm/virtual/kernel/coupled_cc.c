// SPDX-License-Identifier: GPL-2.0
/* LIA, OLIA and BALIA as part of a kernel, for kernels that cannot load the BPF programs beside this folder: user-mode Linux has no BPF JIT,
 * hence no struct_ops. vm/virtual/build compiles it into the kernel of virtual time, with coupled.h beside it: the same arithmetic that the
 * BPF programs and the unit tests compile.
 *
 * The rules are those of lia.bpf.c, olia.bpf.c and balia.bpf.c, but for what these have against programs that the kernel passes over:
 * a kernel always runs its own.
 *
 * The walk over a connection's subflows runs under the lock of one subflow, not of the connection. On one processor without pre-emption
 * (the only one that this is built for) nothing changes the list meanwhile, and a list is whole between any two of its writes. */
#include "coupled.h"
#include "protocol.h"
#include <linux/module.h>
#include <net/tcp.h>

#if defined(CONFIG_SMP) || defined(CONFIG_PREEMPTION)
#error "coupled_cc.c walks a connection's subflows without its lock: one processor, no pre-emption"
#endif

/* What is kept in a socket. Only OLIA uses it. */
struct coupled_memory {
	u64 last_loss; /* tp->bytes_acked then */
	u64 run;       /* bytes acknowledged between the last two losses */
	s64 credit;    /* 2^-COUPLED_CREDIT segments */
};

struct coupled_walk {
	u32 count;
	struct coupled_path paths[COUPLED_PATHS];
};

static void coupled_init(struct sock *sk)
{
	struct coupled_memory *memory = inet_csk_ca(sk);
	memory->last_loss = tcp_sk(sk)->bytes_acked;
	memory->run = 0;
	memory->credit = 0;
}

/* The window that a path comes back to: in recovery, the one beyond which it will not shrink. */
static struct coupled_path coupled_path_of(const struct sock *sk, const struct tcp_congestion_ops *own)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	bool recovers = inet_csk(sk)->icsk_ca_state == TCP_CA_Recovery;
	u64 run = 0;
	/* The memory of a socket with another algorithm means something else. */
	if (inet_csk(sk)->icsk_ca_ops == own) {
		const struct coupled_memory *memory = inet_csk_ca(sk);
		run = max(tp->bytes_acked - memory->last_loss, memory->run);
	}
	return coupled_path(recovers ? tp->snd_ssthresh : tcp_snd_cwnd(tp), tp->srtt_us >> 3, run);
}

/* Looks at all paths of a subflow's connection; one counts when it can send and its round trip has been measured. False: there is nothing
 * to couple (plain TCP, one path, or the connection is not there yet or any more), and the rules are Reno's. */
static bool coupled_paths(struct sock *sk, struct coupled_walk *walk)
{
	const struct tcp_congestion_ops *own = inet_csk(sk)->icsk_ca_ops;
	struct mptcp_subflow_context *subflow;
	const struct list_head *head, *node;
	walk->count = 0;
	if (!sk_is_mptcp(sk))
		return false;
	subflow = mptcp_subflow_ctx(sk);
	if (!subflow || !subflow->conn)
		return false;
	head = &mptcp_sk(subflow->conn)->conn_list;
	node = head->next;
	for (u32 i = 0; i < COUPLED_PATHS && node && node != head; i++, node = node->next) {
		struct sock *other =
			mptcp_subflow_tcp_sock(list_entry(node, struct mptcp_subflow_context, node));
		if (other && (1 << other->sk_state) & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT) &&
			tcp_sk(other)->srtt_us >> 3)
			walk->paths[walk->count++] = coupled_path_of(other, own);
	}
	return walk->count > 1;
}

static u32 reno_after_loss(const struct tcp_sock *tp)
{
	return max(tcp_snd_cwnd(tp) >> 1, 2U);
}

/* The part of an acknowledgement that is left for congestion avoidance; slow start is TCP's. */
static u32 after_slow_start(struct sock *sk, u32 acked)
{
	struct tcp_sock *tp = tcp_sk(sk);
	if (!tcp_is_cwnd_limited(sk))
		return 0;
	return tcp_in_slow_start(tp) ? tcp_slow_start(tp, acked) : acked;
}

/* ---- LIA, RFC 6356 */

static void lia_avoid(struct sock *sk, u32 ack, u32 acked)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct coupled_walk walk;
	u32 every;
	acked = after_slow_start(sk, acked);
	if (!acked)
		return;
	every = coupled_paths(sk, &walk) ? lia_every(walk.paths, walk.count, tcp_snd_cwnd(tp))
					 : tcp_snd_cwnd(tp);
	tcp_cong_avoid_ai(tp, every, acked);
}

static u32 lia_ssthresh(struct sock *sk)
{
	return reno_after_loss(tcp_sk(sk));
}

static struct tcp_congestion_ops lia __read_mostly = {
	.init = coupled_init,
	.ssthresh = lia_ssthresh,
	.cong_avoid = lia_avoid,
	.undo_cwnd = tcp_reno_undo_cwnd,
	.flags = TCP_CONG_NON_RESTRICTED,
	.owner = THIS_MODULE,
	.name = "lia",
};

/* ---- OLIA, Khalili et al. 2013 */

/* Whole segments of the credit go into the window, or out of it. */
static void olia_settle(struct tcp_sock *tp, struct coupled_memory *memory, s64 credit)
{
	const s64 one = 1LL << COUPLED_CREDIT;
	u32 before = tcp_snd_cwnd(tp), window = before;
	if (credit >= one) {
		u64 more = (u64)credit >> COUPLED_CREDIT;
		window = more < tp->snd_cwnd_clamp - window ? window + (u32)more : tp->snd_cwnd_clamp;
		credit &= one - 1;
	} else if (credit <= -one) {
		u64 less = (u64)-credit >> COUPLED_CREDIT;
		window = less < window ? window - (u32)less : 1;
		credit = -(s64)((u64)-credit & (u64)(one - 1));
	}
	memory->credit = credit;
	if (window == before)
		return;
	tcp_snd_cwnd_set(tp, window);
	/* A window that was taken from must not come back by slow start. */
	if (window < tp->snd_ssthresh)
		tp->snd_ssthresh = window;
}

static void olia_avoid(struct sock *sk, u32 ack, u32 acked)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct coupled_memory *memory = inet_csk_ca(sk);
	struct coupled_walk walk;
	struct coupled_path own;
	acked = after_slow_start(sk, acked);
	if (!acked)
		return;
	if (!coupled_paths(sk, &walk)) {
		tcp_cong_avoid_ai(tp, tcp_snd_cwnd(tp), acked);
		return;
	}
	own = coupled_path_of(sk, inet_csk(sk)->icsk_ca_ops);
	olia_settle(tp, memory, memory->credit + olia_step(walk.paths, walk.count, &own) * (s64)acked);
}

/* The draft: a connection of several paths may leave one of them a single segment. */
static u32 olia_ssthresh(struct sock *sk)
{
	struct coupled_walk walk;
	return coupled_paths(sk, &walk) ? max(tcp_snd_cwnd(tcp_sk(sk)) >> 1, 1U)
					: reno_after_loss(tcp_sk(sk));
}

/* A loss ends a run. Several signs of one loss do not: nothing new was acknowledged between them. */
static void olia_state(struct sock *sk, u8 new_state)
{
	struct coupled_memory *memory = inet_csk_ca(sk);
	u64 acked = tcp_sk(sk)->bytes_acked;
	if (new_state < TCP_CA_CWR || acked == memory->last_loss)
		return;
	memory->run = acked - memory->last_loss;
	memory->last_loss = acked;
}

static struct tcp_congestion_ops olia __read_mostly = {
	.init = coupled_init,
	.ssthresh = olia_ssthresh,
	.cong_avoid = olia_avoid,
	.set_state = olia_state,
	.undo_cwnd = tcp_reno_undo_cwnd,
	.flags = TCP_CONG_NON_RESTRICTED,
	.owner = THIS_MODULE,
	.name = "olia",
};

/* ---- BALIA, Peng et al. 2016 */

static void balia_avoid(struct sock *sk, u32 ack, u32 acked)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct coupled_walk walk;
	u32 every = tcp_snd_cwnd(tp);
	acked = after_slow_start(sk, acked);
	if (!acked)
		return;
	if (coupled_paths(sk, &walk)) {
		struct coupled_path own = coupled_path_of(sk, inet_csk(sk)->icsk_ca_ops);
		every = balia_every(walk.paths, walk.count, &own);
	}
	tcp_cong_avoid_ai(tp, every, acked);
}

static u32 balia_ssthresh(struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	struct coupled_walk walk;
	struct coupled_path own;
	if (!coupled_paths(sk, &walk))
		return reno_after_loss(tp);
	own = coupled_path(tcp_snd_cwnd(tp), tp->srtt_us >> 3, 0);
	return balia_after_loss(walk.paths, walk.count, &own);
}

static struct tcp_congestion_ops balia __read_mostly = {
	.init = coupled_init,
	.ssthresh = balia_ssthresh,
	.cong_avoid = balia_avoid,
	.undo_cwnd = tcp_reno_undo_cwnd,
	.flags = TCP_CONG_NON_RESTRICTED,
	.owner = THIS_MODULE,
	.name = "balia",
};

static int __init coupled_register(void)
{
	struct tcp_congestion_ops *all[] = {&lia, &olia, &balia};
	BUILD_BUG_ON(sizeof(struct coupled_memory) > ICSK_CA_PRIV_SIZE);
	for (u32 i = 0; i < ARRAY_SIZE(all); i++) {
		int error = tcp_register_congestion_control(all[i]);
		if (error) {
			while (i--)
				tcp_unregister_congestion_control(all[i]);
			return error;
		}
	}
	return 0;
}
module_init(coupled_register);

MODULE_DESCRIPTION("LIA, OLIA and BALIA for Multipath TCP");
MODULE_LICENSE("GPL");
