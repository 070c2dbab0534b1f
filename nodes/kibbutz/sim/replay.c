/* Reading a trace line by line: calls go into the policy, decisions are compared with those that come out of
 * it. */
#include "nodes/kibbutz/sim/replay.h"
#include "lib/base/error.h"
#include "nodes/kibbutz/policy.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct replay {
	struct kibbutz *policy;
	unsigned neighbours, line;
	int64_t first, period_ns;
	FILE *out;
	struct replay_result *result;
};

static int begin(struct replay *r, json_t *head, char **error)
{
	struct kibbutz_settings s = KIBBUTZ_SETTINGS;
	const char *profile;
	json_int_t neighbours, credit, period, longest, slack, tie, seed, timeouts, window, dead, well,
		disbelief;
	int watchdog, known = -1;

	if (json_unpack(head, "{sI ss sI sI sI sI sI sI sb sI sI sI sI sI}", "neighbours", &neighbours,
		    "profile", &profile, "credit", &credit, "period_ns", &period, "longest_ns", &longest,
		    "slack_ns", &slack, "tie_ns", &tie, "seed", &seed, "watchdog", &watchdog, "timeouts",
		    &timeouts, "window", &window, "dead", &dead, "well_ns", &well, "disbelief_ns",
		    &disbelief) < 0 ||
		neighbours < 1 || neighbours > 1000 || period < 1 || credit < 1 || credit > UINT32_MAX)
		return error_set(error, "the first line does not hold a device's settings; is this a trace?");
	for (int i = 0; i < KIBBUTZ_PROFILES; i++)
		if (!strcmp(profile, kibbutz_profile_name((enum kibbutz_profile)i)))
			known = i;
	if (known < 0)
		return error_set(error, "no profile `%s`", profile);
	s.profile = (enum kibbutz_profile)known;
	s.credit = (unsigned)credit;
	s.period_ns = period;
	s.longest_ns = longest;
	s.slack_ns = slack;
	s.tie_ns = tie;
	s.seed = (uint64_t)seed;
	s.watchdog = watchdog;
	s.timeouts = (unsigned)timeouts;
	s.window = (unsigned)window;
	s.dead = (unsigned)dead;
	s.well_ns = well;
	s.disbelief_ns = disbelief;
	r->neighbours = (unsigned)neighbours;
	r->period_ns = period;
	r->policy = kibbutz_new(&s, r->neighbours);
	return 0;
}

static void differ(struct replay *r, const char *traced, const char *replayed)
{
	r->result->differences++;
	fprintf(r->out, "line %u: traced %s, replayed %s\n", r->line, traced, replayed);
}

static void describe(const struct kibbutz_action *a, char text[128])
{
	snprintf(text, 128, "%s neighbour=%u duration_ns=%lld backup=%d", kibbutz_action_name(a->kind),
		a->neighbour, (long long)a->duration_ns, a->backup);
}

/* The policy has decided something that the trace does not hold before the next call. */
static void expect_silence(struct replay *r)
{
	struct kibbutz_action action;
	char text[128];

	while (kibbutz_next_action(r->policy, &action)) {
		describe(&action, text);
		differ(r, "nothing", text);
	}
}

static int take_decision(struct replay *r, json_t *line, char **error)
{
	const char *out;
	json_int_t neighbour, duration;
	int backup;
	struct kibbutz_action action;
	char traced[128], replayed[128] = "nothing";

	if (json_unpack(line, "{ss sI sI sb}", "out", &out, "neighbour", &neighbour, "duration_ns", &duration,
		    "backup", &backup) < 0)
		return error_set(error, "a decision without its fields");
	snprintf(traced, sizeof traced, "%s neighbour=%lld duration_ns=%lld backup=%d", out,
		(long long)neighbour, (long long)duration, backup);
	if (kibbutz_next_action(r->policy, &action))
		describe(&action, replayed);
	r->result->decisions++;
	if (strcmp(traced, replayed) != 0)
		differ(r, traced, replayed);
	return 0;
}

