/* The in-kernel link: one direction of a link on the egress of an interface. See wheel.h for how it makes HTB
 * wait. What happens to a packet is lib/link/model.c's rule, draw for draw: loss, drop-tail queue,
 * serialisation at the rate, delay with a jitter that never reorders. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "harness/links/wheel.h"
#include "lib/base/draw.h"

#define MARK_PRIMER 0x4c4e5731 /* "LNW1" */
#define MARK_PACKET 0x4c4e5732

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* ends of links, set before it is loaded */
	__type(key, __u32);
	__type(value, struct wheel_settings);
} settings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* ends of links, set before it is loaded */
	__type(key, __u32);
	__type(value, struct wheel_state);
} states SEC(".maps");

/* The end of serialisation of a packet that arrives now: exact, fractions are carried on. */
static __always_inline __u64 serialise(
	struct wheel_state *s, const struct wheel_settings *w, __u64 now, __u32 bytes)
{
	if (s->free_ns < now) {
		s->free_ns = now;
		s->remainder = 0;
	}
	__u64 work = bytes * w->ns_per_byte + s->remainder;
	s->free_ns += work >> 22;
	s->remainder = work & ((1 << 22) - 1);
	return s->free_ns;
}

static __always_inline bool overflows(struct wheel_state *s, const struct wheel_settings *w, __u64 now)
{
	return w->queue && s->accepted >= w->queue &&
	       s->ends[(s->accepted - w->queue) & (WHEEL_QUEUE - 1)] > now;
}

/* Puts the class into debt until a packet's release; the level of the primer that does it, 0: none is needed.
 */
static __always_inline __u32 incur(
	struct wheel_state *s, const struct wheel_settings *w, __u64 now, __u64 release)
{
	__u64 base = now > WHEEL_CREDIT_NS ? now - WHEEL_CREDIT_NS : 0;
	if (s->paid_ns > base)
		base = s->paid_ns;
	/* Nothing to wait for but what waits in the class already. */
	if (release < now + w->unit_ns || release < base + w->unit_ns / 2)
		return 0;
	__u32 level = wheel_level(w, release - base);
	s->paid_ns = base + wheel_price_ns(w, level);
	s->counters.primed++;
	return level;
}

/* The model. False: the packet is dropped. */
static __always_inline bool accept(
	struct wheel_state *s, const struct wheel_settings *w, __u64 now, __u32 bytes, __u32 *level)
{
	__u64 number = s->counters.packets++;
	s->counters.bytes += bytes;
	if (w->loss && draw_number(w->loss_key, number) < w->loss) {
		s->counters.lost++;
		return false;
	}
	if (overflows(s, w, now)) {
		s->counters.overflowed++;
		return false;
	}
	__u64 end = serialise(s, w, now, bytes), release = end + w->delay_ns;
	if (end - now > s->counters.longest_wait_ns)
		s->counters.longest_wait_ns = end - now;
	s->ends[s->accepted & (WHEEL_QUEUE - 1)] = end;
	s->accepted++;
	if (w->jitter_ns) /* of 2^53, of twice the jitter: in two steps that do not overflow */
		release += (((draw_number(w->jitter_key, number) >> 21) * (2 * w->jitter_ns >> 8)) >> 24) -
			   w->jitter_ns;
	if (release < s->last_ns)
		release = s->last_ns;
	s->last_ns = release;
	*level = incur(s, w, now, release);
	s->counters.sent++;
	s->counters.sent_bytes += bytes;
	return true;
}

/* A primer on its way: as long as its level says. */
static __always_inline int stretch(struct __sk_buff *skb)
{
	__u16 protocol = bpf_htons(WHEEL_PROTOCOL);
	__u32 level = skb->tc_index;
	skb->mark = 0;
	skb->tc_index = 0;
	if (level >= WHEEL_LEVELS || bpf_skb_pull_data(skb, skb->len) < 0 ||
		bpf_skb_change_tail(skb, WHEEL_BASE + level, 0) < 0 ||
		bpf_skb_store_bytes(skb, 12, &protocol, sizeof protocol, 0) < 0)
		return TC_ACT_SHOT;
	return TC_ACT_OK;
}

SEC("tc")
int wheel(struct __sk_buff *skb)
{
	/* One program serves every interface of a network: which one this is, its filter says
	 * (TCA_BPF_CLASSID). */
	__u32 end = skb->tc_classid, level = 0;
	struct wheel_state *s = bpf_map_lookup_elem(&states, &end);
	const struct wheel_settings *w = bpf_map_lookup_elem(&settings, &end);
	if (!s || !w)
		return TC_ACT_SHOT;
	if (skb->mark == MARK_PACKET) {
		skb->mark = 0;
		return TC_ACT_OK;
	}
	if (skb->mark == MARK_PRIMER)
		return stretch(skb);
	__u32 bytes = skb->len;
	if (bytes >= WHEEL_BASE) {
		__sync_fetch_and_add(&s->counters.oversize, 1);
		return TC_ACT_SHOT;
	}
	__u64 now = bpf_ktime_get_ns();
	bpf_spin_lock(&s->lock);
	bool goes = accept(s, w, now, bytes, &level);
	bpf_spin_unlock(&s->lock);
	/* Stolen, not shot: TCP would take a local drop for a full queue, and retransmit without counting a
	 * loss. */
	if (!goes)
		return TC_ACT_STOLEN;
	skb->priority = WHEEL_MAJOR | WHEEL_CLASS;
	if (level) {
		skb->tc_index = (__u16)level;
		skb->mark = MARK_PRIMER;
		bpf_clone_redirect(skb, skb->ifindex, 0);
		skb->tc_index = 0;
	}
	/* A copy without an owner: what waits in a link is not the sender's queue (no TCP small queues). */
	skb->mark = MARK_PACKET;
	if (bpf_clone_redirect(skb, skb->ifindex, 0) < 0)
		__sync_fetch_and_add(&s->counters.unsent, 1);
	return TC_ACT_STOLEN;
}

char _license[] SEC("license") = "Dual MIT/GPL";
