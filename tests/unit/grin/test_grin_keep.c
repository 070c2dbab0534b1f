/* Which subflows a GRIN server keeps (nodes/grin/keep.h): both roles, told step by step. */
#include "lib/base/units.h"
#include "nodes/grin/keep.h"
#include "tests/unit/check.h"
#include <arpa/inet.h>
#include <string.h>

#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))
#define MS NS_PER_MS
#define TOKEN 77

struct seen {
	unsigned created, destroyed, announced, aside;
	struct subflow_action last, all[16];
	uint32_t told[8];
};

static void act(void *context, const struct subflow_action *action)
{
	struct seen *seen = context;

	seen->last = *action;
	if (action->kind == SUBFLOW_CREATE && seen->created < 16)
		seen->all[seen->created] = *action;
	seen->created += action->kind == SUBFLOW_CREATE;
	seen->destroyed += action->kind == SUBFLOW_DESTROY;
}

static void announce(void *context, uint32_t token, uint32_t address, uint8_t id)
{
	struct seen *seen = context;

	assert_int_equal(token, TOKEN);
	assert_int_equal(id, seen->announced + 1);
	seen->told[seen->announced++] = address;
}

static void set_aside(void *context, uint32_t token, struct place local, struct place remote)
{
	(void)token, (void)local, (void)remote;
	((struct seen *)context)->aside++;
}

/* s1 of figure 3.6's kind: cables to s2 and s3. */
static struct keep *make(struct seen *seen, struct keep_settings *s)
{
	const struct keep_handlers handlers = {act, announce, set_aside, seen};

	memset(seen, 0, sizeof *seen);
	s->primary = IP(10, 0, 0, 1);
	s->own[0] = IP(10, 32, 0, 2);
	s->own[1] = IP(10, 32, 0, 3);
	s->count = 2;
	s->dead_ns = 1000 * MS;
	s->settle_ns = 200 * MS;
	return keep_new(s, &handlers);
}

static struct place at(uint32_t address, uint16_t port)
{
	return (struct place){address_of_v4((struct in_addr){htonl(address)}), port};
}

static uint32_t host_of(struct place place)
{
	return ntohl(address_v4(&place.address).s_addr);
}

static void established(struct keep *keep, int64_t now, uint32_t remote, bool server)
{
	keep_event(keep, now,
		&(struct mptcp_pm_event){.type = MPTCP_PM_EVENT_ESTABLISHED,
			.token = TOKEN,
			.local = at(IP(10, 0, 0, 1), server ? 7100 : 40000),
			.remote = at(remote, server ? 40000 : 7100),
			.server_side = server});
}

static void hears(struct keep *keep, int64_t now, uint32_t address, uint8_t id)
{
	keep_event(keep, now,
		&(struct mptcp_pm_event){.type = MPTCP_PM_EVENT_ANNOUNCED,
			.token = TOKEN,
			.remote = at(address, 0),
			.remote_id = id});
}

static void subflow(
	struct keep *keep, int64_t now, enum mptcp_pm_event_type type, const struct subflow_action *of)
{
	keep_event(keep, now,
		&(struct mptcp_pm_event){.type = type,
			.token = TOKEN,
			.local = at(host_of(of->local), 50000),
			.remote = at(host_of(of->remote), of->remote.port),
			.local_id = of->local_id});
}

static void server_tells(void **state)
{
	struct seen seen;
	struct keep_settings s = {0};
	struct keep *keep = make(&seen, &s);

	(void)state;
	established(keep, 0, IP(10, 0, 0, 9), true);
	assert_int_equal(seen.announced, 2);
	assert_int_equal(seen.told[1], IP(10, 32, 0, 3));
	assert_int_equal(seen.created, 0);
	established(keep, 0, IP(192, 0, 2, 1), true); /* of another network: nothing */
	assert_int_equal(seen.announced, 2);
	assert_true(keep_busy(keep));
	keep_free(keep);
}

