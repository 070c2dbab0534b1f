/* Progress: the arithmetic of the time left is apart from the drawing. */
#include "harness/run/progress.h"
#include "lib/base/clock.h"
#include "lib/base/terminal.h"
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define REDRAW_NS (200 * NS_PER_MS)
#define BAR 16      /* places */
#define BAR_SHORT 8 /* where something is to be said behind it */

struct progress {
	FILE *out;
	struct progress_clock clock;
	bool terminal, drawn;
	int width;
	size_t total, done, running;
	double guess;
	int64_t start, last_end, last_draw;
	char label[64], standing[240];
};

static int64_t monotonic_now(void *context)
{
	(void)context;
	return clock_now_ns();
}

static time_t wall_now(void *context)
{
	(void)context;
	return time(NULL);
}

static int64_t now_ns(const struct progress *p)
{
	return p->clock.monotonic_ns(p->clock.context);
}

static double seconds_since(const struct progress *p, int64_t at)
{
	return (double)(at - p->start) / NS_PER_S;
}

double progress_left(size_t total, size_t done, double guess, double last_end, double now)
{
	double each = done ? last_end / (double)done : guess;

	if (done >= total)
		return 0;
	return fmax(0, each * (double)(total - done) - (now - last_end));
}

const char *progress_duration(double seconds, char buffer[32])
{
	long whole = lround(fmin(fmax(seconds, 0), 1e9));

	if (whole < 60)
		snprintf(buffer, 32, "%ld s", whole);
	else if (whole < 3600)
		snprintf(buffer, 32, "%ld min %02ld s", whole / 60, whole % 60);
	else
		snprintf(buffer, 32, "%ld h %02ld min", whole / 3600, whole % 3600 / 60);
	return buffer;
}

struct progress *progress_open_with(FILE *out, size_t total, double seconds_each_guess,
	const struct progress_clock *clock, bool terminal, int width)
{
	struct progress *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->out = out;
	p->clock = *clock;
	p->terminal = terminal;
	p->width = width < 20 ? 20 : width > 240 ? 240 : width;
	p->total = total;
	p->guess = seconds_each_guess;
	p->start = p->last_end = now_ns(p);
	p->last_draw = p->start - REDRAW_NS;
	return p;
}

struct progress *progress_open(FILE *out, size_t total, double seconds_each_guess)
{
	const struct progress_clock clock = {monotonic_now, wall_now, NULL};
	int fd = fileno(out);
	struct winsize size;
	bool terminal = terminal_draws(out);
	bool known = terminal && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col;

	return progress_open_with(out, total, seconds_each_guess, &clock, terminal, known ? size.ws_col : 80);
}

static double left(const struct progress *p, int64_t now)
{
	return progress_left(
		p->total, p->done, p->guess, seconds_since(p, p->last_end), seconds_since(p, now));
}

static void clear(struct progress *p)
{
	if (p->drawn)
		fputs("\r\033[K", p->out);
	p->drawn = false;
}

/* The line, cut to the terminal's width less one: a full line would wrap, and the next drawing miss it. */
static void draw(struct progress *p, int64_t now)
{
	char line[512], bar[BAR + 1], duration[32], end[16] = "";
	double seconds = left(p, now);
	time_t when = p->clock.wall(p->clock.context) + (time_t)seconds;
	struct tm local;
	size_t places = *p->standing ? BAR_SHORT : BAR,
	       filled = p->total ? p->done * places / p->total : places;

	memset(bar, '.', places);
	memset(bar, '#', filled < places ? filled : places);
	bar[places] = '\0';
	if (localtime_r(&when, &local))
		strftime(end, sizeof end, "%H:%M", &local);
	progress_duration(seconds, duration);
	if (*p->standing)
		snprintf(line, sizeof line, "%zu/%zu [%s] %s left (%s); %s", p->done, p->total, bar, duration,
			end, p->standing);
	else
		snprintf(line, sizeof line, "%zu/%zu [%s] %s left, ends %s, %zu running: %s", p->done,
			p->total, bar, duration, end, p->running, p->label);
	line[p->width - 1] = '\0';
	clear(p);
	fputs(line, p->out);
	fflush(p->out);
	p->drawn = true;
	p->last_draw = now;
}

void progress_step(struct progress *p, size_t done, size_t running, const char *label)
{
	if (!p)
		return;
	int64_t now = now_ns(p);
	bool ended = done > p->done;
	p->done = done;
	p->running = running;
	snprintf(p->label, sizeof p->label, "%s", label ? label : "");
	if (ended)
		p->last_end = now;
	if (p->terminal) {
		if (now - p->last_draw >= REDRAW_NS)
			draw(p, now);
	} else if (ended) {
		char duration[32];
		fprintf(p->out, "%zu/%zu done, %s left: %s\n", done, p->total,
			progress_duration(left(p, now), duration), p->label);
		fflush(p->out);
	}
}

void progress_standing(struct progress *p, const char *text)
{
	if (p)
		snprintf(p->standing, sizeof p->standing, "%s", text);
}

void progress_note(struct progress *p, const char *format, ...)
{
	va_list arguments;

	if (!p)
		return;
	clear(p);
	va_start(arguments, format);
	vfprintf(p->out, format, arguments);
	va_end(arguments);
	fputc('\n', p->out);
	fflush(p->out); /* the line comes back with the next step */
}

void progress_close(struct progress *p)
{
	char duration[32];

	if (!p)
		return;
	clear(p);
	fprintf(p->out, "%zu of %zu done in %s\n", p->done, p->total,
		progress_duration(seconds_since(p, now_ns(p)), duration));
	fflush(p->out);
	free(p);
}
