/* The keeper of subflows; see the header. Connections hang in a list, oldest first, and in a hash table by token. */
#include "lib/mptcp/subflows.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024

struct subflows_local {
	struct address address;
	uint8_t id;
};

struct subflows {
	struct subflows_settings settings;
	subflows_act *act;
	void *context;
	struct subflows_connection *buckets[BUCKETS];
	struct subflows_connection *first, *last;
	int64_t deadline;
};

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

struct subflows *subflows_new(const struct subflows_settings *settings, subflows_act *act, void *context)
{
	struct subflows *k = must(calloc(1, sizeof *k));

	k->settings = *settings;
	k->act = act;
	k->context = context;
	k->deadline = SUBFLOWS_NEVER;
	return k;
}

void subflows_free(struct subflows *k)
{
	if (!k)
		return;
	while (k->first)
		subflows_close(k, k->first->token);
	free(k);
}

/* ---- connections */

struct subflows_connection *subflows_find(const struct subflows *k, uint32_t token)
{
	struct subflows_connection *c = k->buckets[token % BUCKETS];

	while (c && c->token != token)
		c = c->bucket_next;
	return c;
}

struct subflows_connection *subflows_first(const struct subflows *k)
{
	return k->first;
}

/* Room for so many paths; those that are new are zero. */
static void make_paths(const struct subflows *k, struct subflows_connection *c, unsigned count)
{
	size_t own = k->settings.path_size;

	c->paths = must(realloc(c->paths, (count + 1) * sizeof *c->paths));
	c->own_paths = must(realloc(c->own_paths, count * own + 1));
	memset(c->paths + c->count, 0, (count - c->count) * sizeof *c->paths);
	memset((char *)c->own_paths + c->count * own, 0, (count - c->count) * own);
	c->count = count;
}

struct subflows_connection *subflows_open(
	struct subflows *k, int64_t now, uint32_t token, struct place local, struct place remote)
{
	struct subflows_connection *c = subflows_find(k, token);

	if (c)
		return c;
	c = must(calloc(1, sizeof *c));
	*c = (struct subflows_connection){.token = token,
		.since = now,
		.local = local,
		.remote = remote,
		.own = must(calloc(1, k->settings.connection_size + 1)),
		.bucket_next = k->buckets[token % BUCKETS],
		.previous = k->last};
	make_paths(k, c, k->settings.paths);
	k->buckets[token % BUCKETS] = c;
	*(k->last ? &k->last->next : &k->first) = c;
	k->last = c;
	return c;
}

void subflows_close(struct subflows *k, uint32_t token)
{
	struct subflows_connection *c = subflows_find(k, token);
	struct subflows_connection **link = &k->buckets[token % BUCKETS];

	if (!c)
		return;
	while (*link != c)
		link = &(*link)->bucket_next;
	*link = c->bucket_next;
	*(c->previous ? &c->previous->next : &k->first) = c->next;
	*(c->next ? &c->next->previous : &k->last) = c->previous;
	free(c->paths);
	free(c->own);
	free(c->own_paths);
	free(c->locals);
	free(c);
}

/* ---- address identifiers (RFC 8684, section 3.4.1) */

/* The address's, or one that is free; 0: none is left. */
static uint8_t local_id(const struct subflows_connection *c, struct address address)
{
	bool taken[256] = {true};
	unsigned id = 0;

	for (unsigned i = 0; i < c->local_count; i++) {
		if (address_equal(&c->locals[i].address, &address))
			return c->locals[i].id;
		taken[c->locals[i].id] = true;
	}
	while (id < 256 && taken[id])
		id++;
	return id < 256 ? (uint8_t)id : 0;
}

void subflows_note_local(struct subflows_connection *c, struct address address, uint8_t id)
{
	if (!id)
		return;
	for (unsigned i = 0; i < c->local_count; i++)
		if (address_equal(&c->locals[i].address, &address) || c->locals[i].id == id)
			return;
	c->locals = must(realloc(c->locals, (c->local_count + 1) * sizeof *c->locals));
	c->locals[c->local_count++] = (struct subflows_local){.address = address, .id = id};
}

