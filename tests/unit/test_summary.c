/* Summaries of made-up results folders: what counts, what the files and the tables say. The experiment is
 * made by hand; folders are private and removed. */
#include "harness/experiment/plan.h"
#include "harness/record/records.h"
#include "harness/record/stats.h"
#include "harness/report/cells.h"
#include "harness/report/cells_published.c"
#include "harness/report/csv.h"
#include "harness/report/drawings.h"
#include "harness/report/figures.h"
#include "harness/report/html.h"
#include "harness/report/notes.h"
#include "harness/report/published.h"
#include "harness/report/report.h"
#include "harness/report/scorecard.h"
#include "harness/report/summary.h"
#include "harness/report/table.c"
#include "tests/unit/check.h"
#include <dirent.h>
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

static void close_to(double got, double expected, double within)
{
	if (!(fabs(got - expected) <= within))
		fail_msg("got %.12g, expected %.12g", got, expected);
}

static void put(const struct folder *folder, const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof path, "%s/%s", folder->path, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static char *get(const struct folder *folder, const char *name)
{
	char path[128], *text = calloc(1, 65536);

	snprintf(path, sizeof path, "%s/%s", folder->path, name);
	FILE *file = fopen(path, "r");
	if (!file)
		fail_msg("%s: not there", path);
	assert_true(fread(text, 1, 65535, file) > 0);
	fclose(file);
	return text;
}

static void make_folder(struct folder *folder, const char *records)
{
	*folder = (struct folder){.path = "/tmp/test_summary.XXXXXX"};
	assert_non_null(mkdtemp(folder->path));
	put(folder, "a.csv", table_a);
	put(folder, "b.csv", table_b);
	put(folder, "bytes.csv", table_bytes);
	if (records)
		put(folder, "trials.jsonl", records);
}

static void remove_folder(struct folder *folder)
{
	DIR *directory = opendir(folder->path);

	for (struct dirent *entry; (entry = readdir(directory));)
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			unlinkat(dirfd(directory), entry->d_name, 0);
	closedir(directory);
	assert_int_equal(rmdir(folder->path), 0);
	free(folder->printed);
}

static int make(struct folder *folder, const struct experiment *of, char **error)
{
	FILE *out = open_memstream(&folder->printed, &folder->printed_size);
	int result = summary_make(of, folder->path, folder->path, out, false, error);

	fclose(out);
	return result;
}

static void succeed(struct folder *folder, const struct experiment *of, const char *records)
{
	char *error = NULL;

	make_folder(folder, records);
	if (make(folder, of, &error) < 0)
		fail_msg("%s", error);
}

/* The line of a text that begins so, without its end. */
static char *line_of(char *text, const char *begin)
{
	for (char *line = text; line; line = strchr(line, '\n'), line += line != NULL)
		if (!strncmp(line, begin, strlen(begin))) {
			line[strcspn(line, "\n")] = '\0';
			return line;
		}
	fail_msg("no line `%s` in:\n%s", begin, text);
	return NULL;
}

static void csv_line(const struct folder *folder, const char *name, const char *begin, const char *expected)
{
	char *text = get(folder, name);

	assert_string_equal(line_of(text, begin), expected);
	free(text);
}

static void only_last_attempts_count(void **state)
{
	(void)state;
	struct folder folder;

	succeed(&folder, &experiment, usual);
	struct cells *cells = cells_load(&experiment, folder.path, folder.path, NULL);
	assert_non_null(cells);
	const struct cell *nat = &cells->cells[1];
	assert_int_equal(
		nat->stats.n, 3); /* repeats 1, 2 (second attempt), 3 (suspect); never the invalid fourth */
	close_to(nat->stats.mean, 18.6, 1e-12);
	assert_int_equal(nat->suspect, 1);
	assert_int_equal(nat->invalid, 1);
	assert_int_equal(nat->failed, 1);
	close_to(nat->means[1], 19, 1e-12);
	assert_true(isnan(nat->means[3])); /* null in every record */
	close_to(cells->cells[0].means[3], 1.5, 1e-12);
	assert_true(isnan(cells->cells[0].means[2])); /* in no record */
	assert_int_equal(nat->judgement, JUDGED_SAME);
	assert_false(cells->cells[2].shown);
	cells_free(cells);
	remove_folder(&folder);
}

static void summary_file(void **state)
{
	(void)state;
	struct folder folder;

	succeed(&folder, &experiment, usual);
	csv_line(&folder, "summary.csv", "configuration",
		"configuration,procedure,n,mean_mbps,sd_mbps,median_mbps,published_mbps,difference_percent,min,max,ci95_low,ci95_high,sender_mbps,capture_mbps,total_s,suspect,invalid,failed,published_source,published_sd,published_n,difference,judgement,q1,q3,welch_t,welch_df,welch_p,hedges_g,note");
	/* By hand: t = -0.21 / (0.2 / sqrt 3); p = 1 - |t| / sqrt(t^2 + 2); g = -1.05 x 0.5642. */
	csv_line(&folder, "summary.csv", "clean,nat",
		"clean,nat,3,18.6,0.2,18.6,18.81,-1.11643,18.4,18.8,18.4,18.8,19,18.5,,1,1,1,b.csv,,,-0.21,same,18.5,18.7,-1.81865,2,0.210586,-0.592399,");
	csv_line(&folder, "summary.csv", "clean,tcp",
		"clean,tcp,2,9.55,0.0707107,9.55,9.55,0,9.5,9.6,9.5,9.6,10,,1.5,0,0,0,a.csv,0,60,0,same,9.525,9.575,0,1,1,0,");
	csv_line(&folder, "summary.csv", "loss-1,tcp",
		"loss-1,tcp,0,,,,6.16,,,,,,,,,0,0,0,a.csv,0.61,60,,,,,,,,,");
	csv_line(&folder, "summary.csv", "loss-1,nat", "loss-1,nat,0,,,,,,,,,,,,,0,0,0,,,,,,,,,,,,");
	char *text = get(&folder, "summary.csv");
	size_t lines = 0;
	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	assert_int_equal(lines, 5); /* a line of names, four planned cells, nothing optional */
	free(text);
	remove_folder(&folder);
}

static void subflow_file(void **state)
{
	(void)state;
	struct folder folder;

	succeed(&folder, &experiment, usual);
	csv_line(&folder, "subflows.csv", "configuration",
		"configuration,procedure,n,node,median_unique_bytes,share_percent,published_bytes,published_share_percent");
	csv_line(&folder, "subflows.csv", "clean,nat,3,client", "clean,nat,3,client,600,60,3000,75");
	csv_line(&folder, "subflows.csv", "clean,nat,3,detour", "clean,nat,3,detour,400,40,1000,25");
	char *text = get(&folder, "subflows.csv");
	assert_null(strstr(text, "tcp")); /* no subflows in its records */
	free(text);
	remove_folder(&folder);
}

static void tables_for_people(void **state)
{
	(void)state;
	struct folder folder;

	succeed(&folder, &experiment, usual);
	for (const char *line = folder.printed; *line; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") <= TABLE_WIDTH);
	assert_non_null(strstr(folder.printed, "\n  clean: no loss\n"));
	assert_non_null(strstr(folder.printed, "b: b.csv: B 2018: rerun."));
	assert_non_null(
		strstr(folder.printed, "nat, repeat 2, attempt 1: failed (replaced by a later attempt): r2"));
	assert_non_null(strstr(folder.printed, "nat, repeat 3, attempt 1: suspect (counted): r3"));
	assert_non_null(strstr(folder.printed, "nat, repeat 4, attempt 1: invalid (not counted): r4"));
	assert_null(strstr(folder.printed, "cut off"));
	assert_string_equal(line_of(folder.printed, "    nat "),
		"    nat      3  *!  18.60  0.20   18.60    18.81 b  -0.21   -1.12  same     19.00    18.50        -");
	remove_folder(&folder);
}

/* 100 (1 - 18.6 / 9.55); published 100 (1 - 18.81 / 9.55). Half an interval by hand: variances 0.2^2 / 3 and
 * (18.6 / 9.55)^2 0.005 / 2, Welch's df 2.135, t 4.05. */
static void overhead_beside_published(void **state)
{
	(void)state;
	struct folder folder;

	succeed(&folder, &experiment, usual);
	struct cells *cells = cells_load(&experiment, folder.path, folder.path, NULL);
	struct overhead overhead = cells_overhead(cells, 0, &compared[0]);
	close_to(overhead.measured, -94.7644, 1e-4);
	close_to(overhead.published, -96.9634, 1e-4);
	double a = 0.04 / 3, b = (18.6 / 9.55) * (18.6 / 9.55) * 0.005 / 2,
	       df = (a + b) * (a + b) / (a * a / 2 + b * b);
	close_to(overhead.half_width, 100 * stats_t_quantile(0.975, df) * sqrt(a + b) / 9.55, 1e-9);
	overhead = cells_overhead(cells, 1, &compared[0]);
	assert_true(isnan(overhead.measured) && isnan(overhead.half_width) && isnan(overhead.published));
	cells_free(cells);
	assert_non_null(strstr(folder.printed, "    NAT against TCP    -94.76"));
	assert_non_null(strstr(folder.printed, "-96.96 ab  +2.20"));
	remove_folder(&folder);
}

static void judged_by_spread_and_rounding(void **state)
{
	(void)state;
	struct cell cell = {
		.published = 9.55, .published_sd = 0, .published_n = 60, .published_text = "9.55"};
	const struct {
		double mean, sd;
		size_t n;
		enum judgement expected;
	} cases[] = {
		{9.554, 0, 3, JUDGED_SAME}, /* could be what was rounded */
		{9.556, 0, 3, JUDGED_HIGHER},
		{9.50, 0.01, 3, JUDGED_LOWER}, /* half width 4.303 x 0.01 / sqrt 3 = 0.025 */
		{9.53, 0.01, 3, JUDGED_SAME},
		{9.50, NAN, 1, JUDGED_NOT},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		cell.judgement = JUDGED_NOT;
		cell.stats = (struct stats){.n = cases[i].n, .mean = cases[i].mean, .sd = cases[i].sd};
		judge(&cell);
		assert_int_equal(cell.judgement, cases[i].expected);
	}
}

/* Thirty suspect trials, then a failed one: it is among the ten remarks that a terminal gets. */
static void what_does_not_count_is_told_first(void **state)
{
	(void)state;
	struct folder folder;
	char records[16384] = "";

	for (int i = 1; i <= 31; i++)
		sprintf(records + strlen(records),
			"{\"configuration\":\"clean\",\"procedure\":\"tcp\",\"repeat\":%d,\"attempt\":1,\"status\":\"%s\",\"reasons\":[],\"measures\":{\"receiver\":9.5}}\n",
			i, i < 31 ? "suspect" : "failed");
	succeed(&folder, &experiment, records);
	assert_non_null(
		strstr(folder.printed, "repeat 31, attempt 1: failed (not counted): no reason recorded"));
	assert_non_null(strstr(folder.printed, "repeat 9, attempt 1: suspect"));
	assert_null(strstr(folder.printed, "repeat 10, attempt 1: suspect"));
	assert_non_null(strstr(folder.printed, "and 21 more: scorecard.md"));
	char *scorecard = get(&folder, "scorecard.md");
	assert_non_null(strstr(scorecard, "repeat 30, attempt 1: suspect"));
	free(scorecard);
	remove_folder(&folder);
}

static void a_torn_line_is_left_out_and_told(void **state)
{
	(void)state;
	struct folder folder;

	succeed(&folder, &experiment, TCP("1", "9.5") "{\"configuration\":\"clean\",\"proced");
	assert_non_null(strstr(folder.printed, "the last line of trials.jsonl was cut off"));
	csv_line(&folder, "summary.csv", "clean,tcp",
		"clean,tcp,1,9.5,,9.5,9.55,-0.52356,9.5,9.5,,,10,,1.5,0,0,0,a.csv,0,60,-0.05,,9.5,9.5,,,,,");
	remove_folder(&folder);
}

static void no_trial_at_all(void **state)
{
	(void)state;
	struct folder folder;

	succeed(&folder, &experiment, "");
	csv_line(
		&folder, "summary.csv", "clean,tcp", "clean,tcp,0,,,,9.55,,,,,,,,,0,0,0,a.csv,0,60,,,,,,,,,");
	assert_null(strstr(folder.printed, "bytes a subflow"));
	remove_folder(&folder);
}

static void optional_procedures_show_with_records(void **state)
{
	(void)state;
	struct folder folder;

	succeed(&folder, &experiment,
		"{\"configuration\":\"loss-1\",\"procedure\":\"encrypted\",\"repeat\":1,\"attempt\":1,\"status\":\"failed\",\"reasons\":[\"one\",\"two\"],\"measures\":{}}\n"
		"{\"configuration\":\"clean\",\"procedure\":\"encrypted\",\"repeat\":1,\"attempt\":1,\"status\":\"valid\",\"reasons\":[],\"measures\":{\"sender\":4}}\n");
	csv_line(&folder, "summary.csv", "loss-1,encrypted",
		"loss-1,encrypted,0,,,,,,,,,,,,,0,0,1,,,,,,,,,,,,");
	/* Recorded as valid, but without a figure: it does not vanish. */
	csv_line(&folder, "summary.csv", "clean,encrypted",
		"clean,encrypted,0,,,,18.30,,,,,,,,,0,0,1,a.csv,,,,,,,,,,,");
	assert_non_null(strstr(folder.printed, "failed (not counted): one; two"));
	assert_non_null(strstr(folder.printed, "recorded as valid without its measure `receiver`"));
	remove_folder(&folder);
}

/* Notes change what is said of a difference, never the numbers: a cause in its direction only, and what
 * cannot be compared is not judged. */
static void notes_on_published_values(void **state)
{
	(void)state;
	char records[4096] = "";
	char *error = NULL;
	struct folder folder;

	for (int i = 1; i <= 3; i++) {
		sprintf(records + strlen(records),
			"{\"configuration\":\"clean\",\"procedure\":\"tcp\",\"repeat\":%d,\"attempt\":1,\"status\":\"valid\",\"reasons\":[],\"measures\":{\"receiver\":9.%d}}\n"
			"{\"configuration\":\"clean\",\"procedure\":\"nat\",\"repeat\":%d,\"attempt\":1,\"status\":\"valid\",\"reasons\":[],\"measures\":{\"receiver\":20.%d}}\n",
			i, 80 + i, i, i);
	}
	make_folder(&folder, records);
	put(&folder, "notes.yaml",
		"notes:\n"
		"  - {table: a.csv, columns: tcp|x, effect: explains-lower, text: never}\n"
		"  - {table: a.csv, rows: 'cl*', columns: tcp, effect: explains-higher, text: \"a, cause\"}\n"
		"  - {table: b.csv, where: lossy, effect: incomparable, text: no loss here}\n"
		"  - {table: c.csv|b.csv, procedures: 'n*', effect: incomparable, text: a defect}\n"
		"  - {table: other.csv, effect: incomparable, text: another file}\n"
		"  - {table: b.csv, except: '*', effect: incomparable, text: no experiment}\n"
		"  - {table: b.csv, experiments: '*-lia|none', effect: incomparable, text: another experiment}\n"
		"  - {table: b.csv, except: '*-lia|none', effect: context, text: not theirs}\n");
	if (make(&folder, &experiment, &error) < 0)
		fail_msg("%s", error);
	assert_non_null(strstr(folder.printed, "higher [2]"));
	assert_non_null(strstr(folder.printed, "not comparable [3]"));
	assert_non_null(strstr(folder.printed, "\n  [2] a, cause\n"));
	assert_null(strstr(folder.printed, "never"));
	char *csv = get(&folder, "summary.csv");
	assert_non_null(strstr(csv, ",\"a, cause\"\n"));
	assert_non_null(strstr(csv, ",not comparable,"));
	free(csv);
	char *scorecard = get(&folder, "scorecard.md");
	assert_non_null(strstr(scorecard, "| higher by 2.8 % [2] |"));
	assert_non_null(strstr(scorecard, "- [1] never\n"));
	assert_null(strstr(scorecard, "another file"));
	assert_null(strstr(scorecard, "no experiment"));
	assert_null(strstr(scorecard, "another experiment"));
	assert_non_null(strstr(scorecard, "not theirs"));
	free(scorecard);
	remove_folder(&folder);
}

static void any_model_of_loss_is_loss(void **state)
{
	(void)state;
	struct topology two = {.links_count = 2};
	struct experiment e = {.topology = &two};
	struct link_shape links[2] = {{.shaped = true}, {.shaped = true}};
	struct configuration c = {.links = links};
	assert_false(has_loss(&e, &c));
	links[1].direction[1].loss = 0.01;
	assert_true(has_loss(&e, &c));
	static const enum shape_loss models[] = {LOSS_GILBERT_ELLIOTT, LOSS_EVERY, LOSS_TRACE};
	for (size_t i = 0; i < COUNT(models); i++) {
		links[1].direction[1] = (struct shape){.loss_model = models[i]};
		assert_true(has_loss(&e, &c));
	}
	links[1].shaped = false;
	assert_false(has_loss(&e, &c));
}

static void faults_in_notes_name_their_line(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"notes: 1", "n.yaml:1: "},
		{"notes:\n  - {table: a, effect: context}", "n.yaml:2: "},
		{"notes:\n  - {table: a, effect: good, text: b}",
			"n.yaml:2: effect `good`; write context, explains-higher, explains-lower or incomparable"},
		{"notes:\n  - {table: a, effect: context, text: b, where: lossless}",
			"n.yaml:2: where `lossless`; write lossy, or leave it out"},
		{"notes:\n  - {table: a, effect: context, text: b, row: c}", "n.yaml:2: "},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct notes notes = {0};
		char *error = NULL;
		assert_int_equal(notes_parse(&notes, "n.yaml", cases[i][0], strlen(cases[i][0]), &error), -1);
		if (strncmp(error, cases[i][1], strlen(cases[i][1])))
			fail_msg("%s", error);
		free(error);
		notes_free(&notes);
	}
}

