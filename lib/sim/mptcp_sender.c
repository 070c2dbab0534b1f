/* The sender of a subflow: what is under way, what was lost, and what may be sent. */
#include "lib/sim/mptcp_internal.h"

#define RING 64
#define DUPLICATES 3
#define RTO_FIRST PS_OF_S
#define RTO_MOST (120 * PS_OF_S)
#define PROBE_LEAST (2 * PS_OF_MS) /* TCP_TIMEOUT_MIN, two ticks of 1 kHz */

void sim_sender_open(const struct sim_mptcp *m, struct subflow *s)
{
	s->mask = RING - 1;
	s->ring = sim_must(calloc(RING, sizeof *s->ring));
	s->window = m->settings.first;
	s->threshold = m->settings.slow_start ? UNLIMITED : m->settings.first;
	s->rto = RTO_FIRST;
	s->deadline = s->timed = SIM_NEVER;
}

void sim_sender_rtt(const struct sim_mptcp *m, struct subflow *s, uint64_t sample)
{
	if (s->rtt) {
		uint64_t off = sample > s->rtt ? sample - s->rtt : s->rtt - sample;
		s->deviation = s->deviation * 3 / 4 + off / 4;
		s->rtt = s->rtt * 7 / 8 + sample / 8;
	} else {
		s->rtt = sample;
		s->deviation = sample / 2;
	}
	if (!s->rtt_least || sample < s->rtt_least)
		s->rtt_least = sample;
	/* Linux keeps the deviation's part, not the sum, above the least time-out. */
	uint64_t apart = 4 * s->deviation;
	s->rto = s->rtt + (apart < m->settings.rto_least_ps ? m->settings.rto_least_ps : apart);
}

/* ---- timers */

static void arm(struct sim_mptcp *m, struct subflow *s, enum alarm alarm, uint64_t after)
{
	s->alarm = alarm;
	s->deadline = now_of(m) + after;
	/* An event that comes too early asks again. */
	if (s->timed <= s->deadline)
		return;
	s->timed = s->deadline;
	sim_timer_at(m->network, s->deadline, TIMER_SENDER << TIMER_SHIFT | number_of(m, s));
}

static void disarm(struct subflow *s)
{
	s->alarm = ALARM_NONE;
	s->deadline = SIM_NEVER;
}

/* A probe comes before the time-out, where nothing is known to be lost (RFC 8985, section 7.2). */
static void rearm(struct sim_mptcp *m, struct subflow *s)
{
	if (s->acked == s->next) {
		disarm(s);
		return;
	}
	if (s->rtt && !s->probing && !s->here && !s->lost && s->phase <= PHASE_CUT) {
		uint64_t alone = s->next - s->acked == 1 ? m->settings.rto_least_ps : PROBE_LEAST;
		uint64_t probe = 2 * s->rtt + alone;
		if (probe < s->rto) {
			arm(m, s, ALARM_PROBE, probe);
			return;
		}
	}
	arm(m, s, ALARM_RTO, s->rto);
}

/* ---- reductions */

static void begin(struct sim_mptcp *m, struct subflow *s, enum phase phase)
{
	if (s->phase == PHASE_OPEN) {
		s->before = s->window;
		s->threshold = sim_growth_loss(m, s);
		s->reduced_here = s->reduced_out = 0;
		s->share = 0;
	}
	s->high = s->next;
	s->phase = phase;
}

/* RFC 6937, as tcp_cwnd_reduction has it; `progress`: all before some packet are there now, and no loss was found. */
static void reduce(struct subflow *s, uint32_t delivered, bool progress)
{
	int64_t flight = in_flight(s), delta = (int64_t)s->threshold - flight, more;

	if (!delivered)
		return;
	s->reduced_here += delivered;
	if (delta < 0) {
		uint64_t part = (uint64_t)s->threshold * s->reduced_here + s->before - 1;
		more = (int64_t)(part / s->before) - s->reduced_out;
	} else {
		more = (int64_t)s->reduced_here - s->reduced_out;
		if (more < delivered)
			more = delivered;
		more += progress;
		if (more > delta)
			more = delta;
	}
	if (more < (s->reduced_out ? 0 : 1))
		more = s->reduced_out ? 0 : 1;
	s->window = (uint32_t)(flight + more);
	s->window = s->window ? s->window : 1;
}

