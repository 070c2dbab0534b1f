/* liquidnet analyze FILE...: captures become tables of TCP and MPTCP flows, for people, as JSON, as CSV, as
 * figures. */
#include "analysis/analysis.h"
#include "harness/cli/commands.h"
#include "lib/base/error.h"
#include "lib/base/units.h"
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"usage: liquidnet analyze [OPTION]... FILE...\n"
	"       liquidnet analyze --match [OPTION]... A B\n"
	"\n"
	"Reads captures (pcap or pcapng; `-` is standard input) and prints their TCP flows and MPTCP\n"
	"connections. docs/analysis.md defines every field.\n"
	"\n"
	"  --json            print JSON\n"
	"  --csv             print CSV, a line a subflow and direction\n"
	"  --step TIME       add series at this step, as in 100ms (with --json)\n"
	"  --window FROM:TO  add the bytes delivered in this window, in seconds after the first\n"
	"                    payload byte of each direction, as in 1:10; up to 8 times\n"
	"  --plot FILE.svg   draw throughput a subflow and data sequence over time (needs gnuplot)\n"
	"  --match           match two captures of one link, A and B, packet by packet: one-way\n"
	"                    delay, queueing, loss\n"
	"  --timeout TIME    with --match: a packet not seen at the other end after this long is\n"
	"                    lost (5s)\n";

struct request {
	struct analysis_options options;
	struct analysis_window windows[ANALYSIS_WINDOWS];
	double timeout_s;
	bool json, csv, match;
	const char *plot;
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

static int parse_time(const char *option, const char *text, double *seconds)
{
	int64_t ns;
	if (unit_duration(text, &ns) < 0 || ns <= 0)
		return refuse("%s %s: give a time with its unit, as in 100ms", option, text);
	*seconds = (double)ns / 1e9;
	return 0;
}

enum { OPT_JSON = 1, OPT_CSV, OPT_STEP, OPT_WINDOW, OPT_PLOT, OPT_MATCH, OPT_TIMEOUT, OPT_HELP };

static const struct option long_options[] = {
	{"json", no_argument, NULL, OPT_JSON},
	{"csv", no_argument, NULL, OPT_CSV},
	{"step", required_argument, NULL, OPT_STEP},
	{"window", required_argument, NULL, OPT_WINDOW},
	{"plot", required_argument, NULL, OPT_PLOT},
	{"match", no_argument, NULL, OPT_MATCH},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
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
	if (files == 0)
		return refuse("no capture named; give one or more, as in `liquidnet analyze FILE.pcap`");
	if (request->json && request->csv)
		return refuse("--json and --csv exclude each other; give one");
	if (request->match && files != 2)
		return refuse("--match needs two captures, one of each end of the link, not %d", files);
	if (request->match && (request->plot || request->options.window_count))
		return refuse("--match goes with --json, --csv, --step and --timeout only");
	if (!request->match && request->timeout_s > 0)
		return refuse("--timeout goes with --match only");
	return 0;
}

static json_t *analyse(struct request *request, char **paths, int count, char **error)
{
	if (request->match) {
		const struct analysis_match_options options = {
			.step_s = request->options.step_s, .timeout_s = request->timeout_s};
		return analysis_match(paths[0], paths[1], &options, error);
	}
	if (request->plot && !(request->options.step_s > 0))
		request->options.step_s = 0.1;
	return analysis_run((const char *const *)paths, (size_t)count, &request->options, error);
}

static int print(const struct request *request, const json_t *result)
{
	if (request->csv)
		return analysis_print_csv(result, stdout);
	if (!request->json)
		return analysis_print_table(result, stdout);
	if (json_dumpf(result, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(15)) < 0)
		return -1;
	putchar('\n');
	return fflush(stdout) == 0 ? 0 : -1;
}

int cmd_analyze(int argc, char **argv)
{
	struct request request = {0};
	char *error = NULL;
	int parsed = parse(argc, argv, &request);
	if (parsed > 0) {
		fputs(usage, stdout);
		return 0;
	}
	if (parsed < 0 || check(&request, argc - optind) < 0)
		return 2;
	request.options.windows = request.windows;
	json_t *result = analyse(&request, argv + optind, argc - optind, &error);
	if (!result) {
		refuse("%s", error ? error : "out of memory");
		free(error);
		return 2;
	}
	int status = 0;
	if (print(&request, result) < 0) {
		refuse("standard output cannot be written");
		status = 1;
	}
	if (request.plot && analysis_plot(result, request.plot, &error) < 0) {
		refuse("%s", error ? error : "the figure cannot be drawn");
		status = 1;
	}
	free(error);
	json_decref(result);
	return status;
}
