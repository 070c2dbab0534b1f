/* The keeper of subflows: what it asks for, what it believes after each thing that the kernel may say, in any order, and
 * when it wants to be asked again. With invented times and without a network. */
#include "lib/mptcp/subflows.h"

#include "lib/base/draw.h"
#include "tests/unit/check.h"
#include <arpa/inet.h>
#include <string.h>

#define S 1000000000LL
#define TOKEN 7u

struct told {
	struct subflow_action action;
	unsigned count;
};

static void take(void *context, const struct subflow_action *action)
{
	struct told *told = context;
	told->action = *action;
	told->count++;
}

static struct place at(const char *address, uint16_t port)
{
	struct place place = {.port = port};
	assert_true(address_parse(address, &place.address));
	return place;
}

static bool same_place(struct place a, struct place b)
{
	return place_equal(&a, &b);
}

#define CLIENT at("10.0.1.1", 40000)
#define SERVER at("10.0.3.1", 80)

static const struct subflows_settings settings = {.paths = 2,
	.connection_size = sizeof(int),
	.path_size = sizeof(int),
	.join_ns = 5 * S,
	.retry_first_ns = S,
	.retry_last_ns = 4 * S,
	.attempts = 3,
	.stable_ns = 10 * S};

/* A keeper of one connection, established at 0. */
static struct subflows *one(struct told *told, struct subflows_connection **connection)
{
	struct subflows *k = subflows_new(&settings, take, told);
	*connection = subflows_open(k, 0, TOKEN, CLIENT, SERVER);
	return k;
}

static void join(struct subflows *k, int64_t now, struct subflows_connection *c, unsigned path)
{
	subflows_join(k, now, c, path,
		&(struct subflow_wish){
			.local = at(path ? "10.0.2.1" : "10.0.1.1", 0).address, .remote = SERVER});
}

static void connections(void **state)
{
	(void)state;
	struct subflows *k = subflows_new(&settings, take, NULL);
	/* Two share a bucket. */
	struct subflows_connection *a = subflows_open(k, 3, 5, CLIENT, SERVER),
				   *b = subflows_open(k, 4, 5 + 1024, CLIENT, SERVER),
				   *c = subflows_open(k, 5, 6, CLIENT, SERVER);
	assert_ptr_equal(subflows_open(k, 9, 5, SERVER, CLIENT), a);
	assert_int_equal(a->since, 3);
	assert_true(same_place(a->local, CLIENT));
	assert_ptr_equal(subflows_first(k), a);
	assert_ptr_equal(a->next, b);
	assert_ptr_equal(b->next, c);
	subflows_close(k, 5);
	subflows_close(k, 5);
	assert_null(subflows_find(k, 5));
	assert_ptr_equal(subflows_find(k, 5 + 1024), b);
	assert_ptr_equal(subflows_first(k), b);
	subflows_close(k, 6);
	assert_null(b->next);
	subflows_free(k);
	subflows_free(NULL);
}

/* What the policy keeps is zero at first, and its own of each path. */
static void the_policys_own(void **state)
{
	(void)state;
	struct told told = {0};
	struct subflows_connection *c;
	struct subflows *k = one(&told, &c);
	int *own = c->own, *paths = c->own_paths;
	assert_int_equal(*own, 0);
	assert_int_equal(paths[0] + paths[1], 0);
	*own = paths[0] = paths[1] = -1;
	join(k, 0, c, 1);
	subflows_up(k, 0, c, 1, at("10.0.2.1", 1000), SERVER, 1, false);
	assert_int_equal(*own & paths[0] & paths[1], -1);
	subflows_free(k);
}

static void a_join(void **state)
{
	(void)state;
	struct told told = {0};
	struct subflows_connection *c;
	struct subflows *k = one(&told, &c);
	subflows_join(k, 2 * S, c, 1,
		&(struct subflow_wish){
			.local = at("10.0.2.1", 0).address, .remote = SERVER, .if_index = 9, .backup = true});
	assert_int_equal(told.count, 1);
	assert_int_equal(told.action.kind, SUBFLOW_CREATE);
	assert_int_equal(told.action.token, TOKEN);
	assert_int_equal(told.action.path, 1);
	assert_true(same_place(told.action.local, at("10.0.2.1", 0)));
	assert_true(same_place(told.action.remote, SERVER));
	assert_int_equal(told.action.local_id, 1);
	assert_int_equal(told.action.if_index, 9);
	assert_true(told.action.backup);
	assert_int_equal(c->paths[1].state, SUBFLOW_JOINING);
	assert_int_equal(subflows_deadline(k), 7 * S);

	subflows_up(k, 3 * S, c, 1, at("10.0.2.1", 1000), SERVER, 1, true);
	subflows_up(k, 4 * S, c, 1, at("10.0.2.1", 1000), SERVER, 1, true);
	assert_int_equal(c->paths[1].state, SUBFLOW_UP);
	assert_int_equal(c->paths[1].at, 3 * S); /* told twice, it came up once */
	assert_true(c->paths[1].backup);
	assert_int_equal(told.count, 1);
	subflows_free(k);
}