static void end_phase(struct subflow *s)
{
	if (s->phase == PHASE_CUT || s->phase == PHASE_RECOVERY)
		s->window = s->threshold;
	s->phase = PHASE_OPEN;
}

/* ---- losses */

static void mark_lost(struct sim_mptcp *m, struct subflow *s, uint32_t sequence)
{
	struct segment *segment = segment_of(s, sequence);

	if (segment->again)
		s->again--;
	if (!segment->lost)
		s->lost++;
	segment->lost = true;
	segment->again = false;
	m->counters.losses++;
	if (sequence < s->retry)
		s->retry = sequence;
}

/* RACK: what was sent before something that has arrived is lost: at once where three are missing in between or a loss is known, else a little later. Returns how much
 * later, 0: nothing waits. */
static uint64_t find_losses(struct sim_mptcp *m, struct subflow *s)
{
	uint64_t patience = s->phase >= PHASE_RECOVERY || s->here >= DUPLICATES ? 0 : s->rtt_least / 4,
		 wait = 0;

	if (!s->here && !s->again)
		return 0;
	for (uint32_t i = s->acked; i != s->next; i++) {
		struct segment *segment = segment_of(s, i);
		if (segment->order >= s->rack_order && !segment->ever)
			break;
		if (segment->here || segment->order >= s->rack_order || (segment->lost && !segment->again))
			continue;
		uint64_t due = segment->sent + s->rack_rtt + patience;
		if (due <= now_of(m))
			mark_lost(m, s, i);
		else if (due - now_of(m) > wait)
			wait = due - now_of(m);
	}
	return wait;
}

/* ---- sending */

static void grow_ring(struct subflow *s)
{
	struct segment *old = s->ring;
	uint32_t mask = s->mask;

	s->mask = 2 * mask + 1;
	s->ring = sim_must(calloc((size_t)s->mask + 1, sizeof *s->ring));
	for (uint32_t i = s->acked; i != s->end; i++)
		s->ring[i & s->mask] = old[i & mask];
	free(old);
}

void sim_sender_give(struct subflow *s, uint32_t data)
{
	if (s->end - s->acked > s->mask)
		grow_ring(s);
	*segment_of(s, s->end++) = (struct segment){.data = data};
}

static void send_segment(struct sim_mptcp *m, struct subflow *s, uint32_t sequence)
{
	struct segment *segment = segment_of(s, sequence);
	const struct connection *c = &m->connections[s->connection];
	struct sim_packet *packet = sim_mptcp_packet(
		m, s, PACKET_DATA, sim_mptcp_bytes(m, c, segment->data) + m->settings.headers);

	packet->sequence = sequence;
	packet->number = segment->data;
	segment->sent = s->last_send = now_of(m);
	segment->order = s->order++;
	m->counters.sent++;
	s->reduced_out++;
	sim_send(m->network, packet, 0, 0, s->out);
}

static void send_again(struct sim_mptcp *m, struct subflow *s, uint32_t sequence)
{
	struct segment *segment = segment_of(s, sequence);

	segment->ever = true;
	if (segment->lost && !segment->again) {
		segment->again = true;
		s->again++;
	}
	m->counters.again++;
	send_segment(m, s, sequence);
}

/* What is to be sent: a lost segment that is not under way, else `next`. */
static uint32_t first_lost(struct subflow *s)
{
	if (s->lost == s->again)
		return s->next;
	if (s->retry < s->acked)
		s->retry = s->acked;
	for (; s->retry != s->next; s->retry++) {
		const struct segment *segment = segment_of(s, s->retry);
		if (segment->lost && !segment->again)
			break;
	}
	return s->retry;
}

