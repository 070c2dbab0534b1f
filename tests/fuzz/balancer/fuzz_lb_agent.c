/* Fuzz: any frames to the agent's two programs, compiled for here, with the kernel's helpers written out as far as the programs can tell. The
 * frame ends where memory ends, so a byte read behind it is a fault; nothing outside it is written. A frame that is handed on has a good
 * outer header and one hop less; what is delivered was to us. The first bytes choose what sockets there are and the map's generation. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define __BPF_HELPERS__ /* ours are below */
#define SEC(name)
#define __uint(name, value) int(*name)[value]
#define __type(name, value) __typeof__(value) *name
#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#include <linux/bpf.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FRAME_MOST 4096
static uint8_t *end_of_memory; /* of two pages below 4 GiB: addresses in struct __sk_buff have 32 bits */
static struct __sk_buff frame;
static struct bpf_sock sock;
static uint64_t counters[256];
static uint8_t copied[512];
static bool has_socket, redirected;

static void expect(bool truth)
{
	if (!truth)
		abort();
}

static void *bpf_map_lookup_elem(void *map, const void *key);
static long bpf_skb_pull_data(struct __sk_buff *skb, __u32 length)
{
	return length <= skb->len ? 0 : -1;
}
static long bpf_probe_read_kernel(void *to, __u32 size, const void *from)
{
	(void)from;
	memset(to, 0x5a, size);
	return 0;
}
static struct bpf_sock *bpf_skc_lookup_tcp(
	void *skb, struct bpf_sock_tuple *tuple, __u32 size, __u64 netns, __u64 flags)
{
	(void)skb, (void)tuple, (void)netns, (void)flags;
	expect(size == sizeof tuple->ipv4);
	return has_socket ? &sock : NULL;
}
static long bpf_sk_release(void *sk)
{
	expect(sk == &sock);
	return 0;
}
static void *bpf_skc_to_tcp_timewait_sock(void *sk)
{
	static uint32_t next[16];
	(void)sk;
	return sock.src_port & 1 ? next : NULL;
}
static long bpf_tcp_check_syncookie(void *sk, void *ip, __u32 ip_size, void *tcp, __u32 tcp_size)
{
	(void)sk, (void)ip, (void)tcp;
	expect(ip_size == 20 && tcp_size == 20);
	return sock.src_port & 1 ? 0 : -1;
}
static __u64 bpf_ktime_get_ns(void)
{
	return 5000000000;
}
static bool inside(const struct __sk_buff *skb, __u32 offset, __u32 size)
{
	return offset <= skb->len && size <= skb->len - offset;
}
static long bpf_skb_store_bytes(
	struct __sk_buff *skb, __u32 offset, const void *from, __u32 size, __u64 flags)
{
	(void)flags;
	if (!inside(skb, offset, size))
		return -1;
	memcpy((uint8_t *)(long)skb->data + offset, from, size);
	return 0;
}
static long bpf_skb_load_bytes(const struct __sk_buff *skb, __u32 offset, void *to, __u32 size)
{
	if (!inside(skb, offset, size))
		return -1;
	memcpy(to, (uint8_t *)(long)skb->data + offset, size);
	return 0;
}
static long bpf_l3_csum_replace(struct __sk_buff *skb, __u32 offset, __u64 from, __u64 to, __u64 size)
{
	(void)from, (void)to, (void)size;
	return inside(skb, offset, 2) ? 0 : -1;
}
static long bpf_l4_csum_replace(struct __sk_buff *skb, __u32 offset, __u64 from, __u64 to, __u64 flags)
{
	(void)from, (void)to, (void)flags;
	return inside(skb, offset, 2) ? 0 : -1;
}
static long bpf_skb_adjust_room(struct __sk_buff *skb, __s32 difference, __u32 mode, __u64 flags)
{
	(void)mode, (void)flags;
	if (difference >= 0 || skb->len < 14 + (__u32)-difference)
		return -1;
	memmove((uint8_t *)(long)skb->data - difference, (uint8_t *)(long)skb->data, 14);
	skb->data += (__u32)-difference;
	skb->len -= (__u32)-difference;
	return 0;
}
static long bpf_redirect_neigh(__u32 ifindex, void *parameters, int size, __u64 flags)
{
	(void)ifindex, (void)parameters, (void)size, (void)flags;
	redirected = true;
	return 7;
}

