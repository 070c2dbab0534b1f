/* Addresses by rtnetlink: a dump, and the groups that tell of changes. */
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "nodes/steer/follow/follow.h"
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct addresses {
	struct mnl_socket *socket;
	sd_event_source *source;
	void (*told)(void *context, const struct address *address, bool there);
	void *context;
};

/* IFA_LOCAL is the host's own where the link is from point to point. */
static int take_attribute(const struct nlattr *attribute, void *data)
{
	const struct nlattr **found = data;
	uint16_t type = mnl_attr_get_type(attribute);
	if (type == IFA_LOCAL || (type == IFA_ADDRESS && !*found))
		*found = attribute;
	return MNL_CB_OK;
}

static int take_message(const struct nlmsghdr *header, void *context)
{
	struct addresses *addresses = context;
	const struct nlattr *found = NULL;
	if ((header->nlmsg_type != RTM_NEWADDR && header->nlmsg_type != RTM_DELADDR) ||
		mnl_nlmsg_get_payload_len(header) < sizeof(struct ifaddrmsg))
		return MNL_CB_OK;
	const struct ifaddrmsg *message = mnl_nlmsg_get_payload(header);
	mnl_attr_parse(header, sizeof *message, take_attribute, &found);
	bool is_v4 = message->ifa_family == AF_INET;
	struct in_addr v4;
	struct in6_addr v6;
	size_t size = is_v4 ? sizeof v4 : sizeof v6;
	if (!found || mnl_attr_get_payload_len(found) != size || message->ifa_scope >= RT_SCOPE_LINK ||
		(!is_v4 && message->ifa_family != AF_INET6))
		return MNL_CB_OK;
	memcpy(is_v4 ? (void *)&v4 : &v6, mnl_attr_get_payload(found), size);
	struct address address = is_v4 ? address_of_v4(v4) : address_of_v6(&v6);
	addresses->told(addresses->context, &address, header->nlmsg_type == RTM_NEWADDR);
	return MNL_CB_OK;
}

static int on_message(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct addresses *addresses = context;
	char buffer[32768];
	(void)source, (void)fd, (void)events;
	ssize_t size = mnl_socket_recvfrom(addresses->socket, buffer, sizeof buffer);
	if (size > 0)
		mnl_cb_run(buffer, (size_t)size, 0, 0, take_message, addresses);
	else if (size < 0 && errno == ENOBUFS)
		log_warning("addresses-lost",
			"remedy=\"changes were not heard of; start liquidnet-follow anew\"");
	return 0;
}

static int dump(struct addresses *addresses)
{
	char buffer[32768];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct rtgenmsg *message = mnl_nlmsg_put_extra_header(header, sizeof *message);
	unsigned sequence = (unsigned)time(NULL);
	ssize_t size;
	int result = MNL_CB_OK;
	header->nlmsg_type = RTM_GETADDR;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header->nlmsg_seq = sequence;
	message->rtgen_family = AF_UNSPEC;
	if (mnl_socket_sendto(addresses->socket, header, header->nlmsg_len) < 0)
		return -1;
	/* What changes meanwhile comes between, with sequence number 0: it is taken, too. */
	while (result > MNL_CB_STOP &&
		(size = mnl_socket_recvfrom(addresses->socket, buffer, sizeof buffer)) > 0)
		result = mnl_cb_run(buffer, (size_t)size, 0, 0, take_message, addresses);
	return result < 0 || result > MNL_CB_STOP ? -1 : 0;
}

struct addresses *addresses_open(sd_event *loop,
	void (*told)(void *context, const struct address *address, bool there), void *context, char **error)
{
	struct addresses *addresses = calloc(1, sizeof *addresses);
	if (!addresses)
		abort();
	addresses->told = told;
	addresses->context = context;
	addresses->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (addresses->socket &&
		mnl_socket_bind(addresses->socket, RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
			MNL_SOCKET_AUTOPID) == 0 &&
		dump(addresses) == 0 &&
		sd_event_add_io(loop, &addresses->source, mnl_socket_get_fd(addresses->socket), EPOLLIN,
			on_message, addresses) >= 0)
		return addresses;
	error_set(error, "rtnetlink: %s", strerror(errno));
	addresses_close(addresses);
	return NULL;
}

void addresses_close(struct addresses *addresses)
{
	if (!addresses)
		return;
	sd_event_source_unref(addresses->source);
	if (addresses->socket)
		mnl_socket_close(addresses->socket);
	free(addresses);
}
