/* Run: files through passes into reports. */
#include "analysis/output/report.h"
#include "analysis/pass.h"
#include "lib/base/error.h"
#include <stdlib.h>

static int check(const struct analysis_options *options, char **error)
{
	if (options->window_count > ANALYSIS_WINDOWS)
		return error_set(error, "at most %d windows are possible", ANALYSIS_WINDOWS);
	if (options->step_s < 0 || (options->step_s > 0 && options->step_s < 1e-6) || options->step_s > 1e6)
		return error_set(
			error, "a step of %g s is impossible; give 0.000001 to 1000000", options->step_s);
	if (options->from_s < 0 || options->to_s < 0 || options->from_s > 1e9 || options->to_s > 1e9 ||
		(options->to_s > 0 && options->to_s <= options->from_s))
		return error_set(
			error, "a span from %g to %g s is impossible", options->from_s, options->to_s);
	for (size_t i = 0; i < options->window_count; i++) {
		const struct analysis_window *window = &options->windows[i];
		if (!(window->from_s >= 0 && window->to_s > window->from_s && window->to_s < 1e9))
			return error_set(error, "a window from %g to %g s is impossible", window->from_s,
				window->to_s);
	}
	return 0;
}

/* An open capture, read to its end; it is the pass's then. */
static struct pass *run(
	const char *name, struct capture *capture, const struct analysis_options *options, char **error)
{
	struct pass *pass = capture ? pass_new(name, capture, options, error) : NULL;
	if (pass && pass_run(pass, error) < 0) {
		pass_free(pass);
		return NULL;
	}
	return pass;
}

/* The report as a tree; ends the pass. */
static json_t *tree(struct pass *pass, char **error)
{
	struct emitter emitter;
	json_t *json = NULL;
	if (!pass)
		return NULL;
	emit_start(&emitter, NULL);
	report_file(&emitter, pass);
	if (emit_end(&emitter, &json) < 0)
		error_set(error, "%s: out of memory", pass->path);
	pass_free(pass);
	return json;
}

json_t *analysis_run(
	const char *const *paths, size_t paths_count, const struct analysis_options *options, char **error)
{
	if (check(options, error) < 0)
		return NULL;
	json_t *files = json_array();
	for (size_t i = 0; i < paths_count; i++) {
		json_t *report = tree(run(paths[i], capture_open(paths[i], error), options, error), error);
		if (!report || json_array_append_new(files, report) < 0) {
			json_decref(files);
			return NULL;
		}
	}
	return json_pack("{s:o}", "files", files);
}

json_t *analysis_run_memory(
	const void *data, size_t size, const char *name, const struct analysis_options *options, char **error)
{
	if (check(options, error) < 0)
		return NULL;
	json_t *report = tree(run(name, capture_open_memory(data, size, name, error), options, error), error);
	return report ? json_pack("{s:[o]}", "files", report) : NULL;
}

static int64_t count(struct pass *pass)
{
	struct pass_connection next;
	uint32_t at = 0;
	int64_t connections = 0;
	if (!pass)
		return -1;
	while (pass_next_connection(pass, &at, &next))
		connections++;
	pass_free(pass);
	return connections;
}

int64_t analysis_count_memory(
	const void *data, size_t size, const struct analysis_options *options, char **error)
{
	if (check(options, error) < 0)
		return -1;
	return count(run("capture", capture_open_memory(data, size, "capture", error), options, error));
}

int64_t analysis_count(const char *path, const struct analysis_options *options, char **error)
{
	if (check(options, error) < 0)
		return -1;
	return count(run(path, capture_open(path, error), options, error));
}

/* What stands before the first file: nothing is printed when none can be read. */
static void print_start(struct emitter *emitter, enum analysis_format format)
{
	if (format == ANALYSIS_CSV)
		csv_header(emitter);
	if (format != ANALYSIS_JSON)
		return;
	emit_open(emitter, NULL, false);
	emit_open(emitter, "files", true);
}

static void print_pass(struct emitter *emitter, enum analysis_format format, const struct pass *pass)
{
	if (format == ANALYSIS_CSV)
		csv_file(emitter, pass);
	else if (format == ANALYSIS_JSON)
		report_file(emitter, pass);
	else
		print_file(emitter, pass);
}

int analysis_print(const char *const *paths, size_t paths_count, const struct analysis_options *options,
	enum analysis_format format, FILE *out, const struct analysis_listener *listener, char **error)
{
	struct emitter emitter;
	int failed = 0;
	bool any = false;
	if (check(options, error) < 0)
		return -1;
	if (emit_start(&emitter, out) < 0)
		return error_set(error, "out of memory");
	for (size_t i = 0; i < paths_count; i++) {
		char *problem = NULL;
		struct pass *pass = run(paths[i], capture_open(paths[i], &problem), options, &problem);
		if (!pass) {
			failed++;
			if (listener && listener->failed)
				listener->failed(listener->context, problem ? problem : "out of memory");
			free(problem);
			continue;
		}
		if (!any)
			print_start(&emitter, format);
		any = true;
		print_pass(&emitter, format, pass);
		if (listener && listener->figures)
			figures_collect(listener->figures, pass);
		pass_free(pass);
	}
	if (any && format == ANALYSIS_JSON) {
		emit_close(&emitter);
		emit_close(&emitter);
		emit_raw(&emitter, "\n", 1);
	}
	if (emit_end(&emitter, NULL) < 0)
		return error_set(error, "the output cannot be written");
	return failed;
}
