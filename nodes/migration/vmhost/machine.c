/* A host's QEMU: started, asked, and led through a migration. QMP answers in order, so commands are sent one behind the other; one that is refused makes the request that
 * waits fail, and what came after it does no harm. */
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "nodes/migration/vmhost/vmhost.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WORDS 64
#define ASKED_MOST 1000

const char *const phase_names[PHASES] = {"idle", "starting", "running", "waiting", "leaving", "gone"};
const char *const mode_names[MODES] = {"precopy", "postcopy", "hybrid"};

/* ---- the words of its command */

struct command {
	const char *words[WORDS + QEMU_OPTIONS];
	unsigned count;
	char memory[32], console[PATH_MAX + 16], net[64], device[256], monitor[64];
};

static void add(struct command *c, const char *word)
{
	c->words[c->count++] = word;
	c->words[c->count] = NULL;
}

static void add_pair(struct command *c, const char *option, const char *word)
{
	add(c, option);
	add(c, word);
}

static void compose(struct command *c, const struct vmhost *host, int monitor, bool incoming)
{
	const struct vmhost_config *config = host->config;
	*c = (struct command){.count = 0};
	snprintf(c->memory, sizeof c->memory, "%lluk", (unsigned long long)(config->memory >> 10));
	snprintf(c->console, sizeof c->console, "file:%s/console", config->folder);
	snprintf(c->net, sizeof c->net, "tap,id=cable,fd=%d", host->tap);
	/* No super-packets on the cable: a queue, a loss and a capture behind it would count what no link carries. */
	snprintf(c->device, sizeof c->device,
		"virtio-net-pci,netdev=cable,id=nic,romfile=,mac=%.20s,host_tso4=off,host_tso6=off,host_ecn=off,host_ufo=off,"
		"guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off",
		config->mac);
	snprintf(c->monitor, sizeof c->monitor, "socket,id=qmp,fd=%d", monitor);
	add(c, config->qemu);
	for (unsigned i = 0; i < config->option_count; i++)
		add(c, config->options[i]);
	add_pair(c, "-accel", config->accel);
	add_pair(c, "-cpu", "max");
	add_pair(c, "-smp", "1");
	add_pair(c, "-m", c->memory);
	add(c, "-nodefaults");
	add(c, "-no-user-config");
	add_pair(c, "-display", "none");
	add_pair(c, "-serial", c->console);
	add_pair(c, "-kernel", config->kernel);
	add_pair(c, "-initrd", config->initrd);
	add_pair(c, "-append", config->append);
	add_pair(c, "-netdev", c->net);
	add_pair(c, "-device", c->device);
	add_pair(c, "-chardev", c->monitor);
	add_pair(c, "-mon", "chardev=qmp,mode=control");
	if (incoming)
		add_pair(c, "-incoming", "defer");
}

/* ---- its life */

static void on_resume(struct vmhost *host)
{
	if (host->phase != WAITING)
		return;
	host->phase = RUNNING;
	host->resumed = clock_now_ns();
	log_info("resumed", "here=%s", host->config->place.name);
	cable_announce(host);
}

static void on_info(void *context, json_t *info, const char *reason)
{
	struct vmhost *host = context;
	const char *status = json_string_value(json_object_get(info, "status"));
	json_t *ram = json_object_get(info, "ram");
	if (!info || !status) {
		vmhost_refuse(host, reason ? reason : "QEMU tells nothing of the migration");
		return;
	}
	double total_ms = json_number_value(json_object_get(info, "total-time"));
	/* It says that it has completed a moment before it knows how long it took. */
	if (total_ms <= 0 && strcmp(status, "completed") == 0 && host->asked++ < ASKED_MOST) {
		qmp_send(host->qmp, "query-migrate", NULL, on_info, host);
		return;
	}
	double bytes = json_number_value(json_object_get(ram, "transferred"));
	json_decref(host->last);
	host->last = json_pack("{s:s, s:f, s:f, s:f, s:f, s:i, s:f}", "outcome", status, "total_ms", total_ms,
		"stopped_ms", json_number_value(json_object_get(info, "downtime")), "setup_ms",
		json_number_value(json_object_get(info, "setup-time")), "megabytes", bytes / 1e6, "rounds",
		(int)host->passes, "formula_ms", host->rate_bps ? bytes * 8e3 / (double)host->rate_bps : 0);
	if (strcmp(status, "completed") == 0) {
		host->phase = GONE;
		vmhost_answer(host, json_deep_copy(host->last));
		return;
	}
	/* It goes on here. */
	host->phase = RUNNING;
	reason = json_string_value(json_object_get(info, "error-desc"));
	char text[200];
	snprintf(text, sizeof text, "the migration has %s%s%s; the machine goes on here", status,
		reason ? ": " : "", reason ? reason : "");
	vmhost_refuse(host, text);
}

