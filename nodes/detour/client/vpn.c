/* One VPN detour: OpenVPN's options, and its states turned into routes. */
#include "nodes/detour/client/vpn.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/net/openvpn.h"
#include "nodes/detour/client/routes.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>

struct vpn {
	const struct settings_detour *settings;
	unsigned detour;
	struct vpn_handlers handlers;
	struct openvpn *openvpn;
	struct in_addr local;
	bool up;
};

static void unroute(struct vpn *vpn)
{
	char *error = NULL;

	vpn->up = false;
	if (routes_remove(vpn->settings->table, &error) < 0)
		log_warning("vpn-route", "detour=%s error=\"%s\"", vpn->settings->name, error);
	free(error);
}

static void route(struct vpn *vpn, struct in_addr local, const char *device)
{
	int if_index = (int)if_nametoindex(device);
	char text[INET_ADDRSTRLEN], *error = NULL;

	inet_ntop(AF_INET, &local, text, sizeof text);
	if (!if_index || !local.s_addr) {
		log_error("vpn-up", "detour=%s device=%s address=%s error=\"no such device or no address\"",
			vpn->settings->name, device, text);
		return;
	}
	if (routes_install(local, if_index, vpn->settings->table, &error) < 0) {
		log_error("vpn-route", "detour=%s error=\"%s\"", vpn->settings->name, error);
		free(error);
		return;
	}
	vpn->local = local;
	vpn->up = true;
	log_info("vpn-up", "detour=%s device=%s address=%s table=%u", vpn->settings->name, device, text,
		vpn->settings->table);
	vpn->handlers.up(vpn->handlers.context, vpn->detour, local, if_index);
}

static void on_changed(void *context, enum openvpn_state state, struct in_addr local, const char *device)
{
	struct vpn *vpn = context;

	if (state == OPENVPN_UP) {
		route(vpn, local, device);
	} else if (vpn->up) {
		unroute(vpn);
		log_warning("vpn-down", "detour=%s", vpn->settings->name);
		vpn->handlers.down(vpn->handlers.context, vpn->detour);
	}
}

/* route-nopull: which traffic goes through the tunnel is decided here, not by the server. persist-tun is left
 * out on purpose: a tunnel that is down takes its address, and with it its subflows, away. */
static char *options(const struct settings_detour *detour, char **error)
{
	char fingerprint[96], address[INET_ADDRSTRLEN], *text;

	if (openvpn_fingerprint(detour->peer, fingerprint, error) < 0)
		return NULL;
	inet_ntop(AF_INET, &detour->at.address, address, sizeof address);
	if (asprintf(&text,
		    "client\n"
		    "proto udp\n"
		    "remote %s %u\n"
		    "nobind\n"
		    "route-nopull\n"
		    "resolv-retry infinite\n"
		    "connect-retry 1 4\n"
		    "cert \"%s\"\n"
		    "key \"%s\"\n"
		    "peer-fingerprint %s\n"
		    "%s",
		    address, detour->at.port, detour->certificate, detour->key, fingerprint,
		    openvpn_options(detour->encryption)) >= 0)
		return text;
	error_set(error, "out of memory");
	return NULL;
}

struct vpn *client_vpn_start(sd_event *loop, const struct settings *settings, unsigned detour,
	const struct vpn_handlers *handlers, char **error)
{
	const struct settings_detour *own = &settings->detours[detour];
	struct vpn *vpn = calloc(1, sizeof *vpn);
	char *text = vpn ? options(own, error) : NULL;

	if (!text) {
		free(vpn);
		error_prefix(error, "detour %s", own->name);
		return NULL;
	}
	vpn->settings = own;
	vpn->detour = detour;
	vpn->handlers = *handlers;
	struct openvpn_events events = {.changed = on_changed, .context = vpn};
	vpn->openvpn = openvpn_start(loop, own->name, settings->directory, text, own->device, &events, error);
	free(text);
	if (vpn->openvpn)
		return vpn;
	free(vpn);
	error_prefix(error, "detour %s", own->name);
	return NULL;
}

void client_vpn_stop(struct vpn *vpn)
{
	if (!vpn)
		return;
	openvpn_stop(vpn->openvpn);
	unroute(vpn);
	free(vpn);
}

bool vpn_is_up(const struct vpn *vpn, struct in_addr *local, unsigned *restarts)
{
	*local = vpn->local;
	*restarts = openvpn_restarts(vpn->openvpn);
	return vpn->up;
}
