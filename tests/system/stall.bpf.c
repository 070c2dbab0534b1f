/* Computes for a while: a processor that runs this serves no timer's and no packet's softirq meanwhile. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

__u64 stall_ns;

struct work {
	__u64 end_ns, x;
};

/* 1: time is up. */
static long step(__u32 i, struct work *work)
{
	work->x = work->x * 6364136223846793005ULL + i;
	return i % 1024 == 0 && bpf_ktime_get_ns() >= work->end_ns;
}

SEC("xdp")
int stall(struct xdp_md *packet)
{
	struct work work = {.end_ns = bpf_ktime_get_ns() + stall_ns};
	for (int i = 0; i < 64 && bpf_ktime_get_ns() < work.end_ns; i++)
		bpf_loop(1 << 23, step, &work, 0);
	return work.x == 7 ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