static void identifiers(void **state)
{
	(void)state;
	struct told told = {0};
	struct subflows_connection *c;
	struct subflows *k = one(&told, &c);
	/* One that was found has 1: another address gets another. */
	subflows_note_local(c, at("10.9.9.9", 0).address, 1);
	join(k, 0, c, 0);
	assert_int_equal(told.action.local_id, 2);
	/* The same address keeps its own. */
	subflows_failed(k, 0, c, 0);
	join(k, 2 * S, c, 0);
	assert_int_equal(told.action.local_id, 2);
	/* The policy's choice stands. */
	subflows_join(k, 0, c, 1,
		&(struct subflow_wish){.local = at("10.0.2.1", 0).address, .remote = SERVER, .local_id = 77});
	assert_int_equal(told.action.local_id, 77);
	assert_int_equal(c->paths[1].local_id, 77);
	/* When all are given out the path is given up, and nothing is asked of the kernel. */
	for (unsigned i = 1; i < 256; i++)
		subflows_note_local(c, address_of_v4((struct in_addr){htonl(0x0b000000 + i)}), (uint8_t)i);
	subflows_failed(k, 0, c, 1);
	unsigned before = told.count;
	subflows_join(
		k, 0, c, 1, &(struct subflow_wish){.local = at("10.0.5.1", 0).address, .remote = SERVER});
	assert_int_equal(c->paths[1].state, SUBFLOW_GIVEN_UP);
	assert_int_equal(told.count, before);
	subflows_free(k);
}

/* Identifiers are of addresses, whatever their family; a subflow may be of another than its connection. */
static void both_families(void **state)
{
	(void)state;
	struct told told = {0};
	struct subflows *k = subflows_new(&settings, take, &told);
	struct place client = at("2001:db8:1::1", 40000), server = at("2001:db8:3::1", 80);
	struct subflows_connection *c = subflows_open(k, 0, TOKEN, client, server);

	subflows_join(k, 0, c, 0,
		&(struct subflow_wish){.local = client.address, .remote = at("2001:db8:6::1", 6001)});
	assert_true(same_place(told.action.local, at("2001:db8:1::1", 0)));
	assert_true(same_place(told.action.remote, at("2001:db8:6::1", 6001)));
	assert_int_equal(told.action.local_id, 1);
	subflows_join(k, 0, c, 1, &(struct subflow_wish){.local = CLIENT.address, .remote = SERVER});
	assert_int_equal(told.action.local_id, 2);
	subflows_up(k, S, c, 0, at("2001:db8:1::1", 1000), at("2001:db8:6::1", 6001), 1, false);
	subflows_up(k, S, c, 1, at("10.0.1.1", 1000), SERVER, 2, false);
	/* The same port of the other family is another's. */
	assert_false(subflows_down(k, 2 * S, c, 0, at("10.0.1.1", 1000), SERVER));
	assert_true(subflows_down(k, 2 * S, c, 0, at("2001:db8:1::1", 1000), at("2001:db8:6::1", 6001)));
	assert_int_equal(c->paths[1].state, SUBFLOW_UP);
	assert_false(subflows_down(k, 2 * S, c, -1, client, server));
	assert_true(c->initial_closed);
	subflows_free(k);
}

/* Refused, closed or silent is all the same: a pause that doubles, and an end to it. */
static void failures(void **state)
{
	(void)state;
	struct told told = {0};
	struct subflows_connection *c;
	struct subflows *k = one(&told, &c);
	struct subflow *s = &c->paths[0];

	join(k, 0, c, 0);
	subflows_failed(k, S, c, 0); /* refused */
	assert_int_equal(s->state, SUBFLOW_WAITING);
	assert_int_equal(s->at, 2 * S);
	assert_false(subflows_due(k, 2 * S - 1, c, 0));
	assert_true(subflows_due(k, 2 * S, c, 0));
	assert_int_equal(s->state, SUBFLOW_NONE);

	join(k, 2 * S, c, 0);
	assert_false(subflows_due(k, 7 * S - 1, c, 0));
	assert_int_equal(s->state, SUBFLOW_JOINING);
	assert_false(subflows_due(k, 7 * S, c, 0)); /* silent */
	assert_int_equal(s->state, SUBFLOW_WAITING);
	assert_int_equal(s->at, 9 * S);
	assert_true(subflows_due(k, 9 * S, c, 0));

	join(k, 9 * S, c, 0);
	subflows_up(k, 10 * S, c, 0, at("10.0.1.1", 1000), SERVER, 1, false);
	assert_true(subflows_down(k, 11 * S, c, 0, at("10.0.1.1", 1000), SERVER)); /* died young */
	assert_int_equal(s->state, SUBFLOW_GIVEN_UP);
	assert_false(subflows_due(k, INT64_MAX - 1, c, 0));

	subflow_forgive(s);
	assert_int_equal(s->state, SUBFLOW_NONE);
	assert_int_equal(s->failures, 0);
	subflows_free(k);
}