static void nothing_published_nothing_captured(void **state)
{
	(void)state;
	struct procedure plain[] = {{.name = "end-to-end"}, {.name = "tcp"}};
	struct experiment bare = {.path = "bare.yaml",
		.name = "bare",
		.configurations = configurations,
		.configurations_count = 1,
		.procedures = plain,
		.procedures_count = 2,
		.measures = measures,
		.measures_count = 1};
	struct folder folder;

	succeed(&folder, &bare, TCP("1", "9.5") TCP("2", "9.7"));
	assert_null(strstr(folder.printed, "published"));
	assert_null(strstr(folder.printed, "overhead"));
	csv_line(&folder, "summary.csv", "clean,end-to-end", "clean,end-to-end,0,,,,,,,,,,0,0,0,,,,,,,,,,,,");
	assert_string_equal(line_of(folder.printed, "  tcp"), "  tcp         2  9.60  0.14    9.60");
	remove_folder(&folder);
}

static void refused(const char *records, const char *expected)
{
	char *error = NULL, whole[256];
	struct folder folder;

	make_folder(&folder, records);
	assert_int_equal(make(&folder, &experiment, &error), -1);
	assert_non_null(error);
	snprintf(whole, sizeof whole, "%s/%s", folder.path, expected);
	assert_string_equal(error, whole);
	assert_int_equal(folder.printed_size, 0);
	free(error);
	char path[128];
	snprintf(path, sizeof path, "%s/summary.csv", folder.path);
	assert_int_equal(access(path, F_OK), -1);
	remove_folder(&folder);
}

