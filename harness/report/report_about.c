/* Report, its last part: the environment, the settings, the command lines that make it again. */
#include "harness/report/html.h"
#include "harness/report/report_internal.h"
#include <stdlib.h>
#include <string.h>

enum { SHOWN_BYTES = 256 * 1024 };

static void fact_row(const struct report *report, const char *path, const char *text)
{
	fputs("<tr><th scope=\"row\">", report->out);
	html_text(report->out, path);
	fputs("</th><td class=\"wrap\">", report->out);
	html_text(report->out, text);
	fputs("</td></tr>\n", report->out);
}

/* The leaves of an object, by their path. */
static void fact_rows(const struct report *report, const char *path, const json_t *value)
{
	const char *key;
	json_t *child;

	if (json_is_object(value)) {
		json_object_foreach((json_t *)value, key, child) {
			char longer[512];
			snprintf(longer, sizeof longer, "%s%s%s", path, *path ? "." : "", key);
			fact_rows(report, longer, child);
		}
		return;
	}
	char *text = json_is_string(value) || json_is_null(value)
			     ? NULL
			     : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	fact_row(report, path, json_is_string(value) ? json_string_value(value) : text ? text : "not there");
	free(text);
}

static void environment(const struct report *report)
{
	const json_t *environment = json_object_get(report->provenance, "environment");

	if (!json_is_object(environment))
		return;
	fputs("<h3>Environment</h3>\n<details><summary>Version, kernel, machine, tools, the host&#39;s sysctls</summary>\n",
		report->out);
	report_table(report->out, "facts-table", NULL);
	fputs("<tbody>\n", report->out);
	fact_rows(report, "", environment);
	report_table_end(report->out);
	fputs("</details>\n", report->out);
}

/* Words as a shell would take them. */
static void put_words(const struct report *report, const json_t *words)
{
	json_t *word;
	size_t i;

	json_array_foreach(words, i, word) {
		const char *text = json_string_value(word) ? json_string_value(word) : "";
		bool plain =
			*text && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
					      "-_=./:,%+@") == strlen(text);
		html_format(report->out, "%s%s", i ? " " : "", plain ? "" : "'");
		for (const char *at = text; *at; at += strcspn(at, "'") + (at[strcspn(at, "'")] == '\'')) {
			html_format(report->out, "%.*s", (int)strcspn(at, "'"), at);
			html_text(report->out, at[strcspn(at, "'")] ? "'\\''" : "");
		}
		html_format(report->out, "%s", plain ? "" : "'");
	}
}

static void again(const struct report *report)
{
	const json_t *run = json_object_get(report->provenance, "run");
	const char *version = json_string_value(
		json_object_get(json_object_get(report->provenance, "environment"), "liquidnet"));

	fputs("<h3>Run it again</h3>\n<p>With the sources at the same version, on Debian 12, as root:</p>\n<pre>",
		report->out);
	if (version)
		html_format(report->out, "git checkout %s && make\n", version);
	fputs("build/bin/liquidnet rerun FOLDER      # the same plan, seeds and settings; names what differs\n"
	      "build/bin/liquidnet report FOLDER     # this page, from the folder alone\n",
		report->out);
	fputs("</pre>\n", report->out);
	if (json_is_array(json_object_get(report->provenance, "command"))) {
		fputs("<p>This run was started by</p>\n<pre>", report->out);
		put_words(report, json_object_get(report->provenance, "command"));
		fputs("</pre>\n", report->out);
	}
	if (json_is_integer(json_object_get(run, "seed")))
		fprintf(report->out, "<p class=\"small\">Seed %lld.</p>\n",
			(long long)json_integer_value(json_object_get(run, "seed")));
}

/* A file of the results folder, as it is. */
static void put_file(const struct report *report, const char *name)
{
	char path[4400];

	if (snprintf(path, sizeof path, "%s/%s", report->cells->folder, name) >= (int)sizeof path)
		return;
	FILE *in = fopen(path, "re");
	char *text = in ? calloc(1, SHOWN_BYTES + 1) : NULL;
	if (text && fread(text, 1, SHOWN_BYTES, in) > 0) {
		fputs("<details><summary>", report->out);
		html_text(report->out, name);
		fputs("</summary>\n<pre>", report->out);
		html_text(report->out, text);
		fputs("</pre></details>\n", report->out);
	}
	free(text);
	if (in)
		fclose(in);
}

static void settings(const struct report *report)
{
	const struct experiment *e = report->cells->experiment;
	const char *base = e->base_path ? strrchr(e->base_path, '/') : NULL;

	fputs("<h3>Settings</h3>\n<p>Links, queues, sysctls, daemons and workloads, as the run read them.</p>\n",
		report->out);
	put_file(report, "experiment.yaml");
	if (e->base_path)
		put_file(report, base ? base + 1 : e->base_path);
}

void report_about(const struct report *report)
{
	fputs("<section id=\"about\">\n<h2>Where these numbers come from</h2>\n", report->out);
	again(report);
	settings(report);
	environment(report);
	fputs("</section>\n", report->out);
}
