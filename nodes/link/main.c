/* liquidnet-link: emulates the links of a network on kernels without sch_netem. main reads the settings, asks
 * for real-time priority, starts the engine, and answers on the control socket. */
#include "lib/base/daemon.h"
#include "lib/base/log.h"
#include "nodes/link/engine.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* Above threads of the machine's own that are usually at 1 or 10, below its interrupt threads (50). */
#define PRIORITY 45
/* Of a command, at most: as many as a line of the control socket has behind its name. */
#define WORDS 126

struct program {
	const char *config_path;
	const struct settings *settings;
	struct engine *engine;
};

static const struct daemon_description description = {
	.program = "liquidnet-link",
	.summary = "emulates links: rate, delay, jitter, loss and queue of each direction",
	.default_config = "/etc/liquidnet/link.yaml",
	/* Interfaces and queues are put back at the end, in their namespaces, which takes CAP_SYS_ADMIN. What is allocated later is locked as well: without
	 * CAP_IPC_LOCK it would count against a limit that only CAP_SYS_RESOURCE raises, which containers do not have. Sockets, filters and real-time
	 * priority are had at the start. */
	.rights = {.keep = CONFINE(CAP_NET_ADMIN) | CONFINE(CAP_SYS_ADMIN) | CONFINE(CAP_IPC_LOCK),
		.enters_namespaces = true,
		.start = CONFINE(CAP_NET_RAW) | CONFINE(CAP_BPF) | CONFINE(CAP_PERFMON) |
			 CONFINE(CAP_SYS_NICE) | CONFINE(CAP_SYS_PTRACE) /* namespaces of processes */},
};

/* Without real-time priority a busy core delays packets by milliseconds: it works, but whoever reads the
 * figures must know. */
static bool become_realtime(void)
{
	struct sched_param parameters = {.sched_priority = PRIORITY};

	prctl(PR_SET_TIMERSLACK, 1);
	if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
		log_warning("not-locked", "error=\"%s\" remedy=\"raise the limit of locked memory\"",
			strerror(errno));
	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &parameters) == 0)
		return true;
	log_error("no-realtime",
		"error=\"%s\" effect=\"packets leave milliseconds late on a busy machine\" remedy=\"run as root, or give it CAP_SYS_NICE\"",
		strerror(errno));
	return false;
}

/* Three descriptors an end, and some. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
			log_warning("descriptor-limit", "error=\"%s\"", strerror(errno));
	}
}

static void handle_status(void *context, struct control_request *request, int count, char **words)
{
	struct program *program = context;

	(void)count;
	(void)words;
	control_answer(request, engine_status(program->engine));
}

static void handle_reset(void *context, struct control_request *request, int count, char **words)
{
	struct program *program = context;

	(void)count;
	(void)words;
	engine_reset(program->engine);
	control_answer(request, json_object());
}

static void handle_events(void *context, struct control_request *request, int count, char **words)
{
	struct program *program = context;

	(void)count;
	(void)words;
	engine_subscribe(program->engine, request);
}

/* set LINK forward|reverse|both KEY=VALUE... Both directions of a link are in the same place, so what the
 * engine refuses of one it refuses of the first; but a trace may be gone when it is read for the second. */
static void handle_set(void *context, struct control_request *request, int count, char **words)
{
	struct engine *engine = ((struct program *)context)->engine;
	struct shape changed[2], before[2];
	int first = strcmp(words[1], "reverse") == 0, last = strcmp(words[1], "forward") != 0;
	char *error = NULL;

	if (first != last && strcmp(words[1], "both") != 0) {
		control_refuse(request, "no direction `%s`; write forward, reverse or both", words[1]);
		return;
	}
	for (int i = first; i <= last; i++) {
		const struct shape *now = engine_settings(engine, words[0], i);
		if (!now) {
			control_refuse(request, "no link `%s`; see `status`", words[0]);
			return;
		}
		changed[i] = before[i] = *now;
		if (settings_change(&changed[i], count - 2, words + 2, &error) < 0) {
			control_refuse(request, "%s", error);
			free(error);
			return;
		}
	}
	for (int i = first; i <= last; i++)
		if (engine_change(engine, words[0], i, &changed[i], &error) < 0) {
			if (i > first)
				engine_change(engine, words[0], first, &before[first], NULL);
			control_refuse(request, "%s", error);
			free(error);
			return;
		}
	log_info("settings-changed", "link=%s direction=%s", words[0], words[1]);
	control_answer(request, json_object());
}