/* A status of a migration, at either end. */
static void on_status(struct vmhost *host, const char *status)
{
	if (strcmp(status, "postcopy-active") == 0) {
		host->split = true;
		sd_event_source_set_enabled(host->limit, SD_EVENT_OFF);
	} else if (strcmp(status, "postcopy-paused") == 0) {
		/* QEMU would wait for an end that comes back. Not here: this is its own monitor's callback. */
		sd_event_source_set_enabled(host->lost, SD_EVENT_ONESHOT);
	} else if (strcmp(status, "completed") == 0 || strcmp(status, "failed") == 0 ||
		   strcmp(status, "cancelled") == 0) {
		host->split = false;
		if (host->phase != LEAVING)
			return;
		sd_event_source_set_enabled(host->limit, SD_EVENT_OFF);
		host->asked = 0;
		qmp_send(host->qmp, "query-migrate", NULL, on_info, host);
	}
}

static void on_event(void *context, const char *name, json_t *data)
{
	struct vmhost *host = context;
	const char *status = json_string_value(json_object_get(data, "status"));
	log_debug("qemu", "event=%s status=%s", name, status ? status : "");
	if (strcmp(name, "RESUME") == 0)
		on_resume(host);
	if (strcmp(name, "MIGRATION_PASS") == 0)
		host->passes = (unsigned)json_integer_value(json_object_get(data, "pass"));
	if (strcmp(name, "MIGRATION") == 0 && status)
		on_status(host, status);
}

/* The monitor ends when QEMU does: it is reaped there. */
static void on_monitor_end(void *context)
{
	struct vmhost *host = context;
	log_info("qemu-ended", "phase=%s", phase_names[host->phase]);
	machine_end(host);
	vmhost_refuse(host, "QEMU has ended; its log and the machine's console are in the folder");
}

static int start_qemu(struct vmhost *host, int monitor, bool incoming, char **error)
{
	struct process_options options = PROCESS_OPTIONS;
	struct command command;
	char path[PATH_MAX + 16];
	snprintf(path, sizeof path, "%s/qemu.log", host->config->folder);
	int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log < 0)
		return error_set(error, "%s: %s", path, strerror(errno));
	compose(&command, host, monitor, incoming);
	options.argv = command.words;
	options.stdout_fd = options.stderr_fd = log;
	options.keep_fd = monitor;
	options.die_with_parent = true;
	/* Two descriptors are handed on. */
	fcntl(host->tap, F_SETFD, 0);
	int result = process_start(&host->qemu, &options, error);
	fcntl(host->tap, F_SETFD, FD_CLOEXEC);
	close(log);
	return result;
}

int machine_start(struct vmhost *host, bool incoming, char **error)
{
	const struct qmp_handlers handlers = {on_event, on_monitor_end, host};
	int monitor[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, monitor) < 0)
		return error_set(error, "socketpair: %s", strerror(errno));
	int result = start_qemu(host, monitor[1], incoming, error);
	close(monitor[1]);
	if (result < 0) {
		close(monitor[0]);
		return -1;
	}
	host->qmp = qmp_open(host->daemon->loop, monitor[0], &handlers);
	host->phase = incoming ? WAITING : STARTING;
	host->resumed = clock_now_ns();
	host->taken_ms = 0;
	host->passes = 0;
	return 0;
}

void machine_end(struct vmhost *host)
{
	struct qmp *qmp = host->qmp;
	host->qmp = NULL;
	host->phase = IDLE;
	host->split = false;
	sd_event_source_set_enabled(host->limit, SD_EVENT_OFF);
	sd_event_source_set_enabled(host->lost, SD_EVENT_OFF);
	qmp_close(qmp);
	if (host->qemu.pid)
		process_stop(&host->qemu, 2000);
}

/* ---- a migration that does not end */

/* Post-copy could not begin: then it is as with pre-copy. */
static void on_split(void *context, json_t *result, const char *reason)
{
	struct vmhost *host = context;
	if (result || !host->qmp)
		return;
	log_warning("limit", "reason=\"%s\" remedy=\"`wait hybrid` on the other host\"", reason);
	qmp_send(host->qmp, "migrate_cancel", NULL, NULL, NULL);
}

