#include "nodes/threats/knowledge.h"
#include "lib/base/error.h"
#include <stdio.h>
#include <string.h>

#define NUMBERS (KNOWS_SEQUENCE | KNOWS_ACKNOWLEDGEMENT)

const struct scenario scenarios[SCENARIOS] = {
	[SCENARIO_OBSERVE] = {"observe", "nobody attacks: connections and joins are counted", 0, 0},
	[SCENARIO_ANNOUNCE] = {"announce",
		"T1: an address of the attacker's in the peer's name, in several forms",
		KNOWS_TUPLE | NUMBERS, KNOWS_KEYS},
	[SCENARIO_TAKEOVER] = {"takeover",
		"T1 to its end: the join passes the attacker, the first subflow is reset",
		KNOWS_TUPLE | NUMBERS | KNOWS_KEYS, 0},
	[SCENARIO_GUESS] = {"guess", "T1b: the numbers that are not known are drawn", KNOWS_TUPLE, NUMBERS},
	[SCENARIO_FLOOD] = {"flood", "T2: joins from a forged source", 0, KNOWS_TOKEN},
	[SCENARIO_AMPLIFY] = {"amplify",
		"T3: joins from a forged source to a connection of the attacker's own", 0, 0},
	[SCENARIO_EAVESDROP] = {"eavesdrop", "T4: who saw the keys joins later, and takes the rest over",
		KNOWS_KEYS, 0},
	[SCENARIO_BAD_ACK] = {"bad-ack", "a join whose third packet has a wrong HMAC", KNOWS_KEYS, 0},
	[SCENARIO_BAD_ANSWER] = {"bad-answer",
		"a join is drawn to the attacker, whose SYN/ACK has a wrong HMAC",
		KNOWS_TUPLE | NUMBERS | KNOWS_KEYS, 0},
	[SCENARIO_RESIDUAL] = {"residual", "T6: options that the standard protects by sequence numbers alone",
		KNOWS_TUPLE | NUMBERS, 0},
};

static const struct {
	enum knowledge bit;
	const char *name;
} names[] = {{KNOWS_TUPLE, "tuple"}, {KNOWS_SEQUENCE, "sequence"}, {KNOWS_ACKNOWLEDGEMENT, "acknowledgement"},
	{KNOWS_TOKEN, "token"}, {KNOWS_KEYS, "keys"}};

enum { NAMES = sizeof names / sizeof *names };

const char *knowledge_name(enum knowledge one)
{
	for (unsigned i = 0; i < NAMES; i++)
		if (names[i].bit == one)
			return names[i].name;
	return "?";
}

int scenario_named(const char *name, enum scenario_id *id, char **error)
{
	char all[256] = "";
	for (unsigned i = 0; i < SCENARIOS; i++) {
		if (strcmp(scenarios[i].name, name) == 0) {
			*id = (enum scenario_id)i;
			return 0;
		}
		size_t length = strlen(all);
		snprintf(all + length, sizeof all - length, "%s%s", i ? ", " : "", scenarios[i].name);
	}
	return error_set(error, "no scenario `%s`; there are: %s", name, all);
}

int knowledge_read(const char *text, unsigned *knows, char **error)
{
	unsigned bits = 0;
	if (strcmp(text, "nothing") == 0) {
		*knows = 0;
		return 0;
	}
	for (const char *at = text;; at++) {
		size_t length = strcspn(at, ",");
		unsigned i = 0;
		while (i < NAMES &&
			(strlen(names[i].name) != length || strncmp(at, names[i].name, length) != 0))
			i++;
		if (i == NAMES)
			return error_set(error,
				"`%.*s` is no knowledge; write nothing, or some of tuple,sequence,acknowledgement,token,keys",
				(int)(length < 40 ? length : 40), at);
		bits |= names[i].bit;
		at += length;
		if (!*at)
			break;
	}
	*knows = bits;
	return 0;
}

int knowledge_check(enum scenario_id id, unsigned knows, char **error)
{
	const struct scenario *s = &scenarios[id];
	for (unsigned i = 0; i < NAMES; i++) {
		if (s->needs & names[i].bit && !(knows & names[i].bit))
			return error_set(error, "%s needs %s; add it to --knows", s->name, names[i].name);
		if (knows & names[i].bit && !((s->needs | s->may_use) & names[i].bit))
			return error_set(error, "%s has no use for %s; take it out of --knows", s->name,
				names[i].name);
	}
	return 0;
}
