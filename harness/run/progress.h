/* Progress of long work: on a terminal one line that is drawn again (bar, time left, when it ends, what
 * was found so far or what runs), at most five times a second; elsewhere one plain line for each piece of work that was finished. */
#ifndef LIQUIDNET_PROGRESS_H
#define LIQUIDNET_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

struct progress;

/* Where the time comes from; tests bring their own. */
struct progress_clock {
	int64_t (*monotonic_ns)(void *context);
	time_t (*wall)(void *context);
	void *context;
};

/* `total` pieces of work; `seconds_each_guess`: from the end of one to the end of the next (so less when
 * several run at once), used until the first is measured. `out` is not closed. NULL when out of memory: the
 * functions take it, and nothing is shown. */
struct progress *progress_open(FILE *out, size_t total, double seconds_each_guess);
/* The same with a clock, and told whether `out` is a terminal, and how many places wide. */
struct progress *progress_open_with(FILE *out, size_t total, double seconds_each_guess,
	const struct progress_clock *clock, bool terminal, int width);

/* Says where the work is: `done` pieces finished, `running` now; `label`: what was finished last or runs
 * (short). To be called when something ends, and on a terminal about once a second besides, so that the time
 * left moves. */
void progress_step(struct progress *progress, size_t done, size_t running, const char *label);
/* What the work has shown so far, for the drawn line: it stands there from the next step on, in place of what runs. Cut
 * where the terminal ends. */
void progress_standing(struct progress *progress, const char *text);
/* Prints a line of its own without disturbing the drawn one. */
void progress_note(struct progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Shows the last state and how long it all took; frees. */
void progress_close(struct progress *progress);

/* Seconds left, from the durations measured so far: the mean from the start to the last end, for what
 * remains, less the time since then. Never negative. Before the first end: from the guess. */
double progress_left(size_t total, size_t done, double guess, double last_end, double now);
/* "45 s", "3 min 20 s", "2 h 05 min" in a buffer. */
const char *progress_duration(double seconds, char buffer[32]);

#endif