/* Headers in a frame lie at any address: BPF reads them so. */
#pragma clang attribute push(__attribute__((no_sanitize("alignment"))), apply_to = function)
#include "nodes/balancer/agent/agent.bpf.c"

static void *bpf_map_lookup_elem(void *map, const void *key)
{
	return map == &counts ? (void *)&counters[*(const __u32 *)key] : (void *)copied;
}

#pragma clang attribute pop

#define VIP 0x0164090aU  /* 10.9.100.1 */
#define DIP 0x0215090aU  /* 10.9.21.2 */
#define NEXT 0x0216090aU /* 10.9.22.2 */

static void set_up(void)
{
	uint8_t *pages = mmap(
		NULL, 2 * FRAME_MOST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	expect(pages != MAP_FAILED && mprotect(pages + FRAME_MOST, FRAME_MOST, PROT_NONE) == 0);
	end_of_memory = pages + FRAME_MOST;
	state.translate = 1;
	state.mss = 1400;
	state.idle_ns = 900000000000;
	memset(state.ports, 0x55, sizeof state.ports);
	for (int i = 0; i < 2; i++) {
		struct agent_ring *ring = &state.rings[i];
		*ring = (struct agent_ring){.vip = VIP, .dip = DIP, .tokens = 100};
		for (int t = 0; t < 100; t++) {
			ring->head[t] = t % 3 ? DIP : NEXT;
			ring->next[t] = t % 4 == 0 ? AGENT_END : t % 4 == 1 ? AGENT_ABSENT : NEXT;
		}
	}
}

static void load(const uint8_t *data, size_t size)
{
	uint8_t *at = end_of_memory - size;
	memcpy(at, data, size);
	frame = (struct __sk_buff){.len = (__u32)size,
		.data = (__u32)(uintptr_t)at,
		.data_end = (__u32)(uintptr_t)end_of_memory,
		.protocol = __builtin_bswap16(ETH_P_IP)};
	redirected = false;
}

__attribute__((no_sanitize("alignment"))) static void check_handed_on(const uint8_t *before)
{
	const struct iphdr *then = (const struct iphdr *)(before + 14),
			   *now = (const struct iphdr *)((uint8_t *)(long)frame.data + 14);
	const uint16_t *words = (const uint16_t *)now;
	uint32_t sum = 0;
	for (int i = 0; i < 10; i++)
		sum += words[i];
	expect(lb_checksum(sum) == 0 && now->ttl == then->ttl - 1 && then->ttl > 1);
	/* Back to the head from this server's own address. */
	expect(then->saddr == VIP && (now->saddr == VIP || (now->saddr == DIP && now->daddr == NEXT)));
	expect((now->daddr == NEXT || now->daddr == DIP) && then->daddr == DIP);
	expect(memcmp(now + 1, before + 34, frame.len - 34) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!end_of_memory)
		set_up();
	if (size < 4 + 14 || size > FRAME_MOST)
		return 0;
	has_socket = data[0] & 1;
	sock.state = data[0] >> 1 & 15;
	sock.src_port = data[1];
	state.rings[0].generation = state.rings[1].generation = (uint32_t)data[2] << 8 | data[3];
	data += 4, size -= 4;
	load(data, size);
	int verdict = lqn_agent_in(&frame);
	expect(verdict == TC_ACT_UNSPEC || verdict == TC_ACT_SHOT || redirected);
	if (redirected)
		check_handed_on(data);
	load(data, size);
	verdict = lqn_agent_out(&frame);
	expect(verdict == TC_ACT_UNSPEC || verdict == TC_ACT_SHOT);
	expect(frame.len == size);
	return 0;
}
