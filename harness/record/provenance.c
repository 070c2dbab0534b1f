/* Provenance: see the header. */
#include "harness/record/provenance.h"

#include "harness/machine/awake.h"
#include "harness/experiment/project.h"
#include "lib/base/error.h"
#include "lib/base/process.h"
#include "lib/base/version.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* Whether a program is an executable: a path as it is, a name beside us or in the usual places. */
static bool program_exists(const char *name)
{
	static const char *const folders[] = {
		"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"};
	char path[PATH_MAX];
	if (strchr(name, '/'))
		return access(name, X_OK) == 0;
	snprintf(path, sizeof path, "%s/%s", project_programs(), name);
	bool found = access(path, X_OK) == 0;
	for (size_t i = 0; !found && i < sizeof folders / sizeof *folders; i++) {
		snprintf(path, sizeof path, "%s/%s", folders[i], name);
		found = access(path, X_OK) == 0;
	}
	return found;
}

static int check_program(const struct program *p, char **error)
{
	/* `mptcpize run PROGRAM`: the program behind a launcher is looked for too. */
	const char *names[2] = {p->argv[0], NULL};
	if (strcmp(p->argv[0], "mptcpize") == 0 && p->argv[1] && p->argv[2])
		names[1] = p->argv[2];
	for (int i = 0; i < 2 && names[i]; i++)
		if (!strstr(names[i], "${") && !program_exists(names[i]))
			return conf_error(p->at, error,
				"program `%s` is not installed; run `make` in the project's folder (it "
				"installs what is missing)",
				names[i]);
	return 0;
}

int check_programs(const struct experiment *e, const struct plan *plan, char **error)
{
	for (size_t i = 0; i < e->services_count; i++)
		if (check_program(&e->services[i], error) < 0)
			return -1;
	for (size_t i = 0; i < plan->count; i++) {
		const struct procedure *p = &e->procedures[plan->trials[i].procedure];
		for (size_t d = 0; d < p->daemons_count; d++)
			for (size_t k = 0; k < e->daemons_count; k++)
				if (strcmp(e->daemons[k].name, p->daemons[d]) == 0 &&
					check_program(&e->daemons[k], error) < 0)
					return -1;
		const struct workload *w = &e->workloads[p->workload];
		for (size_t k = 0; k < w->programs_count; k++)
			if (check_program(&w->programs[k], error) < 0)
				return -1;
	}
	return 0;
}

static void add_version(json_t *into, const char *name, const char *const *argv)
{
	struct process_options options = PROCESS_OPTIONS;
	char *output = NULL, *error = NULL;
	options.argv = argv;
	/* Some programs end with a status of their own after their version. */
	if (process_run(&options, true, 5000, &output, &error) >= 0 && output)
		json_object_set_new(into, name, json_sprintf("%.*s", (int)strcspn(output, "\n"), output));
	else
		json_object_set_new(into, name, json_null());
	free(output);
	free(error);
}

static json_t *tools(void)
{
	static const char *const asked[][5] = {{"iperf3", "iperf3", "--version"},
		{"openvpn", "openvpn", "--version"}, {"tc", "tc", "-V"}, {"nft", "nft", "--version"},
		{"curl", "curl", "--version"}, {"socat", "socat", "-V"},
		{"mininet", "dpkg-query", "-W", "mininet"}, {"mptcpize", "dpkg-query", "-W", "mptcpize"},
		{"libpcap", "dpkg-query", "-W", "libpcap0.8"}};
	json_t *all = json_object();
	for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
		add_version(all, asked[i][0], &asked[i][1]);
	return all;
}

static void add_file(json_t *into, const char *key, const char *path)
{
	char text[512] = "";
	FILE *in = fopen(path, "re");
	if (!in)
		return;
	size_t n = fread(text, 1, sizeof text - 1, in);
	text[n] = 0;
	text[strcspn(text, "\n")] = 0;
	json_object_set_new(into, key, json_string(text));
	fclose(in);
}

