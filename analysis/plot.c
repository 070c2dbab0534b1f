/* Plot: figures of a result as SVG, drawn by gnuplot: for each of the largest connections, the throughput of
 * every subflow and the data sequence over time (which subflow carried which part of the connection's bytes,
 * and what was in order). */
#include "analysis/analysis.h"
#include "lib/base/error.h"
#include "lib/base/process.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CONNECTIONS = 4, PANEL_HEIGHT = 280, LIMIT_MS = 60000 };

struct choice {
	const json_t *file, *connection;
	const char *direction;
	json_int_t bytes;
};

/* Inserts into the list of the largest, in falling order. */
static void consider(struct choice *choices, size_t *count, const struct choice *candidate)
{
	size_t at = *count;
	while (at > 0 && choices[at - 1].bytes < candidate->bytes)
		at--;
	if (at == CONNECTIONS || candidate->bytes == 0)
		return;
	size_t moved = *count - at;
	if (*count == CONNECTIONS)
		moved--;
	memmove(choices + at + 1, choices + at, moved * sizeof *choices);
	choices[at] = *candidate;
	*count += *count < CONNECTIONS;
}

static size_t choose(const json_t *result, struct choice choices[CONNECTIONS])
{
	size_t i, j, count = 0;
	const json_t *file, *connection;
	json_array_foreach(json_object_get(result, "files"), i, file) {
		json_array_foreach(json_object_get(file, "connections"), j, connection) {
			json_int_t bytes[2];
			for (size_t k = 0; k < 2; k++) {
				const json_t *data = json_object_get(connection, k ? "reverse" : "forward");
				bytes[k] = json_integer_value(json_object_get(data, "delivered_bytes"));
			}
			const struct choice candidate = {file, connection,
				bytes[1] > bytes[0] ? "reverse" : "forward",
				bytes[1] > bytes[0] ? bytes[1] : bytes[0]};
			consider(choices, &count, &candidate);
		}
	}
	return count;
}

static double step_of(const struct choice *choice)
{
	return json_number_value(json_object_get(choice->file, "step_s"));
}

/* Rates in Mbit/s from bytes a step. */
static void write_rates(const json_t *series, double step_s, FILE *out)
{
	size_t i;
	const json_t *value;
	json_array_foreach(series, i, value)
		fprintf(out, "%g %g\n", (double)i * step_s,
			(double)json_integer_value(value) * 8 / step_s / 1e6);
	fputs("EOD\n", out);
}

/* Highest data sequence number a step, in megabytes; steps without data leave gaps. */
static void write_sequence(const json_t *series, double step_s, FILE *out)
{
	size_t i;
	const json_t *value;
	json_array_foreach(series, i, value)
		if (json_integer_value(value))
			fprintf(out, "%g %g\n", (double)i * step_s, (double)json_integer_value(value) / 1e6);
	fputs("EOD\n", out);
}

static void write_in_order(const json_t *series, double step_s, FILE *out)
{
	size_t i;
	const json_t *value;
	double sum = 0;
	json_array_foreach(series, i, value) {
		sum += (double)json_integer_value(value);
		fprintf(out, "%g %g\n", (double)i * step_s, sum / 1e6);
	}
	fputs("EOD\n", out);
}

static void write_data(const struct choice *choice, size_t number, FILE *out)
{
	const json_t *subflows = json_object_get(choice->connection, "subflows"), *subflow;
	const json_t *delivered = json_object_get(
		json_object_get(choice->connection, choice->direction), "series_delivered_bytes");
	double step_s = step_of(choice);
	size_t i;
	json_array_foreach(subflows, i, subflow) {
		const json_t *from = json_object_get(subflow, choice->direction);
		fprintf(out, "$rate_%zu_%zu << EOD\n", number, i);
		write_rates(json_object_get(from, "series_unique_bytes"), step_s, out);
		fprintf(out, "$sequence_%zu_%zu << EOD\n", number, i);
		write_sequence(json_object_get(from, "series_data_sequence"), step_s, out);
	}
	fprintf(out, "$rate_%zu << EOD\n", number);
	write_rates(delivered, step_s, out);
	fprintf(out, "$sequence_%zu << EOD\n", number);
	write_in_order(delivered, step_s, out);
}

