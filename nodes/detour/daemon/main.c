/* liquidnet-detour: a host that leads others' subflows along another path. It answers requests for NAT
 * mappings and runs an OpenVPN server, as configured. This file ties the parts to the daemon's life and
 * answers the control socket. */
#include "lib/base/clock.h"
#include "lib/base/daemon.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/units.h"
#include "lib/net/nft.h"
#include "nodes/detour/daemon/config.h"
#include "nodes/detour/daemon/service.h"
#include "nodes/detour/daemon/vpn.h"
#include "nodes/detour/kernel/sysctls.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The server's first start: longer than an OpenVPN that waits for a port still held by one that is being
 * killed. */
#define VPN_START_US (15 * 1000 * 1000ULL)
#define WAITERS 64
#define FORWARDING "net/ipv4/ip_forward"
#define FORWARDING_V6 "net/ipv6/conf/all/forwarding"
#define ACCOUNTING "net/netfilter/nf_conntrack_acct"

struct detour {
	struct daemon *daemon;
	struct detour_config *config;  /* the daemon's */
	struct detour_config *started; /* what sockets and processes were started with: at first the same */
	struct nft_ctx *nft;
	struct service *service;
	struct vpn *vpn;
	struct in_addr vpn_local;
	struct control_request *waiters[WAITERS]; /* for `wait vpn` */
	size_t waiting;
	struct sysctls *sysctls; /* set by us, to be put back */
	bool vpn_late;
};

/* --- the control socket
 * ------------------------------------------------------------------------------------------ */

static const char *vpn_state_name(const struct detour *detour)
{
	static const char *const names[] = {"down", "starting", "up"};
	return detour->vpn ? names[vpn_state(detour->vpn)] : "disabled";
}

static json_t *vpn_report(const struct detour *detour)
{
	char local[INET_ADDRSTRLEN];
	inet_ntop(AF_INET, &detour->vpn_local, local, sizeof local);
	json_t *out = json_pack("{s:s}", "state", vpn_state_name(detour));
	if (!detour->vpn)
		return out;
	json_object_set_new(out, "device", json_string(detour->config->device));
	json_object_set_new(out, "address", json_string(local));
	json_object_set_new(out, "restarts", json_integer(vpn_restarts(detour->vpn)));
	return out;
}

static void command_status(void *context, struct control_request *request, int count, char **words)
{
	const struct detour *detour = context;
	(void)count, (void)words;
	json_t *out = json_object(),
	       *warnings = detour->service ? service_warnings(detour->service) : json_array();
	if (detour->vpn && !vpn_translates(detour->vpn))
		json_array_append_new(warnings,
			json_string("the VPN's NAT was changed by somebody else; it is being put back"));
	json_object_set_new(out, "warnings", warnings);
	if (detour->service) {
		json_object_set_new(out, "collective", service_collective(detour->service));
		json_object_set_new(out, "counters", service_counters(detour->service));
		json_object_set_new(
			out, "mappings", json_integer((json_int_t)service_mapping_count(detour->service)));
	}
	json_object_set_new(
		out, "nat", json_string(detour->service ? service_state(detour->service) : "disabled"));
	json_object_set_new(out, "vpn", vpn_report(detour));
	control_answer(request, out);
}

static void command_mappings(void *context, struct control_request *request, int count, char **words)
{
	const struct detour *detour = context;
	(void)count, (void)words;
	json_t *list = detour->service ? service_mappings(detour->service) : json_array();
	control_answer(request, json_pack("{s:o}", "mappings", list));
}

static void command_members(void *context, struct control_request *request, int count, char **words)
{
	const struct detour *detour = context;
	(void)count, (void)words;
	json_t *list = detour->service ? service_members(detour->service) : json_array();
	control_answer(request, json_pack("{s:o}", "members", list));
}

