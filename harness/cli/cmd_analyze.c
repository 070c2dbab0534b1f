/* liquidnet analyze FILE...: captures become tables of TCP and MPTCP flows, for people, as JSON, as CSV, as
 * figures. */
#include "analysis/analysis.h"
#include "harness/cli/commands.h"
#include "lib/base/error.h"
#include "lib/base/units.h"
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"usage: liquidnet analyze [OPTION]... FILE...\n"
	"       liquidnet analyze --match [OPTION]... A B\n"
	"       liquidnet analyze --live INTERFACE [OPTION]...\n"
	"\n"
	"Reads captures (pcap or pcapng, also by gzip or zstd; `-` is standard input) and prints their\n"
	"TCP flows and MPTCP connections. docs/analysis.md defines every field.\n"
	"\n"
	"  --json            print JSON\n"
	"  --csv             print CSV, a line a subflow and direction\n"
	"  --filter EXPR     only packets that a libpcap filter matches, as in 'host 10.0.0.1'\n"
	"  --span FROM:TO    only packets of this span, in seconds after the first, as in 5:60\n"
	"  --connection N    only the connection of this index\n"
	"  --step TIME       add series at this step, as in 100ms (with --json)\n"
	"  --window FROM:TO  add the bytes delivered in this window, in seconds after the first\n"
	"                    payload byte of each direction, as in 1:10; up to 8 times\n"
	"  --plot FILE.svg   draw throughput a subflow and data sequence over time (needs gnuplot)\n"
	"  --graph FILE      every packet of one connection (--connection, else the largest) over\n"
	"                    time: sequence, outstanding bytes, window, round trips; FILE.csv or .svg\n"
	"  --html FILE.html  a page of its own with tables and figures\n"
	"  --threads N       1 or 2 (default: as the file and the machine are)\n"
	"  --match           match two captures of one link, A and B, packet by packet: one-way\n"
	"                    delay, queueing, loss, of the link and of each flow\n"
	"  --timeout TIME    with --match: a packet not seen at the other end after this long is\n"
	"                    lost (5s)\n"
	"  --packets FILE    with --match: write a line of CSV a packet\n"
	"  --live INTERFACE  watch an interface; the table is printed again each second\n"
	"  --duration TIME   with --live: end after this long, as in 10s\n";

struct request {
	struct analysis_options options;
	struct analysis_window windows[ANALYSIS_WINDOWS];
	double timeout_s, duration_s;
	enum analysis_format format;
	bool json, csv, match;
	const char *plot, *graph, *html, *packets, *live;
};

__attribute__((format(printf, 1, 2))) static int refuse(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fputs("liquidnet analyze: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	return -1;
}

static int parse_window(struct request *request, const char *text)
{
	struct analysis_window *window = &request->windows[request->options.window_count];
	if (request->options.window_count == ANALYSIS_WINDOWS)
		return refuse("--window %s: more than %d windows; analyse again for the others", text,
			ANALYSIS_WINDOWS);
	char from[32];
	const char *colon = strchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : sizeof from;
	if (length < sizeof from) {
		memcpy(from, text, length);
		from[length] = '\0';
		if (unit_number(from, &window->from_s) == 0 && unit_number(colon + 1, &window->to_s) == 0 &&
			window->from_s >= 0 && window->to_s > window->from_s) {
			request->options.window_count++;
			return 0;
		}
	}
	return refuse("--window %s: give seconds as FROM:TO, FROM before TO, as in 1:10", text);
}

/* FROM:TO in seconds. */
static int parse_span(struct request *request, const char *text)
{
	char from[32];
	const char *colon = strchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : sizeof from;
	if (length < sizeof from) {
		memcpy(from, text, length);
		from[length] = '\0';
		if (unit_number(from, &request->options.from_s) == 0 &&
			unit_number(colon + 1, &request->options.to_s) == 0 && request->options.from_s >= 0 &&
			request->options.to_s > request->options.from_s)
			return 0;
	}
	return refuse("--span %s: give seconds as FROM:TO, FROM before TO, as in 5:60", text);
}

static int parse_count(const char *option, const char *text, unsigned long most, unsigned long *value)
{
	char *end;
	*value = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || *value > most)
		return refuse("%s %s: give a number from 0 to %lu", option, text, most);
	return 0;
}

