/* Patterns by Knuth, Morris and Pratt: a state of two bytes a rule, and never back in the stream. */
#include "nodes/steer/rules.h"
#include <string.h>

static unsigned step(const struct rule *rule, unsigned state, uint8_t byte)
{
	while (state && rule->pattern[state] != byte)
		state = rule->back[state - 1];
	return rule->pattern[state] == byte ? state + 1 : 0;
}

void rule_prepare(struct rule *rule)
{
	unsigned state = 0;
	rule->back[0] = 0;
	for (unsigned i = 1; i < rule->pattern_length; i++)
		rule->back[i] = (uint8_t)(state = step(rule, state, rule->pattern[i]));
}

pattern_state rule_scan(const struct rule *rule, pattern_state state, const uint8_t *bytes, size_t size)
{
	if (state == PATTERN_FOUND)
		return state;
	for (const uint8_t *end = bytes + size; bytes < end; bytes++) {
		if (state == 0) {
			/* Nearly all bytes are no beginning. */
			bytes = memchr(bytes, rule->pattern[0], (size_t)(end - bytes));
			if (!bytes)
				return 0;
		}
		state = (pattern_state)step(rule, state, *bytes);
		if (state == rule->pattern_length)
			return PATTERN_FOUND;
	}
	return state;
}

static bool holds(const struct rule *rule, unsigned index, const struct rule_facts *facts)
{
	if (rule->port && rule->port != facts->port)
		return false;
	if (rule->has_token && rule->token != facts->token)
		return false;
	if (rule->bytes_over && facts->bytes <= rule->bytes_over)
		return false;
	return !rule->has_pattern || facts->patterns[0][index] == PATTERN_FOUND ||
	       facts->patterns[1][index] == PATTERN_FOUND;
}

int rules_match(const struct rules *rules, const struct rule_facts *facts)
{
	for (unsigned i = 0; i < rules->count; i++)
		if (holds(&rules->rule[i], i, facts))
			return (int)i;
	return -1;
}
