/* The VPN detour: OpenVPN's options, and the NAT on the way out that OpenVPN does not provide. */
#include "nodes/detour/daemon/vpn.h"
#include "lib/base/error.h"
#include "lib/base/folders.h"
#include "lib/base/log.h"
#include "lib/net/nft.h"
#include "nodes/detour/daemon/config.h"
#include "nodes/detour/kernel/ruleset_watch.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPAIR_PAUSE_US (100 * 1000ULL)

struct vpn {
	struct nft_ctx *nft;
	struct openvpn *openvpn;
	struct ruleset_watch *watch;
	char *rules;
	sd_event_source *repair;
	unsigned repairs;
	bool up; /* the table is as it has to be */
};

/* Two clients may have certificates with one common name: who a client is, its fingerprint says. */
static int write_options(FILE *out, const struct detour_config *config, char **error)
{
	char subnet[ADDRESS_TEXT], mask[INET_ADDRSTRLEN], local[INET_ADDRSTRLEN];
	struct in_addr at = detour_config_v4(config),
		       bits = {htonl(UINT32_MAX << (128 - config->vpn_subnet.bits))};
	address_text(&config->vpn_subnet.address, subnet);
	inet_ntop(AF_INET, &bits, mask, sizeof mask);
	inet_ntop(AF_INET, &at, local, sizeof local);
	fprintf(out, "proto udp4\nport %u\nserver %s %s\ntopology subnet\n", config->vpn_port, subnet, mask);
	if (at.s_addr == htonl(INADDR_ANY))
		fputs("multihome\n", out); /* answer from the address that was asked */
	else
		fprintf(out, "local %s\n", local);
	fputs("dh none\nduplicate-cn\nkeepalive 10 60\n", out);
	fprintf(out, "cert \"%s\"\nkey \"%s\"\n<peer-fingerprint>\n", config->certificate, config->key);
	for (size_t i = 0; i < config->peer_count; i++) {
		char fingerprint[96];
		if (openvpn_fingerprint(config->peers[i], fingerprint, error) < 0)
			return -1;
		fprintf(out, "%s\n", fingerprint);
	}
	fputs("</peer-fingerprint>\n", out);
	if (config->route_metric)
		fprintf(out, "push \"route 0.0.0.0 0.0.0.0 vpn_gateway %u\"\n", config->route_metric);
	fputs(openvpn_options(config->encryption), out);
	return 0;
}

static char *make_options(const struct detour_config *config, char **error)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out) {
		error_set(error, "out of memory");
		return NULL;
	}
	int result = write_options(out, config, error);
	if (fclose(out) != 0 || result < 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* --- NAT on the way out: installed, watched, put back
 * ------------------------------------------------------------------------ */

static char *make_rules(const struct detour_config *config)
{
	char *text = NULL, subnet[NETWORK_TEXT];
	network_text(&config->vpn_subnet, subnet);
	if (asprintf(&text,
		    "add table ip " VPN_TABLE "\n"
		    "delete table ip " VPN_TABLE "\n"
		    "table ip " VPN_TABLE " {\n"
		    "	chain postrouting {\n"
		    "		type nat hook postrouting priority srcnat; policy accept;\n"
		    "		iifname \"%s\" ip saddr %s oifname != \"%s\" masquerade\n"
		    "	}\n"
		    "}\n",
		    config->device, subnet, config->device) < 0)
		return NULL;
	return text;
}

static int install_table(struct vpn *vpn, char **error)
{
	vpn->up = ruleset_watch_run(vpn->watch, vpn->nft, vpn->rules, error) == 0;
	return vpn->up ? 0 : -1;
}

static void repair_in(struct vpn *vpn, uint64_t pause_us)
{
	sd_event_source_set_time_relative(vpn->repair, pause_us);
	sd_event_source_set_enabled(vpn->repair, SD_EVENT_ONESHOT);
}

static int on_repair(sd_event_source *source, uint64_t when, void *context)
{
	struct vpn *vpn = context;
	char *error = NULL;
	(void)source, (void)when;
	if (install_table(vpn, &error) == 0) {
		vpn->repairs++;
		log_info("vpn-table", "action=\"put back\"");
	} else {
		log_error("vpn-table", "problem=\"%s\"", error);
		repair_in(vpn, REPAIR_PAUSE_US);
	}
	free(error);
	return 0;
}

/* Another that changes it again and again is answered ten times a second. */
static void on_changed(void *context)
{
	struct vpn *vpn = context;
	if (vpn->up)
		log_warning("vpn-table", "problem=\"somebody else changed it\" action=\"put it back\"");
	vpn->up = false;
	repair_in(vpn, vpn->repairs ? REPAIR_PAUSE_US : 0);
}

static int open_table(struct vpn *vpn, sd_event *loop, const struct detour_config *config, char **error)
{
	vpn->rules = make_rules(config);
	if (!vpn->rules)
		return error_set(error, "out of memory");
	vpn->watch = ruleset_watch_new(loop, VPN_TABLE, NULL, on_changed, vpn, error);
	if (!vpn->watch)
		return -1;
	int result = sd_event_add_time_relative(loop, &vpn->repair, CLOCK_MONOTONIC, 0, 0, on_repair, vpn);
	if (result >= 0)
		result = sd_event_source_set_enabled(vpn->repair, SD_EVENT_OFF);
	if (result < 0)
		return error_set(error, "event loop: %s", strerror(-result));
	return install_table(vpn, error);
}

static void close_table(struct vpn *vpn)
{
	char *error = NULL;
	if (vpn->up && nft_run(vpn->nft, "delete table ip " VPN_TABLE, &error) < 0)
		log_warning("vpn-table", "problem=\"%s\"", error);
	free(error);
	sd_event_source_disable_unref(vpn->repair);
	ruleset_watch_free(vpn->watch);
	free(vpn->rules);
}

struct vpn *detour_vpn_start(sd_event *loop, struct nft_ctx *nft, const struct detour_config *config,
	const struct openvpn_events *events, char **error)
{
	struct vpn *vpn = calloc(1, sizeof *vpn);
	if (!vpn) {
		error_set(error, "out of memory");
		return NULL;
	}
	vpn->nft = nft;
	char *options = make_options(config, error);
	if (!options || folders_make(config->directory, 0700, error) < 0 ||
		open_table(vpn, loop, config, error) < 0) {
		free(options);
		close_table(vpn);
		free(vpn);
		return NULL;
	}
	vpn->openvpn =
		openvpn_start(loop, "server", config->directory, options, config->device, events, error);
	free(options);
	if (!vpn->openvpn) {
		detour_vpn_stop(vpn);
		return NULL;
	}
	return vpn;
}

void detour_vpn_stop(struct vpn *vpn)
{
	if (!vpn)
		return;
	openvpn_stop(vpn->openvpn);
	close_table(vpn);
	free(vpn);
}

bool vpn_translates(const struct vpn *vpn)
{
	return vpn->up;
}

enum openvpn_state vpn_state(const struct vpn *vpn)
{
	return openvpn_state(vpn->openvpn);
}

unsigned vpn_restarts(const struct vpn *vpn)
{
	return openvpn_restarts(vpn->openvpn);
}