static int parse_connection(struct request *request, const char *text)
{
	unsigned long index = 0;
	int result = parse_count("--connection", text, UINT32_MAX, &index);
	request->options.only_connection = true;
	request->options.connection_index = (uint32_t)index;
	return result;
}

static int parse_threads(struct request *request, const char *text)
{
	unsigned long threads = 0;
	if (parse_count("--threads", text, 2, &threads) < 0)
		return -1;
	request->options.threads = (unsigned)threads;
	return 0;
}

static int parse_time(const char *option, const char *text, double *seconds)
{
	int64_t ns;
	if (unit_duration(text, &ns) < 0 || ns <= 0)
		return refuse("%s %s: give a time with its unit, as in 100ms", option, text);
	*seconds = (double)ns / 1e9;
	return 0;
}

enum {
	OPT_JSON = 1,
	OPT_CSV,
	OPT_STEP,
	OPT_WINDOW,
	OPT_PLOT,
	OPT_MATCH,
	OPT_TIMEOUT,
	OPT_FILTER,
	OPT_SPAN,
	OPT_CONNECTION,
	OPT_GRAPH,
	OPT_HTML,
	OPT_THREADS,
	OPT_PACKETS,
	OPT_LIVE,
	OPT_DURATION,
	OPT_HELP
};

static const struct option long_options[] = {
	{"json", no_argument, NULL, OPT_JSON},
	{"csv", no_argument, NULL, OPT_CSV},
	{"step", required_argument, NULL, OPT_STEP},
	{"window", required_argument, NULL, OPT_WINDOW},
	{"plot", required_argument, NULL, OPT_PLOT},
	{"match", no_argument, NULL, OPT_MATCH},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"filter", required_argument, NULL, OPT_FILTER},
	{"span", required_argument, NULL, OPT_SPAN},
	{"connection", required_argument, NULL, OPT_CONNECTION},
	{"graph", required_argument, NULL, OPT_GRAPH},
	{"html", required_argument, NULL, OPT_HTML},
	{"threads", required_argument, NULL, OPT_THREADS},
	{"packets", required_argument, NULL, OPT_PACKETS},
	{"live", required_argument, NULL, OPT_LIVE},
	{"duration", required_argument, NULL, OPT_DURATION},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

