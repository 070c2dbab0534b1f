/* The in-kernel link: one direction of a link on the egress of an interface. See wheel.h for how it makes HTB
 * wait. What happens to a packet is nodes/link/model.c's rule, draw for draw: loss, drop-tail queue,
 * serialisation at the rate, delay with a jitter that never reorders. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "harness/wheel.h"
#include "lib/draw.h"

#define MARK_PRIMER 0x4c4e5731 /* "LNW1" */
#define MARK_PACKET 0x4c4e5732
#define GUARD_NS 2000000 /* a lane that was due so long ago is empty, unless the machine is late */

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

/* Which lane a packet goes into, and whether it needs a primer. */
static __always_inline __u32 choose_lane(
	struct wheel_state *s, const struct wheel_settings *w, __u64 now, __u64 release, bool *prime)
{
	__u32 last = s->lane & (w->lanes - 1) & (WHEEL_LANES - 1);
	__u32 next = (s->lane + 1) & (w->lanes - 1) & (WHEEL_LANES - 1);
	struct wheel_lane *open = &s->lanes[last];
	__u64 distance = release > now ? release - now : 0;
	__u64 near = w->slot_ns > distance >> WHEEL_SHARE ? w->slot_ns : distance >> WHEEL_SHARE;
	bool due =
		distance < w->unit_ns; /* nothing to wait for: whatever waits in the open lane comes first */
	bool shares = open->ready && (due || (open->target_ns > now && release < open->target_ns + near));
	*prime = false;
	if (!shares && open->ready && s->lanes[next].target_ns + GUARD_NS > now) {
		s->counters.crowded++;
		shares = true;
	}
	if (shares) {
		__u64 early = release > open->target_ns ? release - open->target_ns : 0;
		if (!due && early > s->counters.early_max_ns)
			s->counters.early_max_ns = early;
		return last;
	}
	s->lane++;
	s->lanes[next].target_ns = release;
	s->lanes[next].ready = due;
	*prime = !due;
	s->counters.primed += !due;
	return next;
}

/* The model. False: the packet is dropped. */
static __always_inline bool accept(struct wheel_state *s, const struct wheel_settings *w, __u64 now,
	__u32 bytes, __u32 *lane, bool *prime)
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
	*lane = choose_lane(s, w, now, release, prime);
	s->counters.sent++;
	s->counters.sent_bytes += bytes;
	return true;
}

/* A primer on its way: as long as the time until its lane's target. */
static __always_inline int stretch(
	struct __sk_buff *skb, struct wheel_state *s, const struct wheel_settings *w)
{
	__u16 protocol = bpf_htons(WHEEL_PROTOCOL);
	__u64 target = s->lanes[skb->tc_index & (WHEEL_LANES - 1)].target_ns, now = bpf_ktime_get_ns();
	__u64 debt = target > now ? target - now : 0, level;
	if (debt >= w->fine_first_ns && debt + w->unit_ns / 2 < w->fine_first_ns + WHEEL_FINE * w->unit_ns) {
		level = (debt - w->fine_first_ns + w->unit_ns / 2) / w->unit_ns;
	} else {
		level = w->coarse_ns ? (debt + w->coarse_ns / 2) / w->coarse_ns : 0;
		if (level >= WHEEL_COARSE)
			level = WHEEL_COARSE - 1;
		level += WHEEL_FINE;
	}
	skb->mark = 0;
	skb->tc_index = 0;
	if (bpf_skb_pull_data(skb, skb->len) < 0 ||
		bpf_skb_change_tail(skb, WHEEL_BASE + (__u32)level, 0) < 0 ||
		bpf_skb_store_bytes(skb, 12, &protocol, sizeof protocol, 0) < 0)
		return TC_ACT_SHOT;
	return TC_ACT_OK;
}

SEC("tc")
int wheel(struct __sk_buff *skb)
{
	/* One program serves every interface of a network: which one this is, its filter says
	 * (TCA_BPF_CLASSID). */
	__u32 end = skb->tc_classid, lane = 0;
	struct wheel_state *s = bpf_map_lookup_elem(&states, &end);
	const struct wheel_settings *w = bpf_map_lookup_elem(&settings, &end);
	bool prime = false;
	if (!s || !w)
		return TC_ACT_SHOT;
	if (skb->mark == MARK_PACKET) {
		skb->mark = 0;
		return TC_ACT_OK;
	}
	if (skb->mark == MARK_PRIMER)
		return stretch(skb, s, w);
	__u32 bytes = skb->len;
	if (bytes >= WHEEL_BASE) {
		__sync_fetch_and_add(&s->counters.oversize, 1);
		return TC_ACT_SHOT;
	}
	__u64 now = bpf_ktime_get_ns();
	bpf_spin_lock(&s->lock);
	bool goes = accept(s, w, now, bytes, &lane, &prime);
	bpf_spin_unlock(&s->lock);
	/* Stolen, not shot: TCP would take a local drop for a full queue, and retransmit without counting a
	 * loss. */
	if (!goes)
		return TC_ACT_STOLEN;
	lane &= WHEEL_LANES - 1;
	skb->priority = WHEEL_MAJOR | (WHEEL_FIRST + lane);
	if (prime) {
		skb->tc_index = lane;
		skb->mark = MARK_PRIMER;
		bpf_clone_redirect(skb, skb->ifindex, 0);
		skb->tc_index = 0;
		s->lanes[lane].ready = 1;
	}
	/* A copy without an owner: what waits in a link is not the sender's queue (no TCP small queues). */
	skb->mark = MARK_PACKET;
	if (bpf_clone_redirect(skb, skb->ifindex, 0) < 0)
		__sync_fetch_and_add(&s->counters.unsent, 1);
	return TC_ACT_STOLEN;
}

char _license[] SEC("license") = "Dual MIT/GPL";