/* shape LINK forward|reverse {KEY: VALUE, ...}: the words of the mapping come one by one. */
static void handle_shape(void *context, struct control_request *request, int count, char **words)
{
	struct engine *engine = ((struct program *)context)->engine;
	int direction = strcmp(words[1], "reverse") == 0;
	const struct shape *now = engine_settings(engine, words[0], direction);
	struct shape shape;
	char *error = NULL;

	if (!direction && strcmp(words[1], "forward") != 0) {
		control_refuse(request, "no direction `%s`; write forward or reverse", words[1]);
		return;
	}
	if (!now) {
		control_refuse(request, "no link `%s`; see `status`", words[0]);
		return;
	}
	shape = (struct shape){.seed = now->seed};
	if (settings_shape(&shape, count - 2, words + 2, &error) < 0 ||
		engine_change(engine, words[0], direction, &shape, &error) < 0) {
		control_refuse(request, "%s", error);
		free(error);
		return;
	}
	log_info("settings-changed", "link=%s direction=%s", words[0], words[1]);
	control_answer(request, engine_settings_json(engine, words[0], direction));
}

static void warn_fixed(const char *key, bool changed)
{
	if (changed)
		log_warning("reload", "key=%s problem=\"takes effect after a restart only\"", key);
}

/* SIGHUP: the file's settings for the links that are there. Other links, other ends or another process-wide
 * setting need a restart: an end that goes would take the packets it holds with it. */
static void reload(void *context)
{
	struct program *program = context;
	char *error = NULL;
	struct settings *fresh = settings_load(program->config_path, &error);

	if (fresh && settings_same_links(program->settings, fresh)) {
		for (size_t i = 0; i < fresh->count; i++)
			for (int k = 0; k < 2; k++)
				if (engine_change(program->engine, fresh->links[i].name, k,
					    &fresh->links[i].direction[k], &error) < 0) {
					log_error("reload-refused",
						"error=\"%s\" effect=\"this direction goes on as before\"",
						error);
					free(error);
					error = NULL;
				}
		warn_fixed("spin", fresh->spin_ns != program->settings->spin_ns);
		warn_fixed("clock", fresh->clock_waits != program->settings->clock_waits);
		warn_fixed("spin_share", fresh->spin_share != program->settings->spin_share);
		warn_fixed("memory", fresh->memory_bytes != program->settings->memory_bytes);
		warn_fixed("keep_offloads", fresh->keep_offloads != program->settings->keep_offloads);
		log_info("reloaded", "links=%zu", fresh->count);
	} else {
		log_error("reload-refused", "error=\"%s\" effect=\"the old settings go on\"",
			fresh ? "links or their ends differ; restart for that" : error);
	}
	settings_free(fresh);
	free(error);
}

/* What `set` does is said by fill_in. */
static const struct control_command commands[] = {
	{"status", "", "settings and counters of every link", 0, 0, handle_status},
	{"reset", "", "counters start at zero again", 0, 0, handle_reset},
	{"events", "", "from now on a line for each change of a radio's state or channel, or of settings", 0,
		0, handle_events},
	{"set", "LINK forward|reverse|both KEY=VALUE...", NULL, 3, WORDS, handle_set},
	{"shape", "LINK forward|reverse {KEY: VALUE, ...}",
		"a whole new shape, as in the configuration; what is not said is not done", 3, WORDS,
		handle_shape},
	{.name = NULL},
};
#define COMMANDS (sizeof commands / sizeof *commands)

/* The table with the keys that `set` takes; the caller frees the text. */
static char *fill_in(struct control_command table[COMMANDS])
{
	char *keys = NULL;
	size_t size;
	FILE *out = open_memstream(&keys, &size);

	fputs("changes ", out);
	settings_write_keys(out);
	fclose(out);
	memcpy(table, commands, sizeof commands);
	for (size_t i = 0; i < COMMANDS; i++)
		if (table[i].handle == handle_set)
			table[i].summary = keys;
	return keys;
}

static int serve(struct daemon *daemon, char **error)
{
	const struct settings *settings = daemon->config;
	bool bad_config;

	raise_descriptor_limit();
	bool realtime = become_realtime();
	struct engine *engine = engine_start(daemon->loop, settings, realtime, &bad_config, error);
	if (!engine)
		return bad_config ? 2 : 1;
	log_info("serving", "links=%zu realtime=%s", settings->count, realtime ? "yes" : "no");
	struct program program = {daemon->config_path, settings, engine};
	daemon->reload = reload;
	struct control_command table[COMMANDS];
	char *keys = fill_in(table);
	int status = daemon_run(daemon, table, &program);
	free(keys);
	engine_stop(engine);
	return status;
}

static void *load(const char *path, char **error)
{
	return settings_load(path, error);
}

static void unload(void *config)
{
	settings_free(config);
}

int main(int argc, char **argv)
{
	static const struct daemon_parts parts = {load, unload, serve};
	return daemon_main(&description, &parts, argc, argv);
}
