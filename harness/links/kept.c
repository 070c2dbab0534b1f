/* Kept: see the header. Lines of JSON, appended; each says for which boot and program it holds. */
#include "harness/links/kept.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES 8192

/* "BOOT SIZE-TIME": this boot, and this program as it was built. "": not known. */
static void here(char text[160])
{
	char boot[64] = "";
	struct stat program;
	FILE *in = fopen("/proc/sys/kernel/random/boot_id", "re");
	*text = 0;
	if (in && fgets(boot, sizeof boot, in) && stat("/proc/self/exe", &program) == 0) {
		boot[strcspn(boot, "\n")] = 0;
		snprintf(text, 160, "%s %lld-%lld.%09ld", boot, (long long)program.st_size,
			(long long)program.st_mtim.tv_sec, program.st_mtim.tv_nsec);
	}
	if (in)
		fclose(in);
}

static double number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static uint32_t count_at(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));
	return value > 0 && value <= PROOF_PACKETS_MAX ? (uint32_t)value : 0;
}

/* One line; the proof that it is about, where it is wanted, is filled in. */
static void take(struct proofs *proofs, const json_t *line, const char *now)
{
	const char *at = json_string_value(json_object_get(line, "here")),
		   *backend = json_string_value(json_object_get(line, "backend")),
		   *shape = json_string_value(json_object_get(line, "shape"));
	const json_t *error = json_object_get(line, "error_us");
	if (!at || strcmp(at, now) != 0 || !backend || !shape)
		return;
	for (size_t i = 0; i < proofs->count; i++) {
		struct proof *p = &proofs->items[i].proof;
		char *own = shape_text(&p->shape);
		if (own && p->attempts == 0 && strcmp(own, shape) == 0 &&
			strcmp(proofs->items[i].backend->name, backend) == 0) {
			p->attempts = 1;
			p->kept = p->earlier = true;
			p->packets = count_at(line, "packets");
			p->lost = count_at(line, "lost");
			p->min_us = number(error, "min");
			p->median_us = number(error, "median");
			p->p99_us = number(error, "p99");
			p->max_us = number(error, "max");
		}
		free(own);
	}
}

void kept_recall(struct proofs *proofs, const char *path)
{
	char now[160], line[LINE_MAX_BYTES];
	here(now);
	FILE *in = *now ? fopen(path, "re") : NULL;
	while (in && fgets(line, sizeof line, in)) {
		json_t *json = json_loads(line, 0, NULL);
		if (json)
			take(proofs, json, now);
		json_decref(json);
	}
	if (in)
		fclose(in);
}

static void put(int fd, const struct proof_item *item, const char *now)
{
	char *shape = shape_text(&item->proof.shape);
	json_t *line = proof_json(&item->proof);
	json_object_set_new(line, "here", json_string(now));
	json_object_set_new(line, "backend", json_string(item->backend->name));
	json_object_set_new(line, "shape", json_string(shape ? shape : ""));
	char *text = json_dumps(line, JSON_COMPACT);
	json_decref(line);
	free(shape);
	if (text && strlen(text) < LINE_MAX_BYTES - 2 && dprintf(fd, "%s\n", text) < 0) {
		/* The next run tries it again. */
	}
	free(text);
}

void kept_add(const struct proofs *proofs, const char *path)
{
	char now[160], folder[256];
	const char *slash = strrchr(path, '/');
	here(now);
	snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
	mkdir(folder, 0755);
	int fd = *now ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644) : -1;
	if (fd < 0)
		return;
	flock(fd, LOCK_EX); /* lines of two runs do not mix */
	for (size_t i = 0; i < proofs->count; i++)
		if (proofs->items[i].proof.kept && !proofs->items[i].proof.earlier)
			put(fd, &proofs->items[i], now);
	close(fd);
}