static int on_limit(sd_event_source *source, uint64_t at, void *context)
{
	struct vmhost *host = context;
	(void)source, (void)at;
	if (host->mode == HYBRID) {
		log_info("limit", "next=postcopy rounds=%u", host->passes);
		qmp_send(host->qmp, "migrate-start-postcopy", NULL, on_split, host);
		return 0;
	}
	log_warning(
		"limit", "remedy=\"less is written, a faster network, a larger limit, hybrid or postcopy\"");
	qmp_send(host->qmp, "migrate_cancel", NULL, NULL, NULL);
	return 0;
}

/* One end of a post-copy has gone: each had a part of the machine. */
static int on_lost(sd_event_source *source, void *context)
{
	struct vmhost *host = context;
	(void)source;
	log_warning("lost",
		"reason=\"the other host's QEMU or the way to it has gone in the middle of post-copy\"");
	machine_end(host);
	vmhost_refuse(host, "the other host has gone in the middle of post-copy, and the machine is lost; "
			    "`start` boots another");
	return 0;
}

int machine_open(struct vmhost *host, char **error)
{
	sd_event *loop = host->daemon->loop;
	if (sd_event_add_time(loop, &host->limit, CLOCK_MONOTONIC, 0, 1, on_limit, host) < 0 ||
		sd_event_source_set_enabled(host->limit, SD_EVENT_OFF) < 0 ||
		sd_event_add_defer(loop, &host->lost, on_lost, host) < 0 ||
		sd_event_source_set_enabled(host->lost, SD_EVENT_OFF) < 0)
		return error_set(error, "event loop: out of memory");
	return 0;
}

void machine_close(struct vmhost *host)
{
	machine_end(host);
	sd_event_source_disable_unref(host->limit);
	sd_event_source_disable_unref(host->lost);
}

/* ---- a migration */

/* A step that must succeed. */
static void on_step(void *context, json_t *result, const char *reason)
{
	struct vmhost *host = context;
	if (result || !host->request)
		return;
	if (host->phase == LEAVING)
		host->phase = RUNNING;
	vmhost_refuse(host, reason);
}

static void on_listening(void *context, json_t *result, const char *reason)
{
	struct vmhost *host = context;
	if (result)
		vmhost_answer(host, json_pack("{s:s}", "place", host->config->place.name));
	else
		vmhost_refuse(host, reason);
}

static void set_capabilities(struct vmhost *host)
{
	qmp_send(host->qmp, "migrate-set-capabilities",
		json_pack("{s:[{s:s, s:b}, {s:s, s:b}]}", "capabilities", "capability", "events", "state", 1,
			"capability", "postcopy-ram", "state", host->mode != PRECOPY),
		on_step, host);
}

static char *uri(const struct vmhost *host, struct in_addr address, char text[64])
{
	char dotted[INET_ADDRSTRLEN];
	inet_ntop(AF_INET, &address, dotted, sizeof dotted);
	snprintf(text, 64, "tcp:%s:%u", dotted, host->config->port);
	return text;
}

void machine_expect(struct vmhost *host)
{
	char text[64];
	set_capabilities(host);
	qmp_send(host->qmp, "migrate-incoming",
		json_pack("{s:s}", "uri", uri(host, host->config->listen, text)), on_listening, host);
}

void machine_leave(struct vmhost *host, const struct vmhost_other *to)
{
	char text[64];
	/* 0 means no limit. */
	json_int_t bytes_per_second = (json_int_t)(host->rate_bps / 8);
	host->phase = LEAVING;
	host->passes = 0;
	host->began = clock_now_ns();
	set_capabilities(host);
	qmp_send(host->qmp, "migrate-set-parameters",
		json_pack("{s:I, s:I, s:I}", "max-bandwidth", bytes_per_second, "max-postcopy-bandwidth",
			bytes_per_second, "downtime-limit", (json_int_t)(host->config->pause_ns / NS_PER_MS)),
		on_step, host);
	qmp_send(
		host->qmp, "migrate", json_pack("{s:s}", "uri", uri(host, to->address, text)), on_step, host);
	if (host->mode == POSTCOPY)
		qmp_send(host->qmp, "migrate-start-postcopy", NULL, on_step, host);
	sd_event_source_set_time_relative(host->limit, (uint64_t)(host->config->limit_ns / NS_PER_US));
	sd_event_source_set_enabled(host->limit, SD_EVENT_ONESHOT);
}
