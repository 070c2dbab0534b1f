/* Checks: the table of kinds, as experiment/checks.c has one; and those that need no file of their own. */
#include "harness/trial/checks.h"

#include "harness/record/verdict.h"
#include "harness/trial/flows.h"
#include "harness/trial/tunnel.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include <stdlib.h>

#define READABLE_SHARE 0.9 /* of a plain tunnel's data packets; the rest may be acknowledgements or cut */
#define HIDDEN_SHARE 0.01
#define TUNNEL_PACKETS 100 /* at least, to say anything */

static int (*const checkers[CHECK_KINDS])(struct evidence *e, const struct check *c, char **error) = {
	[CHECK_PROTOCOL] = check_protocol,
	[CHECK_SUBFLOWS] = check_subflows,
	[CHECK_TUNNEL] = check_tunnel,
	[CHECK_PROGRAM] = check_program,
};

int checks_make(struct evidence *e, char **error)
{
	for (size_t i = 0; i < e->procedure->checks_count; i++) {
		const struct check *c = &e->procedure->checks[i];
		if (checkers[c->kind](e, c, error) < 0)
			return -1;
	}
	return 0;
}

int check_tunnel(struct evidence *e, const struct check *c, char **error)
{
	struct tunnel_sight sight;
	if (tunnel_look(e->captures[c->captures[0]], c->port, c->pattern, &sight, error) < 0)
		return -1;
	double share = sight.data ? (double)sight.readable / (double)sight.data : 0;
	json_object_set_new(e->record, "tunnel",
		json_pack("{s:I, s:I}", "data_packets", (json_int_t)sight.data, "readable_packets",
			(json_int_t)sight.readable));
	if (sight.data < TUNNEL_PACKETS)
		verdict_judge(e->record, "failed", "only %lu data packets in the tunnel (UDP port %d)",
			sight.data, c->port);
	else if (c->readable && share < READABLE_SHARE)
		verdict_judge(e->record, "failed",
			"the tunnel should be plain, and %.0f %% of its packets cannot be read",
			100 * (1 - share));
	else if (!c->readable && share > HIDDEN_SHARE)
		verdict_judge(e->record, "failed",
			"the tunnel should be encrypted, and %.0f %% of its packets can be read",
			100 * share);
	return 0;
}

/* {"failed": [REASON, ...], "suspect": [REASON, ...]}: what a check's program prints. */
static int take_reasons(struct evidence *e, json_t *answer, char **error)
{
	static const char *const states[] = {"failed", "invalid", "suspect"};
	if (!json_is_object(answer))
		return error_set(error, "it did not print {\"failed\": [REASON, ...], \"suspect\": [...]}");
	for (size_t s = 0; s < 3; s++) {
		json_t *reasons = json_object_get(answer, states[s]), *reason;
		size_t i;
		if (reasons && !json_is_array(reasons))
			return error_set(error, "`%s` of what it printed is no list", states[s]);
		json_array_foreach(reasons, i, reason)
			verdict_judge(e->record, states[s], "%s",
				json_is_string(reason) ? json_string_value(reason)
						       : "a check gave no reason");
	}
	return 0;
}

int check_program(struct evidence *e, const struct check *c, char **error)
{
	char *output = NULL;
	json_t *answer = NULL;
	int result = stage_run(e->stage, &c->program, &output, error);
	if (result == 0) {
		answer = json_loads(output, 0, NULL);
		result = take_reasons(e, answer, error);
		if (result == 0)
			json_object_set(e->record, "check", answer);
	}
	json_decref(answer);
	free(output);
	return result < 0 ? error_prefix(error, "check %s", c->program.argv[0]) : 0;
}

static void add_steps(json_t *sum, const json_t *steps)
{
	json_t *step;
	size_t i;
	json_array_foreach(steps, i, step) {
		json_int_t before = json_integer_value(json_array_get(sum, i));
		json_t *value = json_integer(before + json_integer_value(step));
		if (i < json_array_size(sum))
			json_array_set_new(sum, i, value);
		else
			json_array_append_new(sum, value);
	}
}

/* Of all connections that the measure means, in the direction that the busiest delivered more. */
static json_t *steps_of(struct evidence *e, const struct measure *m)
{
	json_t *connections = evidence_connections(e, &m->capture, 1, true, NULL), *connection;
	json_t *busiest = connections ? flows_busiest(connections, &m->flows) : NULL;
	size_t i;
	if (!busiest)
		return NULL;
	const char *direction = flows_direction(busiest);
	json_t *sum = json_array();
	json_array_foreach(connections, i, connection)
		if (flows_meant(connections, connection, &m->flows))
			add_steps(sum, json_object_get(json_object_get(connection, direction),
					       "series_delivered_bytes"));
	json_object_set_new(e->seen, "delivery", sum);
	return sum;
}

struct delivery checks_delivery(struct evidence *e)
{
	struct delivery delivery = {0};
	const struct experiment *x = e->experiment;
	for (int k = 0; k < 2 && x->agree[k] >= 0; k++) {
		const struct measure *m = &x->measures[x->agree[k]];
		if (m->kind != MEASURE_CAPTURE || m->flows.udp)
			continue;
		delivery.steps = steps_of(e, m);
		delivery.step_s = EVIDENCE_STEP_S;
	}
	return delivery;
}
