/* Options of each tunnel, and its state. Between the ends there is no keepalive and no renegotiation by the
 * clock: both would wake a radio, the carrier's even when it has not advertised. What a keepalive would find
 * out the traffic does: renewing is the caller's decision. */
#include "nodes/kibbutz/device/tunnels.h"
#include "lib/base/error.h"
#include "lib/base/folders.h"
#include "lib/base/log.h"
#include "lib/net/openvpn.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tunnel {
	struct tunnels *all;
	int which;
	struct openvpn *vpn; /* NULL: not wanted yet */
};

struct tunnels {
	const struct settings *settings;
	sd_event *loop;
	struct in_addr cellular;
	tunnels_changed *changed;
	void *context;
	char fingerprint[96];
	int64_t up, down; /* bytes at the last look */
	unsigned unanswered;
	struct tunnel list[1 + SETTINGS_NEIGHBOURS]; /* the own one first */
};

static const struct settings_tunnel *settings_of(const struct settings *s, int which)
{
	return which == KIBBUTZ_OWN ? &s->tunnel : &s->neighbours[which].tunnel;
}

static void on_change(void *context, enum openvpn_state state, struct in_addr local, const char *interface)
{
	struct tunnel *tunnel = context;
	(void)local;

	if (!tunnel->vpn) /* it is being started */
		return;
	if (state == OPENVPN_UP)
		openvpn_silence(interface);
	tunnel->all->changed(tunnel->all->context, tunnel->which);
}

/* allow-recursive-routing: what the tunnel carries, another tunnel's packets or a connection to a server
 * beside the provider, goes to the address to which the tunnel's own packets go. */
static char *options_of(const struct tunnels *t, int which)
{
	const struct settings *s = t->settings;
	const struct settings_tunnel *tunnel = settings_of(s, which);
	struct in_addr from = which == KIBBUTZ_OWN ? t->cellular : s->neighbours[which].source;
	char provider[INET_ADDRSTRLEN], here[INET_ADDRSTRLEN], local[INET_ADDRSTRLEN],
		remote[INET_ADDRSTRLEN], mark[32] = "", *text;

	inet_ntop(AF_INET, &s->provider, provider, sizeof provider);
	inet_ntop(AF_INET, &from, here, sizeof here);
	inet_ntop(AF_INET, &tunnel->local, local, sizeof local);
	inet_ntop(AF_INET, &tunnel->remote, remote, sizeof remote);
	if (which == KIBBUTZ_OWN)
		snprintf(mark, sizeof mark, "mark %d\n", TUNNELS_MARK);
	if (asprintf(&text,
		    "proto udp4\nremote %s %u\nlocal %s\nlport 0\n"
		    "tls-client\nconnect-retry 1 8\npersist-tun\nallow-recursive-routing\n"
		    "ifconfig %s %s\ntun-mtu %d\n"
		    "cert \"%s\"\nkey \"%s\"\npeer-fingerprint %s\n%s%s",
		    provider, tunnel->port, here, local, remote,
		    which == KIBBUTZ_OWN ? OPENVPN_OUTER_MTU : OPENVPN_INNER_MTU, s->certificate, s->key,
		    t->fingerprint, openvpn_options_silent, mark) < 0)
		abort();
	return text;
}

struct tunnels *tunnels_new(sd_event *loop, const struct settings *settings, struct in_addr cellular,
	tunnels_changed *changed, void *context, char **error)
{
	struct tunnels *t = calloc(1, sizeof *t);

	if (!t)
		abort();
	*t = (struct tunnels){.settings = settings,
		.loop = loop,
		.cellular = cellular,
		.changed = changed,
		.context = context};
	for (unsigned i = 0; i <= settings->count; i++)
		t->list[i] = (struct tunnel){.all = t, .which = (int)i - 1};
	if (!settings->tunnel.port)
		return t;
	if (openvpn_fingerprint(settings->provider_certificate, t->fingerprint, error) == 0 &&
		folders_make(settings->directory, 0700, error) == 0)
		return t;
	free(t);
	return NULL;
}

void tunnels_stop(struct tunnels *t)
{
	if (!t)
		return;
	/* Inner ones first: what they say at the end goes through the outer one, or nowhere. */
	for (unsigned i = t->settings->count + 1; i-- > 0;)
		openvpn_stop(t->list[i].vpn);
	free(t);
}

void tunnels_want(struct tunnels *t, int which)
{
	struct tunnel *tunnel = &t->list[which + 1];
	char name[16], *options, *error = NULL;

	if (!t->settings->tunnel.port || tunnel->vpn)
		return;
	snprintf(name, sizeof name, which == KIBBUTZ_OWN ? "own" : "through%d", which);
	options = options_of(t, which);
	struct openvpn_events events = {.changed = on_change, .context = tunnel};
	tunnel->vpn = openvpn_start(t->loop, name, t->settings->directory, options,
		settings_of(t->settings, which)->interface, &events, &error);
	if (!tunnel->vpn)
		log_error("tunnel", "name=%s error=\"%s\"", name, error);
	free(options);
	free(error);
}

bool tunnels_up(const struct tunnels *t, int which)
{
	const struct tunnel *tunnel = &t->list[which + 1];

	return !t->settings->tunnel.port || (tunnel->vpn && openvpn_state(tunnel->vpn) == OPENVPN_UP);
}

void tunnels_renew(struct tunnels *t, int which)
{
	struct tunnel *tunnel = &t->list[which + 1];

	if (!tunnel->vpn || openvpn_state(tunnel->vpn) != OPENVPN_UP)
		return;
	log_info("tunnel-renew", "device=%s", settings_of(t->settings, which)->interface);
	openvpn_renew(tunnel->vpn);
}

void tunnels_look(struct tunnels *t, int64_t up, int64_t down)
{
	t->unanswered = up > t->up && down == t->down ? t->unanswered + 1 : 0;
	t->up = up;
	t->down = down;
	if (t->unanswered < 2) /* once may be what has only just been sent */
		return;
	t->unanswered = 0;
	tunnels_renew(t, KIBBUTZ_OWN);
}

json_t *tunnels_report(const struct tunnels *t)
{
	static const char *const states[] = {"down", "starting", "up"};
	json_t *report = json_object();

	for (int which = KIBBUTZ_OWN; t->settings->tunnel.port && which < (int)t->settings->count; which++) {
		const struct openvpn *vpn = t->list[which + 1].vpn;
		json_object_set_new(report,
			which == KIBBUTZ_OWN ? "own" : t->settings->neighbours[which].name,
			json_string(vpn ? states[openvpn_state(vpn)] : "off"));
	}
	return report;
}
