/* liquidnet-virtual: a command in a Linux kernel of its own whose clock is virtual. See vm/virtual/README.md. */
#include "vm/virtual/virtual.h"

#include "lib/net/netem.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char help[] =
	"liquidnet-virtual: a command in a Linux kernel of its own whose clock is virtual\n\n"
	"Usage: liquidnet-virtual run [OPTION...] -- COMMAND [ARGUMENT...]\n"
	"       liquidnet-virtual check [--memory MIB] [--build FOLDER]\n"
	"       liquidnet-virtual manifest\n"
	"       liquidnet-virtual netem-seed INTERFACE SEED [PARENT]\n"
	"\n"
	"  --clock virtual        computing takes no time (default)\n"
	"  --clock virtual-cpu    the processor's time counts, times --cpu\n"
	"  --cpu FACTOR           0.01 to 1000 (1)\n"
	"  --kernel FILE          default: LIQUIDNET_VIRTUAL, or virtual/linux beside this program's folder\n"
	"  --memory MIB           of the guest, 128 to 65536 (1024)\n"
	"  --processor N          runs on this processor only; `free`: on one that no other such kernel has taken\n"
	"  --seed N               of all that is drawn at random; without: the host's random numbers\n"
	"  --tsc                  programs read virtual time from the processor's time-stamp counter too; slower\n"
	"  --watchdog SECONDS     of wall time in which virtual time must move (60; 0: no limit)\n"
	"  --date SECONDS         the guest's date at boot, since 1970 (1767225600)\n"
	"  --out FOLDER           that the command may write; up to 8. All else it writes is lost\n"
	"  --directory FOLDER     where it starts (here)\n"
	"  --interactive          it has this terminal; virtual time passes no faster than time\n"
	"  --result FILE          one line of JSON about the run\n"
	"  --console FILE         the kernel's messages\n"
	"  --intercept seccomp|ptrace|auto  how the kernel takes its programs' calls (auto)\n"
	"\nExit status: the command's, 128 + N when signal N killed it; 2 bad use, or this machine cannot; 124 virtual time\n"
	"stood still (the program is named); 125 the kernel died.\n";

static int bad(const char *what, const char *value)
{
	fprintf(stderr, "liquidnet-virtual: %s%s; see liquidnet-virtual --help\n", what, value);
	return VIRTUAL_BAD;
}

static bool number(const char *text, double low, double high, double *value)
{
	char *end;
	*value = strtod(text, &end);
	return *text && !*end && *value >= low && *value <= high;
}

/* What one option says. NULL, or what is wrong with it. */
static const char *take(struct virtual_options *o, int option, char *text)
{
	double value = 0;
	char *end;
	switch (option) {
	case 'c':
		o->clock = !strcmp(text, "virtual-cpu") ? CLOCK_VIRTUAL_CPU : CLOCK_VIRTUAL;
		return o->clock == CLOCK_VIRTUAL_CPU || !strcmp(text, "virtual") ? NULL : "no such clock: ";
	case 'f':
		return number(text, 0.01, 1000, &o->cpu) ? NULL : "not a factor from 0.01 to 1000: ";
	case 'k':
		o->kernel = text;
		return NULL;
	case 'm':
		if (!number(text, 128, 65536, &value))
			return "not 128 to 65536 MiB: ";
		o->memory_mib = (unsigned)value;
		return NULL;
	case 'p':
		if (strcmp(text, "free") == 0) {
			o->processor = VIRTUAL_FREE;
			return NULL;
		}
		if (!number(text, 0, 1023, &value))
			return "no processor (a number, or free): ";
		o->processor = (int)value;
		return NULL;
	case 's':
		o->seeded = true;
		o->seed = strtoull(text, &end, 10);
		return *text >= '0' && *text <= '9' && !*end ? NULL : "not a seed: ";
	case 'w':
		return number(text, 0, 86400, &o->watchdog_s) ? NULL : "not 0 to 86400 seconds: ";
	case 't':
		if (!number(text, 0, 4e9, &value))
			return "not a date: ";
		o->start_s = (int64_t)value;
		return NULL;
	case 'o':
		if (o->out_count == VIRTUAL_OUTS)
			return "too many folders to write, from ";
		o->outs[o->out_count++] = realpath(text, NULL);
		return o->outs[o->out_count - 1] ? NULL : "no folder ";
	case 'd':
		o->directory = realpath(text, NULL);
		return o->directory ? NULL : "no folder ";
	case 'T':
		o->trap_tsc = true;
		return NULL;
	case 'i':
		o->interactive = true;
		return NULL;
	case 'r':
		o->result = text;
		return NULL;
	case 'l':
		o->console = text;
		return NULL;
	case 'x':
		o->seccomp = !strcmp(text, "seccomp")  ? "on"
			     : !strcmp(text, "ptrace") ? "off"
			     : !strcmp(text, "auto")   ? "auto"
						       : NULL;
		return o->seccomp ? NULL : "not seccomp, ptrace or auto: ";
	}
	return "unknown option ";
}

