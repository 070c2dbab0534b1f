/* Options of simulators: see the header. */
#include "lib/sim/options.h"
#include "lib/base/units.h"
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define FIRST 256 /* above every letter that getopt may give */

static int take_number(const char *program, const struct sim_option *option, const char *text)
{
	int64_t number;

	if (unit_integer(text, &number) < 0 || number < option->least || number > option->most) {
		fprintf(stderr, "liquidnet sim %s: --%s %s: a whole number, %lld..%lld\n", program,
			option->name, text, (long long)option->least, (long long)option->most);
		return 2;
	}
	if (option->kind == SIM_COUNT)
		*(unsigned *)option->value = (unsigned)number;
	else
		*(uint64_t *)option->value = (uint64_t)number;
	return SIM_GO_ON;
}

static int take_format(const char *program, const struct sim_option *option, const char *text)
{
	static const char *const names[] = {"table", "csv", "json"};
	int known = option->kind == SIM_FORMAT_JSON ? 3 : 2;

	for (int i = 0; i < known; i++)
		if (!strcmp(text, names[i])) {
			*(enum sim_format *)option->value = (enum sim_format)i;
			return SIM_GO_ON;
		}
	fprintf(stderr, "liquidnet sim %s: --%s %s: there are table, csv%s\n", program, option->name, text,
		known == 3 ? ", json" : "");
	return 2;
}

static int take(const char *program, const struct sim_option *option, const char *text)
{
	switch (option->kind) {
	case SIM_COUNT:
	case SIM_SEED:
		return take_number(program, option, text);
	case SIM_FORMAT:
	case SIM_FORMAT_JSON:
		return take_format(program, option, text);
	case SIM_TEXT:
		*(const char **)option->value = text;
		return SIM_GO_ON;
	case SIM_FLAG:
		*(bool *)option->value = true;
		return SIM_GO_ON;
	}
	return SIM_GO_ON;
}

int sim_options(const char *program, const struct sim_option *options, int argc, char **argv)
{
	struct option all[SIM_OPTIONS_MOST + 2] = {{"help", no_argument, NULL, 'h'}};
	int result = SIM_GO_ON;

	for (int i = 0; options[i].name && i < SIM_OPTIONS_MOST; i++)
		all[i + 1] = (struct option){options[i].name,
			options[i].kind == SIM_FLAG ? no_argument : required_argument, NULL, FIRST + i};
	opterr = 0;
	for (int c; result == SIM_GO_ON && (c = getopt_long(argc, argv, "h", all, NULL)) != -1;) {
		if (c == 'h')
			return SIM_HELP;
		if (c >= FIRST) {
			result = take(program, &options[c - FIRST], optarg);
			continue;
		}
		fprintf(stderr,
			"liquidnet sim %s: no such option, or its value is missing: %s; --help lists them\n",
			program, argv[optind - 1]);
		result = 2;
	}
	return result;
}
