/* Clocks: which side an endpoint is on, and how far the clocks are apart. A router between the ends lowers the TTL;
 * otherwise the two directions of a flow tell: what B's clock shows later than A's is the delay plus the clocks'
 * difference one way, and less the delay the other way, so the way with the greater difference is A's to B. Half
 * of both least ones is the clocks' difference, as in NTP (RFC 5905, section 8), if the least delays are alike. */
#include "analysis/match/match.h"
#include <stdlib.h>
#include <string.h>

/* Takes one packet that was seen once at each end. */
static void add_pair(struct matcher *matcher, const struct match_packet *a, const struct match_packet *b)
{
	struct match_flow *flow = &matcher->flows[a->flow];
	unsigned sender = a->second;
	int64_t apart = b->time_ns - a->time_ns;
	if (!flow->pairs[sender]++)
		flow->least_ns[sender] = flow->greatest_ns[sender] = apart;
	flow->sum_ns[sender] += apart;
	flow->least_ns[sender] = apart < flow->least_ns[sender] ? apart : flow->least_ns[sender];
	flow->greatest_ns[sender] = apart > flow->greatest_ns[sender] ? apart : flow->greatest_ns[sender];
	if (a->ttl != b->ttl)
		flow->ttl_votes += (a->ttl > b->ttl) == (sender == 0) ? 1 : -1;
}

/* The side by TTL, by both directions, or not at all. */
static void decide_alone(struct match_flow *flow)
{
	if (flow->ttl_votes) {
		flow->known = true;
		flow->second_at_a = flow->ttl_votes < 0;
	} else if (flow->pairs[0] && flow->pairs[1]) {
		double mean[2] = {(double)flow->sum_ns[0] / (double)flow->pairs[0],
			(double)flow->sum_ns[1] / (double)flow->pairs[1]};
		if (mean[0] == mean[1])
			return;
		flow->known = true;
		flow->second_at_a = mean[1] > mean[0];
	}
}

/* The least delay each way, B's clock less A's: of all flows whose side is known. */
static void estimate(struct matcher *matcher)
{
	int64_t there = INT64_MAX, back = INT64_MIN;
	for (uint32_t i = 0; i < matcher->flow_count; i++) {
		const struct match_flow *flow = &matcher->flows[i];
		if (!flow->known)
			continue;
		unsigned at_a = flow->second_at_a;
		if (flow->pairs[at_a] && flow->least_ns[at_a] < there)
			there = flow->least_ns[at_a];
		if (flow->pairs[!at_a] && flow->greatest_ns[!at_a] > back)
			back = flow->greatest_ns[!at_a];
	}
	matcher->both_ways = there != INT64_MAX && back != INT64_MIN;
	matcher->uncertainty_ns = -1;
	if (matcher->both_ways) {
		matcher->offset_ns = there / 2 + back / 2 + (there % 2 + back % 2) / 2;
		matcher->uncertainty_ns = there > back ? (there - back) / 2 : 0;
	}
	/* Clocks that show no packet before it was sent are taken as they are. */
	bool agree = (there == INT64_MAX || there >= 0) && (back == INT64_MIN || back <= 0);
	if (!matcher->both_ways)
		matcher->offset_ns = there != INT64_MAX ? there : back != INT64_MIN ? back : 0;
	matcher->used_offset_ns = agree ? 0 : matcher->offset_ns;
	if (agree && !matcher->both_ways)
		matcher->offset_ns = 0;
}

/* Flows that go one way: by the sign of what the clocks' difference leaves. Without any, the first sender is at A. */
static void decide_by_clock(struct matcher *matcher, struct match_flow *flow)
{
	double sum = 0;
	for (unsigned sender = 0; sender < 2; sender++) {
		double apart = (double)flow->sum_ns[sender] -
			       (double)matcher->used_offset_ns * (double)flow->pairs[sender];
		sum += sender ? -apart : apart;
	}
	if (!flow->pairs[0] && !flow->pairs[1])
		return;
	flow->known = true;
	flow->second_at_a = sum == 0 ? flow->first_seen_second : sum < 0;
}

/* A flow of which nothing was seen at both ends: its addresses may be known from others. */
static void decide_by_address(struct matcher *matcher, struct match_flow *flow)
{
	for (uint32_t i = 0; i < matcher->flow_count && !flow->known; i++) {
		const struct match_flow *other = &matcher->flows[i];
		if (!other->pairs[0] && !other->pairs[1])
			continue;
		for (unsigned j = 0; j < 4; j++)
			if (!memcmp(flow->address[j & 1], other->address[j >> 1], 16)) {
				flow->known = true;
				flow->second_at_a = (j & 1) ^ (j >> 1) ^ other->second_at_a;
			}
	}
}

void match_clocks(struct matcher *matcher)
{
	for (size_t i = 0; i < matcher->input[0].count; i++) {
		const struct match_packet *a = &matcher->input[0].packets[i];
		if (a->partner != MATCH_NONE)
			add_pair(matcher, a, &matcher->input[1].packets[a->partner]);
	}
	bool any = false;
	for (uint32_t i = 0; i < matcher->flow_count; i++) {
		decide_alone(&matcher->flows[i]);
		any |= matcher->flows[i].known;
	}
	if (!any)
		/* One clock is the best guess. */
		for (uint32_t i = 0; i < matcher->flow_count; i++)
			decide_by_clock(matcher, &matcher->flows[i]);
	estimate(matcher);
	for (uint32_t i = 0; i < matcher->flow_count; i++)
		if (!matcher->flows[i].known)
			decide_by_clock(matcher, &matcher->flows[i]);
	for (uint32_t i = 0; i < matcher->flow_count; i++)
		if (!matcher->flows[i].known)
			decide_by_address(matcher, &matcher->flows[i]);
}
