/* liquidnet-kibbutz-provider: beside the Multipath TCP servers (or proxy) of a Kibbutz provider. It makes their
 * connections obey a user-space path manager, accepts the devices' subflows, and watches the paths on which
 * it sends down. */
#include "lib/base/clock.h"
#include "lib/base/daemon.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/mptcp/pm.h"
#include "lib/net/sysctl.h"
#include "nodes/kibbutz/provider/accounts.h"
#include "nodes/kibbutz/provider/downlink.h"
#include "nodes/kibbutz/provider/watch.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

struct provider {
	sd_event *loop;
	const struct settings *settings;
	struct sysctl_switch pm_type;
	struct mptcp_pm *pm;
	struct watch *watch;
	struct accounts *accounts;
	bool shaped, started;
	sd_event_source *poll;
	uint64_t demotions, promotions, refusals;
};

/* ---- the watchdog ---- */

static void on_change(void *context, const struct survey_subflow *s, bool backup)
{
	struct provider *p = context;
	char remote[PLACE_TEXT], *error = NULL;
	int result = mptcp_pm_set_backup(p->pm, s->token, &s->local, &s->remote, backup, &error);

	*(result < 0 ? &p->refusals : backup ? &p->demotions : &p->promotions) += 1;
	log_info(backup ? "path-poor" : "path-well",
		"token=%08x remote=%s timeouts=%u ssthresh=%u window=%u result=\"%s\"", s->token,
		place_text(&s->remote, remote), s->timeouts, s->ssthresh, s->window,
		result < 0 ? error : "sent");
	free(error);
}

static int on_poll(sd_event_source *source, uint64_t usec, void *context)
{
	struct provider *p = context;
	struct survey_subflow *list;
	size_t count;
	char *error = NULL;
	(void)usec;

	if (survey_take(true, &list, &count, &error) == 0) {
		watch_look(p->watch, clock_now_ns(), list, count, on_change, p);
		free(list);
	} else {
		log_error("survey", "error=\"%s\"", error);
		free(error);
	}
	sd_event_source_set_time_relative(source, (uint64_t)(p->settings->poll_ns / NS_PER_US));
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

/* That somebody listens to events is what makes the kernel accept subflows; what they say is in the survey.
 */
static void on_event(void *context, const struct mptcp_pm_event *event)
{
	(void)context;
	log_debug("mptcp", "event=%s token=%08x", mptcp_pm_event_name(event->type), event->token);
}

static void on_overrun(void *context)
{
	(void)context;
}

/* ---- beginning and end ---- */

static int start(struct provider *p, char **error)
{
	struct mptcp_pm_handlers handlers = {.event = on_event, .overrun = on_overrun, .context = p};

	p->watch = watch_new(&p->settings->policy);
	p->pm = mptcp_pm_open(error);
	if (!p->pm || mptcp_pm_subscribe(p->pm, p->loop, &handlers, error) < 0)
		return -1;
	if (p->settings->manage_sysctl && sysctl_need(&p->pm_type, '1', true, error) < 0)
		return -1;
	p->accounts = accounts_start(p->loop, p->settings, error);
	if (!p->accounts || downlink_install(p->settings, error) < 0)
		return -1;
	p->shaped = true;
	if (!p->settings->policy.watchdog)
		return 0;
	int result = sd_event_add_time_relative(p->loop, &p->poll, CLOCK_MONOTONIC, 0, 1000, on_poll, p);
	return result < 0 ? error_set(error, "event loop: %s", strerror(-result)) : 0;
}

static void stop(struct provider *p)
{
	sd_event_source_disable_unref(p->poll);
	if (p->shaped)
		downlink_remove(p->settings);
	if (p->started)
		accounts_stop(p->accounts);
	else
		accounts_abandon(p->accounts);
	mptcp_pm_close(p->pm);
	watch_free(p->watch);
	sysctl_put_back(&p->pm_type);
}

static void command_status(void *context, struct control_request *request, int count, char **words)
{
	struct provider *p = context;
	size_t poor, watched = watch_count(p->watch, &poor);
	(void)count;
	(void)words;

	control_answer(request, json_pack("{sI sI sI sI sI}", "watched", (json_int_t)watched, "poor",
					(json_int_t)poor, "demotions", (json_int_t)p->demotions, "promotions",
					(json_int_t)p->promotions, "refusals", (json_int_t)p->refusals));
}

static void command_accounts(void *context, struct control_request *request, int count, char **words)
{
	struct provider *p = context;
	char *error = NULL;
	json_t *report = accounts_report(p->accounts, &error);
	(void)count;
	(void)words;

	if (report)
		control_answer(request, report);
	else
		control_refuse(request, "%s", error);
	free(error);
}

static const struct control_command commands[] = {
	{"accounts", "", "bytes that each device has given and taken, and by tunnel", 0, 0, command_accounts},
	{"status", "", "paths watched and poor, changes of priority", 0, 0, command_status},
	{0},
};

static int serve(struct daemon *daemon, char **error)
{
	struct provider p = {
		.settings = daemon->config, .loop = daemon->loop, .pm_type.name = "net.mptcp.pm_type"};
	int status = 1;

	/* Table, queue and tunnels of another have the same names. */
	if (daemon_alone(daemon, 0, error) < 0)
		return 1;
	p.started = start(&p, error) == 0;
	if (p.started)
		status = daemon_run(daemon, commands, &p);
	stop(&p);
	return status;
}

static void *load(const char *path, char **error)
{
	return provider_settings_load(path, error);
}

static void unload(void *config)
{
	provider_settings_free(config);
}

int main(int argc, char **argv)
{
	static const struct daemon_description description = {
		.program = "liquidnet-kibbutz-provider",
		.summary =
			"the provider's side of a Mobile Kibbutz: accepts subflows, watches the paths down",
		.default_config = "/etc/liquidnet/provider.yaml",
		/* Queues by tc, tunnels by OpenVPN. */
		.rights = {.keep = CONFINE(CAP_NET_ADMIN), .executes = true},
	};
	static const struct daemon_parts parts = {load, unload, serve};
	return daemon_main(&description, &parts, argc, argv);
}
