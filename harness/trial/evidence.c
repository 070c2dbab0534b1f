/* Evidence: see the header. Several captures are looked at as one: a child merges them in the order of time, and the
 * analyser reads what it writes, from a pipe. */
#include "harness/trial/evidence.h"

#include "analysis/analysis.h"
#include "lib/base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct source { /* of a merger */
	pcap_t *pcap;
	struct pcap_pkthdr *header; /* the next packet; NULL: no more */
	const unsigned char *bytes;
};

static int advance(struct source *s, char **error)
{
	int got = pcap_next_ex(s->pcap, &s->header, &s->bytes);
	if (got != 1)
		s->header = NULL;
	return got == PCAP_ERROR ? error_set(error, "%s", pcap_geterr(s->pcap)) : 0;
}

static struct source *earliest(struct source *sources, size_t count)
{
	struct source *first = NULL;
	for (size_t i = 0; i < count; i++)
		if (sources[i].header && (!first || timercmp(&sources[i].header->ts, &first->header->ts, <)))
			first = &sources[i];
	return first;
}

static int open_sources(
	const struct evidence *e, const int *captures, size_t count, struct source *sources, char **error)
{
	char fault[PCAP_ERRBUF_SIZE];
	for (size_t i = 0; i < count; i++) {
		sources[i].pcap = pcap_open_offline_with_tstamp_precision(
			e->captures[captures[i]], PCAP_TSTAMP_PRECISION_NANO, fault);
		if (!sources[i].pcap)
			return error_set(error, "%s: %s", e->captures[captures[i]], fault);
		if (advance(&sources[i], error) < 0)
			return error_prefix(error, "%s", e->captures[captures[i]]);
	}
	return 0;
}

static int merge_into(struct source *sources, size_t count, FILE *out, char **error)
{
	pcap_t *frame = pcap_open_dead_with_tstamp_precision(
		pcap_datalink(sources[0].pcap), 65535, PCAP_TSTAMP_PRECISION_NANO);
	pcap_dumper_t *dumper = frame ? pcap_dump_fopen(frame, out) : NULL;
	int result = dumper ? 0 : error_set(error, "captures could not be merged");
	for (struct source *s; result == 0 && (s = earliest(sources, count));) {
		pcap_dump((unsigned char *)dumper, s->header, s->bytes);
		result = advance(s, error);
	}
	if (dumper && result == 0 && pcap_dump_flush(dumper) < 0)
		result = error_set(error, "captures could not be merged: %m");
	if (dumper)
		pcap_dump_close(dumper); /* `out` too */
	else
		fclose(out);
	if (frame)
		pcap_close(frame);
	return result;
}

/* In the child: writes the packets of all into a pipe. */
static int pour(const struct evidence *e, const int *captures, size_t count, int fd)
{
	struct source *sources = calloc(count, sizeof *sources);
	FILE *out = fdopen(fd, "w");
	char *error = NULL;
	if (!sources || !out || open_sources(e, captures, count, sources, &error) < 0 ||
		merge_into(sources, count, out, &error) < 0) {
		fprintf(stderr, "captures could not be merged: %s\n", error ? error : strerror(errno));
		return 1;
	}
	return 0;
}

/* The reading end of a pipe through which the packets of all come; -1 with *error. */
static int merged(const struct evidence *e, const int *captures, size_t count, pid_t *merger, char **error)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(error, "pipe: %s", strerror(errno));
	*merger = fork();
	if (*merger == 0) {
		close(ends[0]);
		_exit(pour(e, captures, count, ends[1]));
	}
	close(ends[1]);
	if (*merger > 0)
		return ends[0];
	close(ends[0]);
	return error_set(error, "fork: %s", strerror(errno));
}

/* Nothing reads from it any more. */
static int end_merger(pid_t merger, int fd, char **error)
{
	int status = 0;
	close(fd);
	while (waitpid(merger, &status, 0) < 0 && errno == EINTR)
		;
	return status == 0 ? 0 : error_set(error, "captures could not be merged; see trial.log");
}

/* The windows of that capture's measures; more than fit were refused with the experiment. */
static void set_windows(const struct experiment *e, int capture, struct analysis_window *windows,
	struct analysis_options *options)
{
	options->windows = windows;
	for (size_t i = 0; i < e->measures_count; i++)
		if (e->measures[i].kind == MEASURE_CAPTURE && e->measures[i].capture == capture)
			windows[options->window_count++] =
				(struct analysis_window){e->measures[i].window[0], e->measures[i].window[1]};
}

static bool must_agree(const struct experiment *e, int capture)
{
	for (int k = 0; k < 2 && e->agree[k] >= 0; k++) {
		const struct measure *m = &e->measures[e->agree[k]];
		if (m->kind == MEASURE_CAPTURE && m->capture == capture)
			return true;
	}
	return false;
}

/* Whether a procedure's checks want bytes over time of this capture. */
static bool drawn(const struct procedure *p, int capture)
{
	for (size_t i = 0; i < p->checks_count; i++)
		if (p->checks[i].kind == CHECK_SUBFLOWS && p->checks[i].captures_count == 1 &&
			p->checks[i].captures[0] == capture)
			return true;
	return false;
}

static json_t *analyse(struct evidence *e, const int *captures, size_t count, bool series, char **error)
{
	struct analysis_window windows[ANALYSIS_WINDOWS];
	struct analysis_options options = {0};
	char merged_path[64];
	const char *path = merged_path;
	int fd = -1;
	pid_t merger = 0;
	if (count == 1) {
		path = e->captures[captures[0]];
		set_windows(e->experiment, captures[0], windows, &options);
		series |= must_agree(e->experiment, captures[0]) || drawn(e->procedure, captures[0]);
	} else {
		if ((fd = merged(e, captures, count, &merger, error)) < 0)
			return NULL;
		snprintf(merged_path, sizeof merged_path, "/proc/self/fd/%d", fd);
	}
	options.step_s = series ? EVIDENCE_STEP_S : 0;
	json_t *result = analysis_run(&path, 1, &options, error);
	if (fd >= 0 && end_merger(merger, fd, result ? error : NULL) < 0 && result) {
		json_decref(result);
		result = NULL;
	}
	return result;
}

json_t *evidence_connections(struct evidence *e, const int *captures, size_t count, bool series, char **error)
{
	char key[256] = "";
	for (size_t i = 0, used = 0; i < count && used < sizeof key; i++)
		used += (size_t)snprintf(key + used, sizeof key - used, "%s%d", i ? "+" : "", captures[i]);
	if (!e->seen)
		e->seen = json_object();
	json_t *result = json_object_get(e->seen, key);
	if (!result) {
		result = analyse(e, captures, count, series, error);
		if (!result)
			return NULL;
		json_object_set_new(e->seen, key, result);
	}
	return json_object_get(json_array_get(json_object_get(result, "files"), 0), "connections");
}

void evidence_free(struct evidence *e)
{
	json_decref(e->seen);
	e->seen = NULL;
}
