/* How fast a client may send to one server: a bucket of tokens whose rate follows the server's answers by a cubic function of time,
 * like TCP CUBIC's window (Trilogy2 D1.4, 3.7.7 and 3.7.9, Algorithm 2). Constants that D1.4 does not name are those of absim, the
 * authors' simulator. Pure: the caller passes the time. */
#ifndef LIQUIDNET_REPLICA_LIMITER_H
#define LIQUIDNET_REPLICA_LIMITER_H

#include <stdint.h>

struct limiter_settings {
	int64_t interval_ns;               /* delta: rates are requests per this long */
	double beta;                       /* a decrease multiplies by it */
	double gamma;                      /* of the cubic function, with times in milliseconds */
	double step_max;                   /* s_max: the most that one increase adds */
	double hysteresis;                 /* no decrease for so many intervals after an increase */
	double burst;                      /* most tokens */
	double least;                      /* least rate */
	double alpha;                      /* weight of the newest interval in the smoothed receive rate */
	double rate, saturation, received; /* at first */
};
extern const struct limiter_settings LIMITER_SETTINGS;

struct limiter {
	double rate;       /* srate */
	double saturation; /* R0: the rate at the last decrease */
	double received;   /* rrate: smoothed answers per interval */
	double tokens;     /* at `filled` */
	int64_t filled_ns, decreased_ns, increased_ns;
	int64_t interval; /* the number of the interval that `answers` counts */
	uint32_t answers;
};

void limiter_init(struct limiter *limiter, const struct limiter_settings *settings, int64_t now_ns);
/* Tokens in the bucket now; below 0 after limiter_take without a token. */
double limiter_tokens(const struct limiter *limiter, const struct limiter_settings *settings, int64_t now_ns);
/* When the bucket has a whole token again at the present rate: now, or later. Years at most. */
int64_t limiter_when(const struct limiter *limiter, const struct limiter_settings *settings, int64_t now_ns);
/* Takes a token even if there is none: a request that goes out without waiting (a read repair) is paid later. */
void limiter_take(struct limiter *limiter, const struct limiter_settings *settings, int64_t now_ns);
/* An answer came: counts it and adapts the rate. */
void limiter_answered(struct limiter *limiter, const struct limiter_settings *settings, int64_t now_ns);

/* The cubic function: the rate `since_ms` after a decrease from the rate `saturation`. It begins at (1 - beta) * saturation, whatever
 * the decrease was, is flat around `saturation` and steep after it (D1.4, figure 3.26). */
double limiter_cubic(const struct limiter_settings *settings, double saturation, double since_ms);

#endif
