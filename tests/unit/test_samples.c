/* Samples: read from records, pooled into cells, and shown: the table for people, quantiles.csv, and the tidy files with what
 * configurations differ in. Where less is better, words and overheads say so. */
#include "harness/cells/factors.h"
#include "harness/page/table.h"
#include "harness/report/compare.h"
#include "tests/unit/summary_folder.h"

static struct measure timed[] = {{.name = "fct", .unit = "ms", .kind = MEASURE_SAMPLES, .less = true},
	{.name = "goodput", .unit = "mbps"}};
static struct experiment flows; /* the usual one, with these measures */

#define FLOWS(procedure, repeat, status, median, samples)                                                    \
	"{\"configuration\":\"clean\",\"procedure\":\"" procedure "\",\"repeat\":" repeat ",\"attempt\":1,"  \
	"\"status\":\"" status "\",\"reasons\":[\"r\"],\"measures\":{\"fct\":" median                        \
	",\"goodput\":9},\"samples\":{\"fct\":" samples ",\"unknown\":[1]}}\n"

static const char records[] =
	FLOWS("tcp", "1", "valid", "2", "[1, 2, 3]") FLOWS("tcp", "2", "valid", "5", "[4, 5.5, 6]")
		FLOWS("nat", "1", "valid", "7", "[9, 7, 8]") FLOWS("nat", "2", "suspect", "10", "[10, 11]")
			FLOWS("nat", "3", "valid", "12", "[12]") FLOWS("nat", "4", "invalid", "99", "[99]");

static int prepare(void **state)
{
	(void)state;
	flows = experiment;
	flows.measures = timed;
	flows.measures_count = 2;
	return 0;
}

static void pooled_per_cell_over_what_counts(void **state)
{
	(void)state;
	struct folder folder;
	char *error = NULL;

	make_folder(&folder, records);
	struct cells *cells = cells_load(&flows, folder.path, folder.path, &error);
	if (!cells)
		fail_msg("%s", error);
	const struct cell *tcp = &cells->cells[0], *nat = &cells->cells[1], *other = &cells->cells[3];
	assert_int_equal(cells_samples(tcp, 0), 6);
	assert_int_equal(cells_samples(nat, 0), 6); /* the suspect trial's too, the invalid one's not */
	assert_int_equal(cells_samples(other, 0), 0);
	assert_int_equal(cells_samples(nat, 1), 0);
	assert_true(cells_sampled(cells, 0) && !cells_sampled(cells, 1));
	assert_int_equal(quantiles_trials(nat->samples[0].pooled), 3);
	assert_true(nat->samples[0].shown[0].value == 9 && nat->samples[0].shown[3].value == 12);
	assert_false(quantiles_resampled(tcp->samples[0].pooled)); /* two trials */
	assert_true(tcp->samples[0].shown[0].low == 1 && tcp->samples[0].shown[0].high == 6);
	assert_true(isnan(tcp->samples[0].shown[1].high));
	/* Each trial keeps its own. */
	size_t count;
	const struct record *of = cells_records(cells, nat, &count);
	assert_int_equal(of[1].samples[0].count, 2);
	assert_true(of[1].samples[0].values[1] == 11);
	cells_free(cells);
	remove_folder(&folder);
}

static void files(void **state)
{
	(void)state;
	struct folder folder;

	succeed(&folder, &flows, records);
	csv_line(&folder, "quantiles.csv", "configuration",
		"configuration,procedure,measure,unit,trials,samples,quantile,value,ci95_low,ci95_high,interval");
	csv_line(
		&folder, "quantiles.csv", "clean,tcp,fct,ms,2,6,0.5", "clean,tcp,fct,ms,2,6,0.5,3,1,6,ranks");
	csv_line(&folder, "quantiles.csv", "clean,tcp,fct,ms,2,6,0.999",
		"clean,tcp,fct,ms,2,6,0.999,6,6,,ranks");
	csv_line(&folder, "quantiles.csv", "clean,nat,fct,ms,3,6,0.9,",
		"clean,nat,fct,ms,3,6,0.9,12,9,,bootstrap");
	csv_line(
		&folder, "samples.csv", "configuration", "configuration,procedure,repeat,measure,unit,value");
	char *text = get(&folder, "samples.csv");
	assert_non_null(strstr(text, "\nclean,tcp,2,fct,ms,5.5\n"));
	assert_null(strstr(text, ",99"));
	size_t lines = 0;
	for (const char *at = text; *at; at++)
		lines += *at == '\n';
	assert_int_equal(lines, 1 + 12);
	free(text);
	csv_line(&folder, "trials.csv", "configuration",
		"configuration,procedure,repeat,attempt,status,counts,measure,unit,value,reasons");
	csv_line(&folder, "trials.csv", "clean,nat,4,1,invalid,false,fct",
		"clean,nat,4,1,invalid,false,fct,ms,99,r");
	csv_line(&folder, "trials.csv", "clean,nat,2,1,suspect,true,goodput",
		"clean,nat,2,1,suspect,true,goodput,mbps,9,r");
	remove_folder(&folder);
	succeed(&folder, &experiment, usual); /* which has no samples */
	char path[128];
	snprintf(path, sizeof path, "%s/samples.csv", folder.path);
	assert_int_equal(access(path, F_OK), -1);
	remove_folder(&folder);
}

