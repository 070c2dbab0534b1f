/* Windows: slow start, NewReno, CUBIC with HyStart, as net/ipv4/tcp_cubic.c of Linux 6 and 7 has them. */
#include "lib/sim/mptcp_internal.h"

#include <math.h>

#define BETA (717.0 / 1024)
#define C 0.4
#define FRIENDLY                                                                                             \
	(15.0 / 8) /* packets per window's packet, for one more: 3 (1 + beta) / (1 - beta) / 3, rounded as the kernel rounds */
#define FIRST_EVERY 20 /* before the first loss: one more per so many, at the slowest */
#define HYSTART_WINDOW 16
#define HYSTART_SAMPLES 8
#define HYSTART_SPACING (2 * PS_OF_MS)
#define HYSTART_BURST 262144.0 /* bytes: four times the largest GSO */

double sim_growth_pace(const struct subflow *s)
{
	double rtt = s->rtt ? (double)s->rtt / (double)PS_OF_S : 1e-3;

	return s->window / rtt * (s->window < s->threshold / 2 ? 2 : 1.2);
}

static double delta_seconds(uint64_t from, uint64_t to)
{
	return (double)(to - from) / (double)PS_OF_S;
}

/* After how many acknowledged packets a window of CUBIC grows by one. */
static double cubic_every(const struct sim_mptcp *m, struct subflow *s, uint32_t acked)
{
	struct cubic *c = &s->cubic;
	double window = s->window;

	c->acks += acked;
	if (!c->epoch) {
		c->epoch = now_of(m);
		c->acks = acked;
		c->friendly = window;
		c->k = c->last_most > window ? cbrt((c->last_most - window) / C) : 0;
		c->origin = fmax(c->last_most, window);
	}
	double t = delta_seconds(c->epoch, now_of(m) + c->delay_least) - c->k;
	double target = c->origin + C * t * t * t;
	double every = target > window ? window / (target - window) : 100 * window;
	if (c->last_most <= 0 && every > FIRST_EVERY)
		every = FIRST_EVERY;
	for (double each = window * FRIENDLY; c->acks > each; c->acks -= each)
		c->friendly++;
	if (c->friendly > window)
		every = fmin(every, window / (c->friendly - window));
	return fmax(every, 2);
}

static double coupled_every(const struct sim_mptcp *m, const struct subflow *s)
{
	const struct connection *c = &m->connections[s->connection];
	struct sim_mptcp_path paths[SIM_MPTCP_PATHS];
	uint32_t count = 0, own = SIM_MPTCP_PATHS;

	for (uint32_t i = c->first; i < c->first + c->count && count < SIM_MPTCP_PATHS; i++) {
		const struct subflow *other = &m->subflows[i];
		if (!other->established || !other->rtt)
			continue;
		if (other == s)
			own = count;
		uint64_t rtt_us = other->rtt / PS_OF_US;
		paths[count++] = (struct sim_mptcp_path){
			.window = other->phase == PHASE_OPEN ? other->window : other->threshold,
			.rtt_us = rtt_us ? (uint32_t)rtt_us : 1};
	}
	return own == SIM_MPTCP_PATHS ? s->window : m->settings.every(paths, count, own);
}

static double every(const struct sim_mptcp *m, struct subflow *s, uint32_t acked)
{
	if (m->settings.growth == SIM_CUBIC)
		return cubic_every(m, s, acked);
	return m->settings.growth == SIM_COUPLED ? coupled_every(m, s) : s->window;
}

/* Whether the window was what stopped the sender (tcp_is_cwnd_limited). */
static bool limited(const struct subflow *s)
{
	return s->limited || (s->window < s->threshold && s->window < 2 * s->most_out);
}

void sim_growth_acked(const struct sim_mptcp *m, struct subflow *s, uint32_t acked)
{
	if (!limited(s))
		return;
	if (s->window < s->threshold) {
		uint32_t grown = s->window + acked < s->threshold ? s->window + acked : s->threshold;
		acked -= grown - s->window;
		s->window = grown;
	}
	if (!acked)
		return;
	s->share += acked / every(m, s, acked);
	uint32_t whole = (uint32_t)s->share;
	s->window += whole;
	s->share -= whole;
}

static void begin_round(const struct sim_mptcp *m, struct subflow *s)
{
	s->cubic.round_start = s->cubic.last_ack = now_of(m);
	s->cubic.round_end = s->next;
	s->cubic.round_delay = SIM_NEVER;
	s->cubic.samples = 0;
}

/* The train of acknowledgements lasts half as long as the shortest round trip, or even the fastest packets of a round are slow. */
static bool hystart(const struct sim_mptcp *m, struct subflow *s, uint64_t rtt)
{
	struct cubic *c = &s->cubic;
	uint64_t now = now_of(m), slower = c->delay_least / 8;

	if (s->acked > c->round_end)
		begin_round(m, s);
	if (now - c->last_ack <= HYSTART_SPACING) {
		double burst = HYSTART_BURST / (sim_growth_pace(s) * m->settings.payload) * (double)PS_OF_S;
		c->last_ack = now;
		uint64_t allowed = c->delay_least + (uint64_t)fmin(burst, (double)PS_OF_MS);
		if (now - c->round_start > allowed / 2)
			return true;
	}
	if (rtt < c->round_delay)
		c->round_delay = rtt;
	if (c->samples < HYSTART_SAMPLES) {
		c->samples++;
		return false;
	}
	slower = slower < 4 * PS_OF_MS ? 4 * PS_OF_MS : slower > 16 * PS_OF_MS ? 16 * PS_OF_MS : slower;
	return c->round_delay > c->delay_least + slower;
}

void sim_growth_sample(const struct sim_mptcp *m, struct subflow *s, uint64_t rtt)
{
	struct cubic *c = &s->cubic;

	if (m->settings.growth != SIM_CUBIC || (c->epoch && now_of(m) - c->epoch < PS_OF_S))
		return;
	if (!c->delay_least || rtt < c->delay_least)
		c->delay_least = rtt;
	if (!m->settings.hystart || c->found || s->window >= s->threshold || s->window < HYSTART_WINDOW)
		return;
	c->found = hystart(m, s, rtt);
	if (c->found)
		s->threshold = s->window;
}

uint32_t sim_growth_loss(const struct sim_mptcp *m, struct subflow *s)
{
	struct cubic *c = &s->cubic;
	double after = s->window / 2.0;

	if (m->settings.growth == SIM_CUBIC) {
		c->epoch = 0;
		c->last_most = s->window < c->last_most ? s->window * (1 + BETA) / 2 : s->window;
		after = s->window * BETA;
	}
	return after < 2 ? 2 : (uint32_t)after;
}

void sim_growth_timeout(struct subflow *s)
{
	uint64_t least = s->cubic.delay_least;

	s->cubic = (struct cubic){.delay_least = least, .round_end = s->next};
}

void sim_growth_idle(struct subflow *s, uint64_t idle)
{
	if (s->cubic.epoch)
		s->cubic.epoch += idle;
}