/* The host's sysctls that a network namespace cannot change for itself. */
static json_t *host_sysctls(void)
{
	static const char *const keys[] = {"net.core.rmem_max", "net.core.wmem_max",
		"net.core.netdev_max_backlog", "net.core.default_qdisc", "net.ipv4.tcp_mem",
		"net.ipv4.tcp_available_congestion_control", "net.netfilter.nf_conntrack_max"};
	json_t *all = json_object();
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		char path[256] = "/proc/sys/";
		size_t used = strlen(path);
		snprintf(path + used, sizeof path - used, "%s", keys[i]);
		for (char *at = path + used; *at; at++)
			if (*at == '.')
				*at = '/';
		add_file(all, keys[i], path);
	}
	return all;
}

static json_t *machine(void)
{
	char line[512], model[256] = "";
	FILE *in = fopen("/proc/cpuinfo", "re");
	while (in && !*model && fgets(line, sizeof line, in))
		if (strncmp(line, "model name", 10) == 0 && strchr(line, ':'))
			snprintf(model, sizeof model, "%.*s", (int)strcspn(strchr(line, ':') + 2, "\n"),
				strchr(line, ':') + 2);
	if (in)
		fclose(in);
	struct sysinfo info;
	sysinfo(&info);
	return json_pack("{s:s, s:i, s:I, s:s}", "cpu", model, "cpus", (int)sysconf(_SC_NPROCESSORS_ONLN),
		"memory_bytes", (json_int_t)info.totalram * info.mem_unit, "idle_cpu",
		awake_serves() ? "polls" : "sleeps");
}

/* The plan's cells, each once: the summary shows these even when nothing was measured in them. */
static json_t *planned_cells(const struct experiment *e, const struct plan *plan)
{
	json_t *cells = json_array();
	bool *seen = calloc(e->configurations_count * e->procedures_count + 1, sizeof *seen);
	for (size_t i = 0; i < plan->count; i++) {
		size_t cell = plan->trials[i].configuration * e->procedures_count + plan->trials[i].procedure;
		if (!seen[cell])
			json_array_append_new(cells,
				json_sprintf("%s/%s", e->configurations[plan->trials[i].configuration].name,
					e->procedures[plan->trials[i].procedure].name));
		seen[cell] = true;
	}
	free(seen);
	return cells;
}

json_t *provenance_environment(void)
{
	struct utsname kernel;
	uname(&kernel);
	return json_pack("{s:s, s:{s:s, s:s, s:s}, s:o, s:o, s:o}", "liquidnet", liquidnet_version, "kernel",
		"release", kernel.release, "version", kernel.version, "machine", kernel.machine, "machine",
		machine(), "tools", tools(), "host_sysctls", host_sysctls());
}

/* How to start the same run again. */
static json_t *run_options_json(const struct run_options *o)
{
	return json_pack("{s:s?, s:s?, s:I, s:I, s:s, s:f, s:I}", "only", o->selection.configurations,
		"procedures", o->selection.procedures, "trials", (json_int_t)o->selection.trials, "seed",
		(json_int_t)o->seed, "backend", o->backend, "until", o->until, "jobs", (json_int_t)o->jobs);
}

json_t *provenance_take(
	const struct experiment *e, const struct plan *plan, const struct run_options *o, json_t *environment)
{
	char started[32];
	time_t now = time(NULL);
	struct tm utc;
	strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
	json_t *words = json_array();
	json_array_append_new(words, json_string("liquidnet"));
	for (int i = 0; i < o->argc; i++)
		json_array_append_new(words, json_string(o->argv[i]));
	return json_pack("{s:s, s:s, s:o, s:o, s:I, s:o, s:o}", "experiment", e->name, "started", started,
		"command", words, "run", run_options_json(o), "trials", (json_int_t)plan->count, "cells",
		planned_cells(e, plan), "environment", environment);
}
