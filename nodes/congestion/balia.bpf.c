/* BALIA, balanced linked adaptation (draft-walid-mptcp-congestion-control-04): increase and
 * decrease are coupled. */
#include "nodes/congestion/subflows.h"

SEC("struct_ops/balia_avoid")
void BPF_PROG(balia_avoid, struct sock *sk, __u32 ack, __u32 acked)
{
	struct tcp_sock *tp = tcp_of(sk);
	struct walk walk = {};
	acked = after_slow_start(tp, acked);
	if (!acked)
		return;
	__u32 every = tp->snd_cwnd;
	if (walk_paths(sk, &walk)) {
		struct coupled_path own = path_of(tp, walk.ops);
		every = balia_every(walk.paths, walk.count, &own);
	}
	tcp_cong_avoid_ai(tp, every, acked);
	remember_window(tp);
}

SEC("struct_ops/balia_ssthresh")
__u32 BPF_PROG(balia_ssthresh, struct sock *sk)
{
	struct tcp_sock *tp = tcp_of(sk);
	struct walk walk = {};
	if (!walk_paths(sk, &walk))
		return reno_after_loss(window_of(tp));
	struct coupled_path own = coupled_path(window_of(tp), tp->srtt_us >> 3, 0);
	return balia_after_loss(walk.paths, walk.count, &own);
}

SEC(".struct_ops")
struct tcp_congestion_ops balia = {
	.init = (void *)coupled_init,
	.release = (void *)coupled_release,
	.ssthresh = (void *)balia_ssthresh,
	.cong_avoid = (void *)balia_avoid,
	.in_ack_event = (void *)coupled_ack,
	.undo_cwnd = (void *)coupled_undo,
	.flags = TCP_CONG_NON_RESTRICTED,
	.name = "balia",
};
