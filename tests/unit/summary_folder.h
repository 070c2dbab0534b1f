/* What the tests of summaries share: an experiment made by hand, with published tables and records of trials, in a folder
 * that is private and removed. */
#ifndef LIQUIDNET_SUMMARY_FOLDER_H
#define LIQUIDNET_SUMMARY_FOLDER_H

#include "harness/cells/cells_load.h"
#include "harness/experiment/experiment.h"
#include "harness/report/summary.h"
#include "tests/unit/check.h"
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *nodes[] = {"client", "detour", "server"};
static struct topology topology = {.nodes = nodes, .nodes_count = 3, .name = "detour"};
static struct configuration configurations[] = {
	{.name = "clean", .title = "no loss"},
	{.name = "loss-1", .title = "1 % loss"},
};
static struct measure measures[] = {
	{.name = "receiver", .unit = "mbps"},
	{.name = "sender", .unit = "mbps"},
	{.name = "capture", .unit = "mbps"},
	{.name = "total", .unit = "s"},
};
static const struct subflow_place promised[] = {{"client", 0, -1}, {"detour", 1, -1}};
static const struct check both = {.kind = CHECK_SUBFLOWS, .subflows = promised, .subflows_count = 2};
static const struct check one = {.kind = CHECK_SUBFLOWS, .subflows = promised, .subflows_count = 1};
static struct procedure procedures[] = {
	{.name = "tcp",
		.subflow_row = "tcp",
		.title = "TCP",
		.checks = &one,
		.checks_count = 1,
		.published = {"a.csv", "tcp", "tcp_sd", "trials"}},
	{.name = "nat",
		.subflow_row = "nat",
		.title = "a NAT detour",
		.checks = &both,
		.checks_count = 1,
		.published = {"b.csv", "nat", NULL, NULL}},
	{.name = "encrypted",
		.subflow_row = "encrypted",
		.title = "only if named",
		.optional = true,
		.published = {"a.csv", "encrypted", NULL, NULL}},
};
static const int against_tcp[] = {0};
static struct comparison compared[] = {{"NAT against TCP", 1, against_tcp, 1}};

static const char table_a[] = "# A 2017: means, Mbit/s.\n"
			      "configuration,trials,tcp,tcp_sd,encrypted\n"
			      "clean,60,9.55,0.00,18.30\n"
			      "loss-1,60,6.16,0.61,\n";
static const char table_b[] = "# B 2018: rerun.\n"
			      "configuration,nat\n"
			      "clean,18.81\n";
static const char table_bytes[] = "# A 2017: bytes.\n"
				  "configuration,procedure,bytes_default,bytes_detour\n"
				  "clean,nat,3000,1000\n";

static const struct experiment experiment = {
	.path = "test.yaml",
	.name = "test",
	.title = "A test",
	.source = "A, 2017",
	.topology = &topology,
	.seed = 1,
	.configurations = configurations,
	.configurations_count = 2,
	.procedures = procedures,
	.procedures_count = 3,
	.measures = measures,
	.measures_count = 4,
	.comparisons = compared,
	.comparisons_count = 1,
	.subflow_bytes = {.file = "bytes.csv", .value = "bytes_default, bytes_detour"},
};

#define NAT(repeat, attempt, status, mbps, bytes, detour)                                                    \
	"{\"configuration\":\"clean\",\"procedure\":\"nat\",\"repeat\":" repeat ",\"attempt\":" attempt      \
	",\"status\":\"" status "\",\"reasons\":[\"r" repeat "\"],\"measures\":{\"receiver\":" mbps          \
	",\"sender\":19,\"capture\":18.5,\"total\":null},"                                                   \
	"\"subflows\":[{\"node\":\"client\",\"unique_bytes\":" bytes                                         \
	"},{\"node\":\"detour\",\"unique_bytes\":" detour "}]}\n"
#define TCP(repeat, mbps)                                                                                    \
	"{\"configuration\":\"clean\",\"procedure\":\"tcp\",\"repeat\":" repeat                              \
	",\"attempt\":1,\"status\":\"valid\","                                                               \
	"\"reasons\":[],\"measures\":{\"receiver\":" mbps ",\"sender\":10,\"total\":1.5},\"subflows\":[]}\n"

static const char usual[] = NAT("1", "1", "valid", "18.8", "600", "400") TCP("1", "9.5")
	NAT("2", "1", "failed", "1.0", "1", "1") NAT("3", "1", "suspect", "18.4", "650", "350")
		TCP("2", "9.6") NAT("2", "2", "valid", "18.6", "500", "500")
			NAT("4", "1", "invalid", "2.0", "1", "1");

struct folder {
	char path[64];
	char *printed;
	size_t printed_size;
};

static inline void close_to(double got, double expected, double within)
{
	if (!(fabs(got - expected) <= within))
		fail_msg("got %.12g, expected %.12g", got, expected);
}

static inline void put(const struct folder *folder, const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof path, "%s/%s", folder->path, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static inline char *get(const struct folder *folder, const char *name)
{
	char path[128], *text = calloc(1, 1 << 20);

	snprintf(path, sizeof path, "%s/%s", folder->path, name);
	FILE *file = fopen(path, "r");
	if (!file)
		fail_msg("%s: not there", path);
	assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
	fclose(file);
	return text;
}

static inline void make_folder(struct folder *folder, const char *records)
{
	*folder = (struct folder){.path = "/tmp/test_summary.XXXXXX"};
	assert_non_null(mkdtemp(folder->path));
	put(folder, "a.csv", table_a);
	put(folder, "b.csv", table_b);
	put(folder, "bytes.csv", table_bytes);
	if (records)
		put(folder, "trials.jsonl", records);
}

static inline void remove_folder(struct folder *folder)
{
	DIR *directory = opendir(folder->path);

	for (struct dirent *entry; (entry = readdir(directory));)
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			unlinkat(dirfd(directory), entry->d_name, 0);
	closedir(directory);
	assert_int_equal(rmdir(folder->path), 0);
	free(folder->printed);
}

static inline int make(struct folder *folder, const struct experiment *of, char **error)
{
	FILE *out = open_memstream(&folder->printed, &folder->printed_size);
	int result = summary_make(of, folder->path, folder->path, out, false, error);

	fclose(out);
	return result;
}

static inline void succeed(struct folder *folder, const struct experiment *of, const char *records)
{
	char *error = NULL;

	make_folder(folder, records);
	if (make(folder, of, &error) < 0)
		fail_msg("%s", error);
}

/* The line of a text that begins so, without its end. */
static inline char *line_of(char *text, const char *begin)
{
	for (char *line = text; line; line = strchr(line, '\n'), line += line != NULL)
		if (!strncmp(line, begin, strlen(begin))) {
			line[strcspn(line, "\n")] = '\0';
			return line;
		}
	fail_msg("no line `%s` in:\n%s", begin, text);
	return NULL;
}

static inline void csv_line(
	const struct folder *folder, const char *name, const char *begin, const char *expected)
{
	char *text = get(folder, name);

	assert_string_equal(line_of(text, begin), expected);
	free(text);
}

#endif
