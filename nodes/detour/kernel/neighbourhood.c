/* Own addresses and attached networks, by a dump of rtnetlink after each of its events. */
#include "nodes/detour/kernel/neighbourhood.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#define BYTES 32768

struct neighbourhood {
	struct mnl_socket *events, *questions;
	sd_event_source *source;
	void (*changed)(void *context);
	void *context;
	struct address *own;
	struct network *attached;
	size_t own_count, attached_count;
	unsigned sequence;
};

struct found {
	struct address address, local;
	bool has_local;
};

static int take_attribute(const struct nlattr *attribute, void *context)
{
	struct found *found = context;
	unsigned type = mnl_attr_get_type(attribute);
	size_t size = mnl_attr_get_payload_len(attribute);
	if (type != IFA_ADDRESS && type != IFA_LOCAL)
		return MNL_CB_OK;
	struct address *to = type == IFA_LOCAL ? &found->local : &found->address;
	if (size == 4)
		*to = address_of_v4(*(const struct in_addr *)mnl_attr_get_payload(attribute));
	else if (size == 16)
		*to = address_of_v6(mnl_attr_get_payload(attribute));
	found->has_local |= type == IFA_LOCAL;
	return MNL_CB_OK;
}

static struct network network_of(struct address address, unsigned bits)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned kept = bits > 8 * i ? bits - 8 * i : 0;
		address.bytes[i] =
			kept >= 8 ? address.bytes[i] : (uint8_t)(address.bytes[i] & (0xff00 >> kept));
	}
	return (struct network){address, (uint8_t)bits};
}

/* Of a point-to-point link (IFA_LOCAL differs from IFA_ADDRESS) the network is the other end. */
static int take_address(const struct nlmsghdr *message, void *context)
{
	struct neighbourhood *n = context;
	const struct ifaddrmsg *head = mnl_nlmsg_get_payload(message);
	struct found found = {0};
	if (message->nlmsg_type != RTM_NEWADDR)
		return MNL_CB_OK;
	mnl_attr_parse(message, sizeof *head, take_attribute, &found);
	struct address *own = realloc(n->own, (n->own_count + 1) * sizeof *own);
	struct network *attached = realloc(n->attached, (n->attached_count + 1) * sizeof *attached);
	if (own)
		n->own = own;
	if (attached)
		n->attached = attached;
	if (!own || !attached)
		return MNL_CB_ERROR;
	own[n->own_count++] = found.has_local ? found.local : found.address;
	unsigned bits = head->ifa_prefixlen + (head->ifa_family == AF_INET ? 96u : 0);
	if (bits > 0 && bits <= 128)
		attached[n->attached_count++] = network_of(found.address, bits);
	return MNL_CB_OK;
}

static int read_all(struct neighbourhood *n, char **error)
{
	_Alignas(struct nlmsghdr) uint8_t bytes[BYTES];
	struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
	message->nlmsg_type = RTM_GETADDR;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message->nlmsg_seq = ++n->sequence;
	struct ifaddrmsg *head = mnl_nlmsg_put_extra_header(message, sizeof *head);
	head->ifa_family = AF_UNSPEC;
	n->own_count = n->attached_count = 0;
	int more = MNL_CB_OK;
	if (mnl_socket_sendto(n->questions, message, message->nlmsg_len) < 0)
		more = MNL_CB_ERROR;
	while (more > MNL_CB_STOP) {
		ssize_t size = mnl_socket_recvfrom(n->questions, bytes, sizeof bytes);
		more = size < 0 ? MNL_CB_ERROR
				: mnl_cb_run(bytes, (size_t)size, n->sequence,
					  mnl_socket_get_portid(n->questions), take_address, n);
	}
	if (more == MNL_CB_ERROR)
		return error_set(error, "listing this host's addresses: %s", strerror(errno));
	qsort(n->own, n->own_count, sizeof *n->own, reach_order);
	return 0;
}

static int on_event(sd_event_source *source, int fd, uint32_t revents, void *context)
{
	struct neighbourhood *n = context;
	uint8_t bytes[BYTES];
	char *error = NULL;
	(void)source, (void)revents;
	/* What they say is not looked at: however many there are, or were lost, one dump tells all. */
	while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0 || errno == ENOBUFS)
		;
	if (read_all(n, &error) < 0)
		log_error("addresses", "problem=\"%s\"", error);
	else
		n->changed(n->context);
	free(error);
	return 0;
}

static struct mnl_socket *open_socket(unsigned groups)
{
	struct mnl_socket *opened = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (opened && mnl_socket_bind(opened, groups, MNL_SOCKET_AUTOPID) == 0)
		return opened;
	if (opened)
		mnl_socket_close(opened);
	return NULL;
}

struct neighbourhood *neighbourhood_new(
	sd_event *loop, void (*changed)(void *context), void *context, char **error)
{
	struct neighbourhood *n = calloc(1, sizeof *n);
	if (!n) {
		error_set(error, "out of memory");
		return NULL;
	}
	n->changed = changed;
	n->context = context;
	n->events = open_socket(RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
	n->questions = open_socket(0);
	int result = -errno;
	if (n->events && n->questions)
		result =
			sd_event_add_io(loop, &n->source, mnl_socket_get_fd(n->events), EPOLLIN, on_event, n);
	if (result >= 0)
		result = sd_event_source_set_priority(n->source, SD_EVENT_PRIORITY_IMPORTANT);
	if (result < 0)
		error_set(error, "opening rtnetlink: %s", strerror(-result));
	if (result < 0 || read_all(n, error) < 0) {
		neighbourhood_free(n);
		return NULL;
	}
	return n;
}

void neighbourhood_free(struct neighbourhood *n)
{
	if (!n)
		return;
	sd_event_source_disable_unref(n->source);
	if (n->events)
		mnl_socket_close(n->events);
	if (n->questions)
		mnl_socket_close(n->questions);
	free(n->own);
	free(n->attached);
	free(n);
}

void neighbourhood_get(const struct neighbourhood *n, struct reach_surroundings *around)
{
	around->own = n->own;
	around->own_count = n->own_count;
	around->attached = n->attached;
	around->attached_count = n->attached_count;
}
