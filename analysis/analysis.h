/* Analysis: captures become tables of TCP flows and MPTCP connections. One pass over each file; memory grows
 * with the number of flows and with what is out of order, never with the file. The library knows nothing of
 * experiments. Field names and units of the result: docs/analysis.md. */
#ifndef LIQUIDNET_ANALYSIS_H
#define LIQUIDNET_ANALYSIS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A time window on every connection, in seconds after the first payload byte of the direction at hand: a byte
 * that is delivered at time t counts when from_s <= t < to_s. */
struct analysis_window {
	double from_s, to_s;
};

#define ANALYSIS_WINDOWS 8

/* Zero is a good default for every member. */
struct analysis_options {
	double step_s; /* > 0: series at this step, in seconds, aligned with the file's first packet */
	const struct analysis_window *windows;
	size_t window_count; /* at most ANALYSIS_WINDOWS */
	const char *filter;  /* a libpcap filter: only packets that it matches count; NULL: all */
	double from_s, to_s; /* only packets in this span, in seconds after the first; to_s 0: no end */
	unsigned
		threads; /* 1: one; 2: one reads and decodes, one keeps state; 0: as the file and the machine are */
	bool only_connection; /* report only the connection of this index */
	uint32_t connection_index;
	bool figures; /* keep what figures need */
};

/* Reads captures (pcap or pcapng, also compressed by gzip or zstd; "-" is standard input) and returns
 * {"files": [...]}, one entry a path, in order. The caller owns the result. NULL and *error when a file cannot
 * be opened or is no capture; a capture that is cut short or corrupt further on is analysed as far as it goes,
 * which its counters say. */
json_t *analysis_run(
	const char *const *paths, size_t count, const struct analysis_options *options, char **error);

/* The same for one capture that is in memory already; `name` stands in for its path. */
json_t *analysis_run_memory(const void *data, size_t size, const char *name,
	const struct analysis_options *options, char **error);

enum analysis_format { ANALYSIS_TABLE, ANALYSIS_JSON, ANALYSIS_CSV };

struct analysis_figures;

/* What analysis_print tells on the way. */
struct analysis_listener {
	void *context;
	/* A file could not be analysed; the others are. */
	void (*failed)(void *context, const char *error);
	/* Figures of the largest connections of all files are collected there (may be NULL). */
	struct analysis_figures *figures;
};

/* Analyses captures one after the other and prints each as soon as it is read, connection by connection: what
 * is printed is never in memory as a whole. JSON is that of analysis_run. Returns the number of files that
 * failed, or -1 when writing failed or the options cannot be (*error). */
int analysis_print(const char *const *paths, size_t count, const struct analysis_options *options,
	enum analysis_format format, FILE *out, const struct analysis_listener *listener, char **error);

/* Analyses one capture and prints nothing; the number of connections, or -1 and *error. For whoever wants no
 * report (fuzzing, measurements). */
int64_t analysis_count_memory(
	const void *data, size_t size, const struct analysis_options *options, char **error);
int64_t analysis_count(const char *path, const struct analysis_options *options, char **error);

struct analysis_match_options {
	double step_s;    /* > 0: series of delay and loss at this step, in seconds */
	double timeout_s; /* a packet not seen at the other end after this long is lost; 0: 5 s */
	FILE *packets;    /* a line of CSV a packet; NULL: none */
};

/* Matches two captures of one link, taken at its ends, packet by packet: one-way delay, queueing (delay above
 * the smallest), loss, a direction and a flow. The caller owns the result; NULL and *error as analysis_run, and
 * when no packet was seen at both ends. */
json_t *analysis_match(
	const char *path_a, const char *path_b, const struct analysis_match_options *options, char **error);
/* Prints a result of analysis_match. -1 when writing fails. */
int analysis_match_print(const json_t *match, enum analysis_format format, FILE *out);

/* Figures: throughput a subflow and data sequence over time, of the largest connections. */
struct analysis_figures *analysis_figures_new(void);
void analysis_figures_free(struct analysis_figures *figures);
/* Draws them with gnuplot as SVG. Returns 0, or -1 and *error; also when there is nothing to draw. */
int analysis_plot(const struct analysis_figures *figures, const char *path, char **error);

enum analysis_graph { ANALYSIS_GRAPH_CSV, ANALYSIS_GRAPH_SVG };

/* Every packet of one connection (options->connection_index) over time: sequence numbers, acknowledgements,
 * outstanding bytes, window, round trips; as a line of CSV a packet or drawn by gnuplot. The file is read
 * twice, so it cannot be a pipe. Returns 0, or -1 and *error. */
int analysis_graph(const char *capture, const struct analysis_options *options, enum analysis_graph kind,
	const char *path, char **error);

/* A page of its own: tables and figures in one file that needs no other. Returns as analysis_print. */
int analysis_html(const char *const *paths, size_t count, const struct analysis_options *options,
	const char *path, const struct analysis_listener *listener, char **error);

/* Watches an interface: prints the table again every second (in place on a terminal), until `seconds` are over
 * (0: until SIGINT or SIGTERM), then once more. 0, or -1 and *error. */
int analysis_live(const char *interface, const struct analysis_options *options, double seconds, FILE *out,
	char **error);

#endif
