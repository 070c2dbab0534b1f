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

/* Whether git knows it: a commit, by itself or at the end of what `git describe` says, or a tag v1.2. */
static bool is_commit(const char *version)
{
	static const char hex[] = "0123456789abcdef";
	const char *last = strrchr(version, '-');

	if (last && last[1] == 'g')
		version = last + 2;
	if (*version == 'v' && version[1] >= '0' && version[1] <= '9')
		return true;
	return strlen(version) >= 7 && strspn(version, hex) == strlen(version);
}

/* checkout: what `git checkout` takes, null where the version is none of git's; dirty: there were changes beyond it. */
static void put_checkout(json_t *run, const char *version)
{
	static const char mark[] = "-dirty";
	char commit[128] = "";
	size_t length = version ? strlen(version) : 0, cut = sizeof mark - 1;
	bool dirty = length > cut && strcmp(version + length - cut, mark) == 0;

	if (version)
		snprintf(commit, sizeof commit, "%.*s", (int)(dirty ? length - cut : length), version);
	put_text(run, "checkout", is_commit(commit) ? commit : NULL);
	put(run, "dirty", json_boolean(dirty));
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
	put_checkout(run, text_at(provenance, "environment", "liquidnet", NULL));
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