static void a_long_life_forgives(void **state)
{
	(void)state;
	struct told told = {0};
	struct subflows_connection *c;
	struct subflows *k = one(&told, &c);
	for (int i = 0; i < 5; i++) {
		join(k, 100 * i * S, c, 0);
		subflows_up(k, 100 * i * S, c, 0, at("10.0.1.1", 1000), SERVER, 1, false);
		assert_true(subflows_down(k, (100 * i + 10) * S, c, 0, at("10.0.1.1", 1000), SERVER));
		assert_int_equal(c->paths[0].failures, 1);
		assert_true(subflows_due(k, (100 * i + 11) * S, c, 0));
	}
	/* What is up is not touched by forgiving. */
	join(k, 900 * S, c, 0);
	subflow_forgive(&c->paths[0]);
	assert_int_equal(c->paths[0].state, SUBFLOW_JOINING);
	subflows_free(k);
}

static void back_off(void **state)
{
	(void)state;
	struct subflows *k = subflows_new(&settings, take, NULL);
	const int64_t pauses[] = {1, 1, 2, 4, 4, 4};
	for (unsigned i = 0; i < sizeof pauses / sizeof *pauses; i++)
		assert_int_equal(subflows_back_off(k, i), pauses[i] * S);
	assert_int_equal(subflows_back_off(k, UINT32_MAX), 4 * S);
	subflows_free(k);
}

/* The kernel tells of the end of a subflow that was taken away when its successor joins, or when that is up. */
static void a_late_end(void **state)
{
	(void)state;
	for (int late = 0; late < 2; late++) {
		struct told told = {0};
		struct subflows_connection *c;
		struct subflows *k = one(&told, &c);
		join(k, 0, c, 0);
		subflows_up(k, 0, c, 0, at("10.0.1.1", 1000), SERVER, 1, false);
		subflows_destroy(k, c, 0);
		assert_int_equal(told.action.kind, SUBFLOW_DESTROY);
		assert_true(same_place(told.action.local, at("10.0.1.1", 1000)));
		assert_int_equal(c->paths[0].state, SUBFLOW_NONE);
		join(k, S, c, 0);
		if (late)
			subflows_up(k, S, c, 0, at("10.0.1.1", 2000), SERVER, 1, false);
		assert_false(subflows_down(k, S, c, 0, at("10.0.1.1", 1000), SERVER));
		assert_int_equal(c->paths[0].state, late ? SUBFLOW_UP : SUBFLOW_JOINING);
		assert_int_equal(c->paths[0].failures, 0);
		/* Told once: the same port again is the successor's. */
		assert_true(subflows_down(k, S, c, 0, at("10.0.1.1", late ? 2000 : 1000), SERVER));
		assert_int_equal(c->paths[0].failures, 1);
		subflows_free(k);
	}
}

static void ends_of_others(void **state)
{
	(void)state;
	struct told told = {0};
	struct subflows_connection *c;
	struct subflows *k = one(&told, &c);
	subflows_up(k, 0, c, 1, at("10.0.2.1", 1000), SERVER, 1, false);
	/* Of an earlier one of the path; of none of ours; of the initial one. */
	assert_false(subflows_down(k, S, c, 1, at("10.0.2.1", 999), SERVER));
	assert_false(subflows_down(k, S, c, -1, at("10.0.7.1", 1000), SERVER));
	assert_false(c->initial_closed);
	assert_false(subflows_down(k, S, c, -1, CLIENT, SERVER));
	assert_true(c->initial_closed);
	assert_int_equal(c->paths[1].state, SUBFLOW_UP);
	/* One that lives beside it is closed, and the path's own stays. */
	subflows_turn_away(k, c, 1, at("10.0.2.1", 3000), SERVER);
	assert_int_equal(told.action.kind, SUBFLOW_DESTROY);
	assert_int_equal(told.action.local.port, 3000);
	assert_int_equal(c->paths[1].state, SUBFLOW_UP);
	subflows_free(k);
}

