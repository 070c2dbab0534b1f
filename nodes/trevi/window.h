/* A receiver's window: how many symbols it requests from one sender at a time, and which answers it believes. Trilogy2 D1.1, 4.2.3 says
 * that the window follows the round trip and the losses, but not how. Here it follows the delay smoothly, like TCP Vegas, and shrinks by
 * at most a half when more than 2 % is lost (README.md has the rules). Requests have running numbers, labels, which symbols bring back.
 * Nothing is requested again: a lost symbol only leaves the window. Pure: the caller passes the time, in nanoseconds. */
#ifndef LIQUIDNET_TREVI_WINDOW_H
#define LIQUIDNET_TREVI_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#define WINDOW_MAX 1024
#define WINDOW_LABELS 8192 /* so many of the newest labels are remembered */

struct window_settings {
	double least, most; /* symbols */
	double first;       /* first size of all windows of a receiver together; each has at least `least` */
	double delay;       /* a round trip of more than so many times the base means a queue */
	double loss;        /* losses beyond this share are no accidents */
	int64_t timer_min_ns; /* of a request */
	int64_t first_timer_ns; /* while no round trip is known; a symbol that comes later counts all the same */
	int64_t noise_ns;       /* what the machine adds to a round trip; only longer delays count */
	int64_t base_ns;        /* the base is the least round trip of this time */
};
extern const struct window_settings WINDOW_SETTINGS;
/* The settings for a machine that adds about `noise_ns` to a round trip. A request is not given up before ten times that. */
struct window_settings window_settings_of(int64_t noise_ns);

enum window_arrival {
	WINDOW_NEW,       /* asked for, and here for the first time */
	WINDOW_LATE,      /* likewise, but it had been given up: the timer was too short */
	WINDOW_DUPLICATE, /* it was here before (or so old that nobody knows) */
	WINDOW_UNASKED    /* nobody asked for it yet */
};

/* What the windows of a receiver see together. */
struct window_link {
	int64_t came_ns, gap_ns; /* the last symbol of any; the least time between two */
};

struct window {
	struct window_link *link; /* borrowed; NULL: it is alone */
	double size;
	double lent;      /* room of other windows that have ended; it does not stay for the next tract */
	double given;     /* room that it lacks no symbols for, and that others have */
	uint32_t untimed; /* labels below it tell no round trip: nobody knows when they were sent (Karn) */
	uint32_t of;      /* windows that the receiver has open, towards different senders */
	bool slow_start;
	uint32_t next;   /* the next label */
	uint32_t oldest; /* no label before it is outstanding */
	uint32_t outstanding;
	uint32_t newest; /* the newest label that came, plus one */
	int64_t srtt_ns, rttvar_ns, hint_ns;
	int64_t came_ns, gap_ns; /* the last symbol; the least time between two */
	bool began, ending;      /* ending: what is outstanding is all that the tract lacks (window_end) */
	int64_t began_ns,
		spread_ns; /* when it was first asked for room; over how long its first symbols are spread */
	double phase;
	int64_t last_ns,
		reorder_ns; /* the last round trip; by how much one was late that had been given up */
	int64_t base_ns[2], base_began_ns; /* of this and of the last half of settings.base_ns; 0: none */
	/* Of this round, which ends when the label that was next at its beginning has come or was given up. */
	uint32_t round_end, round_came, opening; /* opening: so many rounds tell nothing of the queue yet */
	int64_t round_rtt_ns;                    /* the least */
	double credit; /* so many losses count as accidents; arriving symbols earn it */
	int64_t sent_ns[WINDOW_LABELS];
	uint8_t state[WINDOW_LABELS];
	uint64_t asked, came, lost, late, duplicates, unasked;
};

/* `before`: the window of an earlier tract between the same two hosts, or NULL. The new window goes on with its size and round trips. */
void window_init(struct window *window, const struct window_settings *settings, const struct window *before);
/* The receiver has `of` windows (1 or more), and this is one of them. Together they grow as fast as one alone would. */
void window_share(struct window *window, uint32_t of);
/* How many symbols a new window may have before anything is asked through it: of a receiver with `of` windows; `before` as above. */
uint32_t window_first(const struct window *before, const struct window_settings *settings, uint32_t of);
/* When the I-th of the first `count` symbols is due, if they are spread over `over_ns` from `began_ns` on. Sender and receiver count alike. */
int64_t window_due(int64_t began_ns, int64_t over_ns, uint32_t count, uint32_t i, double phase);
/* The sender was told to send the first `count` labels unasked, from `began_ns` on, spread over `over_ns`: they are asked for. `timed`: that is when it began, and
 * not a guess; only then they tell the round trip. For a new window, after window_share and window_phase. */
void window_begin(struct window *window, uint32_t count, int64_t began_ns, int64_t over_ns, bool timed);
/* The round-trip time of another exchange with the sender. The first requests are not waited for much longer. */
void window_hint(struct window *window, int64_t rtt_ns);
/* Another window of the receiver has ended, and this one gets `symbols` of its room. */
void window_lend(struct window *window, double symbols);
/* The tract lacks `more` symbols beyond those outstanding. Room that this leaves is given up, as it comes: so many symbols, for another window.
 * If it lacks more again, because some were lost, it takes its room again. */
uint32_t window_end(struct window *window, const struct window_settings *settings, uint32_t more);
/* The room of one that has ended. */
double window_left(const struct window *window);
/* The first symbols of a window have no earlier answers to clock them, so they are spread over a round trip. `phase` (0 to 1) is the window's place in
 * the gap between two symbols, so that windows which begin together do not ask at the same time. */
void window_phase(struct window *window, double phase);
/* A session's, from its number: both ends know it. */
static inline double window_phase_of(uint64_t session)
{
	return (double)(session >> 32) * 0x1p-32;
}
/* How many symbols may be asked for now. */
uint32_t window_room(struct window *window, const struct window_settings *settings, int64_t now_ns);
/* How many symbols a tract of `fragments` fragments may still lack when it has `symbols`. No more are requested at a time. `spare`: symbols too
 * many that it will need. */
uint32_t window_rest(uint32_t fragments, uint32_t symbols, uint32_t spare);
/* That number, for a tract that comes through this window. `systematic`: by the systematic code, from this sender alone; then none without losses. */
uint32_t window_spare(const struct window *window, bool systematic);
/* Requests `count` symbols, at most window_room. Returns the first label; the others follow it. */
uint32_t window_ask(struct window *window, uint32_t count, int64_t now_ns);
/* A symbol with that label came. */
enum window_arrival window_came(
	struct window *window, const struct window_settings *settings, uint32_t label, int64_t now_ns);
/* Gives up what is too old; returns how many. */
uint32_t window_expire(struct window *window, const struct window_settings *settings, int64_t now_ns);
/* When window_expire and window_room must be called again, if nothing comes before; INT64_MAX: nothing is outstanding. */
int64_t window_expiry(const struct window *window, const struct window_settings *settings, int64_t now_ns);
/* The time after which a request is given up. */
int64_t window_timer(const struct window *window, const struct window_settings *settings);
/* The base: the least recent round trip; 0: none yet. */
int64_t window_base(const struct window *window);

#endif
