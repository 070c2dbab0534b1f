/* The mux's program on its interface (XDP). */
#include "nodes/balancer/mux/forward.bpf.h"

SEC("xdp")
int liquidnet_mux(struct xdp_md *ctx)
{
	return forward(ctx);
}

char terms[] SEC("license") = "Dual MIT/GPL";