/* ---- what the policy wants */

void subflows_join(struct subflows *k, int64_t now, struct subflows_connection *c, unsigned path,
	const struct subflow_wish *wish)
{
	struct subflow *s = &c->paths[path];

	s->local = (struct place){.address = wish->local};
	s->remote = wish->remote;
	s->backup = wish->backup;
	s->local_id = wish->local_id ? wish->local_id : local_id(c, wish->local);
	if (!s->local_id) {
		s->state = SUBFLOW_GIVEN_UP;
		return;
	}
	subflows_note_local(c, wish->local, s->local_id);
	s->state = SUBFLOW_JOINING;
	s->at = now + k->settings.join_ns;
	subflows_wake_at(k, s->at);
	k->act(k->context, &(struct subflow_action){.kind = SUBFLOW_CREATE,
				   .token = c->token,
				   .path = path,
				   .local = s->local,
				   .remote = s->remote,
				   .local_id = s->local_id,
				   .if_index = wish->if_index,
				   .backup = wish->backup});
}

void subflows_turn_away(struct subflows *k, const struct subflows_connection *c, unsigned path,
	struct place local, struct place remote)
{
	k->act(k->context, &(struct subflow_action){.kind = SUBFLOW_DESTROY,
				   .token = c->token,
				   .path = path,
				   .local = local,
				   .remote = remote});
}

void subflows_destroy(struct subflows *k, struct subflows_connection *c, unsigned path)
{
	struct subflow *s = &c->paths[path];
	struct place local = s->local, remote = s->remote;

	*s = (struct subflow){
		.state = SUBFLOW_NONE, .left = local.port, .local.address = local.address, .remote = remote};
	subflows_turn_away(k, c, path, local, remote);
}

void subflows_set_backup(struct subflows *k, struct subflows_connection *c, unsigned path, bool backup)
{
	struct subflow *s = &c->paths[path];

	s->backup = backup;
	k->act(k->context, &(struct subflow_action){.kind = SUBFLOW_PRIORITY,
				   .token = c->token,
				   .path = path,
				   .local = s->local,
				   .remote = s->remote,
				   .backup = backup});
}

void subflow_forgive(struct subflow *s)
{
	s->failures = 0;
	if (s->state == SUBFLOW_WAITING || s->state == SUBFLOW_GIVEN_UP)
		s->state = SUBFLOW_NONE;
}

int64_t subflows_back_off(const struct subflows *k, unsigned times)
{
	int64_t pause = k->settings.retry_first_ns;

	while (times-- > 1 && pause < k->settings.retry_last_ns)
		pause *= 2;
	return pause < k->settings.retry_last_ns ? pause : k->settings.retry_last_ns;
}

/* ---- what the kernel says */

void subflows_up(struct subflows *k, int64_t now, struct subflows_connection *c, unsigned path,
	struct place local, struct place remote, uint8_t id, bool backup)
{
	struct subflow *s = &c->paths[path];
	(void)k;

	subflows_note_local(c, local.address, id);
	s->backup = backup;
	if (s->left == local.port)
		s->left = 0;
	if (s->state == SUBFLOW_UP && place_equal(&s->local, &local) && place_equal(&s->remote, &remote))
		return;
	s->state = SUBFLOW_UP;
	s->at = now;
	s->local = local;
	s->remote = remote;
	s->local_id = id;
}

void subflows_failed(struct subflows *k, int64_t now, struct subflows_connection *c, unsigned path)
{
	struct subflow *s = &c->paths[path];

	if (s->state == SUBFLOW_UP && now - s->at >= k->settings.stable_ns)
		s->failures = 0;
	s->failures++;
	s->local.port = 0;
	s->state = SUBFLOW_GIVEN_UP;
	if (k->settings.attempts && s->failures >= k->settings.attempts)
		return;
	s->state = SUBFLOW_WAITING;
	s->at = now + subflows_back_off(k, s->failures);
	subflows_wake_at(k, s->at);
}

