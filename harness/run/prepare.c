/* Prepare: see the header. A kernel lets a network namespace have only those congestion controls that are allowed to all: the host's own
 * default, and what is in tcp_allowed_congestion_control. Which that is differs from host to host, so what an experiment names is
 * allowed for as long as it runs. */
#include "harness/run/prepare.h"

#include "lib/base/error.h"
#include "lib/base/process.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY "net.ipv4.tcp_congestion_control"
#define ALLOWED "net.ipv4.tcp_allowed_congestion_control"
#define AVAILABLE "/proc/sys/net/ipv4/tcp_available_congestion_control"
#define MODPROBE_MS 10000

static bool available(const char *name, char *all, size_t size)
{
	size_t length = strlen(name);
	FILE *in = fopen(AVAILABLE, "re");
	*all = 0;
	if (in && fgets(all, (int)size, in))
		all[strcspn(all, "\n")] = 0;
	if (in)
		fclose(in);
	for (const char *at = all; (at = strstr(at, name)); at += length)
		if ((at == all || at[-1] == ' ') && (!at[length] || at[length] == ' '))
			return true;
	return false;
}

/* Most are modules, which the kernel loads by itself only for who sets the host's own default. */
static void load_module(const char *name)
{
	char module[64];
	struct process_options options = PROCESS_OPTIONS;
	const char *const argv[] = {"modprobe", "--quiet", module, NULL};
	char *output = NULL, *error = NULL;
	snprintf(module, sizeof module, "tcp_%s", name);
	options.argv = argv;
	process_run(&options, true, MODPROBE_MS, &output, &error);
	free(output);
	free(error);
}

static int allow(struct host *host, const struct experiment *e, const struct setting *setting, char **error)
{
	char all[1024], word[80];
	const char *name = setting->value;
	if (strcmp(setting->key, KEY) != 0 || strchr(name, '$'))
		return 0;
	if (!available(name, all, sizeof all))
		load_module(name);
	if (!available(name, all, sizeof all))
		return e->services_count > 0 /* it brings it */
			       ? 0
			       : conf_error(setting->at, error,
					 "this kernel has no congestion control `%s`; it has %s", name, all);
	snprintf(word, sizeof word, "+%s", name);
	return host_sysctl(host, ALLOWED, word, error);
}

/* Calls fn for every setting of nodes. */
static int each_setting(const struct experiment *e,
	int (*fn)(struct host *host, const struct experiment *e, const struct setting *setting, char **error),
	struct host *host, char **error)
{
	for (size_t i = 0; i < e->settings_count; i++)
		if (fn(host, e, &e->settings[i], error) != 0)
			return -1;
	for (size_t c = 0; c < e->configurations_count; c++)
		for (size_t i = 0; i < e->configurations[c].settings_count; i++)
			if (fn(host, e, &e->configurations[c].settings[i], error) != 0)
				return -1;
	for (size_t p = 0; p < e->procedures_count; p++)
		for (size_t i = 0; i < e->procedures[p].settings_count; i++)
			if (fn(host, e, &e->procedures[p].settings[i], error) != 0)
				return -1;
	return 0;
}

static int is_congestion(
	struct host *host, const struct experiment *e, const struct setting *setting, char **error)
{
	(void)host, (void)e, (void)error;
	return strcmp(setting->key, KEY) == 0;
}

bool prepare_needed(const struct experiment *e)
{
	return e->host_settings_count > 0 || each_setting(e, is_congestion, NULL, NULL) != 0;
}

int prepare_host(struct host *host, const struct experiment *e, char **error)
{
	for (size_t i = 0; i < e->host_settings_count; i++)
		if (host_sysctl(host, e->host_settings[i].key, e->host_settings[i].value, error) < 0)
			return -1;
	return each_setting(e, allow, host, error);
}
