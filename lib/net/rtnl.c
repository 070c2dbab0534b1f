/* rtnetlink through libmnl, ethtool through its ioctl; see rtnl.h. One request, one answer, one socket: none
 * of this is on the data path. */
#include "lib/net/rtnl.h"

#include "lib/base/error.h"
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

union request {
	char bytes[1024];
	struct nlmsghdr align;
};

/* Statistics and all, a link's description has grown beyond a page. */
#define ANSWER_SIZE 32768

static int transact(struct nlmsghdr *request, mnl_cb_t callback, void *context)
{
	char answer[ANSWER_SIZE];
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int result = -1;

	if (!socket)
		return -1;
	request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	request->nlmsg_seq = 1;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0 &&
		mnl_socket_sendto(socket, request, request->nlmsg_len) >= 0) {
		do {
			ssize_t n = mnl_socket_recvfrom(socket, answer, sizeof answer);
			result = n < 0 ? -1
				       : mnl_cb_run(answer, (size_t)n, 1, mnl_socket_get_portid(socket),
						 callback, context);
		} while (result > 0); /* MNL_CB_OK: the acknowledgement is still to come */
	}
	int saved = errno;
	mnl_socket_close(socket);
	errno = saved;
	return result < 0 ? -1 : 0;
}

static struct nlmsghdr *link_request(
	union request *request, uint16_t type, int ifindex, struct ifinfomsg **info)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(request->bytes);

	message->nlmsg_type = type;
	*info = mnl_nlmsg_put_extra_header(message, sizeof **info);
	(*info)->ifi_index = ifindex;
	return message;
}

static int read_attribute(const struct nlattr *attribute, void *context)
{
	struct rtnl_interface *interface = context;

	switch (mnl_attr_get_type(attribute)) {
	case IFLA_MTU:
		interface->mtu = mnl_attr_get_u32(attribute);
		break;
	case IFLA_GSO_MAX_SEGS:
		interface->gso_max_segs = mnl_attr_get_u32(attribute);
		break;
	case IFLA_IFALIAS:
		snprintf(interface->alias, sizeof interface->alias, "%s", mnl_attr_get_str(attribute));
		break;
	case IFLA_STATS64:
		if (mnl_attr_get_payload_len(attribute) >=
			offsetof(struct rtnl_link_stats64, tx_dropped) + sizeof interface->tx_dropped)
			memcpy(&interface->tx_dropped,
				(const char *)mnl_attr_get_payload(attribute) +
					offsetof(struct rtnl_link_stats64, tx_dropped),
				sizeof interface->tx_dropped);
		break;
	}
	return MNL_CB_OK;
}