static void client_joins(void **state)
{
	struct seen seen;
	struct keep_settings s = {0};
	struct keep *keep = make(&seen, &s);

	(void)state;
	established(keep, 0, IP(10, 0, 0, 9), false);
	assert_int_equal(seen.created, 0);
	hears(keep, 1, IP(10, 32, 0, 7), 1);
	assert_int_equal(seen.created, 1);
	assert_int_equal(host_of(seen.last.local), IP(10, 32, 0, 2));
	assert_int_equal(host_of(seen.last.remote), IP(10, 32, 0, 7));
	assert_int_equal(seen.last.remote.port, 7100);
	hears(keep, 2, IP(10, 32, 0, 7), 1); /* again: nothing */
	assert_int_equal(seen.created, 1);
	hears(keep, 3, IP(192, 0, 2, 7), 2);
	hears(keep, 3, IP(10, 0, 0, 7), 2);  /* a primary address is no cable's */
	hears(keep, 3, IP(10, 32, 0, 2), 2); /* nor is one of ours the peer's */
	assert_int_equal(keep_counters(keep)->foreign, 3);
	assert_int_equal(seen.created, 1);
	hears(keep, 4, IP(10, 64, 0, 8), 3);
	assert_int_equal(seen.created, 2);
	assert_int_equal(host_of(seen.last.local), IP(10, 32, 0, 3));
	keep_event(keep, 5, &(struct mptcp_pm_event){.type = MPTCP_PM_EVENT_CLOSED, .token = TOKEN});
	assert_false(keep_busy(keep));
	keep_free(keep);
}

static void left_over(void **state)
{
	struct seen seen;
	struct keep_settings s = {0};
	struct keep *keep = make(&seen, &s);

	(void)state;
	established(keep, 0, IP(10, 0, 0, 9), false);
	hears(keep, 1, IP(10, 32, 0, 7), 1);
	assert_int_equal(keep_deadline(keep) <= 200 * MS + 1, 1);
	keep_tick(keep, 100 * MS);
	assert_int_equal(seen.created, 1);
	keep_tick(keep, 201 * MS); /* it has told all: the second cable goes with its primary address */
	assert_int_equal(seen.created, 2);
	assert_int_equal(host_of(seen.last.remote), IP(10, 0, 0, 9));
	keep_free(keep);
}

static struct survey_subflow survey(const struct subflow_action *of, uint64_t acked, uint32_t unacked)
{
	return (struct survey_subflow){.token = TOKEN,
		.local = {of->local.address, 50000},
		.remote = of->remote,
		.local_id = of->local_id,
		.opened_here = true,
		.bytes_acked = acked,
		.unacked = unacked};
}

