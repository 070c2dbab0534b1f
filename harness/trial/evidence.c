/* Evidence: see the header. Several captures are looked at as one by merging them in the order of time, in memory of
 * their own: the analyser reads files. */
#include "harness/trial/evidence.h"

#include "analysis/analysis.h"
#include "lib/base/error.h"
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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

/* A file of ours that holds the packets of all; -1 with *error. */
static int merged(const struct evidence *e, const int *captures, size_t count, char **error)
{
	struct source *sources = calloc(count, sizeof *sources);
	int fd = memfd_create("captures", MFD_CLOEXEC), copy = fd < 0 ? -1 : dup(fd);
	FILE *out = copy < 0 ? NULL : fdopen(copy, "w");
	int result = !sources || !out ? error_set(error, "captures could not be merged: %m")
				      : open_sources(e, captures, count, sources, error);
	if (result == 0)
		result = merge_into(sources, count, out, error);
	else if (out)
		fclose(out);
	for (size_t i = 0; sources && i < count; i++)
		if (sources[i].pcap)
			pcap_close(sources[i].pcap);
	free(sources);
	if (result == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
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
	if (count == 1) {
		path = e->captures[captures[0]];
		set_windows(e->experiment, captures[0], windows, &options);
		series |= must_agree(e->experiment, captures[0]) || drawn(e->procedure, captures[0]);
	} else {
		if ((fd = merged(e, captures, count, error)) < 0)
			return NULL;
		snprintf(merged_path, sizeof merged_path, "/proc/self/fd/%d", fd);
	}
	options.step_s = series ? EVIDENCE_STEP_S : 0;
	json_t *result = analysis_run(&path, 1, &options, error);
	if (fd >= 0)
		close(fd);
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
