/* Replays: which sequence numbers of a member's sessions have been seen. A session is one life of one of the member's
 * clients; a sliding window (as of RFC 6479) tells what is new in it. A member has REPLAY_SESSIONS of them: the one that was
 * silent for longest gives way. What was said in a forgotten session must not be taken for a new one, so a session that is
 * not known is opened only by a cookie that was issued after the last one was forgotten (see replay_check). Pure; no
 * allocation. */
#ifndef LIQUIDNET_DETOUR_REPLAY_H
#define LIQUIDNET_DETOUR_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#define REPLAY_SESSIONS 8
#define REPLAY_WINDOW 256 /* numbers that may overtake each other */

struct replay_session {
	uint64_t session, newest;
	uint64_t seen[REPLAY_WINDOW / 64]; /* bit n % REPLAY_WINDOW: number n, of the last REPLAY_WINDOW */
	int64_t used;                      /* 0: free */
};

struct replay {
	struct replay_session sessions[REPLAY_SESSIONS];
	int64_t forgotten; /* cookies issued until then open no session */
};

enum replay_verdict {
	REPLAY_NEW,   /* never seen, and now noted */
	REPLAY_OLD,   /* seen, or too old to tell */
	REPLAY_PROVE, /* a session that is not known, and too old a cookie: a fresh one must be asked for */
};

/* `now` > 0 and `issued` (of the question's good cookie) are times of one clock. */
enum replay_verdict replay_check(
	struct replay *replay, int64_t now, int64_t issued, uint64_t session, uint64_t sequence);

#endif
