/* The nftables table and its log. Reports are one netlink message a packet: at the rates of a cellular link
 * (hundreds a second) that is nothing, and the policy wants the first packet of a period at once. */
#include "nodes/kibbutz/device/forward.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/net/nft.h"
#include "nodes/kibbutz/device/tunnels.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <netinet/ip.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define TABLE "ip liquidnet-kibbutz"
#define GROUP 75

struct forward {
	const struct settings *settings;
	struct forward_handlers handlers;
	struct nft_ctx *nft;
	struct mnl_socket *socket;
	sd_event_source *source;
	uint64_t missed;
	bool installed;
};

/* Own packets on the cellular link; those of the own tunnel are neighbours'. */
static void write_output(FILE *out, const struct settings *s)
{
	fputs("	chain output {\n		type filter hook output priority filter; policy accept;\n",
		out);
	if (s->tunnel.port)
		fprintf(out, "		oifname \"%s\" meta mark %d meta priority set 0:2 accept\n",
			s->cellular, TUNNELS_MARK);
	fprintf(out,
		"		oifname \"%s\" log prefix \"own\" group %d snaplen 20 queue-threshold 1\n"
		"		oifname \"%s\" ip saddr @sources log prefix \"use\" group %d snaplen 20 queue-threshold 1\n"
		"	}\n",
		s->cellular, GROUP, s->local, GROUP);
}

/* Nothing passes between the local link and `out` but what is allowed. With tunnels only what is for the
 * provider: the rest it would drop, and nobody would pay for it. */
static void write_forward(FILE *out, const struct settings *s)
{
	char provider[INET_ADDRSTRLEN], only[64] = "";
	const char *way = s->tunnel.port ? s->tunnel.interface : s->cellular;

	inet_ntop(AF_INET, &s->provider, provider, sizeof provider);
	if (s->tunnel.port)
		snprintf(only, sizeof only, " ip daddr %s meta l4proto udp", provider);
	fprintf(out,
		"	chain forward {\n"
		"		type filter hook forward priority filter; policy accept;\n"
		"		iifname \"%s\" oifname \"%s\" ip saddr @admitted%s ip saddr @guests meta priority set 0:2 log prefix \"fwd\" group %d snaplen 20 queue-threshold 1 accept\n"
		"		iifname \"%s\" oifname \"%s\" ip daddr @admitted ip daddr @answered accept\n"
		"		iifname \"%s\" oifname \"%s\" counter name refused drop\n"
		"		iifname \"%s\" oifname \"%s\" drop\n",
		s->local, way, only, GROUP, way, s->local, s->local, way, way, s->local);
	if (s->tunnel.port)
		fprintf(out,
			"		iifname \"%s\" oifname \"%s\" counter name refused drop\n"
			"		iifname \"%s\" oifname \"%s\" drop\n",
			s->local, s->cellular, s->cellular, s->local);
	fprintf(out,
		"	}\n"
		"	chain postrouting {\n"
		"		type nat hook postrouting priority srcnat; policy accept;\n"
		"		iifname \"%s\" oifname \"%s\" ip saddr @guests masquerade\n"
		"	}\n",
		s->local, way);
}

/* Requests and replies pass equally long, a second of grace included (device.c). Priority 2 is TC_PRIO_BULK:
 * behind everything else where the interface's queue has bands (pfifo_fast, prio). Established flows that are
 * no longer admitted are dropped, too: that is what the end of an advertisement means. */
static void write_rules(FILE *out, const struct settings *s)
{
	fprintf(out, "add table " TABLE "\ndelete table " TABLE "\ntable " TABLE " {\n"
		     "	counter refused { }\n"
		     "	set admitted { type ipv4_addr; flags timeout; }\n"
		     "	set guests { type ipv4_addr; counter; }\n"
		     "	set answered { type ipv4_addr; counter; }\n"
		     "	set sources { type ipv4_addr; }\n");
	write_output(out, s);
	write_forward(out, s);
	fputs("}\n", out);
	for (unsigned i = 0; i < s->count; i++) {
		char guest[INET_ADDRSTRLEN], source[INET_ADDRSTRLEN];
		inet_ntop(AF_INET, &s->neighbours[i].guest, guest, sizeof guest);
		inet_ntop(AF_INET, &s->neighbours[i].source, source, sizeof source);
		fprintf(out,
			"add element " TABLE " guests { %s }\nadd element " TABLE " answered { %s }\n"
			"add element " TABLE " sources { %s }\n",
			guest, guest, source);
	}
}

