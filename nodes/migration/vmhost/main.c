/* liquidnet-vmhost: one host of a machine that moves between hosts while it runs, by QEMU's live migration (README.md). It starts the machine, or waits for one that comes from
 * another host, gives it a cable, and tells it by which address it is reached here. */
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/folders.h"
#include "lib/base/log.h"
#include "nodes/migration/vmhost/vmhost.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void vmhost_answer(struct vmhost *host, json_t *answer)
{
	if (host->request)
		control_answer(host->request, answer);
	else
		json_decref(answer);
	host->request = NULL;
}

void vmhost_refuse(struct vmhost *host, const char *reason)
{
	if (host->request)
		control_refuse(host->request, "%s", reason);
	host->request = NULL;
}

/* ---- what is asked */

/* False: it was refused. */
static bool may(struct vmhost *host, struct control_request *request, enum phase phase, const char *what)
{
	if (host->request)
		control_refuse(request, "another request waits for its answer; ask again after it");
	else if (host->phase != phase && !(phase == IDLE && host->phase == GONE))
		control_refuse(request, "%s", what);
	else
		return true;
	return false;
}

static bool take_mode(struct vmhost *host, struct control_request *request, const char *word)
{
	for (int i = 0; i < MODES; i++)
		if (strcmp(word, mode_names[i]) == 0) {
			host->mode = (enum mode)i;
			return true;
		}
	control_refuse(request, "'%s'; there are precopy, postcopy and hybrid", word);
	return false;
}

static void begin(struct vmhost *host, struct control_request *request, bool incoming)
{
	char *error = NULL;
	if (host->phase == GONE)
		machine_end(host);
	if (machine_start(host, incoming, &error) < 0) {
		control_refuse(request, "%s", error);
		free(error);
		return;
	}
	host->request = request;
	if (incoming)
		machine_expect(host);
}

static void do_start(void *context, struct control_request *request, int count, char **words)
{
	(void)count, (void)words;
	if (may(context, request, IDLE, "there is a machine, or one is waited for; `end` ends it"))
		begin(context, request, false);
}

static void do_wait(void *context, struct control_request *request, int count, char **words)
{
	struct vmhost *host = context;
	if (may(host, request, IDLE, "there is a machine, or one is waited for; `end` ends it") &&
		take_mode(host, request, count ? words[0] : "precopy"))
		begin(host, request, true);
}

static void do_migrate(void *context, struct control_request *request, int count, char **words)
{
	struct vmhost *host = context;
	const struct vmhost_other *to = vmhost_config_host(host->config, words[0]);
	host->rate_bps = 0;
	if (!may(host, request, RUNNING, "no machine runs here"))
		return;
	if (!to) {
		control_refuse(request, "no host is called '%s'; the configuration lists them", words[0]);
	} else if (!take_mode(host, request, count > 1 ? words[1] : "precopy")) {
		return;
	} else if (count > 2 && (unit_rate(words[2], &host->rate_bps) < 0 || host->rate_bps < 8000)) {
		control_refuse(request, "'%s' is no rate of 8 kbit/s or more; write 1Gbit/s", words[2]);
	} else {
		host->request = request;
		machine_leave(host, to);
	}
}

static void do_end(void *context, struct control_request *request, int count, char **words)
{
	struct vmhost *host = context;
	(void)count, (void)words;
	machine_end(host);
	vmhost_refuse(host, "the machine was ended");
	control_answer(request, json_object());
}

static void do_status(void *context, struct control_request *request, int count, char **words)
{
	const struct vmhost *host = context;
	(void)count, (void)words;
	control_answer(
		request, json_pack("{s:s, s:s, s:b, s:s, s:f, s:i, s:O}", "phase", phase_names[host->phase],
				 "mode", mode_names[host->mode], "split", (int)host->split, "place",
				 host->config->place.name, "taken_ms", host->taken_ms, "passes",
				 (int)host->passes, "last", host->last ? host->last : json_null()));
}

/* ---- life */

static int serve(struct daemon *daemon, char **error)
{
	static const struct control_command commands[] = {
		{"start", "", "boots the machine; answers when it has its address", 0, 0, do_start},
		{"wait", "[precopy|postcopy|hybrid]", "for a machine; answers when it may come", 0, 1,
			do_wait},
		{"migrate", "HOST [precopy|postcopy|hybrid] [RATE]",
			"copies the machine there; answers when it has gone", 1, 3, do_migrate},
		{"end", "", "ends QEMU", 0, 0, do_end},
		{"status", "", "phase, the last migration", 0, 0, do_status}, {NULL, NULL, NULL, 0, 0, NULL}};
	struct vmhost host = {
		.daemon = daemon, .config = daemon->config, .tap = -1, .cable = -1, .qemu = PROCESS_NONE};
	int status = 1;
	if (folders_make(host.config->folder, 0700, error) == 0 && cable_open(&host, error) == 0 &&
		machine_open(&host, error) == 0)
		status = daemon_run(daemon, commands, &host);
	machine_close(&host);
	vmhost_refuse(&host, "liquidnet-vmhost ends");
	cable_close(&host);
	json_decref(host.last);
	return status;
}

static void *load(const char *path, char **error)
{
	return vmhost_config_load(path, error);
}

static void unload(void *config)
{
	vmhost_config_free(config);
}

int main(int argc, char **argv)
{
	static const struct daemon_description description = {
		.program = "liquidnet-vmhost",
		.summary = "one host of a machine that moves between hosts while it runs",
		.default_config = "/etc/liquidnet/vmhost.yaml",
		/* The device and its address; QEMU's user faults in post-copy. */
		.rights = {.keep = CONFINE(CAP_NET_ADMIN) | CONFINE(CAP_SYS_PTRACE),
			.executes = true,
			.faults = true},
	};
	static const struct daemon_parts parts = {load, unload, serve};
	return daemon_main(&description, &parts, argc, argv);
}
