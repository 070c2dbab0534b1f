/* The VPN detour: OpenVPN's options, and the NAT on the way out that OpenVPN does not provide. */
#include "nodes/detour/daemon/vpn.h"
#include "lib/base/error.h"
#include "lib/base/folders.h"
#include "lib/base/log.h"
#include "lib/net/nft.h"
#include "nodes/detour/daemon/config.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vpn {
	struct nft_ctx *nft;
	struct openvpn *openvpn;
	bool table;
};

static void address_text(uint32_t host_order, char out[INET_ADDRSTRLEN])
{
	struct in_addr address = {htonl(host_order)};
	inet_ntop(AF_INET, &address, out, INET_ADDRSTRLEN);
}

/* Two clients may have certificates with one common name: who a client is, its fingerprint says. */
static int write_options(FILE *out, const struct detour_config *config, char **error)
{
	char subnet[INET_ADDRSTRLEN], mask[INET_ADDRSTRLEN], local[INET_ADDRSTRLEN];
	address_text(config->vpn_subnet.address, subnet);
	address_text(config->vpn_subnet.mask, mask);
	inet_ntop(AF_INET, &config->address, local, sizeof local);
	fprintf(out, "proto udp4\nport %u\nserver %s %s\ntopology subnet\n", config->vpn_port, subnet, mask);
	if (config->address.s_addr == htonl(INADDR_ANY))
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

static int install_table(struct nft_ctx *nft, const struct detour_config *config, char **error)
{
	char commands[1024], subnet[INET_ADDRSTRLEN];
	address_text(config->vpn_subnet.address, subnet);
	snprintf(commands, sizeof commands,
		"add table ip " VPN_TABLE "\n"
		"delete table ip " VPN_TABLE "\n"
		"table ip " VPN_TABLE " {\n"
		"	chain postrouting {\n"
		"		type nat hook postrouting priority srcnat; policy accept;\n"
		"		iifname \"%s\" ip saddr %s/%d oifname != \"%s\" masquerade\n"
		"	}\n"
		"}\n",
		config->device, subnet, __builtin_popcount(config->vpn_subnet.mask), config->device);
	return nft_run(nft, commands, error);
}

struct vpn *detour_vpn_start(sd_event *loop, struct nft_ctx *nft, const struct detour_config *config,
	const struct openvpn_events *events, char **error)
{
	struct vpn *vpn = calloc(1, sizeof *vpn);
	if (!vpn) {
		error_set(error, "out of memory");
		return NULL;
	}
	char *options = make_options(config, error);
	if (!options || folders_make(config->directory, 0700, error) < 0 ||
		install_table(nft, config, error) < 0) {
		free(options);
		free(vpn);
		return NULL;
	}
	vpn->nft = nft;
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
	char *error = NULL;
	if (nft_run(vpn->nft, "delete table ip " VPN_TABLE, &error) < 0)
		log_warning("vpn-table", "problem=\"%s\"", error);
	free(error);
	free(vpn);
}

enum openvpn_state vpn_state(const struct vpn *vpn)
{
	return openvpn_state(vpn->openvpn);
}

unsigned vpn_restarts(const struct vpn *vpn)
{
	return openvpn_restarts(vpn->openvpn);
}