static int install(struct forward *f, char **error)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int result;

	if (!out)
		return error_set(error, "out of memory");
	write_rules(out, f->settings);
	result = fclose(out) == 0 ? nft_run(f->nft, text, error) : error_set(error, "out of memory");
	free(text);
	f->installed = result == 0;
	return result;
}

/* ---- the log ---- */

static int take_attribute(const struct nlattr *attribute, void *context)
{
	const struct nlattr **table = context;

	if (mnl_attr_get_type(attribute) <= NFULA_MAX)
		table[mnl_attr_get_type(attribute)] = attribute;
	return MNL_CB_OK;
}

/* The neighbour whose address is at `offset` of its settings. */
static int find(const struct settings *s, uint32_t address, bool guest)
{
	for (unsigned i = 0; i < s->count; i++)
		if ((guest ? s->neighbours[i].guest : s->neighbours[i].source).s_addr == address)
			return (int)i;
	return -1;
}

static int take_report(const struct nlmsghdr *message, void *context)
{
	struct forward *f = context;
	const struct nlattr *table[NFULA_MAX + 1] = {0};
	struct iphdr ip;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(struct nfgenmsg))
		return MNL_CB_OK;
	mnl_attr_parse(message, sizeof(struct nfgenmsg), take_attribute, table);
	if (!table[NFULA_PREFIX] || !table[NFULA_PAYLOAD] ||
		mnl_attr_get_payload_len(table[NFULA_PAYLOAD]) < sizeof ip)
		return MNL_CB_OK;
	memcpy(&ip, mnl_attr_get_payload(table[NFULA_PAYLOAD]), sizeof ip);
	const char *prefix = mnl_attr_get_str(table[NFULA_PREFIX]);
	bool guest = !strcmp(prefix, "fwd");
	if (!strcmp(prefix, "own")) {
		f->handlers.own(f->handlers.context);
		return MNL_CB_OK;
	}
	int neighbour = find(f->settings, ip.saddr, guest);
	if (neighbour >= 0)
		(guest ? f->handlers.forwarded : f->handlers.used)(f->handlers.context, (unsigned)neighbour);
	return MNL_CB_OK;
}

static int on_reports(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct forward *f = context;
	_Alignas(struct nlmsghdr) uint8_t bytes[16384];
	(void)source;
	(void)events;

	for (int i = 0; i < 64; i++) {
		ssize_t size = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
		if (size < 0 && errno == ENOBUFS) {
			f->missed++;
			continue;
		}
		if (size <= 0)
			break;
		mnl_cb_run(bytes, (size_t)size, 0, 0, take_report, f);
	}
	return 0;
}

static int bind_group(struct forward *f, char **error)
{
	_Alignas(struct nlmsghdr) uint8_t bytes[512];
	struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
	struct nfulnl_msg_config_cmd bind = {.command = NFULNL_CFG_CMD_BIND};
	struct nfulnl_msg_config_mode mode = {
		.copy_range = htonl(sizeof(struct iphdr)), .copy_mode = NFULNL_COPY_PACKET};

	message->nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	struct nfgenmsg *header = mnl_nlmsg_put_extra_header(message, sizeof *header);
	*header = (struct nfgenmsg){.nfgen_family = AF_UNSPEC, .res_id = htons(GROUP)};
	mnl_attr_put(message, NFULA_CFG_CMD, sizeof bind, &bind);
	mnl_attr_put(message, NFULA_CFG_MODE, sizeof mode, &mode);
	if (mnl_socket_sendto(f->socket, message, message->nlmsg_len) < 0)
		return error_set(error, "nflog: %s", strerror(errno));
	ssize_t size = mnl_socket_recvfrom(f->socket, bytes, sizeof bytes);
	if (size < 0 || mnl_cb_run(bytes, (size_t)size, 0, mnl_socket_get_portid(f->socket), NULL, NULL) < 0)
		return error_set(error, "nflog: group %d: %s%s", GROUP, strerror(errno),
			errno == EBUSY ? "; another liquidnet-kibbutz serves this network namespace" : "");
	return 0;
}