static void table_for_people(void **state)
{
	(void)state;
	struct folder folder;

	succeed(&folder, &flows, records);
	for (const char *line = folder.printed; *line; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") <= TABLE_WIDTH);
	assert_non_null(strstr(folder.printed, "\nfct, ms (less is better)\n"));
	assert_non_null(
		strstr(folder.printed, "\n    tcp      2        6         3.00    6.00    6.00    6.00\n"
				       "                   95 %   1.00..6.00  4.00..  5.50..  6.00..\n"));
	const char *further = strstr(folder.printed, "overhead, per cent"),
		   *quantiles = strstr(folder.printed, "quantiles of the samples"),
		   *without = strstr(quantiles, "loss-1");
	assert_true(!without || without > further); /* a configuration that has none */
	char *scorecard = get(&folder, "scorecard.md");
	assert_non_null(strstr(scorecard, "| tcp | 2 | 6 | 3.00 (1.00..6.00) |"));
	free(scorecard);
	remove_folder(&folder);
}

static void refused_with(const char *sample, const char *expected)
{
	struct folder folder;
	char *error = NULL, whole[256], line[512];

	snprintf(line, sizeof line,
		"{\"configuration\":\"clean\",\"procedure\":\"tcp\",\"repeat\":1,\"attempt\":1,\"status\":\"valid\",\"reasons\":[],\"measures\":{\"fct\":1},\"samples\":%s}\n",
		sample);
	make_folder(&folder, line);
	snprintf(whole, sizeof whole, "%s/trials.jsonl:1: %s", folder.path, expected);
	assert_int_equal(make(&folder, &flows, &error), -1);
	assert_string_equal(error, whole);
	free(error);
	remove_folder(&folder);
}

static void what_are_no_samples(void **state)
{
	(void)state;
	refused_with("{\"fct\": [1, null]}", "sample 2 of `fct` is no number");
	refused_with("{\"fct\": [\"1\"]}", "sample 1 of `fct` is no number");
	refused_with("{\"fct\": 1}", "the samples of `fct` are no list");
	refused_with("[1]", "`samples` is no mapping of measures");
}

/* Factors with and without a value, a configuration's own value, parameters of the topology, and a name that is taken. */
static void factors_as_columns(void **state)
{
	(void)state;
	static const char text[] = "factors:\n  load: {low: {}, =high: {}}\n  unit: {a: {}, b: {}}\n";
	struct conf *conf = conf_parse("e.yaml", text, strlen(text), NULL);
	const char *low[] = {"low", "a", NULL}, *high[] = {"=high", "b", NULL}, *none[] = {NULL};
	const struct factor_value values[] = {{"load", 0.25}, {NULL, 0}}, own[] = {{"value", 7}, {NULL, 0}};
	struct experiment few = {.parameters = json_pack("{s:i}", "hosts", 2)},
			  many = {.parameters = json_pack("{s:i, s:s}", "hosts", 5, "kind", "a,b")};
	struct configuration three[] = {{.name = "low-a", .levels = low, .values = values, .variant = &few},
		{.name = "clean", .levels = high, .variant = &many},
		{.name = "alone", .levels = none, .values = own, .variant = &few}};
	struct experiment e = flows;
	struct folder folder;

	e.root = conf_root(conf);
	e.configurations = three;
	e.configurations_count = 3;
	e.subflow_bytes.file = NULL;
	succeed(&folder, &e, records);
	csv_line(&folder, "samples.csv", "configuration",
		"configuration,load,factor.unit,factor.value,topology.hosts,topology.kind,procedure,repeat,measure,unit,value");
	csv_line(&folder, "samples.csv", "clean,", "clean,\"'=high\",b,,5,\"a,b\",tcp,1,fct,ms,1");
	remove_folder(&folder);
	static const char *const taken[] = {NULL};
	json_t *all = factors_of(&e, taken);
	const json_t *first = json_array_get(all, 0), *last = json_array_get(all, 2);
	assert_true(json_number_value(json_object_get(first, "load")) == 0.25);
	assert_string_equal(json_string_value(json_object_get(first, "unit")), "a");
	assert_true(json_is_null(json_object_get(first, "topology.kind")));
	assert_true(json_is_null(json_object_get(last, "load")));
	assert_true(json_number_value(json_object_get(last, "value")) == 7);
	json_decref(all);
	json_decref(few.parameters);
	json_decref(many.parameters);
	conf_free(conf);
}

/* A mean of 3.5 beside one of 9.67: as less is better, the second costs 100 x (9.67 / 3.5 - 1) per cent more. */
static void less_is_better(void **state)
{
	(void)state;
	struct folder folder;

	succeed(&folder, &flows, records);
	assert_non_null(strstr(folder.printed, "    NAT against TCP    176.19"));
	assert_non_null(strstr(folder.printed, "100 x (mean / sum of the means against - 1)"));
	struct cells *cells = cells_load(&flows, folder.path, folder.path, NULL);
	struct cell cell = cells->cells[1];
	cell.judgement = JUDGED_LOWER;
	cell.difference_percent = -3.21;
	char *brief = cells_verdict(cells, &cell, false), *full = cells_verdict(cells, &cell, true);
	assert_string_equal(brief, "lower, better");
	assert_string_equal(full, "lower by 3.2 %, better");
	free(brief);
	free(full);
	assert_string_equal(judgement_meaning(JUDGED_HIGHER, &timed[0]), "worse");
	assert_string_equal(judgement_meaning(JUDGED_SAME, &timed[0]), "");
	assert_string_equal(judgement_meaning(JUDGED_LOWER, &timed[1]), "");
	cells_free(cells);
	remove_folder(&folder);
}

static char *form_of(const struct compared *runs, int (*form)(const struct compared *, FILE *))
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(form(runs, out), 0);
	fclose(out);
	return text;
}