static int write_result(const char *path, const struct virtual_result *result)
{
	FILE *file = fopen(path, "we");
	if (!file) {
		perror(path);
		return VIRTUAL_BAD;
	}
	fprintf(file,
		"{\"end\": \"%s\", \"status\": %d, \"wall_s\": %.3f, \"boot_s\": %.3f, \"virtual_s\": %.6f, \"cpu_s\": %.3f, \"entries\": %llu, \"spun\": \"",
		result->end, result->status, result->wall_s, result->boot_s, result->virtual_s, result->cpu_s,
		(unsigned long long)result->entries);
	for (const char *c = result->spun; *c; c++)
		fputc(*c < ' ' || *c == '"' || *c == '\\' ? '?' : *c, file);
	fputs("\"}\n", file);
	return fclose(file) ? VIRTUAL_BAD : 0;
}

static int run(int argc, char **argv)
{
	static const struct option known[] = {{"clock", 1, NULL, 'c'}, {"cpu", 1, NULL, 'f'},
		{"kernel", 1, NULL, 'k'}, {"memory", 1, NULL, 'm'}, {"processor", 1, NULL, 'p'},
		{"seed", 1, NULL, 's'}, {"watchdog", 1, NULL, 'w'}, {"date", 1, NULL, 't'},
		{"out", 1, NULL, 'o'}, {"directory", 1, NULL, 'd'}, {"interactive", 0, NULL, 'i'},
		{"result", 1, NULL, 'r'}, {"console", 1, NULL, 'l'}, {"intercept", 1, NULL, 'x'},
		{"tsc", 0, NULL, 'T'}, {0}};
	struct virtual_options o = {.kernel = virtual_kernel(),
		.cpu = 1,
		.memory_mib = 1024,
		.processor = VIRTUAL_ANY,
		.watchdog_s = 60,
		.start_s = 1767225600,
		.seccomp = "auto"};
	opterr = 0;
	for (int c; (c = getopt_long(argc, argv, "+", known, NULL)) != -1;) {
		const char *wrong = take(&o, c, optarg);
		if (wrong)
			return bad(wrong, optarg ? optarg : argv[optind - 1]);
	}
	o.command = argv + optind;
	if (!*o.command)
		return bad("no command to run", "");
	struct virtual_result result;
	char *error = NULL;
	int status = virtual_run(&o, &result, &error);
	if (error)
		fprintf(stderr, "liquidnet-virtual: %s\n", error);
	free(error);
	if (o.result && result.end && write_result(o.result, &result))
		return VIRTUAL_BAD;
	return status;
}

static int check(int argc, char **argv)
{
	static const struct option known[] = {{"memory", 1, NULL, 'm'}, {"build", 1, NULL, 'b'}, {0}};
	struct virtual_finding findings[VIRTUAL_FINDINGS];
	double memory = 1024;
	const char *build = ".";
	opterr = 0;
	for (int c; (c = getopt_long(argc, argv, "+", known, NULL)) != -1;) {
		if (c == 'b')
			build = optarg;
		else if (c != 'm' || !number(optarg, 128, 65536, &memory))
			return bad("bad option ", argv[optind - 1]);
	}
	bool all = virtual_check(virtual_kernel(), (unsigned)memory, build, findings);
	for (int i = 0; i < VIRTUAL_FINDINGS; i++)
		printf("%-3s %-10s %s\n", findings[i].ok ? "ok" : "no", findings[i].name, findings[i].text);
	return all ? 0 : 1;
}

/* What the kernel was made of. */
static int manifest(void)
{
	char path[4300], line[400];
	snprintf(path, sizeof path, "%s.manifest", virtual_kernel());
	FILE *file = fopen(path, "re");
	if (!file) {
		fprintf(stderr, "liquidnet-virtual: no kernel (%s); run `make virtual`\n", path);
		return VIRTUAL_BAD;
	}
	while (fgets(line, sizeof line, file))
		fputs(line, stdout);
	fclose(file);
	return 0;
}

static int seed_netem(int argc, char **argv)
{
	char *end = "", *error = NULL;
	if (argc < 3 || argc > 4)
		return bad("netem-seed takes INTERFACE SEED [PARENT]", "");
	uint64_t seed = strtoull(argv[2], &end, 10);
	if (*end || !*argv[2])
		return bad("not a seed: ", argv[2]);
	unsigned major = 0xffff, minor = 0xffff;
	if (argc == 4 && sscanf(argv[3], "%x:%x", &major, &minor) != 2)
		return bad("not a parent (MAJOR:MINOR, hexadecimal): ", argv[3]);
	int result = netem_seed(argv[1], (uint32_t)major << 16 | (minor & 0xffff), seed, &error);
	if (result == 1)
		return 0;
	fprintf(stderr, "liquidnet-virtual: %s\n",
		result < 0 ? error : "this kernel's netem takes no seed (Linux 6.6 does)");
	free(error);
	return 1;
}

int main(int argc, char **argv)
{
	/* Every first process has the kernel's arguments in its environment; only a guest's has this one. */
	if (getpid() == 1 && getenv(VIRTUAL_GUEST))
		virtual_guest();
	const char *command = argc > 1 ? argv[1] : "";
	if (!strcmp(command, "--help") || !strcmp(command, "-h"))
		return fputs(help, stdout) < 0;
	if (!strcmp(command, "run"))
		return run(argc - 1, argv + 1);
	if (!strcmp(command, "check"))
		return check(argc - 1, argv + 1);
	if (!strcmp(command, "manifest"))
		return manifest();
	if (!strcmp(command, "netem-seed"))
		return seed_netem(argc - 1, argv + 1);
	return bad("no such command: ", command);
}