static int read_link(const struct nlmsghdr *message, void *context)
{
	if (message->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	return mnl_attr_parse(message, sizeof(struct ifinfomsg), read_attribute, context);
}

int rtnl_get(int ifindex, struct rtnl_interface *interface)
{
	union request request;
	struct ifinfomsg *info;
	struct nlmsghdr *message = link_request(&request, RTM_GETLINK, ifindex, &info);

	memset(interface, 0, sizeof *interface);
	return transact(message, read_link, interface);
}

int rtnl_set_alias(int ifindex, const char *alias)
{
	union request request;
	struct ifinfomsg *info;
	struct nlmsghdr *message = link_request(&request, RTM_NEWLINK, ifindex, &info);

	mnl_attr_put(message, IFLA_IFALIAS, strlen(alias), alias);
	return transact(message, NULL, NULL);
}

int rtnl_set_gso_max_segs(int ifindex, uint32_t segments)
{
	union request request;
	struct ifinfomsg *info;
	struct nlmsghdr *message = link_request(&request, RTM_NEWLINK, ifindex, &info);

	mnl_attr_put_u32(message, IFLA_GSO_MAX_SEGS, segments);
	return transact(message, NULL, NULL);
}

static int set_addr_gen_none(int ifindex)
{
	union request request;
	struct ifinfomsg *info;
	struct nlmsghdr *message = link_request(&request, RTM_NEWLINK, ifindex, &info);
	struct nlattr *spec = mnl_attr_nest_start(message, IFLA_AF_SPEC);
	struct nlattr *inet6 = mnl_attr_nest_start(message, AF_INET6);

	mnl_attr_put_u8(message, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(message, inet6);
	mnl_attr_nest_end(message, spec);
	/* A kernel without IPv6 makes no IPv6 addresses either. */
	return transact(message, NULL, NULL) == 0 || errno == EAFNOSUPPORT ? 0 : -1;
}

int rtnl_set_up(int ifindex, bool up)
{
	union request request;
	struct ifinfomsg *info;
	struct nlmsghdr *message = link_request(&request, RTM_NEWLINK, ifindex, &info);

	info->ifi_change = IFF_UP;
	info->ifi_flags = up ? IFF_UP : 0;
	return transact(message, NULL, NULL);
}

int rtnl_set_address(int ifindex, struct in_addr address, unsigned prefix, bool there)
{
	union request request;
	struct nlmsghdr *message = mnl_nlmsg_put_header(request.bytes);
	struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(message, sizeof *info);
	struct in_addr broadcast = {.s_addr = address.s_addr | htonl(prefix ? ~(~0u << (32 - prefix)) : ~0u)};

	message->nlmsg_type = there ? RTM_NEWADDR : RTM_DELADDR;
	message->nlmsg_flags = there ? NLM_F_CREATE | NLM_F_REPLACE : 0;
	info->ifa_family = AF_INET;
	info->ifa_prefixlen = (uint8_t)prefix;
	info->ifa_index = (uint32_t)ifindex;
	mnl_attr_put(message, IFA_LOCAL, sizeof address, &address);
	mnl_attr_put(message, IFA_ADDRESS, sizeof address, &address);
	if (there)
		mnl_attr_put(message, IFA_BROADCAST, sizeof broadcast, &broadcast);
	return transact(message, NULL, NULL);
}

int rtnl_set_default_route(int ifindex, struct in_addr gateway)
{
	union request request;
	struct nlmsghdr *message = mnl_nlmsg_put_header(request.bytes);
	struct rtmsg *info = mnl_nlmsg_put_extra_header(message, sizeof *info);

	message->nlmsg_type = RTM_NEWROUTE;
	message->nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE;
	info->rtm_family = AF_INET;
	info->rtm_table = RT_TABLE_MAIN;
	info->rtm_protocol = RTPROT_STATIC;
	info->rtm_scope = RT_SCOPE_UNIVERSE;
	info->rtm_type = RTN_UNICAST;
	mnl_attr_put(message, RTA_GATEWAY, sizeof gateway, &gateway);
	mnl_attr_put_u32(message, RTA_OIF, (uint32_t)ifindex);
	return transact(message, NULL, NULL);
}

int rtnl_up_bare(int ifindex, uint32_t length)
{
	union request request;
	struct ifinfomsg *info;

	if (set_addr_gen_none(ifindex) < 0)
		return -1;
	struct nlmsghdr *message = link_request(&request, RTM_NEWLINK, ifindex, &info);
	info->ifi_flags = info->ifi_change = IFF_UP | IFF_NOARP;
	mnl_attr_put_u32(message, IFLA_TXQLEN, length);
	return transact(message, NULL, NULL);
}

int rtnl_no_queue(int ifindex)
{
	union request request;
	struct nlmsghdr *message = mnl_nlmsg_put_header(request.bytes);

	message->nlmsg_type = RTM_NEWQDISC;
	message->nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE;
	struct tcmsg *tc = mnl_nlmsg_put_extra_header(message, sizeof *tc);
	tc->tcm_family = AF_UNSPEC;
	tc->tcm_ifindex = ifindex;
	tc->tcm_parent = TC_H_ROOT;
	mnl_attr_put_strz(message, TCA_KIND, "noqueue");
	return transact(message, NULL, NULL);
}

static int note_filter(const struct nlmsghdr *message, void *context)
{
	bool *any = context;

	*any |= message->nlmsg_type == RTM_NEWTFILTER;
	return MNL_CB_OK;
}

static int look_for_filters(int ifindex, uint32_t parent, bool *any)
{
	union request request;
	struct nlmsghdr *message = mnl_nlmsg_put_header(request.bytes);

	message->nlmsg_type = RTM_GETTFILTER;
	message->nlmsg_flags = NLM_F_DUMP;
	struct tcmsg *tc = mnl_nlmsg_put_extra_header(message, sizeof *tc);
	tc->tcm_family = AF_UNSPEC;
	tc->tcm_ifindex = ifindex;
	tc->tcm_parent = parent;
	return transact(message, note_filter, any);
}

int rtnl_has_filters(int ifindex)
{
	bool any = false;

	if (look_for_filters(ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS), &any) < 0 ||
		look_for_filters(ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS), &any) < 0)
		return -1;
	return any;
}

static int ethtool(const char *interface, uint32_t command, uint32_t *value)
{
	struct ethtool_value request = {.cmd = command, .data = *value};
	struct ifreq ifr = {.ifr_data = (void *)&request};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", interface);
	int result = ioctl(fd, SIOCETHTOOL, &ifr);
	int saved = errno;
	close(fd);
	errno = saved;
	*value = request.data;
	/* A device without this offload has it off. */
	return result < 0 && errno != EOPNOTSUPP ? -1 : 0;
}

int rtnl_get_offloads(const char *interface, struct rtnl_offloads *offloads)
{
	*offloads = (struct rtnl_offloads){0};
	return ethtool(interface, ETHTOOL_GTSO, &offloads->tso) < 0 ||
			       ethtool(interface, ETHTOOL_GGSO, &offloads->gso) < 0 ||
			       ethtool(interface, ETHTOOL_GGRO, &offloads->gro) < 0
		       ? -1
		       : 0;
}

int rtnl_set_offloads(const char *interface, const struct rtnl_offloads *offloads)
{
	struct rtnl_offloads o = *offloads;
	int tso = ethtool(interface, ETHTOOL_STSO, &o.tso), gso = ethtool(interface, ETHTOOL_SGSO, &o.gso);
	int gro = ethtool(interface, ETHTOOL_SGRO, &o.gro);

	return tso < 0 || gso < 0 || gro < 0 ? -1 : 0;
}

int rtnl_plain_packets(const char *interface, char **error)
{
	int ifindex = (int)if_nametoindex(interface);
	if (ifindex == 0 || rtnl_set_offloads(interface, &(struct rtnl_offloads){0}) < 0 ||
		rtnl_set_gso_max_segs(ifindex, 1) < 0)
		return error_set(error, "%s: offloads: %s", interface, strerror(errno));
	return 0;
}
