/* Members in a hash by their name on the wire, which is a hash already. */
#include "nodes/detour/daemon/members.h"
#include <stdlib.h>

#define BUCKETS 4096 /* of at most COLLECTIVE_MEMBERS and some */

struct members {
	struct member *buckets[BUCKETS];
	size_t count;
	unsigned round;
};

struct members *members_new(void)
{
	return calloc(1, sizeof(struct members));
}

void members_free(struct members *members)
{
	if (!members)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct member *m = members->buckets[i], *next; m; m = next) {
			next = m->next;
			free(m);
		}
	free(members);
}

size_t members_count(const struct members *members)
{
	return members->count;
}

struct member *members_find(const struct members *members, uint64_t id)
{
	struct member *m = members->buckets[id % BUCKETS];
	while (m && m->id != id)
		m = m->next;
	return m;
}

void members_begin(struct members *members)
{
	members->round++;
}

struct member *members_name(struct members *members, const char *name, const uint8_t key[SEAL_PUBLIC],
	const struct member_rights *rights)
{
	uint64_t id = member_id(key);
	struct member *m = members_find(members, id);
	if (m && m->round == members->round)
		return m;
	if (!m) {
		m = calloc(1, sizeof *m);
		if (!m)
			return NULL;
		m->id = id;
		memcpy(m->key, key, SEAL_PUBLIC);
		m->next = members->buckets[id % BUCKETS];
		members->buckets[id % BUCKETS] = m;
		members->count++;
	}
	memcpy(m->name, name, strnlen(name, COLLECTIVE_NAME - 1) + 1);
	m->name[COLLECTIVE_NAME - 1] = '\0';
	m->rights = *rights;
	m->round = members->round;
	return m;
}

void members_end(
	struct members *members, void (*removed)(void *context, const struct member *member), void *context)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct member **at = &members->buckets[i], *m; (m = *at);) {
			if (m->round == members->round) {
				at = &m->next;
				continue;
			}
			*at = m->next;
			members->count--;
			removed(context, m);
			free(m);
		}
}

const struct seal_keys *member_keys(struct member *member, const struct identity *own)
{
	if (!member->keyed && !member->bad_key) {
		member->keyed = seal_keys_of_detour(own, member->key, &member->keys);
		member->bad_key = !member->keyed;
	}
	return member->keyed ? &member->keys : NULL;
}

bool member_may_ask_for(const struct member *member, const struct address *client)
{
	for (size_t i = 0; i < member->rights.on_behalf_count; i++)
		if (network_has(&member->rights.on_behalf[i], client))
			return true;
	return false;
}

void members_each(
	const struct members *members, void (*each)(void *context, struct member *member), void *context)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct member *m = members->buckets[i]; m; m = m->next)
			each(context, m);
}
