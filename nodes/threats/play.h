/* Play: carries out a published attack, step by step, on one connection after another. It gets its knowledge of them from a witness, as
 * far as it is granted; itself it sees only packets to its own address. The caller passes time and packets; a handler gets the packets
 * to send. No clock, no sockets. Pure. */
#ifndef LIQUIDNET_THREATS_PLAY_H
#define LIQUIDNET_THREATS_PLAY_H

#include "nodes/threats/forge.h"
#include "nodes/threats/law.h"
#include "nodes/threats/witness.h"

enum { PLAY_TRIES_MOST = 200, PLAY_FORMS_MOST = FORMS };

struct play_options {
	enum scenario_id scenario;
	unsigned knows;
	unsigned target; /* OF_CLIENT or OF_SERVER: who is lied to */
	enum form forms[PLAY_FORMS_MOST];
	unsigned forms_count;
	unsigned tries; /* connections that are attacked, one after the other */
	unsigned after; /* flood, guess: begin when so many connections are up */
	uint64_t count; /* flood, guess, amplify: packets */
	uint64_t rate;  /* of them, a second */
	uint64_t cap;   /* packets of all kinds */
	int64_t settle_ns,
		hold_ns; /* from a connection's handshake: when the attack begins, when it is judged */
	struct packet_end own, server, from; /* from: whose address floods carry */
	uint64_t seed;
};

struct play_try {
	enum form form;
	unsigned packets; /* of ours */
	bool joined;      /* a SYN with MP_JOIN came to us, or ours was answered */
	bool succeeded;
	int64_t first_ns; /* from our first packet to the join; -1: none */
	int64_t took_ns;  /* to what the scenario calls success; -1 */
	uint64_t stolen;  /* payload that came to us, bytes */
	int reset_reason; /* -1: none was given */
};

struct play_handlers {
	void (*send)(void *context, const struct packet *packet);
	void *context;
};

struct play;

struct play *play_new(const struct play_options *options, const struct play_handlers *handlers);
void play_free(struct play *play);
/* A packet that the witness saw; one that came to the attacker's own address; time that passed. Times in ns never go back. */
void play_witnessed(struct play *play, int64_t now, const struct packet *packet);
void play_received(struct play *play, int64_t now, const struct packet *packet);
void play_tick(struct play *play, int64_t now);
/* When play_tick is due; INT64_MAX: when a packet comes. */
int64_t play_deadline(const struct play *play);
bool play_done(const struct play *play);

struct play_report {
	const struct play_try *tries; /* the play's */
	unsigned count, succeeded;
	uint64_t sent, answers,
		refusals;         /* answers, refusals: SYN/ACKs and resets that came to us from floods */
	bool capped;              /* the cap of packets ended it */
	int64_t began, ended;     /* of a flood, ns */
	struct law_region region; /* of a guess */
	double hit;
	const struct witness *witness; /* the play's */
};
void play_report(const struct play *play, struct play_report *report);

#endif