static int listen_to_log(struct forward *f, sd_event *loop, char **error)
{
	f->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!f->socket || mnl_socket_bind(f->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return error_set(error, "nflog: %s", strerror(errno));
	if (bind_group(f, error) < 0)
		return -1;
	int result = sd_event_add_io(loop, &f->source, mnl_socket_get_fd(f->socket), EPOLLIN, on_reports, f);
	return result < 0 ? error_set(error, "event loop: %s", strerror(-result)) : 0;
}

struct forward *forward_start(sd_event *loop, const struct settings *settings,
	const struct forward_handlers *handlers, char **error)
{
	struct forward *f = calloc(1, sizeof *f);

	if (!f)
		abort();
	f->settings = settings;
	f->handlers = *handlers;
	f->nft = nft_open(error);
	/* The log first: it tells whether another daemon is here, whose table must stay. */
	if (f->nft && listen_to_log(f, loop, error) == 0 && install(f, error) == 0)
		return f;
	forward_stop(f);
	return NULL;
}

void forward_stop(struct forward *f)
{
	char *error = NULL;

	if (!f)
		return;
	if (f->installed && nft_run(f->nft, "delete table " TABLE, &error) < 0)
		log_warning("table-not-removed", "error=\"%s\"", error);
	free(error);
	sd_event_source_disable_unref(f->source);
	if (f->socket)
		mnl_socket_close(f->socket);
	nft_close(f->nft);
	free(f);
}

int forward_admit(struct forward *f, unsigned neighbour, int64_t ttl_ns, char **error)
{
	char command[256], guest[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &f->settings->neighbours[neighbour].guest, guest, sizeof guest);
	/* Added, deleted, added: an element's time cannot be changed, and `delete` wants it to be there. */
	int used = snprintf(command, sizeof command,
		"add element " TABLE " admitted { %s }\ndelete element " TABLE " admitted { %s }\n", guest,
		guest);
	if (ttl_ns > 0)
		snprintf(command + used, sizeof command - (size_t)used,
			"add element " TABLE " admitted { %s timeout %lldms }\n", guest,
			(long long)(ttl_ns / 1000000));
	return nft_run(f->nft, command, error);
}

/* ---- accounts ---- */

static json_int_t counted(json_t *list, const char *set, const char *address)
{
	size_t i, k;
	json_t *item, *element;

	json_array_foreach(list, i, item) {
		json_t *found = json_object_get(item, "set");
		if (!found || strcmp(json_string_value(json_object_get(found, "name")), set) != 0)
			continue;
		json_array_foreach(json_object_get(found, "elem"), k, element) {
			json_t *elem = json_object_get(element, "elem");
			const char *value = json_string_value(json_object_get(elem, "val"));
			if (value && !strcmp(value, address))
				return json_integer_value(
					json_object_get(json_object_get(elem, "counter"), "bytes"));
		}
	}
	return 0;
}

static json_int_t refused_packets(json_t *list)
{
	size_t i;
	json_t *item;

	json_array_foreach(list, i, item) {
		json_t *counter = json_object_get(item, "counter");
		if (counter)
			return json_integer_value(json_object_get(counter, "packets"));
	}
	return 0;
}

json_t *forward_accounts(struct forward *f, char **error)
{
	const char *text;

	if (nft_list(f->nft, "list table " TABLE, &text, error) < 0)
		return NULL;
	json_t *root = json_loads(text, 0, NULL), *list = json_object_get(root, "nftables"),
	       *out = json_object();
	for (unsigned i = 0; i < f->settings->count; i++) {
		const struct settings_neighbour *n = &f->settings->neighbours[i];
		char guest[INET_ADDRSTRLEN];
		inet_ntop(AF_INET, &n->guest, guest, sizeof guest);
		json_object_set_new(out, n->name,
			json_pack("{sI sI}", "given_up", counted(list, "guests", guest), "given_down",
				counted(list, "answered", guest)));
	}
	json_t *whole = json_pack("{so sI}", "neighbours", out, "refused", refused_packets(list));
	json_decref(root);
	return whole;
}

int forward_bytes(struct forward *f, int64_t *up, int64_t *down, char **error)
{
	json_t *accounts = forward_accounts(f, error), *one;
	const char *name;

	if (!accounts)
		return -1;
	*up = *down = 0;
	json_object_foreach(json_object_get(accounts, "neighbours"), name, one) {
		*up += json_integer_value(json_object_get(one, "given_up"));
		*down += json_integer_value(json_object_get(one, "given_down"));
	}
	json_decref(accounts);
	return 0;
}

uint64_t forward_missed(const struct forward *f)
{
	return f->missed;
}