static void command_forget(void *context, struct control_request *request, int count, char **words)
{
	const struct detour *detour = context;
	(void)count;
	struct address client;
	int64_t port;
	char *error = NULL;
	if (!address_parse(words[0], &client) || unit_integer(words[1], &port) < 0 || port < 1 ||
		port > 65535)
		control_refuse(request, "'%s %s' is no client's address and detour port", words[0], words[1]);
	else if (!detour->service)
		control_refuse(request, "the NAT detour is disabled");
	else if (service_forget(detour->service, &client, (uint16_t)port, &error) < 0)
		control_refuse(request, "%s", error);
	else
		control_answer(request, json_object());
	free(error);
}

static void drop_abandoned(struct detour *detour)
{
	size_t kept = 0;
	for (size_t i = 0; i < detour->waiting; i++)
		if (control_abandoned(detour->waiters[i]))
			control_refuse(detour->waiters[i], "gone");
		else
			detour->waiters[kept++] = detour->waiters[i];
	detour->waiting = kept;
}

static void command_wait(void *context, struct control_request *request, int count, char **words)
{
	struct detour *detour = context;
	(void)count;
	drop_abandoned(detour);
	if (strcmp(words[0], "vpn") != 0)
		control_refuse(request, "cannot wait for '%s'; only for vpn", words[0]);
	else if (!detour->vpn)
		control_refuse(request, "the VPN detour is disabled");
	else if (vpn_state(detour->vpn) == OPENVPN_UP)
		control_answer(request, json_pack("{s:o}", "vpn", vpn_report(detour)));
	else if (detour->waiting == WAITERS)
		control_refuse(request, "%d wait already", WAITERS);
	else
		detour->waiters[detour->waiting++] = request;
}

static const struct control_command commands[] = {
	{"status", "", "counters, warnings, number of mappings, the collective, state of the VPN", 0, 0,
		command_status},
	{"mappings", "", "all mappings, longest unused first", 0, 0, command_mappings},
	{"members", "", "all members, and what each has asked and moved", 0, 0, command_members},
	{"forget", "CLIENT PORT", "end a mapping now; its flows go on", 2, 2, command_forget},
	{"wait", "vpn", "answer when the VPN server is up", 1, 1, command_wait},
	{0},
};

static void on_vpn(void *context, enum openvpn_state state, struct in_addr local, const char *device)
{
	struct detour *detour = context;
	(void)device;
	detour->vpn_local = local;
	if (state != OPENVPN_UP)
		return;
	for (size_t i = 0; i < detour->waiting; i++)
		control_answer(detour->waiters[i], json_pack("{s:o}", "vpn", vpn_report(detour)));
	detour->waiting = 0;
}

/* --- forwarding
 * -------------------------------------------------------------------------------------------------- */

/* Without forwarding nothing passes the detour: that is the host's business unless we were told to see to it. */
static void check_forwarding(struct detour *detour)
{
	char value[64], *error = NULL;
	if (detour->config->manage_forwarding) {
		if (sysctls_set(detour->sysctls, FORWARDING, "1", &error) < 0 ||
			(sysctls_get(FORWARDING_V6, value) &&
				sysctls_set(detour->sysctls, FORWARDING_V6, "1", &error) < 0))
			log_error("forwarding", "problem=\"%s\"", error);
	} else if (!sysctls_get(FORWARDING, value) || strcmp(value, "1") != 0) {
		log_error("forwarding",
			"problem=\"net.ipv4.ip_forward is not 1, nothing will pass\" remedy=\"sysctl net.ipv4.ip_forward=1, or manage_forwarding: true\"");
	} else if (sysctls_get(FORWARDING_V6, value) && strcmp(value, "1") != 0) {
		log_info("forwarding",
			"note=\"net.ipv6.conf.all.forwarding is not 1, nothing of IPv6 will pass\" remedy=\"sysctl net.ipv6.conf.all.forwarding=1, or manage_forwarding: true\"");
	}
	free(error);
}

/* The trail counts bytes; the kernel does when it is told to. */
static void count_bytes(struct detour *detour)
{
	char *error = NULL;
	if (detour->config->log_directory && sysctls_set(detour->sysctls, ACCOUNTING, "1", &error) < 0)
		log_warning("accounting", "problem=\"%s\" effect=\"the trail counts no bytes\"", error);
	free(error);
}

