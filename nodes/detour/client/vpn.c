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
	struct guard *guard;
	struct in_addr local;
	int if_index;
	bool open; /* as OpenVPN says */
	bool up;   /* and routed */
	unsigned repairs;
};

/* The rules may be gone already; whatever is bound to the address still leaves through the tunnel alone (guard.h). */
static void unroute(struct vpn *vpn)
{
	char *error = NULL;

	if (routes_remove(vpn->settings->table, &error) < 0)
		log_warning("vpn-route", "detour=%s error=\"%s\"", vpn->settings->name, error);
	free(error);
}

static void set_up(struct vpn *vpn, bool up)
{
	char text[INET_ADDRSTRLEN];

	if (vpn->up == up)
		return;
	vpn->up = up;
	if (!up) {
		log_warning("vpn-down", "detour=%s", vpn->settings->name);
		vpn->handlers.down(vpn->handlers.context, vpn->detour);
		return;
	}
	inet_ntop(AF_INET, &vpn->local, text, sizeof text);
	log_info("vpn-up", "detour=%s device=%s address=%s table=%u", vpn->settings->name,
		vpn->settings->device, text, vpn->settings->table);
	vpn->handlers.up(vpn->handlers.context, vpn->detour, vpn->local, vpn->if_index);
}

/* Puts rule and route in place; while they are not, the tunnel is not up. */
static void route(struct vpn *vpn)
{
	char *error = NULL;

	if (guard_set(vpn->guard, vpn->local, vpn->settings->device, &error) < 0 ||
		routes_install(vpn->local, vpn->if_index, vpn->settings->table, &error) < 0) {
		log_error("vpn-route", "detour=%s error=\"%s\"", vpn->settings->name, error);
		free(error);
		set_up(vpn, false);
		return;
	}
	set_up(vpn, true);
}

void client_vpn_check(struct vpn *vpn)
{
	if (!vpn || !vpn->open || routes_are_there(vpn->local, vpn->if_index, vpn->settings->table))
		return;
	if (vpn->up)
		log_warning("vpn-route",
			"detour=%s problem=\"rule or route of table %u is gone, or %s is down\" action=\"put back\"",
			vpn->settings->name, vpn->settings->table, vpn->settings->device);
	route(vpn);
	vpn->repairs += vpn->up;
}

static void on_changed(void *context, enum openvpn_state state, struct in_addr local, const char *device)
{
	struct vpn *vpn = context;

	if (state == OPENVPN_UP) {
		vpn->if_index = (int)if_nametoindex(device);
		vpn->local = local;
		vpn->open = vpn->if_index && local.s_addr;
		if (vpn->open)
			route(vpn);
		else
			log_error("vpn-up", "detour=%s device=%s error=\"no such device or no address\"",
				vpn->settings->name, device);
	} else if (vpn->open) {
		vpn->open = false;
		unroute(vpn);
		set_up(vpn, false);
	}
}

/* route-nopull: which traffic goes through the tunnel is decided here, not by the server. persist-tun is left
 * out on purpose: a tunnel that is down takes its address, and with it its subflows, away. */
static char *options(const struct settings_detour *detour, char **error)
{
	char fingerprint[96], address[ADDRESS_TEXT], fix[48] = "", *text;

	/* Both directions: OpenVPN writes it into the SYNs that pass. */
	if (detour->mtu)
		snprintf(fix, sizeof fix, "mssfix %u mtu\n", detour->mtu);

	if (openvpn_fingerprint(detour->peer, fingerprint, error) < 0)
		return NULL;
	address_text(&detour->at.address, address);
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
		    "%s"
		    "%s",
		    address, detour->at.port, detour->certificate, detour->key, fingerprint,
		    openvpn_options(detour->encryption), fix) >= 0)
		return text;
	error_set(error, "out of memory");
	return NULL;
}

struct vpn *client_vpn_start(sd_event *loop, const struct settings *settings, unsigned detour,
	struct guard *guard, const struct vpn_handlers *handlers, char **error)
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
	vpn->guard = guard;
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