bool subflows_down(struct subflows *k, int64_t now, struct subflows_connection *c, int path,
	struct place local, struct place remote)
{
	if (place_equal(&local, &c->local) && place_equal(&remote, &c->remote))
		c->initial_closed = true;
	if (path < 0)
		return false;
	struct subflow *s = &c->paths[path];
	/* The end of one that was taken away comes when its successor may be joining. */
	if (s->left && s->left == local.port) {
		s->left = 0;
		return false;
	}
	if (s->state != SUBFLOW_JOINING && (s->state != SUBFLOW_UP || !place_equal(&s->local, &local)))
		return false; /* an earlier one of this path */
	subflows_failed(k, now, c, (unsigned)path);
	return true;
}

unsigned subflows_place(
	struct subflows *k, struct subflows_connection *c, struct place local, struct place remote)
{
	unsigned free_path = c->count;

	for (unsigned i = 0; i < c->count; i++) {
		const struct subflow *s = &c->paths[i];
		if (s->state == SUBFLOW_UP && place_equal(&s->local, &local) &&
			place_equal(&s->remote, &remote))
			return i;
		if (s->state == SUBFLOW_NONE)
			free_path = i;
	}
	if (free_path == c->count)
		make_paths(k, c, c->count + 1);
	return free_path;
}

static void see(struct subflows *k, const struct survey_subflow *living)
{
	struct subflows_connection *c = subflows_find(k, living->token);

	if (!c)
		return;
	c->seen = true;
	c->initial_seen |= place_equal(&c->local, &living->local) && place_equal(&c->remote, &living->remote);
	for (unsigned i = 0; i < c->count; i++) {
		struct subflow *s = &c->paths[i];
		s->seen |= place_equal(&s->local, &living->local) && place_equal(&s->remote, &living->remote);
		s->left_seen |= s->left == living->local.port;
	}
}

static void tell_of_ends(struct subflows_connection *c, const struct subflows_missed *missed)
{
	for (unsigned i = 0; i < c->count; i++) {
		struct subflow *s = &c->paths[i];
		bool ended = s->state == SUBFLOW_UP && !s->seen;
		s->left = s->left_seen ? s->left : 0;
		s->seen = s->left_seen = false;
		if (ended)
			missed->ended(missed->context, c, i);
	}
}

void subflows_compare(struct subflows *k, const struct survey_subflow *list, size_t count,
	const struct subflows_missed *missed)
{
	for (size_t i = 0; i < count; i++)
		see(k, &list[i]);
	for (struct subflows_connection *c = k->first, *next; c; c = next) {
		bool lives = c->seen;
		next = c->next;
		c->initial_closed |= !c->initial_seen;
		c->seen = c->initial_seen = false;
		if (lives)
			tell_of_ends(c, missed);
		else
			missed->closed(missed->context, c);
	}
}

/* ---- time */

int64_t subflows_deadline(const struct subflows *k)
{
	return k->deadline;
}

void subflows_wake_at(struct subflows *k, int64_t at)
{
	if (at < k->deadline)
		k->deadline = at;
}

bool subflows_wake(struct subflows *k, int64_t now)
{
	if (now < k->deadline)
		return false;
	k->deadline = SUBFLOWS_NEVER;
	return true;
}

bool subflows_due(struct subflows *k, int64_t now, struct subflows_connection *c, unsigned path)
{
	struct subflow *s = &c->paths[path];

	if (s->state != SUBFLOW_JOINING && s->state != SUBFLOW_WAITING)
		return false;
	if (now < s->at) {
		subflows_wake_at(k, s->at);
		return false;
	}
	if (s->state == SUBFLOW_JOINING) {
		subflows_failed(k, now, c, path);
		return false;
	}
	s->state = SUBFLOW_NONE;
	return true;
}
