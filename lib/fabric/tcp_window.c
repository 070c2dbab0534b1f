/* Congestion windows: Reno's, DCTCP's, and those that Multipath TCP couples. */
#include "lib/fabric/tcp.h"
#include "lib/mptcp/coupled.h"

#define ALPHA_ONE (1U << 20)
#define ALPHA_SHARE 16 /* g = 1/16 (Alizadeh et al., SIGCOMM 2010) */

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static bool multipath(const struct world *world, const struct subflow *subflow)
{
	return world->flows[subflow->flow].subflows > 1;
}

/* What coupled.h is to know of each subflow of a connection; returns how many count. `own` is its place among them. */
static uint32_t gather(
	const struct world *world, const struct subflow *subflow, struct coupled_path *paths, uint32_t *own)
{
	uint32_t first = tcp_of(world)->first[subflow->flow], subflows = world->flows[subflow->flow].subflows,
		 count = 0;
	uint32_t packet = world->scenario->payload;

	for (uint32_t i = first; i < first + subflows && count < COUPLED_PATHS; i++) {
		const struct subflow *other = &tcp_of(world)->subflows[i];
		if (!other->established || !other->rtt)
			continue;
		uint32_t window = other->recovery ? other->threshold : other->window;
		uint64_t run = other->run > other->last_run ? other->run : other->last_run;
		if (other == subflow)
			*own = count;
		paths[count++] = coupled_path(window / packet, other->rtt / 1000000, run);
	}
	return count;
}

/* Bytes for `bytes` acknowledged; what does not make a byte is kept. */
static int64_t coupled_increase(const struct world *world, struct subflow *subflow, uint32_t bytes)
{
	struct coupled_path paths[COUPLED_PATHS];
	uint32_t own = 0, count = gather(world, subflow, paths, &own);

	if (world->scenario->transport->kind == TCP_OLIA)
		subflow->credit += olia_step(paths, count, &paths[own]) * (int64_t)bytes;
	else
		subflow->credit +=
			((int64_t)bytes << COUPLED_CREDIT) / lia_every(paths, count, paths[own].window);
	int64_t increase = subflow->credit / (1 << COUPLED_CREDIT);
	subflow->credit -= increase * (1 << COUPLED_CREDIT);
	return increase;
}

static void avoid(struct world *world, struct subflow *subflow, uint32_t bytes)
{
	uint32_t packet = world->scenario->payload;
	bool coupled = multipath(world, subflow) && world->scenario->transport->kind != TCP_UNCOUPLED;
	int64_t increase = coupled ? coupled_increase(world, subflow, bytes)
				   : (int64_t)((uint64_t)bytes * packet / subflow->window);
	int64_t window = subflow->window + increase;

	subflow->window = window < packet ? packet : (uint32_t)window;
}

void fabric_tcp_grow(struct world *world, struct subflow *subflow)
{
	uint32_t packet = world->scenario->payload;
	uint64_t flight = (uint64_t)(subflow->sent - subflow->acked) * packet;

	/* The published code grows by what the window has free, a packet at most: a window that is not filled does not grow. */
	if (flight > subflow->window)
		return;
	uint32_t bytes = least(packet, (uint32_t)(subflow->window - flight));
	if (subflow->window < subflow->threshold)
		subflow->window += least(bytes, subflow->threshold - subflow->window);
	else
		avoid(world, subflow, bytes);
}

void fabric_tcp_loss(struct world *world, struct subflow *subflow)
{
	uint32_t packet = world->scenario->payload, floor = multipath(world, subflow) ? packet : 2 * packet;

	subflow->threshold = subflow->window / 2 > floor ? subflow->window / 2 : floor;
	subflow->last_run = subflow->run;
	subflow->run = 0;
	subflow->seen = subflow->marked = 0;
	subflow->round = subflow->window;
}

/* Once a window. The published code cuts whenever alpha is above 0, so also after a window without a mark. */
static void end_round(struct world *world, struct subflow *subflow)
{
	uint32_t packet = world->scenario->payload;
	bool marked = subflow->marked > 0;
	uint64_t share = (uint64_t)subflow->marked * ALPHA_ONE / subflow->seen;

	subflow->alpha = (uint32_t)(((ALPHA_SHARE - 1) * (uint64_t)subflow->alpha + share) / ALPHA_SHARE);
	subflow->seen = subflow->marked = 0;
	if (marked || (world->scenario->published && subflow->alpha > 0)) {
		uint64_t cut = (uint64_t)subflow->window * subflow->alpha / (2 * ALPHA_ONE);
		subflow->window -= (uint32_t)cut;
		if (subflow->window < packet)
			subflow->window = packet;
		subflow->threshold = subflow->window;
	}
	subflow->round = subflow->window;
}

void fabric_dctcp_answer(struct world *world, struct subflow *subflow, bool marked)
{
	subflow->seen++;
	if (marked) {
		subflow->marked++;
		if (subflow->threshold > subflow->window) /* slow start is over */
			subflow->threshold = subflow->window;
	}
	if ((uint64_t)subflow->seen * world->scenario->payload >= subflow->round)
		end_round(world, subflow);
}
