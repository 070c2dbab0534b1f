/* Report, its last part: what the run was, the settings, the environment, the command line. */
#include "harness/report/report_internal.h"
#include <stdlib.h>
#include <string.h>

enum { SHOWN_BYTES = 256 * 1024 };

static const char *text_at(const json_t *object, const char *a, const char *b, const char *c)
{
	const json_t *value = json_object_get(object, a);

	value = b ? json_object_get(value, b) : value;
	return json_string_value(c ? json_object_get(value, c) : value);
}

/* Words as a shell would take them. */
static json_t *shell_words(const json_t *words)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=./:,%+@";
	char *text = NULL;
	size_t size, i;
	json_t *word;
	FILE *out = json_is_array(words) ? open_memstream(&text, &size) : NULL;

	if (!out)
		return json_null();
	json_array_foreach(words, i, word) {
		const char *at = json_string_value(word) ? json_string_value(word) : "";
		bool bare = *at && strspn(at, plain) == strlen(at);
		fprintf(out, "%s%s", i ? " " : "", bare ? "" : "'");
		for (; *at; at++)
			fprintf(out, *at == '\'' ? "'\\''" : "%c", *at);
		fputs(bare ? "" : "'", out);
	}
	fclose(out);
	json_t *joined = text_json(text);
	free(text);
	return joined;
}

static void put_run(json_t *report, const json_t *provenance)
{
	json_t *run = json_object(), *seed = json_object_get(json_object_get(provenance, "run"), "seed");
	const char *started = text_at(provenance, "started", NULL, NULL);
	char when[32] = "";

	if (started && strlen(started) > 16)
		snprintf(when, sizeof when, "%.10s %.5s UTC", started, started + 11);
	put_text(run, "started", started);
	put_text(run, "when", when);
	put_text(run, "kernel", text_at(provenance, "environment", "kernel", "release"));
	put_text(run, "cpu", text_at(provenance, "environment", "machine", "cpu"));
	put_text(run, "liquidnet", text_at(provenance, "environment", "liquidnet", NULL));
	put(run, "command", shell_words(json_object_get(provenance, "command")));
	put(run, "seed", json_is_integer(seed) ? json_incref(seed) : json_null());
	put(run, "seeded", json_boolean(json_is_integer(seed)));
	put(report, "run", run);
}

/* The leaves of an object, by their path. */
static void add_leaves(json_t *list, const char *path, json_t *value)
{
	const char *key;
	json_t *child;

	if (json_is_object(value)) {
		json_object_foreach(value, key, child) {
			char longer[512];
			snprintf(longer, sizeof longer, "%s%s%s", path, *path ? "." : "", key);
			add_leaves(list, longer, child);
		}
		return;
	}
	char *text = json_is_string(value) || json_is_null(value)
			     ? NULL
			     : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	json_t *leaf = json_object();
	put_text(leaf, "name", path);
	put_text(leaf, "value", json_is_string(value) ? json_string_value(value) : text ? text : "not there");
	json_array_append_new(list, leaf);
	free(text);
}

/* A file of the results folder, as it is. */
static void add_file(json_t *files, const char *folder, const char *name)
{
	char path[4400];

	if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
		return;
	FILE *in = fopen(path, "re");
	char *text = in ? calloc(1, SHOWN_BYTES + 1) : NULL;
	if (text && fread(text, 1, SHOWN_BYTES, in) > 0) {
		json_t *file = json_object();
		put_text(file, "name", name);
		put_text(file, "text", text);
		json_array_append_new(files, file);
	}
	free(text);
	if (in)
		fclose(in);
}

void report_about(json_t *report, const struct cells *cells, const json_t *provenance)
{
	const char *base = cells->experiment->base_path, *slash = base ? strrchr(base, '/') : NULL;
	json_t *files = json_array(), *environment = json_array(),
	       *known = json_object_get(provenance, "environment");

	put_run(report, provenance);
	add_file(files, cells->folder, "experiment.yaml");
	if (base)
		add_file(files, cells->folder, slash ? slash + 1 : base);
	put(report, "files", files);
	if (json_is_object(known))
		add_leaves(environment, "", known);
	put(report, "environment", environment);
}