static void warn_of_rules(struct detour *detour)
{
	json_t *warnings = detour->service ? service_warnings(detour->service) : json_array(), *warning;
	size_t i;
	json_array_foreach(warnings, i, warning)
		log_warning("host-rules", "problem=\"%s\"", json_string_value(warning));
	json_decref(warnings);
}

/* --- the daemon's life
 * ------------------------------------------------------------------------------------------- */

static void warn_fixed(const char *key, bool changed)
{
	if (changed)
		log_warning("reload", "key=%s problem=\"takes effect after a restart only\"", key);
}

static bool differ(const char *a, const char *b)
{
	return !a != !b || (a && strcmp(a, b) != 0);
}

static bool same_peers(const struct detour_config *a, const struct detour_config *b)
{
	bool same = a->peer_count == b->peer_count;
	for (size_t i = 0; same && i < a->peer_count; i++)
		same = strcmp(a->peers[i], b->peers[i]) == 0;
	return same;
}

/* Of every key that is looked at once, at the start. */
static void warn_of_fixed(const struct detour_config *now, const struct detour_config *started)
{
	warn_fixed("listen", now->port != started->port || now->address_count != started->address_count ||
				     memcmp(now->addresses, started->addresses, sizeof now->addresses) != 0);
	warn_fixed("identity", memcmp(&now->identity, &started->identity, sizeof now->identity) != 0);
	warn_fixed("nat.mark", now->mark != started->mark || now->mark_mask != started->mark_mask);
	warn_fixed("log.directory", differ(now->log_directory, started->log_directory));
	warn_fixed("collective.list", differ(now->list_path, started->list_path));
	warn_fixed("manage_forwarding", now->manage_forwarding != started->manage_forwarding);
	warn_fixed("nat.enabled", now->nat != started->nat);
	warn_fixed("nat.syn_option", now->syn_count != started->syn_count);
	warn_fixed("vpn.enabled", now->vpn != started->vpn);
	if (!now->vpn || !started->vpn)
		return;
	warn_fixed("vpn.port", now->vpn_port != started->vpn_port);
	warn_fixed("vpn.subnet", memcmp(&now->vpn_subnet, &started->vpn_subnet, sizeof now->vpn_subnet) != 0);
	warn_fixed("vpn.device", strcmp(now->device, started->device) != 0);
	warn_fixed("vpn.certificate", strcmp(now->certificate, started->certificate) != 0);
	warn_fixed("vpn.key", strcmp(now->key, started->key) != 0);
	warn_fixed("vpn.peers", !same_peers(now, started));
	warn_fixed("vpn.encryption", now->encryption != started->encryption);
	warn_fixed("vpn.route_metric", now->route_metric != started->route_metric);
	warn_fixed("vpn.directory", strcmp(now->directory, started->directory) != 0);
}

/* A new configuration replaces the old one but for what is bound to sockets and processes. */
static void reload(void *context)
{
	struct detour *detour = context;
	char *error = NULL;
	struct detour_config *now = detour_config_load(detour->daemon->config_path, &error),
			     *old = detour->config;
	if (!now) {
		log_error("reload", "problem=\"%s\" action=\"the old configuration stays\"", error);
		free(error);
		return;
	}
	warn_of_fixed(now, detour->started);
	now->port = old->port;
	now->mark = old->mark;
	now->mark_mask = old->mark_mask;
	now->identity = old->identity;
	now->syn_count = old->syn_count; /* the rules; the interfaces are attached to */
	now->identity_path = old->identity_path ? "" : NULL;
	now->vpn = old->vpn;
	now->vpn_port = old->vpn_port;
	memcpy(now->device, old->device, sizeof now->device);
	if (detour->service)
		service_reload(detour->service, now);
	detour->daemon->config = detour->config = now;
	if (old != detour->started)
		detour_config_free(old);
	log_info("reload", "config=%s", detour->daemon->config_path);
}