static int print_plain(const struct compared *runs, FILE *out)
{
	return compare_print(runs, out, false);
}

#define TIMED(repeat, fct)                                                                                   \
	"{\"configuration\":\"clean\",\"procedure\":\"tcp\",\"repeat\":" repeat                              \
	",\"attempt\":1,\"status\":\"valid\",\"reasons\":[],\"measures\":{\"fct\":" fct ",\"goodput\":" fct  \
	"},\"samples\":{\"fct\":[1]}}\n"

/* One difference, of a time and of a throughput. */
static void a_comparison_says_what_it_means(void **state)
{
	(void)state;
	struct folder a, b;
	struct compared two;
	char *error = NULL;

	make_folder(&a, TIMED("1", "2.0") TIMED("2", "2.1") TIMED("3", "2.2"));
	make_folder(&b, TIMED("1", "3.0") TIMED("2", "3.1") TIMED("3", "3.2"));
	struct cells *of_a = cells_load(&flows, a.path, a.path, &error),
		     *of_b = cells_load(&flows, b.path, b.path, &error);
	if (!of_a || !of_b || compare_runs(&two, of_a, "A\x1b[1m", of_b, "=b", &error) < 0)
		fail_msg("%s", error);
	char *text = form_of(&two, print_plain), *csv = form_of(&two, compare_csv),
	     *page = form_of(&two, compare_html);
	assert_non_null(strstr(text, "higher, worse\n"));
	assert_non_null(strstr(text, "fct, ms (less is better)\n"));
	assert_non_null(strstr(text, "A: A\\x1b[1m\n"));
	assert_non_null(strstr(page, "<td class=\"is-higher\">higher, worse</td>"));
	assert_null(strchr(page, '\x1b'));
	assert_non_null(strstr(csv, ",higher,,less,worse\n"));
	assert_non_null(strstr(csv, ",higher,,more,\n"));
	free(text);
	free(csv);
	free(page);
	compared_free(&two);
	cells_free(of_a);
	cells_free(of_b);
	remove_folder(&a);
	remove_folder(&b);
}

/* A hundred thousand samples in a cell; their order is not ours to rely on. */
static void many_samples(void **state)
{
	(void)state;
	enum { TRIALS = 10, EACH = 10000 };
	struct folder folder;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	for (int t = 0; t < TRIALS; t++) {
		fprintf(out,
			"{\"configuration\":\"clean\",\"procedure\":\"tcp\",\"repeat\":%d,\"attempt\":1,\"status\":\"valid\",\"reasons\":[],\"measures\":{\"fct\":%d},\"samples\":{\"fct\":[",
			t + 1, EACH / 2);
		for (int i = 0; i < EACH; i++)
			fprintf(out, "%s%d", i ? "," : "", (int)((i * 7919L) % EACH));
		fputs("]}}\n", out);
	}
	fclose(out);
	make_folder(&folder, text);
	struct cells *cells = cells_load(&flows, folder.path, folder.path, NULL);
	assert_non_null(cells);
	assert_int_equal(cells_samples(&cells->cells[0], 0), TRIALS * EACH);
	const struct quantile *shown = cells->cells[0].samples[0].shown;
	assert_true(shown[0].value == EACH / 2 - 1 && shown[3].value == EACH - 11);
	assert_true(shown[0].low == shown[0].value && shown[0].high == shown[0].value); /* trials are alike */
	cells_free(cells);
	remove_folder(&folder);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pooled_per_cell_over_what_counts),
		cmocka_unit_test(files),
		cmocka_unit_test(table_for_people),
		cmocka_unit_test(what_are_no_samples),
		cmocka_unit_test(factors_as_columns),
		cmocka_unit_test(less_is_better),
		cmocka_unit_test(a_comparison_says_what_it_means),
		cmocka_unit_test(many_samples),
	};
	return cmocka_run_group_tests(tests, prepare, NULL);
}