static void dies_and_returns(void **state)
{
	struct seen seen;
	struct keep_settings s = {0};
	struct keep *keep = make(&seen, &s);
	struct survey_subflow list[2] = {{.token = TOKEN,
		.local = at(IP(10, 0, 0, 1), 40000),
		.remote = at(IP(10, 0, 0, 9), 7100),
		.initial = true,
		.opened_here = true}};

	(void)state;
	established(keep, 0, IP(10, 0, 0, 9), false);
	hears(keep, 0, IP(10, 32, 0, 7), 1);
	struct subflow_action first = seen.last;
	subflow(keep, 1, MPTCP_PM_EVENT_SUB_ESTABLISHED, &first);
	hears(keep, 2, IP(10, 64, 0, 8), 2); /* the other cable's, which stays as it is */
	subflow(keep, 3, MPTCP_PM_EVENT_SUB_ESTABLISHED, &seen.last);
	for (int64_t t = 250; t <= 2000; t += 250) { /* it moves, or is idle */
		list[1] = survey(&first, (uint64_t)t, t % 500 ? 3 : 0);
		keep_look(keep, t * MS, list, 2, NULL, 0, false);
	}
	assert_int_equal(keep_counters(keep)->died, 0);
	list[1] = survey(&first, 2000, 3);
	unsigned created = seen.created;
	for (int64_t t = 2250; t < 3000; t += 250) {
		keep_look(keep, t * MS, list, 2, NULL, 0, false);
		assert_int_equal(keep_counters(keep)->died, 0);
	}
	keep_look(keep, 3000 * MS, list, 2, NULL, 0, false);
	assert_int_equal(keep_counters(keep)->died, 1);
	assert_int_equal(seen.destroyed, 1);
	subflow(keep, 3001 * MS, MPTCP_PM_EVENT_SUB_CLOSED, &first);
	keep_tick(keep, 3100 * MS);
	assert_int_equal(seen.created, created);
	keep_tick(keep, 3400 * MS); /* after the back-off it is tried again, */
	assert_int_equal(seen.created, created + 1);
	assert_int_equal(host_of(seen.last.remote), host_of(first.remote));
	keep_tick(keep, 4400 * MS); /* fails, as nobody answers, */
	keep_tick(keep, 4500 * MS);
	assert_int_equal(seen.created, created + 1);
	keep_tick(keep, 5100 * MS); /* and again, later */
	assert_int_equal(seen.created, created + 2);
	keep_free(keep);
}

static void guest_dies(void **state)
{
	struct seen seen;
	struct keep_settings s = {0};
	struct keep *keep = make(&seen, &s);
	struct survey_subflow guest = {.token = TOKEN,
		.local = at(IP(10, 32, 0, 2), 7100),
		.remote = at(IP(10, 32, 0, 8), 50000),
		.bytes_acked = 10,
		.unacked = 4};

	(void)state;
	established(keep, 0, IP(10, 0, 0, 9), true);
	keep_look(keep, 0, NULL, 0, &guest, 1, false);
	keep_look(keep, 500 * MS, NULL, 0, &guest, 1, false);
	assert_int_equal(seen.destroyed, 0);
	keep_look(keep, 1000 * MS, NULL, 0, &guest, 1, false);
	assert_int_equal(seen.destroyed, 1);
	assert_true(place_equal(&seen.last.local, &guest.local));
	guest.initial = true; /* the initial subflow is the kernel's business */
	keep_look(keep, 9000 * MS, NULL, 0, &guest, 1, false);
	assert_int_equal(seen.destroyed, 1);
	keep_free(keep);
}

static void begins_among_connections(void **state)
{
	struct seen seen;
	struct keep_settings s = {0};
	struct keep *keep = make(&seen, &s);
	struct survey_subflow list[2] = {{.token = TOKEN,
						 .local = at(IP(10, 0, 0, 1), 40000),
						 .remote = at(IP(10, 0, 0, 9), 7100),
						 .initial = true,
						 .opened_here = true},
		{.token = TOKEN,
			.local = at(IP(10, 32, 0, 2), 50000),
			.remote = at(IP(10, 32, 0, 7), 7100),
			.local_id = 1,
			.opened_here = true}};
	struct survey_subflow accepted = {.token = TOKEN,
		.local = at(IP(10, 0, 0, 1), 7100),
		.remote = at(IP(10, 0, 0, 5), 40000),
		.initial = true};

	(void)state;
	keep_look(keep, 0, list, 2, NULL, 0, true);
	assert_int_equal(keep_counters(keep)->opened, 1);
	assert_int_equal(seen.created, 0); /* what is there is not made again */
	keep_tick(keep, 300 * MS);
	assert_int_equal(seen.created, 1); /* the cable that is not used yet */
	assert_int_equal(host_of(seen.last.local), IP(10, 32, 0, 3));
	keep_look(keep, 400 * MS, NULL, 0, &accepted, 1, true);
	assert_null(subflows_first(keep_connections(keep)));
	assert_int_equal(seen.announced, 2); /* whom nobody has joined is told again */
	keep_free(keep);
}