static int on_vpn_late(sd_event_source *source, uint64_t when, void *context)
{
	(void)source, (void)when;
	((struct detour *)context)->vpn_late = true;
	return 0;
}

/* Runs the loop until the VPN server serves: READY must not be said before. -1 when it does not, or a signal
 * came (no *error then). */
static int await_vpn(struct detour *detour, char **error)
{
	sd_event_source *timer = NULL;
	int result = sd_event_add_time_relative(
		detour->daemon->loop, &timer, CLOCK_MONOTONIC, VPN_START_US, 0, on_vpn_late, detour);
	if (result < 0)
		return error_set(error, "event loop: %s", strerror(-result));
	while (vpn_state(detour->vpn) != OPENVPN_UP && !detour->vpn_late &&
		sd_event_get_state(detour->daemon->loop) != SD_EVENT_FINISHED)
		if (sd_event_run(detour->daemon->loop, UINT64_MAX) < 0)
			break;
	sd_event_source_disable_unref(timer);
	if (vpn_state(detour->vpn) == OPENVPN_UP)
		return 0;
	if (detour->vpn_late)
		return error_set(error, "the OpenVPN server did not come up in 15 s; see %s/server.log",
			detour->config->directory);
	return -1;
}

static int start(struct detour *detour, char **error)
{
	const struct openvpn_events events = {on_vpn, detour};
	sd_event *loop = detour->daemon->loop;
	detour->sysctls = sysctls_open("detour");
	if (!detour->sysctls)
		return error_set(error, "out of memory");
	check_forwarding(detour);
	detour->nft = nft_open(error);
	if (!detour->nft)
		return -1;
	count_bytes(detour);
	if (detour->config->nat &&
		!(detour->service = service_start(loop, detour->nft, detour->config, error)))
		return -1;
	warn_of_rules(detour);
	if (!detour->config->vpn)
		return 0;
	detour->vpn = detour_vpn_start(loop, detour->nft, detour->config, &events, error);
	return detour->vpn ? await_vpn(detour, error) : -1;
}

static void stop(struct detour *detour)
{
	for (size_t i = 0; i < detour->waiting; i++)
		control_refuse(detour->waiters[i], "the daemon ends");
	detour->waiting = 0;
	detour_vpn_stop(detour->vpn);
	service_stop(detour->service);
	nft_close(detour->nft);
	sysctls_close(detour->sysctls);
	if (detour->started != detour->config)
		detour_config_free(detour->started);
}

static int serve(struct daemon *daemon, char **error)
{
	struct detour detour = {.daemon = daemon, .config = daemon->config, .started = daemon->config};
	int status;
	/* Tables and OpenVPN's files of another have the same names. */
	if (daemon_alone(daemon, 0, error) < 0)
		return 1;
	sd_event_set_watchdog(daemon->loop, true); /* where systemd asks for it */
	daemon->reload = reload;
	daemon->context = &detour;
	daemon->rights.executes = detour.config->vpn;
	daemon->rights.uses_bpf = detour.config->syn_count > 0;
	if (start(&detour, error) == 0)
		status = daemon_run(daemon, commands, &detour);
	else /* without an error a signal ended it */
		status = *error ? 1 : 0;
	stop(&detour);
	return status;
}

static void *load(const char *path, char **error)
{
	return detour_config_load(path, error);
}

static void unload(void *config)
{
	detour_config_free(config);
}

int main(int argc, char **argv)
{
	static const struct daemon_description description = {
		.program = "liquidnet-detour",
		.summary = "leads subflows of others along another path: NAT on request, and a VPN server",
		.default_config = "/etc/liquidnet/detour.yaml",
		.rights = {.start = CONFINE(CAP_BPF), .keep = CONFINE(CAP_NET_ADMIN)},
	};
	static const struct daemon_parts parts = {load, unload, serve};
	return daemon_main(&description, &parts, argc, argv);
}