static void priorities(void **state)
{
	(void)state;
	struct told told = {0};
	struct subflows_connection *c;
	struct subflows *k = one(&told, &c);
	subflows_up(k, 0, c, 1, at("10.0.2.1", 1000), SERVER, 1, false);
	subflows_set_backup(k, c, 1, true);
	assert_int_equal(told.action.kind, SUBFLOW_PRIORITY);
	assert_true(told.action.backup && c->paths[1].backup);
	assert_true(same_place(told.action.local, at("10.0.2.1", 1000)));
	assert_true(same_place(told.action.remote, SERVER));
	subflows_free(k);
}

/* A policy without paths of its own: as many as there are subflows, and a place that one left is used again. */
static void places(void **state)
{
	(void)state;
	struct told told = {0};
	struct subflows_settings none = {.path_size = sizeof(int)};
	struct subflows *k = subflows_new(&none, take, &told);
	struct subflows_connection *c = subflows_open(k, 0, TOKEN, CLIENT, SERVER);
	for (uint16_t i = 0; i < 100; i++) {
		unsigned path = subflows_place(k, c, SERVER, at("10.0.1.1", i));
		assert_int_equal(path, i);
		assert_int_equal(((int *)c->own_paths)[path], 0);
		((int *)c->own_paths)[path] = i;
		subflows_up(k, 0, c, path, SERVER, at("10.0.1.1", i), 0, false);
	}
	for (uint16_t i = 0; i < 100; i++) {
		assert_int_equal(subflows_place(k, c, SERVER, at("10.0.1.1", i)), i);
		assert_int_equal(((int *)c->own_paths)[i], i);
	}
	c->paths[42] = (struct subflow){0};
	assert_int_equal(subflows_place(k, c, SERVER, at("10.0.1.1", 1000)), 42);
	assert_int_equal(c->count, 100);
	subflows_free(k);
}

struct missed {
	struct subflows *subflows;
	unsigned closed, ended, path;
	uint32_t token;
};

static void on_closed(void *context, struct subflows_connection *c)
{
	struct missed *missed = context;
	missed->closed++;
	missed->token = c->token;
	subflows_close(missed->subflows, c->token);
}

static void on_ended(void *context, struct subflows_connection *c, unsigned path)
{
	struct missed *missed = context;
	missed->ended++;
	missed->path = path;
	subflows_down(missed->subflows, 0, c, (int)path, c->paths[path].local, c->paths[path].remote);
}

static struct missed compare(struct subflows *k, const struct survey_subflow *list, size_t count)
{
	struct missed missed = {.subflows = k};
	const struct subflows_missed handlers = {on_closed, on_ended, &missed};
	subflows_compare(k, list, count, &handlers);
	return missed;
}

static void what_ended_unseen(void **state)
{
	(void)state;
	struct told told = {0};
	struct subflows_connection *c;
	struct subflows *k = one(&told, &c);
	struct survey_subflow list[] = {{.token = TOKEN, .local = CLIENT, .remote = SERVER},
		{.token = TOKEN, .local = at("10.0.2.1", 1000), .remote = SERVER},
		{.token = 99, .local = at("10.0.2.1", 1000), .remote = SERVER}};
	subflows_open(k, 0, 8, CLIENT, SERVER);
	subflows_open(k, 0, 9, CLIENT, SERVER);
	subflows_up(k, 0, c, 1, at("10.0.2.1", 1000), SERVER, 1, false);
	join(k, 0, c, 0);

	list[2].token = 9;
	struct missed missed = compare(k, list, 3);
	assert_int_equal(missed.closed, 1);
	assert_int_equal(missed.token, 8);
	assert_int_equal(missed.ended, 0);
	/* Of the connection only the initial subflow is left; what joins may still come. */
	missed = compare(k, list, 1);
	assert_int_equal(missed.closed, 1);
	assert_int_equal(missed.token, 9);
	assert_int_equal(missed.ended, 1);
	assert_int_equal(missed.path, 1);
	assert_int_equal(c->paths[0].state, SUBFLOW_JOINING);
	assert_int_equal(c->paths[1].state, SUBFLOW_WAITING);
	missed = compare(k, NULL, 0);
	assert_int_equal(missed.closed, 1);
	assert_null(subflows_first(k));
	subflows_free(k);
}

