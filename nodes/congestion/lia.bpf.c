/* LIA, the linked increases of RFC 6356: the increase of congestion avoidance is coupled, the rest is TCP's.
 */
#include "nodes/congestion/subflows.h"

SEC("struct_ops/lia_avoid")
void BPF_PROG(lia_avoid, struct sock *sk, __u32 ack, __u32 acked)
{
	struct tcp_sock *tp = tcp_of(sk);
	struct walk walk = {};
	acked = after_slow_start(tp, acked);
	if (!acked)
		return;
	__u32 every = walk_paths(sk, &walk) ? lia_every(walk.paths, walk.count, tp->snd_cwnd) : tp->snd_cwnd;
	tcp_cong_avoid_ai(tp, every, acked);
	remember_window(tp);
}

SEC("struct_ops/lia_ssthresh")
__u32 BPF_PROG(lia_ssthresh, struct sock *sk)
{
	return reno_after_loss(window_of(tcp_of(sk)));
}

SEC(".struct_ops")
struct tcp_congestion_ops lia = {
	.init = (void *)coupled_init,
	.release = (void *)coupled_release,
	.ssthresh = (void *)lia_ssthresh,
	.cong_avoid = (void *)lia_avoid,
	.in_ack_event = (void *)coupled_ack,
	.undo_cwnd = (void *)coupled_undo,
	.flags = TCP_CONG_NON_RESTRICTED,
	.name = "lia",
};