/* tcp_cwnd_restart: windows of before a pause are forgotten, by half per time-out. */
static void restart(const struct sim_mptcp *m, struct subflow *s)
{
	uint64_t idle = now_of(m) - s->last_send;

	if (!s->last_send || s->acked != s->next)
		return;
	sim_growth_idle(s, idle);
	if (idle <= s->rto || s->phase != PHASE_OPEN)
		return;
	uint32_t kept = s->window / 2 + s->window / 4,
		 least = m->settings.first < s->window ? m->settings.first : s->window;
	if (s->threshold < kept)
		s->threshold = kept;
	for (uint64_t left = idle; left > s->rto && s->window > least; left -= s->rto)
		s->window /= 2;
	s->window = s->window > least ? s->window : least;
	s->share = 0;
}

/* The own queue has no room: tcp_enter_cwr, and the packet stays where it is. */
static bool refused(struct sim_mptcp *m, struct subflow *s)
{
	if (!m->settings.told ||
		!sim_full(m->network, 0, 0, s->out, m->settings.payload + m->settings.headers))
		return false;
	m->counters.refusals++;
	if (s->phase == PHASE_OPEN)
		begin(m, s, PHASE_CUT);
	if (s->acked == s->next)
		arm(m, s, ALARM_RTO, s->rto);
	return true;
}

static void note_limit(struct subflow *s, bool limited)
{
	uint32_t out = in_flight(s);

	if (s->acked >= s->most_end || limited || out > s->most_out) {
		s->limited = limited;
		s->most_out = out;
		s->most_end = s->next;
	}
}

void sim_sender_push(struct sim_mptcp *m, struct subflow *s)
{
	bool idle = s->acked == s->next, any = false;

	if (!s->established)
		return;
	if (s->next != s->end)
		restart(m, s);
	while (in_flight(s) < s->window) {
		uint32_t again = first_lost(s);
		if (again == s->end || refused(m, s))
			break;
		if (again != s->next)
			send_again(m, s, again);
		else
			send_segment(m, s, s->next++);
		any = true;
	}
	note_limit(s, in_flight(s) >= s->window);
	if (any && (idle || s->alarm == ALARM_PROBE || s->alarm == ALARM_NONE))
		rearm(m, s);
}

/* ---- acknowledgements */

struct news {
	uint32_t delivered, acked;
	uint64_t first_rtt, last_rtt; /* of packets sent once; 0: none */
	bool lost_before;
};

static void arrived(struct sim_mptcp *m, struct subflow *s, struct segment *segment, struct news *news)
{
	uint64_t rtt = now_of(m) - segment->sent;

	if (segment->here)
		return;
	if (segment->again)
		s->again--;
	if (segment->lost)
		s->lost--;
	news->delivered++;
	/* A packet that was sent again may be the first one that arrives now: then its time is too short to be true. */
	if (segment->ever && rtt < s->rtt_least)
		return;
	if (!segment->ever) {
		news->last_rtt = rtt;
		news->first_rtt = news->first_rtt ? news->first_rtt : rtt;
	}
	if (segment->order >= s->rack_order) {
		s->rack_order = segment->order;
		s->rack_rtt = rtt;
	}
}

static void take_answer(struct sim_mptcp *m, struct subflow *s, const struct answer *a, struct news *news)
{
	uint32_t base = a->base < s->next ? a->base : s->next;

	while (s->acked < base) {
		struct segment *segment = segment_of(s, s->acked);
		arrived(m, s, segment, news);
		if (segment->here)
			s->here--;
		s->acked++;
		news->acked++;
	}
	uint32_t low = a->block.low > s->acked ? a->block.low : s->acked;
	for (uint32_t i = low; i < a->block.high && i < s->next; i++) {
		struct segment *segment = segment_of(s, i);
		if (segment->here)
			continue;
		arrived(m, s, segment, news);
		segment->here = true;
		segment->lost = segment->again = false;
		s->here++;
	}
}

/* The probe has been answered: what it brought was lost, unless it was there before (tcp_process_tlp_ack). */
static void end_probe(struct sim_mptcp *m, struct subflow *s, const struct answer *a)
{
	if (!s->probing || s->acked < s->probe_end)
		return;
	s->probing = false;
	if (!s->probe_again || a->duplicate || s->phase != PHASE_OPEN)
		return;
	begin(m, s, PHASE_CUT);
	end_phase(s);
}