/* Returns 0, -1 after a refusal, 1 when help was wanted. */
static int parse(int argc, char **argv, struct request *request)
{
	int option, result = 0;
	optind = 1;
	opterr = 0;
	while (result == 0 && (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (option) {
		case OPT_JSON:
			request->json = true;
			break;
		case OPT_CSV:
			request->csv = true;
			break;
		case OPT_STEP:
			result = parse_time("--step", optarg, &request->options.step_s);
			break;
		case OPT_WINDOW:
			result = parse_window(request, optarg);
			break;
		case OPT_PLOT:
			request->plot = optarg;
			break;
		case OPT_MATCH:
			request->match = true;
			break;
		case OPT_TIMEOUT:
			result = parse_time("--timeout", optarg, &request->timeout_s);
			break;
		case OPT_FILTER:
			request->options.filter = optarg;
			break;
		case OPT_SPAN:
			result = parse_span(request, optarg);
			break;
		case OPT_CONNECTION:
			result = parse_connection(request, optarg);
			break;
		case OPT_GRAPH:
			request->graph = optarg;
			break;
		case OPT_HTML:
			request->html = optarg;
			break;
		case OPT_THREADS:
			result = parse_threads(request, optarg);
			break;
		case OPT_PACKETS:
			request->packets = optarg;
			break;
		case OPT_LIVE:
			request->live = optarg;
			break;
		case OPT_DURATION:
			result = parse_time("--duration", optarg, &request->duration_s);
			break;
		case OPT_HELP:
		case 'h':
			return 1;
		default:
			return refuse(
				"%s: no such option, or its value is missing; see --help", argv[optind - 1]);
		}
	}
	return result;
}

static int check(const struct request *request, int files)
{
	if (request->live)
		return files || request->match || request->json || request->csv || request->plot ||
				       request->graph || request->html
			       ? refuse("--live goes with --filter and --duration only")
			       : 0;
	if (files == 0)
		return refuse("no capture named; give one or more, as in `liquidnet analyze FILE.pcap`");
	if (request->json && request->csv)
		return refuse("--json and --csv exclude each other; give one");
	if (request->match && files != 2)
		return refuse("--match needs two captures, one of each end of the link, not %d", files);
	if (request->match && (request->plot || request->options.window_count || request->graph ||
				      request->html || request->options.filter || request->options.to_s > 0 ||
				      request->options.only_connection))
		return refuse("--match goes with --json, --csv, --step, --timeout and --packets only");
	if (!request->match && (request->timeout_s > 0 || request->packets))
		return refuse("%s goes with --match only", request->packets ? "--packets" : "--timeout");
	if (request->duration_s > 0)
		return refuse("--duration goes with --live only");
	if (request->graph && files != 1)
		return refuse("--graph draws one capture, not %d", files);
	return 0;
}

/* One line, once, for whatever went wrong. */
static int fail(char *error, int status)
{
	refuse("%s", error ? error : "out of memory");
	free(error);
	return status;
}

static int match(const struct request *request, char **paths)
{
	char *error = NULL;
	struct analysis_match_options options = {
		.step_s = request->options.step_s, .timeout_s = request->timeout_s};
	if (request->packets && !(options.packets = fopen(request->packets, "we"))) {
		refuse("%s: cannot be written: %s", request->packets, strerror(errno));
		return 2;
	}
	json_t *result = analysis_match(paths[0], paths[1], &options, &error);
	if (options.packets)
		fclose(options.packets);
	if (!result)
		return fail(error, 2);
	int status = analysis_match_print(result, request->format, stdout);
	json_decref(result);
	return status < 0 ? fail(strdup("standard output cannot be written"), 1) : 0;
}

static void file_failed(void *context, const char *error)
{
	(void)context;
	refuse("%s", error);
}

/* A graph is CSV when its name says so, else SVG. */
static int graph(struct request *request, const char *path)
{
	const char *end = strrchr(request->graph, '.');
	char *error = NULL;
	enum analysis_graph kind = end && strcmp(end, ".csv") == 0 ? ANALYSIS_GRAPH_CSV : ANALYSIS_GRAPH_SVG;
	return analysis_graph(path, &request->options, kind, request->graph, &error) < 0 ? fail(error, 1) : 0;
}

/* The tables, then what was asked for besides. A bad file does not cost the others' output, only the exit status. */
static int print(struct request *request, char **paths, int count)
{
	struct analysis_listener listener = {.failed = file_failed};
	char *error = NULL;
	request->options.figures = request->plot != NULL;
	listener.figures = request->plot ? analysis_figures_new() : NULL;
	int failed = analysis_print((const char *const *)paths, (size_t)count, &request->options,
		request->format, stdout, &listener, &error);
	int status = failed ? 2 : 0;
	if (failed < 0)
		fail(error, 2);
	error = NULL;
	if (failed >= 0 && failed < count && request->plot &&
		analysis_plot(listener.figures, request->plot, &error) < 0)
		status = fail(error, 1);
	analysis_figures_free(listener.figures);
	if (failed >= 0 && failed < count && request->graph && graph(request, paths[0]))
		status = 1;
	return status;
}

static int html(struct request *request, char **paths, int count)
{
	const struct analysis_listener listener = {.failed = file_failed};
	char *error = NULL;
	request->options.figures = true;
	int failed = analysis_html((const char *const *)paths, (size_t)count, &request->options,
		request->html, &listener, &error);
	return failed < 0 ? fail(error, 1) : failed ? 2 : 0;
}

int cmd_analyze(int argc, char **argv)
{
	struct request request = {0};
	char *error = NULL;
	int parsed = parse(argc, argv, &request), count = argc - optind;
	if (parsed > 0) {
		fputs(usage, stdout);
		return 0;
	}
	if (parsed < 0 || check(&request, count) < 0)
		return 2;
	request.options.windows = request.windows;
	request.format = request.json ? ANALYSIS_JSON : request.csv ? ANALYSIS_CSV : ANALYSIS_TABLE;
	if (request.live)
		return analysis_live(request.live, &request.options, request.duration_s, stdout, &error) < 0
			       ? fail(error, 1)
			       : 0;
	if (request.match)
		return match(&request, argv + optind);
	if (request.html)
		return html(&request, argv + optind, count);
	return print(&request, argv + optind, count);
}