/* Both cables in use, the survey in another order than ours: nothing is made. */
static void begins_with_all(void **state)
{
	struct seen seen;
	struct keep_settings s = {0};
	struct keep *keep = make(&seen, &s);
	struct survey_subflow list[3] = {{.token = TOKEN,
						 .local = at(IP(10, 32, 0, 3), 50001),
						 .remote = at(IP(10, 64, 0, 8), 7100),
						 .local_id = 2,
						 .opened_here = true},
		{.token = TOKEN,
			.local = at(IP(10, 0, 0, 1), 40000),
			.remote = at(IP(10, 0, 0, 9), 7100),
			.initial = true,
			.opened_here = true},
		{.token = TOKEN,
			.local = at(IP(10, 32, 0, 2), 50000),
			.remote = at(IP(10, 32, 0, 7), 7100),
			.local_id = 1,
			.opened_here = true}};

	(void)state;
	for (int turned = 0; turned < 2; turned++) {
		if (turned) { /* and crosswise, as another daemon might have made them */
			list[0].remote = at(IP(10, 32, 0, 7), 7100);
			list[2].remote = at(IP(10, 64, 0, 8), 7100);
			keep_free(keep);
			keep = make(&seen, &s);
		}
		keep_look(keep, 0, list, 3, NULL, 0, true);
		keep_tick(keep, 300 * MS);
		keep_look(keep, 400 * MS, list, 3, NULL, 0, false);
		assert_int_equal(seen.created, 0);
	}
	keep_free(keep);
}

static void affinity(void **state)
{
	unsigned direct = 0, all = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 300; seed++) {
		struct seen seen;
		struct keep_settings s = {.affinity = true, .seed = seed};
		struct keep *keep = make(&seen, &s);
		established(keep, 0, IP(10, 0, 0, 9), false);
		hears(keep, 0, IP(10, 32, 0, 7), 1);
		hears(keep, 0, IP(10, 32, 0, 8), 2);
		assert_int_equal(seen.created, 0);
		keep_tick(keep, 300 * MS);
		assert_in_range(seen.created, 0, 1);
		direct += seen.created == 0;
		all++;
		if (seen.created) {
			assert_int_equal(seen.aside, 0);
			subflow(keep, 301 * MS, MPTCP_PM_EVENT_SUB_ESTABLISHED, &seen.last);
			assert_int_equal(seen.aside, 1);
		}
		keep_tick(keep, 900 * MS);
		assert_in_range(seen.created, 0, 1);
		keep_free(keep);
	}
	assert_in_range(direct, 70, 130); /* a third of 300; five standard deviations are 41 */
}

static void gate(void **state)
{
	struct seen seen;
	struct keep_settings s = {.gate = 5000};
	struct keep *keep = make(&seen, &s);
	struct survey_subflow first = {.token = TOKEN,
		.local = at(IP(10, 0, 0, 1), 40000),
		.remote = at(IP(10, 0, 0, 9), 7100),
		.initial = true,
		.opened_here = true,
		.bytes_acked = 4999};

	(void)state;
	established(keep, 0, IP(10, 0, 0, 9), false);
	hears(keep, 0, IP(10, 32, 0, 7), 1);
	keep_look(keep, 250 * MS, &first, 1, NULL, 0, false);
	assert_int_equal(seen.created, 0);
	first.bytes_received = 1;
	keep_look(keep, 500 * MS, &first, 1, NULL, 0, false);
	assert_int_equal(seen.created, 1);
	keep_free(keep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(server_tells), cmocka_unit_test(client_joins),
		cmocka_unit_test(left_over), cmocka_unit_test(dies_and_returns), cmocka_unit_test(guest_dies),
		cmocka_unit_test(begins_among_connections), cmocka_unit_test(begins_with_all),
		cmocka_unit_test(affinity), cmocka_unit_test(gate)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
