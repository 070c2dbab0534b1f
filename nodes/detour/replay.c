/* Replays: a window a session. */
#include "nodes/detour/replay.h"
#include <string.h>

static uint64_t bit(uint64_t sequence)
{
	return UINT64_C(1) << (sequence % 64);
}

static uint64_t *word(struct replay_session *session, uint64_t sequence)
{
	return &session->seen[sequence % REPLAY_WINDOW / 64];
}

/* Moves the window on to `sequence`: what it passes over has not been seen. */
static void advance(struct replay_session *session, uint64_t sequence)
{
	uint64_t steps = sequence - session->newest;
	if (steps >= REPLAY_WINDOW)
		memset(session->seen, 0, sizeof session->seen);
	else
		for (uint64_t i = 1; i <= steps; i++)
			*word(session, session->newest + i) &= ~bit(session->newest + i);
	session->newest = sequence;
}

static struct replay_session *find(struct replay *replay, uint64_t session)
{
	for (int i = 0; i < REPLAY_SESSIONS; i++)
		if (replay->sessions[i].used && replay->sessions[i].session == session)
			return &replay->sessions[i];
	return NULL;
}

static struct replay_session *open_session(struct replay *replay, int64_t now, uint64_t session)
{
	struct replay_session *place = &replay->sessions[0];
	for (int i = 1; i < REPLAY_SESSIONS; i++)
		if (replay->sessions[i].used < place->used)
			place = &replay->sessions[i];
	if (place->used)
		replay->forgotten = now;
	*place = (struct replay_session){.session = session};
	return place;
}

enum replay_verdict replay_check(
	struct replay *replay, int64_t now, int64_t issued, uint64_t session, uint64_t sequence)
{
	struct replay_session *s = find(replay, session);
	if (!s) {
		if (replay->forgotten && issued <= replay->forgotten)
			return REPLAY_PROVE;
		s = open_session(replay, now, session);
	}
	if (s->newest >= REPLAY_WINDOW && sequence <= s->newest - REPLAY_WINDOW)
		return REPLAY_OLD;
	if (sequence > s->newest)
		advance(s, sequence);
	else if (*word(s, sequence) & bit(sequence))
		return REPLAY_OLD;
	*word(s, sequence) |= bit(sequence);
	s->used = now;
	return REPLAY_NEW;
}