static void faults_name_file_and_line(void **state)
{
	(void)state;
	refused(NULL, "trials.jsonl: No such file or directory; name a folder results/EXPERIMENT/TIME");
	refused("[]\n" TCP("1", "9.5"), "trials.jsonl:1: not a record: a JSON object is expected");
	refused(TCP("1", "9.5") "{}\n",
		"trials.jsonl:2: no `configuration` in the record; the file was not written by this program");
	refused("{\"configuration\":\"clean\",\"procedure\":\"quic\",\"status\":\"valid\"}\n",
		"trials.jsonl:1: procedure `quic` is not in test.yaml; read the folder with its own experiment.yaml");
	refused("{\"configuration\":\"clean\",\"procedure\":\"tcp\",\"status\":\"fine\"}\n",
		"trials.jsonl:1: status `fine`; known: valid, suspect, invalid, failed");
	refused("{\"configuration\":\"clean\",\"procedure\":\"tcp\",\"status\":\"valid\",\"repeat\":\"1\"}\n",
		"trials.jsonl:1: no whole number `repeat` in the record");
}

static void a_broken_line_in_the_middle_is_refused(void **state)
{
	(void)state;
	char *error = NULL;
	struct folder folder;

	make_folder(&folder, "{\"configuration\":\n" TCP("1", "9.5"));
	assert_int_equal(make(&folder, &experiment, &error), -1);
	assert_non_null(strstr(error, "trials.jsonl:1: not a record: "));
	free(error);
	remove_folder(&folder);
}