static int take_sample(struct replay *r, json_t *line, int64_t now, unsigned neighbour, char **error)
{
	json_int_t timeouts, ssthresh, window;
	int busy;

	if (json_unpack(line, "{sb sI sI sI}", "busy", &busy, "timeouts", &timeouts, "ssthresh", &ssthresh,
		    "window", &window) < 0)
		return error_set(error, "a sample without its fields");
	struct kibbutz_sample sample = {.busy = busy,
		.timeouts = (unsigned)timeouts,
		.ssthresh = (uint32_t)ssthresh,
		.window = (uint32_t)window};
	kibbutz_path(r->policy, now, neighbour, &sample);
	return 0;
}

/* The simulator's radio, with the trace's tail timer: the advertisement period. */
static void drive_radio(struct replay *r, int64_t now, bool packet)
{
	struct radio *radio = &r->result->radio;

	if (r->result->calls == 1) {
		struct radio_profile profile = *radio_profile("3g-simulation");
		profile.tail_ns = r->period_ns;
		radio_init(radio, &profile, now);
		r->first = now;
	}
	if (packet)
		radio_packet(radio, now, 0);
	radio_advance(radio, now);
	r->result->length_ns = now - r->first;
}

static int take_call(struct replay *r, json_t *line, char **error)
{
	const char *call;
	json_int_t now, neighbour, value = 0;

	if (json_unpack(line, "{sI ss sI s?I}", "t", &now, "in", &call, "neighbour", &neighbour, "value",
		    &value) < 0)
		return error_set(error, "neither a call nor a decision");
	bool of_neighbour = strcmp(call, "own") != 0 && strcmp(call, "tick") != 0;
	if (of_neighbour && (neighbour < 0 || neighbour >= r->neighbours))
		return error_set(error, "neighbour %lld of %u", (long long)neighbour, r->neighbours);
	expect_silence(r);
	r->result->calls++;
	drive_radio(r, now, !strcmp(call, "own") || (!strcmp(call, "forward") && value));
	if (!strcmp(call, "own"))
		kibbutz_own_packet(r->policy, now);
	else if (!strcmp(call, "tick"))
		kibbutz_tick(r->policy, now);
	else if (!strcmp(call, "heard"))
		kibbutz_heard(r->policy, now, (unsigned)neighbour, value);
	else if (!strcmp(call, "used"))
		kibbutz_used(r->policy, now, (unsigned)neighbour);
	else if (!strcmp(call, "forward")) {
		bool may = kibbutz_forward(r->policy, now, (unsigned)neighbour);
		if (may != (value != 0))
			differ(r, value ? "forward=1" : "forward=0", may ? "forward=1" : "forward=0");
	} else if (!strcmp(call, "path"))
		return take_sample(r, line, now, (unsigned)neighbour, error);
	else
		return error_set(error, "no call `%s`", call);
	return 0;
}

static int replay_line(struct replay *r, const char *text, char **error)
{
	json_t *line = json_loads(text, 0, NULL);
	int result;

	if (!json_is_object(line))
		result = error_set(error, "no JSON object; is this a trace?");
	else if (!r->policy)
		result = begin(r, line, error);
	else if (json_object_get(line, "out"))
		result = take_decision(r, line, error);
	else
		result = take_call(r, line, error);
	json_decref(line);
	return result;
}

int replay_trace(const char *path, FILE *out, struct replay_result *result, char **error)
{
	struct replay r = {.out = out, .result = result};
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	int status = 0;

	*result = (struct replay_result){0};
	if (!file)
		return error_set(error, "%s: %s", path, strerror(errno));
	for (ssize_t size; status == 0 && (size = getline(&line, &room, file)) >= 0;) {
		r.line++;
		if (line[size - 1] != '\n')
			break;
		status = replay_line(&r, line, error);
	}
	if (status == 0 && !r.policy)
		status = error_set(error, "it is empty");
	/* Decisions at the very end may have been lost with the daemon; those that are there were compared.
	 */
	if (status < 0)
		error_prefix(error, "%s:%u", path, r.line);
	kibbutz_free(r.policy);
	free(line);
	fclose(file);
	return status;
}
