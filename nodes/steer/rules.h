/* Rules: which connections are to be steered. A rule may name the destination's port, a number of bytes that have passed, a token,
 * or a pattern in the payload (also across the borders of segments). All conditions that it names must hold. Pure. */
#ifndef LIQUIDNET_STEER_RULES_H
#define LIQUIDNET_STEER_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RULES_MOST = 8, PATTERN_MOST = 256, VIA_MOST = 4 };

struct rule {
	bool has_pattern, has_token;
	uint8_t pattern[PATTERN_MOST];
	unsigned pattern_length; /* 1 to PATTERN_MOST */
	/* Of each prefix of the pattern, the length of its longest proper prefix that is also its end (Knuth, Morris, Pratt
	 * 1977): where to go on when the next byte does not fit. */
	uint8_t back[PATTERN_MOST];
	uint16_t port;       /* of the server; 0: any */
	uint64_t bytes_over; /* payload of both directions; 0: any */
	uint32_t token;
	unsigned via[VIA_MOST]; /* waypoints, one after the other */
	unsigned via_count;
};

struct rules {
	struct rule rule[RULES_MOST];
	unsigned count;
};

/* Makes `back` of a rule whose pattern is set. */
void rule_prepare(struct rule *rule);

/* The length of the pattern's prefix with which the bytes so far end; PATTERN_FOUND once the whole pattern was found. One per rule and
 * direction. */
typedef uint16_t pattern_state;
#define PATTERN_FOUND UINT16_MAX

/* The state after `size` bytes more, in order. */
pattern_state rule_scan(const struct rule *rule, pattern_state state, const uint8_t *bytes, size_t size);

struct rule_facts {
	uint16_t port;
	uint32_t token;
	uint64_t bytes;
	const pattern_state *patterns[2]; /* of each rule, in each direction */
};

/* The first rule that holds, or -1. */
int rules_match(const struct rules *rules, const struct rule_facts *facts);

#endif