static void a_fault_in_published_values_is_told(void **state)
{
	(void)state;
	char *error = NULL, expected[128];
	struct folder folder;

	make_folder(&folder, usual);
	put(&folder, "b.csv", "configuration,other\nclean,1\n");
	assert_int_equal(make(&folder, &experiment, &error), -1);
	snprintf(expected, sizeof expected, "%s/b.csv:1: no column `nat`; it has configuration, other",
		folder.path);
	assert_string_equal(error, expected);
	free(error);
	remove_folder(&folder);
}

/* Made again over the first: replaced whole, and nothing left beside. */
static void made_again(void **state)
{
	(void)state;
	struct folder folder;
	char *error = NULL;
	size_t count = 0;

	succeed(&folder, &experiment, usual);
	char *first = get(&folder, "scorecard.md");
	free(folder.printed);
	assert_int_equal(make(&folder, &experiment, &error), 0);
	char *second = get(&folder, "scorecard.md");
	assert_string_equal(first, second);
	assert_non_null(strstr(
		first, "| nat | 3 | *! | 18.60 | 18.40 to 18.80 | 0.20 | 18.60 | 18.81 b | - | -0.21 |"));
	DIR *directory = opendir(folder.path);
	while (readdir(directory))
		count++;
	closedir(directory);
	assert_int_equal(count, 2 + 4 + 4); /* . and .., three tables and the records, four files */
	free(first);
	free(second);
	remove_folder(&folder);
}

