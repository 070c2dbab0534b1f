/* OLIA, opportunistic linked increases (Khalili et al. 2013): the increase of congestion
 * avoidance moves windows towards the best paths, down to one segment on a path that is worth nothing. */
#include "nodes/congestion/subflows.h"

/* Whole segments of the credit go into the window, or out of it. */
static __always_inline void settle(struct tcp_sock *tp, struct memory *memory, __s64 credit)
{
	const __s64 one = 1LL << COUPLED_CREDIT;
	__u32 window = tp->snd_cwnd;
	if (credit >= one) {
		__u64 more = (__u64)credit >> COUPLED_CREDIT;
		window = more < tp->snd_cwnd_clamp - window ? window + (__u32)more : tp->snd_cwnd_clamp;
		credit &= one - 1;
	} else if (credit <= -one) {
		__u64 less = (__u64)-credit >> COUPLED_CREDIT;
		window = less < window ? window - (__u32)less : 1;
		credit = -(__s64)((__u64)-credit & (__u64)(one - 1));
	}
	memory->credit = credit;
	if (window == tp->snd_cwnd)
		return;
	tp->snd_cwnd = window;
	/* A window that was taken from must not come back by slow start. */
	if (window < tp->snd_ssthresh)
		tp->snd_ssthresh = window;
}

SEC("struct_ops/olia_avoid")
void BPF_PROG(olia_avoid, struct sock *sk, __u32 ack, __u32 acked)
{
	struct tcp_sock *tp = tcp_of(sk);
	struct walk walk = {};
	acked = after_slow_start(tp, acked);
	if (!acked)
		return;
	if (!walk_paths(sk, &walk)) {
		tcp_cong_avoid_ai(tp, tp->snd_cwnd, acked);
		remember_window(tp);
		return;
	}
	struct memory *memory = memory_of(tp);
	struct coupled_path own = path_of(tp, walk.ops);
	settle(tp, memory, memory->credit + olia_step(walk.paths, walk.count, &own) * (__s64)acked);
	remember_window(tp);
}

/* The draft: a connection of several paths may leave one of them a single segment. */
SEC("struct_ops/olia_ssthresh")
__u32 BPF_PROG(olia_ssthresh, struct sock *sk)
{
	struct walk walk = {};
	__u32 window = window_of(tcp_of(sk)), half = window >> 1;
	if (!walk_paths(sk, &walk))
		return reno_after_loss(window);
	return half ? half : 1;
}

/* A loss ends a run. Several signs of one loss do not: nothing new was acknowledged between them. */
SEC("struct_ops/olia_state")
void BPF_PROG(olia_state, struct sock *sk, __u8 new_state)
{
	struct tcp_sock *tp = tcp_of(sk);
	struct memory *memory = memory_of(tp);
	if (new_state != TCP_CA_CWR && new_state != TCP_CA_RECOVERY && new_state != TCP_CA_LOSS)
		return;
	if (tp->bytes_acked == memory->last_loss)
		return;
	memory->run = tp->bytes_acked - memory->last_loss;
	memory->last_loss = tp->bytes_acked;
}

SEC(".struct_ops")
struct tcp_congestion_ops olia = {
	.init = (void *)coupled_init,
	.release = (void *)coupled_release,
	.ssthresh = (void *)olia_ssthresh,
	.cong_avoid = (void *)olia_avoid,
	.set_state = (void *)olia_state,
	.in_ack_event = (void *)coupled_ack,
	.undo_cwnd = (void *)coupled_undo,
	.flags = TCP_CONG_NON_RESTRICTED,
	.name = "olia",
};
