/* Analysis: captures become tables of TCP flows and MPTCP connections. One pass over each file; memory grows
 * with the number of flows and with what is out of order, never with the file. The library knows nothing of
 * experiments. Field names and units of the result: docs/analysis.md. */
#ifndef LIQUIDNET_ANALYSIS_H
#define LIQUIDNET_ANALYSIS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* A time window on every connection, in seconds after the first payload byte of the direction at hand: a byte
 * that is delivered at time t counts when from_s <= t < to_s. */
struct analysis_window {
	double from_s, to_s;
};

/* Zero is a good default for every member. */
struct analysis_options {
	double step_s; /* > 0: series at this step, in seconds, aligned with the file's first packet */
	const struct analysis_window *windows;
	size_t window_count; /* at most ANALYSIS_WINDOWS */
};

#define ANALYSIS_WINDOWS 8

/* Reads captures (pcap or pcapng; "-" is standard input) and returns {"files": [...]}, one entry a path, in
 * order. The caller owns the result. NULL and *error when a file cannot be opened or is no capture; a capture
 * that is cut short or corrupt further on is analysed as far as it goes, which its counters say. */
json_t *analysis_run(
	const char *const *paths, size_t count, const struct analysis_options *options, char **error);

/* The same for one capture that is in memory already; `name` stands in for its path. */
json_t *analysis_run_memory(const void *data, size_t size, const char *name,
	const struct analysis_options *options, char **error);

struct analysis_match_options {
	double step_s;    /* > 0: series of delay and loss at this step, in seconds */
	double timeout_s; /* a packet not seen at the other end after this long is lost; 0: 5 s */
};

/* Matches two captures of one link, taken at its ends with one clock, packet by packet: one-way delay,
 * queueing (delay above the smallest), loss, a direction. The caller owns the result; NULL and *error as
 * analysis_run. */
json_t *analysis_match(
	const char *path_a, const char *path_b, const struct analysis_match_options *options, char **error);

/* Prints a result of analysis_run or analysis_match for people, or as CSV (a line a subflow and direction; a
 * line a direction of a match). -1 when writing fails. */
int analysis_print_table(const json_t *result, FILE *out);
int analysis_print_csv(const json_t *result, FILE *out);

/* Draws throughput a subflow and data sequence over time of the largest connections of a result that was made
 * with step_s > 0, as SVG, with gnuplot. Returns 0, or -1 and *error. */
int analysis_plot(const json_t *result, const char *path, char **error);

#endif