static void measures_that_do_not_fit_are_told(void **state)
{
	(void)state;
	struct measure many[20];
	char names[20][16];
	struct experiment wide = experiment;
	struct folder folder;

	for (size_t i = 0; i < COUNT(many); i++) {
		snprintf(names[i], sizeof names[i], "measure%zu", i);
		many[i] = (struct measure){.name = i ? names[i] : "receiver", .unit = "mbps"};
	}
	wide.measures = many;
	wide.measures_count = COUNT(many);
	succeed(&folder, &wide, usual);
	for (const char *line = folder.printed; *line; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") <= TABLE_WIDTH);
	assert_non_null(strstr(folder.printed, "measure1"));
	assert_null(strstr(folder.printed, "measure19"));
	assert_non_null(strstr(folder.printed, "for which a line has no room: summary.csv"));
	remove_folder(&folder);
}

static void long_texts_are_broken_and_cut(void **state)
{
	(void)state;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	char words[400] = "";

	for (int i = 0; i < 30; i++)
		strcat(words, "word-ten-\xc3\xa9 ");
	table_text(out, "  a: ", words);
	struct table *table = table_new();
	table_column(table, "head", false, false);
	table_column(table, "n", true, false);
	table_row(table);
	table_cell(table, "%0100d", 0);
	table_number(table, NAN, 2, false);
	assert_int_equal(table_print(table, out, false), 0);
	table_cell(table, "one too many");
	assert_int_equal(table_print(table, out, false), -1);
	table_free(table);
	fclose(out);
	size_t lines = 0;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), lines++)
		assert_true(places(line) <= TABLE_WIDTH);
	assert_int_equal(lines, 4 + 2); /* nine words a line, then the table */
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_last_attempts_count),
		cmocka_unit_test(summary_file),
		cmocka_unit_test(subflow_file),
		cmocka_unit_test(tables_for_people),
		cmocka_unit_test(overhead_beside_published),
		cmocka_unit_test(judged_by_spread_and_rounding),
		cmocka_unit_test(what_does_not_count_is_told_first),
		cmocka_unit_test(a_torn_line_is_left_out_and_told),
		cmocka_unit_test(no_trial_at_all),
		cmocka_unit_test(optional_procedures_show_with_records),
		cmocka_unit_test(notes_on_published_values),
		cmocka_unit_test(any_model_of_loss_is_loss),
		cmocka_unit_test(faults_in_notes_name_their_line),
		cmocka_unit_test(nothing_published_nothing_captured),
		cmocka_unit_test(faults_name_file_and_line),
		cmocka_unit_test(a_broken_line_in_the_middle_is_refused),
		cmocka_unit_test(a_fault_in_published_values_is_told),
		cmocka_unit_test(made_again),
		cmocka_unit_test(measures_that_do_not_fit_are_told),
		cmocka_unit_test(long_texts_are_broken_and_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