static void change_phase(struct sim_mptcp *m, struct subflow *s, const struct news *news)
{
	bool beyond = s->acked > s->high || s->acked == s->next;

	if (s->phase == PHASE_CUT ? beyond : s->acked >= s->high)
		end_phase(s);
	if (s->lost && s->phase <= PHASE_CUT)
		begin(m, s, PHASE_RECOVERY);
	if (s->phase == PHASE_CUT || s->phase == PHASE_RECOVERY)
		reduce(s, news->delivered, news->acked && !news->lost_before);
	else if (news->acked)
		sim_growth_acked(m, s, news->acked);
}

void sim_sender_answer(struct sim_mptcp *m, struct subflow *s, const struct answer *a)
{
	struct news news = {0};
	uint64_t losses = m->counters.losses;

	take_answer(m, s, a, &news);
	if (news.first_rtt)
		sim_sender_rtt(m, s, news.first_rtt);
	if (news.last_rtt)
		sim_growth_sample(m, s, news.last_rtt);
	end_probe(m, s, a);
	uint64_t wait = find_losses(m, s);
	news.lost_before = m->counters.losses != losses;
	change_phase(m, s, &news);
	if (wait)
		arm(m, s, ALARM_REORDER, wait);
	else if (news.acked || s->alarm == ALARM_REORDER || news.lost_before)
		rearm(m, s);
	sim_sender_push(m, s);
}

/* ---- what was awaited in vain */

static void time_out(struct sim_mptcp *m, struct subflow *s)
{
	m->counters.timeouts++;
	if (s->phase != PHASE_LOSS || s->acked >= s->high) {
		s->before = s->window;
		s->threshold = sim_growth_loss(m, s);
	}
	sim_growth_timeout(s);
	for (uint32_t i = s->acked; i != s->next; i++) {
		const struct segment *segment = segment_of(s, i);
		if (!segment->here && (!segment->lost || segment->again))
			mark_lost(m, s, i);
	}
	s->retry = s->acked;
	s->phase = PHASE_LOSS;
	s->high = s->next;
	s->window = 1;
	s->share = 0;
	s->probing = false;
	s->rto = s->rto < RTO_MOST / 2 ? 2 * s->rto : RTO_MOST;
	arm(m, s, ALARM_RTO, s->rto);
	sim_sender_push(m, s);
}

static void probe(struct sim_mptcp *m, struct subflow *s)
{
	m->counters.probes++;
	s->probing = true;
	s->probe_again = s->next == s->end;
	if (s->probe_again)
		send_again(m, s, s->next - 1);
	else
		send_segment(m, s, s->next++);
	s->probe_end = s->next;
	arm(m, s, ALARM_RTO, s->rto);
}

static void reordered(struct sim_mptcp *m, struct subflow *s)
{
	struct news one = {.delivered = 1, .lost_before = true}; /* as tcp_rack_reo_timeout says */
	uint64_t wait = find_losses(m, s);

	if (wait) {
		arm(m, s, ALARM_REORDER, wait);
		return;
	}
	rearm(m, s);
	if (!s->lost)
		return;
	change_phase(m, s, &one);
	sim_sender_push(m, s);
}

void sim_sender_timer(struct sim_mptcp *m, struct subflow *s)
{
	enum alarm alarm = s->alarm;

	if (now_of(m) < s->timed)
		return; /* an earlier one has taken its place */
	s->timed = SIM_NEVER;
	if (alarm == ALARM_NONE)
		return;
	if (now_of(m) < s->deadline) {
		arm(m, s, alarm, s->deadline - now_of(m));
		return;
	}
	disarm(s);
	if (s->acked == s->next)
		sim_sender_push(m, s); /* its queue had no room */
	else if (alarm == ALARM_PROBE)
		probe(m, s);
	else if (alarm == ALARM_REORDER)
		reordered(m, s);
	else
		time_out(m, s);
}