static void write_panels(const struct choice *choice, size_t number, FILE *out)
{
	const json_t *subflows = json_object_get(choice->connection, "subflows"), *subflow;
	long long index = json_integer_value(json_object_get(choice->connection, "index"));
	size_t i;
	for (unsigned panel = 0; panel < 2; panel++) {
		const char *data = panel ? "sequence" : "rate";
		fprintf(out, "set title 'connection %lld, %s: %s'\nset ylabel '%s'\nplot ", index,
			choice->direction, panel ? "data sequence" : "throughput", panel ? "MB" : "Mbit/s");
		json_array_foreach(subflows, i, subflow)
			fprintf(out, "$%s_%zu_%zu using 1:2 with %s title 'subflow %lld', ", data, number, i,
				panel ? "points pointtype 7 pointsize 0.3" : "lines",
				(long long)json_integer_value(json_object_get(subflow, "index")));
		fprintf(out, "$%s_%zu using 1:2 with lines linecolor rgb 'black' title '%s'\n", data, number,
			panel ? "in order" : "delivered in order");
	}
}

static void write_script(const struct choice *choices, size_t count, const char *path, FILE *out)
{
	for (size_t i = 0; i < count; i++)
		write_data(&choices[i], i, out);
	fprintf(out, "set terminal svg size 900,%zu dynamic background rgb 'white'\nset output '",
		count * 2 * PANEL_HEIGHT);
	for (; *path; path++) {
		/* A quote is doubled within quotes. */
		if (*path == '\'')
			fputc('\'', out);
		fputc(*path, out);
	}
	fprintf(out,
		"'\nset multiplot layout %zu,1\nset xlabel 'seconds since the first packet'\n"
		"set yrange [0:*]\nset key outside right\nset grid\n",
		count * 2);
	for (size_t i = 0; i < count; i++)
		write_panels(&choices[i], i, out);
	fputs("unset multiplot\n", out);
}

static int draw(int script, const char *path, char **error)
{
	const char *const argv[] = {"gnuplot", "-", NULL};
	struct process_options options = PROCESS_OPTIONS;
	char *output = NULL;
	options.argv = argv;
	options.stdin_fd = script;
	int status = process_run(&options, true, LIMIT_MS, &output, error);
	if (status > 0) {
		if (output)
			output[strcspn(output, "\n")] = '\0';
		error_set(error, "%s: gnuplot ended with status %d%s%s", path, status,
			output && *output ? ": " : "", output ? output : "");
	} else if (status < 0) {
		error_prefix(error, "%s", path);
	}
	free(output);
	return status == 0 ? 0 : -1;
}

int analysis_plot(const json_t *result, const char *path, char **error)
{
	struct choice choices[CONNECTIONS];
	size_t count = choose(result, choices);
	if (!count)
		return error_set(error, "%s: no connection carries data, there is nothing to draw", path);
	if (!(step_of(&choices[0]) > 0))
		return error_set(error, "%s: figures need series; analyse with a step", path);
	int script = memfd_create("plot", MFD_CLOEXEC);
	FILE *out = script >= 0 ? fdopen(dup(script), "w") : NULL;
	int status = -1;
	if (out) {
		write_script(choices, count, path, out);
		if (fclose(out) == 0 && lseek(script, 0, SEEK_SET) == 0)
			status = draw(script, path, error);
		else
			error_set(error, "%s: the script for gnuplot cannot be written: %s", path,
				strerror(errno));
	} else {
		error_set(error, "%s: the script for gnuplot cannot be written: %s", path, strerror(errno));
	}
	if (script >= 0)
		close(script);
	return status;
}
