/* liquidnet design: chooses points in a space of networks, and says how a file's points lie. */
#include "harness/cli/commands.h"

#include "lib/base/pool.h"
#include "lib/base/units.h"
#include "lib/design/design.h"
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHANCE_SEED 1

static const char help[] =
	"Usage: liquidnet design wsp --columns NAME,... --points N [--candidates N] [--seed N] [--metric euclid|manhattan]\n"
	"       liquidnet design lhs|sobol --columns NAME,... --points N [--seed N]\n"
	"       liquidnet design grid --columns NAME,... --levels N\n"
	"       liquidnet design points FILE --range NAME=FROM..TO [--range ...]\n"
	"       liquidnet design check FILE\n\n"
	"Chooses points in a space of as many dimensions as there are columns, and prints them as CSV: each value from 0 to 1\n"
	"of its factor's range, which the experiment gives (docs/experiments.md, DESIGN). `points` takes the points of others,\n"
	"in their own units. `check` says how the points of a file lie.\n\n"
	"  --columns NAME,...    the factors\n"
	"  --points N            how many; wsp keeps within 2 % of it\n"
	"  --candidates N        that wsp chooses from (2000)\n"
	"  --seed N              another one gives other points (1); sobol: 0 is the sequence itself\n"
	"  --metric NAME         of wsp's distances: euclid or manhattan (euclid)\n"
	"  --levels N            of every column, both ends of its range among them\n"
	"  --range NAME=FROM..TO a column of FILE and its range; others are passed over\n";

struct options {
	const char *columns;
	int64_t points, candidates, seed, levels;
	enum design_metric metric;
	struct design_range ranges[DESIGN_COLUMNS_MAX];
	size_t ranges_count;
};

static int complain(char *error)
{
	fprintf(stderr, "liquidnet design: %s\n", error);
	free(error);
	return 2;
}

static int read_count(const char *option, const char *text, int64_t *out)
{
	if (unit_integer(text, out) == 0 && *out >= 0)
		return 0;
	fprintf(stderr, "liquidnet design: %s %s: a whole number is wanted\n", option, text);
	return -1;
}

static int read_range(struct pool *pool, struct options *o, const char *text)
{
	char *name = pool_strdup(pool, text), *equals = strchr(name, '='),
	     *dots = equals ? strstr(equals, "..") : NULL;
	struct design_range range = {.column = name};
	if (dots) {
		*equals = *dots = 0;
		if (*name && unit_number(equals + 1, &range.from) == 0 &&
			unit_number(dots + 2, &range.to) == 0 && range.from < range.to &&
			o->ranges_count < DESIGN_COLUMNS_MAX) {
			o->ranges[o->ranges_count++] = range;
			return 0;
		}
	}
	fprintf(stderr, "liquidnet design: --range %s: write NAME=FROM..TO, FROM below TO\n", text);
	return -1;
}

/* -1: said what is wrong. */
static int read_options(struct pool *pool, int argc, char **argv, struct options *o)
{
	static const struct option options[] = {{"columns", required_argument, NULL, 'c'},
		{"points", required_argument, NULL, 'p'}, {"candidates", required_argument, NULL, 'n'},
		{"seed", required_argument, NULL, 's'}, {"metric", required_argument, NULL, 'm'},
		{"levels", required_argument, NULL, 'l'}, {"range", required_argument, NULL, 'r'}, {0}};
	*o = (struct options){.points = -1, .candidates = 2000, .seed = 1, .levels = -1};
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		int result = 0;
		if (c == 'c')
			o->columns = optarg;
		else if (c == 'p')
			result = read_count("--points", optarg, &o->points);
		else if (c == 'n')
			result = read_count("--candidates", optarg, &o->candidates);
		else if (c == 's')
			result = read_count("--seed", optarg, &o->seed);
		else if (c == 'l')
			result = read_count("--levels", optarg, &o->levels);
		else if (c == 'r')
			result = read_range(pool, o, optarg);
		else if (c == 'm' && strcmp(optarg, "euclid") != 0 && strcmp(optarg, "manhattan") != 0) {
			fprintf(stderr, "liquidnet design: --metric %s: write euclid or manhattan\n", optarg);
			result = -1;
		} else if (c == 'm')
			o->metric = *optarg == 'm' ? DESIGN_MANHATTAN : DESIGN_EUCLID;
		else
			result = -1;
		if (result < 0)
			return -1;
	}
	return 0;
}

