/* What the parts of play share: its state, and what each scenario does at its moments. */
#ifndef LIQUIDNET_THREATS_PLAY_INTERNAL_H
#define LIQUIDNET_THREATS_PLAY_INTERNAL_H

#include "lib/base/draw.h"
#include "lib/base/units.h"
#include "nodes/threats/guest.h"
#include "nodes/threats/play.h"

enum { RESETS_MOST = 16 };
#define STEP_NS (50 * NS_PER_MS)  /* between the forms that one connection gets */
#define RETRY_NS (10 * NS_PER_MS) /* between resets */
#define QUIET_NS (100 * NS_PER_MS)

struct moves { /* of a scenario that attacks one connection after another; any may be NULL */
	void (*begin)(struct play *play, int64_t now);
	void (*received)(struct play *play, int64_t now, const struct packet *packet);
	void (*due)(struct play *play, int64_t now); /* play->due has come; it sets the next */
	bool (*judge)(struct play *play, int64_t now);
	void (*end)(struct play *play, int64_t now); /* what is left behind is cleared away */
};

extern const struct moves moves_announce, moves_takeover, moves_guest, moves_answer;

/* Floods and guesses: packets at a rate. */
void flood_begin(struct play *play, int64_t now);
void flood_tick(struct play *play, int64_t now);
void flood_received(struct play *play, const struct packet *packet);

struct play {
	struct play_options options;
	struct play_handlers handlers;
	const struct moves *moves;
	struct witness witness;
	uint64_t draws;
	uint64_t sent;
	bool capped, done;

	/* The try at hand. */
	int entry; /* the connection; WITNESS_NONE: none yet */
	unsigned count;
	struct play_try tries[PLAY_TRIES_MOST];
	bool attacking;
	int64_t begins, judged, due; /* INT64_MAX: never */
	int64_t first_sent;
	unsigned form;
	unsigned resets;
	int64_t reset_at; /* the last one; 0: none */
	bool proven, up;  /* of the join that passes us */
	uint64_t through[2];
	struct guest guest;

	/* A flood. */
	bool flooding;
	int64_t began, ended, closes;
	double next; /* when the next packet is due, ns */
	uint64_t flooded, answers, refusals;
	uint16_t port;
	uint32_t token;
	struct known known;
	struct law_region region;
	double hit;
};

void play_send(struct play *play, int64_t now, const struct packet *packet);
/* What is known of the try's connection. */
bool play_know(const struct play *play, struct known *known);
static inline struct play_try *play_try(struct play *play)
{
	return &play->tries[play->count];
}
/* The join has come to us; success has. */
void play_joined(struct play *play, int64_t now);
void play_took(struct play *play, int64_t now);

#endif
