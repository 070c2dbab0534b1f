/* Live flows by a dump of ctnetlink through libnetfilter_conntrack. */
#include "nodes/detour/daemon/conntrack.h"
#include "lib/base/error.h"
#include <arpa/inet.h>
#include <errno.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack_tcp.h>
#include <stdlib.h>
#include <string.h>

struct conntrack {
	struct nfct_handle *handle;
	struct nfct_filter_dump *filter;
	void (*flow)(void *context, struct in_addr client, uint16_t detour_port, struct in_addr remote,
		uint16_t remote_port);
	void *context;
};

/* From the first SYN to the last acknowledgement: what comes after carries nothing for the remote. */
static bool is_live(const struct nf_conntrack *entry)
{
	switch (nfct_get_attr_u8(entry, ATTR_TCP_STATE)) {
	case TCP_CONNTRACK_SYN_SENT:
	case TCP_CONNTRACK_SYN_RECV:
	case TCP_CONNTRACK_ESTABLISHED:
	case TCP_CONNTRACK_FIN_WAIT:
	case TCP_CONNTRACK_CLOSE_WAIT:
	case TCP_CONNTRACK_LAST_ACK:
		return true;
	default:
		return false;
	}
}

static int on_entry(enum nf_conntrack_msg_type type, struct nf_conntrack *entry, void *context)
{
	struct conntrack *conntrack = context;
	(void)type;
	if (nfct_get_attr_u8(entry, ATTR_ORIG_L4PROTO) == IPPROTO_TCP &&
		nfct_get_attr_u32(entry, ATTR_STATUS) & IPS_DST_NAT && is_live(entry))
		conntrack->flow(conntrack->context,
			(struct in_addr){nfct_get_attr_u32(entry, ATTR_ORIG_IPV4_SRC)},
			ntohs(nfct_get_attr_u16(entry, ATTR_ORIG_PORT_DST)),
			(struct in_addr){nfct_get_attr_u32(entry, ATTR_REPL_IPV4_SRC)},
			ntohs(nfct_get_attr_u16(entry, ATTR_REPL_PORT_SRC)));
	return NFCT_CB_CONTINUE;
}

struct conntrack *conntrack_open(char **error)
{
	struct conntrack *conntrack = calloc(1, sizeof *conntrack);
	if (!conntrack) {
		error_set(error, "conntrack: out of memory");
		return NULL;
	}
	conntrack->handle = nfct_open(CONNTRACK, 0);
	conntrack->filter = nfct_filter_dump_create();
	if (!conntrack->handle || !conntrack->filter) {
		error_set(error, "conntrack: cannot open it: %s; the kernel needs CONFIG_NF_CT_NETLINK",
			strerror(errno));
		conntrack_close(conntrack);
		return NULL;
	}
	nfct_filter_dump_set_attr_u8(conntrack->filter, NFCT_FILTER_DUMP_L3NUM, AF_INET);
	nfct_callback_register(conntrack->handle, NFCT_T_ALL, on_entry, conntrack);
	return conntrack;
}

void conntrack_close(struct conntrack *conntrack)
{
	if (!conntrack)
		return;
	if (conntrack->filter)
		nfct_filter_dump_destroy(conntrack->filter);
	if (conntrack->handle)
		nfct_close(conntrack->handle);
	free(conntrack);
}

int conntrack_read(struct conntrack *conntrack,
	void (*flow)(void *context, struct in_addr client, uint16_t detour_port, struct in_addr remote,
		uint16_t remote_port),
	void *context, char **error)
{
	conntrack->flow = flow;
	conntrack->context = context;
	if (nfct_query(conntrack->handle, NFCT_Q_DUMP_FILTER, conntrack->filter) < 0)
		return error_set(error, "conntrack: cannot read the flows: %s", strerror(errno));
	return 0;
}