static int lacks(const char *what, const char *option)
{
	fprintf(stderr, "liquidnet design %s: %s is needed; `liquidnet design --help` says more\n", what,
		option);
	return 2;
}

/* A design of our own making. */
static int make(struct pool *pool, const char *what, const struct options *o)
{
	char *error = NULL;
	bool grid = strcmp(what, "grid") == 0;
	if (!o->columns)
		return lacks(what, "--columns");
	if (grid ? o->levels < 0 : o->points < 0)
		return lacks(what, grid ? "--levels" : "--points");
	struct design *design = design_new(pool, o->columns, &error);
	if (!design)
		return complain(error);
	struct design_wsp wsp = {.points = (size_t)o->points,
		.candidates = (size_t)o->candidates,
		.seed = (uint64_t)o->seed,
		.metric = o->metric};
	int result = grid                       ? design_grid(pool, design, (size_t)o->levels, &error)
		     : strcmp(what, "wsp") == 0 ? design_wsp(pool, design, &wsp, &error)
		     : strcmp(what, "lhs") == 0 ? design_lhs(pool, design, wsp.points, wsp.seed, &error)
						: design_sobol(pool, design, wsp.points, wsp.seed, &error);
	if (result < 0)
		return complain(error);
	design_write(stdout, design);
	return 0;
}

static int check(struct pool *pool, const char *path)
{
	char *error = NULL;
	struct design *design = design_load(pool, path, &error);
	if (!design)
		return complain(error);
	struct design_spacing own = design_spacing(design),
			      chance = design_spacing_of_chance(pool, design, CHANCE_SEED);
	printf("%s: %zu points, %zu columns\n%s\n", path, design->count, design->columns_count, design->head);
	printf("distance to the nearest point     least   mean   sd/mean\n");
	printf("  these                           %.4f  %.4f  %.4f\n", own.least, own.mean, own.variation);
	printf("  as many drawn uniformly         %.4f  %.4f  %.4f\n\n", chance.least, chance.mean,
		chance.variation);
	printf("%-16s  least     mean      most      furthest from uniform\n", "column");
	for (size_t c = 0; c < design->columns_count; c++) {
		struct design_margin m = design_margin(design, c);
		printf("%-16s  %.6f  %.6f  %.6f  %.3f\n", design->columns[c], m.least, m.mean, m.most,
			m.discrepancy);
	}
	return 0;
}

static int import(struct pool *pool, const char *path, const struct options *o)
{
	char *error = NULL;
	if (!o->ranges_count)
		return lacks("points", "--range");
	struct design *design = design_import(pool, path, o->ranges, o->ranges_count, &error);
	if (!design)
		return complain(error);
	design_write(stdout, design);
	return 0;
}

static int run(struct pool *pool, int argc, char **argv)
{
	static const char *const made[] = {"wsp", "lhs", "sobol", "grid"};
	const char *what = argv[1];
	struct options o;
	if (read_options(pool, argc - 1, argv + 1, &o) < 0)
		return 2;
	argv += 1 + optind;
	argc -= 1 + optind;
	bool reads = strcmp(what, "check") == 0 || strcmp(what, "points") == 0;
	if (argc != reads) {
		fprintf(stderr,
			reads ? "liquidnet design %s: name one file\n"
			      : "liquidnet design %s: what is left over is no option\n",
			what);
		return 2;
	}
	if (reads)
		return *what == 'c' ? check(pool, argv[0]) : import(pool, argv[0], &o);
	for (size_t i = 0; i < sizeof made / sizeof *made; i++)
		if (strcmp(what, made[i]) == 0)
			return make(pool, what, &o);
	fprintf(stderr, "liquidnet design: no way `%s`; there are wsp, lhs, sobol, grid, points and check\n",
		what);
	return 2;
}

int cmd_design(int argc, char **argv)
{
	if (argc < 2) {
		fputs(help, stderr);
		return 2;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		fputs(help, stdout);
		return 0;
	}
	struct pool *pool = pool_new();
	int status = run(pool, argc, argv);
	pool_free(pool);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "liquidnet design: standard output cannot be written\n");
		return 1;
	}
	return status;
}
