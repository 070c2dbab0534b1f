/* Provenance: see the header. */
#include "harness/record/provenance.h"

#include "harness/machine/awake.h"
#include "harness/machine/systems.h"
#include "lib/base/error.h"
#include "lib/base/process.h"
#include "lib/base/version.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static json_t *version(const char *const *argv)
{
	struct process_options options = PROCESS_OPTIONS;
	char *output = NULL, *error = NULL;
	options.argv = argv;
	/* Some programs end with a status of their own after their version. */
	json_t *text = process_run(&options, true, 5000, &output, &error) >= 0 && output
			       ? json_sprintf("%.*s", (int)strcspn(output, "\n"), output)
			       : json_null();
	free(output);
	free(error);
	return text;
}

/* Programs that say their version, and two things that are none. */
static json_t *tools(void)
{
	static const char *const mininet[] = {"dpkg-query", "-W", "mininet", NULL};
	static const char *const libpcap[] = {"dpkg-query", "-W", "libpcap0.8", NULL};
	size_t count = 0;
	const struct system_program *programs = systems_programs(&count, NULL);
	json_t *all = json_object();
	for (size_t i = 0; programs && i < count; i++)
		if (programs[i].version)
			json_object_set_new(all, programs[i].name, version(programs[i].version));
	json_object_set_new(all, "mininet", version(mininet));
	json_object_set_new(all, "libpcap", version(libpcap));
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

json_t *provenance_kernel(void)
{
	struct utsname kernel;
	uname(&kernel);
	return json_pack("{s:{s:s, s:s, s:s}, s:o, s:o}", "kernel", "release", kernel.release, "version",
		kernel.version, "machine", kernel.machine, "machine", machine(), "host_sysctls",
		host_sysctls());
}

json_t *provenance_environment(void)
{
	json_t *all = json_pack("{s:s, s:o}", "liquidnet", liquidnet_version, "tools", tools());
	json_t *kernel = provenance_kernel();
	json_object_update(all, kernel);
	json_decref(kernel);
	return all;
}

json_t *provenance_take(const struct experiment *e, const struct plan *plan, json_t *command, json_t *run,
	json_t *environment)
{
	char started[32];
	time_t now = time(NULL);
	struct tm utc;
	strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
	return json_pack("{s:s, s:s, s:o, s:o, s:I, s:o, s:o}", "experiment", e->name, "started", started,
		"command", command, "run", run, "trials", (json_int_t)plan->count, "cells",
		planned_cells(e, plan), "environment", environment);
}
