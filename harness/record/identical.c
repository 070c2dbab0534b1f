/* Identical: see the header. */
#include "harness/record/identical.h"

#include "lib/base/error.h"
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Members of a record that are about the host (also pages in use: programs hold their paths), and files: what describes the trial to its kernel, and what that one said. */
static const char *const host_members[] = {"kernel", "cpu_s", "memory_mib", "at_once", NULL};
static const char *const host_files[] = {"trial.json", "kernel.log", NULL};

struct text {
	char *bytes;
	size_t size;
};

static bool listed(const char *const *list, const char *name)
{
	for (; *list; list++)
		if (strcmp(*list, name) == 0)
			return true;
	return false;
}

static bool slurp(const char *path, struct text *text)
{
	struct stat about;
	FILE *in = fopen(path, "re");
	*text = (struct text){0};
	if (!in || fstat(fileno(in), &about) < 0) {
		if (in)
			fclose(in);
		return false;
	}
	text->size = (size_t)about.st_size;
	text->bytes = malloc(text->size + 1);
	bool whole = text->bytes && fread(text->bytes, 1, text->size, in) == text->size;
	fclose(in);
	return whole;
}

/* Takes the folder's name out wherever it stands. */
static void without(struct text *text, const char *name)
{
	size_t length = strlen(name), kept = 0;
	for (size_t i = 0; i < text->size;)
		if (text->size - i >= length && memcmp(text->bytes + i, name, length) == 0)
			i += length;
		else
			text->bytes[kept++] = text->bytes[i++];
	text->size = kept;
}

static bool same_file(const char *a, const char *b, const char *then, const char *now)
{
	struct text x, y;
	bool same = slurp(a, &x) & slurp(b, &y);
	if (same && (x.size != y.size || memcmp(x.bytes, y.bytes, x.size) != 0)) {
		without(&x, then);
		without(&y, now);
		same = x.size == y.size && memcmp(x.bytes, y.bytes, x.size) == 0;
	}
	free(x.bytes);
	free(y.bytes);
	return same;
}

/* The first file of folder `a` that `b` has not, or has otherwise; false: none. */
static bool other_file(const char *a, const char *b, const char *then, const char *now, char name[256])
{
	char x[PATH_MAX], y[PATH_MAX];
	struct dirent **entries = NULL;
	int count = scandir(a, &entries, NULL, alphasort);
	bool found = false;
	for (int i = 0; i < count; i++) {
		if (!found && entries[i]->d_type == DT_REG && !listed(host_files, entries[i]->d_name)) {
			snprintf(x, sizeof x, "%s/%s", a, entries[i]->d_name);
			snprintf(y, sizeof y, "%s/%s", b, entries[i]->d_name);
			found = !same_file(x, y, then, now);
			if (found)
				snprintf(name, 256, "%s", entries[i]->d_name);
		}
		free(entries[i]);
	}
	free(entries);
	return found;
}

static json_t *load(const char *folder, char **error)
{
	char path[PATH_MAX], *line = NULL;
	size_t room = 0;
	snprintf(path, sizeof path, "%s/trials.jsonl", folder);
	FILE *in = fopen(path, "re");
	if (!in) {
		error_set(error, "%s: %s", path, strerror(errno));
		return NULL;
	}
	json_t *all = json_array();
	while (getline(&line, &room, in) > 0)
		json_array_append_new(all, json_loads(line, 0, NULL));
	free(line);
	fclose(in);
	return all;
}

static bool same_member(const json_t *a, const json_t *b, const char *key)
{
	return json_equal(json_object_get(a, key), json_object_get(b, key));
}

static json_t *find(const json_t *all, const json_t *record)
{
	json_t *one;
	size_t i;
	json_array_foreach(all, i, one)
		if (same_member(one, record, "configuration") && same_member(one, record, "procedure") &&
			same_member(one, record, "repeat") && same_member(one, record, "attempt"))
			return one;
	return NULL;
}

/* The first member that differs, of either; NULL: none. A trial's number is its place in the run, not its own. */
static const char *other_member(json_t *a, json_t *b)
{
	const char *key;
	json_t *value;
	json_object_foreach(a, key, value)
		if (!listed(host_members, key) && strcmp(key, "trial") != 0 &&
			!json_equal(value, json_object_get(b, key)))
			return key;
	json_object_foreach(b, key, value)
		if (!listed(host_members, key) && !json_object_get(a, key))
			return key;
	return NULL;
}

static const char *text(const json_t *record, const char *key)
{
	const char *value = json_string_value(json_object_get(record, key));
	return value ? value : "?";
}

static long long number(const json_t *record, const char *key)
{
	return json_integer_value(json_object_get(record, key));
}

static void folder_of(const char *run, const json_t *r, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/trials/%04lld-%s-%s-%lld", run, number(r, "trial"),
		text(r, "configuration"), text(r, "procedure"), number(r, "repeat"));
}

static void compare(struct identical *found, json_t *a, json_t *b, const char *then, const char *now)
{
	char x[PATH_MAX], y[PATH_MAX], name[256];
	folder_of(then, a, x);
	folder_of(now, b, y);
	const char *member = other_member(a, b);
	if (member)
		snprintf(name, sizeof name, "`%s` of its record", member);
	else if (!other_file(x, y, then, now, name) && !other_file(y, x, now, then, name)) {
		found->same++;
		return;
	}
	if (!*found->first)
		snprintf(found->first, sizeof found->first, "%s: %.250s", strrchr(x, '/') + 1, name);
}

int identical_runs(const char *then, const char *now, struct identical *found, char **error)
{
	json_t *record;
	size_t i;
	*found = (struct identical){0};
	json_t *a = load(then, error), *b = a ? load(now, error) : NULL;
	json_array_foreach(b ? a : NULL, i, record) {
		json_t *other = find(b, record);
		found->trials += other != NULL;
		found->missing += !other;
		if (other)
			compare(found, record, other, then, now);
	}
	json_decref(a);
	json_decref(b);
	return b ? 0 : -1;
}