/* Where the end of one that was taken away was missed, it is not waited for: a subflow with its port may come. */
static void a_missed_late_end(void **state)
{
	(void)state;
	struct told told = {0};
	struct subflows_connection *c;
	struct subflows *k = one(&told, &c);
	struct survey_subflow list[] = {{.token = TOKEN, .local = CLIENT, .remote = SERVER},
		{.token = TOKEN, .local = at("10.0.2.1", 1000), .remote = SERVER}};
	subflows_up(k, 0, c, 1, at("10.0.2.1", 1000), SERVER, 1, false);
	subflows_destroy(k, c, 1);
	compare(k, list, 2); /* it is still closing */
	assert_int_equal(c->paths[1].left, 1000);
	compare(k, list, 1);
	assert_int_equal(c->paths[1].left, 0);
	subflows_free(k);
}

static void deadlines(void **state)
{
	(void)state;
	struct told told = {0};
	struct subflows_connection *c;
	struct subflows *k = one(&told, &c);
	assert_int_equal(subflows_deadline(k), SUBFLOWS_NEVER);
	assert_false(subflows_wake(k, 100 * S));
	join(k, 0, c, 0);
	subflows_wake_at(k, 3 * S); /* the policy's */
	assert_int_equal(subflows_deadline(k), 3 * S);
	assert_false(subflows_wake(k, 3 * S - 1));
	assert_true(subflows_wake(k, 3 * S));
	assert_false(subflows_due(k, 3 * S, c, 0));
	assert_int_equal(subflows_deadline(k), 5 * S);
	subflows_free(k);
}

/* Whatever is asked and told, in any order: a path is in one state of the header's, has ends where it must, and a timed
 * one is never past its time without the deadline saying so. */
static void anything(void **state)
{
	(void)state;
	struct told told = {0};
	struct subflows *k = subflows_new(&settings, take, &told);
	uint64_t random = 4;
	int64_t now = 0;
	for (int step = 0; step < 50000; step++) {
		uint32_t token = 1 + (uint32_t)draw_below(&random, 3);
		unsigned path = (unsigned)draw_below(&random, 2);
		struct place local =
			at(path ? "10.0.2.1" : "10.0.1.1", (uint16_t)(1000 + draw_below(&random, 3)));
		struct subflows_connection *c = subflows_find(k, token);
		now += (int64_t)draw_below(&random, S);
		if (!c || draw_below(&random, 50) == 0) {
			subflows_close(k, token);
			c = subflows_open(k, now, token, CLIENT, SERVER);
		}
		struct subflow *s = &c->paths[path];
		bool idle = s->state == SUBFLOW_NONE;
		switch (draw_below(&random, 6)) {
		case 0:
			if (idle)
				join(k, now, c, path);
			break;
		case 1:
			subflows_up(k, now, c, path, local, SERVER, (uint8_t)(path + 1), false);
			break;
		case 2:
			subflows_down(k, now, c, (int)path, local, SERVER);
			break;
		case 3:
			if (s->state == SUBFLOW_UP)
				subflows_destroy(k, c, path);
			break;
		case 4:
			if (s->state == SUBFLOW_JOINING)
				subflows_failed(k, now, c, path);
			break;
		default:
			if (draw_below(&random, 20) == 0)
				subflow_forgive(s);
		}
		if (subflows_wake(k, now))
			for (c = subflows_first(k); c; c = c->next)
				for (unsigned i = 0; i < c->count; i++)
					subflows_due(k, now, c, i);
		for (c = subflows_first(k); c; c = c->next)
			for (unsigned i = 0; i < c->count; i++) {
				s = &c->paths[i];
				assert_true(s->state < SUBFLOW_STATES);
				assert_int_equal(s->state == SUBFLOW_UP, s->local.port != 0);
				if (s->state == SUBFLOW_JOINING || s->state == SUBFLOW_WAITING)
					assert_true(s->at > now && s->at >= subflows_deadline(k));
				if (s->state == SUBFLOW_WAITING || s->state == SUBFLOW_GIVEN_UP)
					assert_int_equal(s->state == SUBFLOW_GIVEN_UP,
						s->failures >= settings.attempts);
			}
	}
	subflows_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections),
		cmocka_unit_test(the_policys_own),
		cmocka_unit_test(a_join),
		cmocka_unit_test(identifiers),
		cmocka_unit_test(both_families),
		cmocka_unit_test(failures),
		cmocka_unit_test(a_long_life_forgives),
		cmocka_unit_test(back_off),
		cmocka_unit_test(a_late_end),
		cmocka_unit_test(ends_of_others),
		cmocka_unit_test(priorities),
		cmocka_unit_test(places),
		cmocka_unit_test(what_ended_unseen),
		cmocka_unit_test(a_missed_late_end),
		cmocka_unit_test(deadlines),
		cmocka_unit_test(anything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
