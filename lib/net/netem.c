/* The seed of a netem qdisc, which Debian 12's tc cannot set. The kernel takes all of a qdisc's parameters at once: they are read, the seed
 * is put to them, and they are written back. */
#include "lib/net/netem.h"

#include "lib/base/error.h"
#include <errno.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NETEM_PRNG_SEED                                                                                      \
	14 /* TCA_NETEM_PRNG_SEED of linux/pkt_sched.h, since 6.6: Debian 12's headers have none */

struct request {
	struct nlmsghdr head;
	struct tcmsg tc;
	char attributes[8192];
};

static void append(struct request *request, unsigned short type, const void *data, size_t size)
{
	struct rtattr *attribute = (struct rtattr *)((char *)request + NLMSG_ALIGN(request->head.nlmsg_len));
	attribute->rta_type = type;
	attribute->rta_len = (unsigned short)RTA_LENGTH(size);
	memcpy(RTA_DATA(attribute), data, size);
	request->head.nlmsg_len =
		(unsigned)(NLMSG_ALIGN(request->head.nlmsg_len) + RTA_ALIGN(RTA_LENGTH(size)));
}

/* What netem said of itself, with the seed instead of its own. Returns its size, 0 when it does not fit, or when it has
 * none: a kernel before 6.6. */
static size_t with_seed(const struct rtattr *options, uint64_t seed, char *to, size_t room)
{
	size_t size = RTA_ALIGN(sizeof(struct tc_netem_qopt));
	if (RTA_PAYLOAD(options) < size || size > room)
		return 0;
	memcpy(to, RTA_DATA(options), size);
	int left = (int)(RTA_PAYLOAD(options) - size);
	bool takes = false;
	for (const struct rtattr *at = (const struct rtattr *)((const char *)RTA_DATA(options) + size);
		RTA_OK(at, left); at = RTA_NEXT(at, left)) {
		takes |= at->rta_type == NETEM_PRNG_SEED;
		if (at->rta_type == NETEM_PRNG_SEED || at->rta_type == TCA_NETEM_PAD)
			continue;
		if (size + RTA_ALIGN(at->rta_len) > room)
			return 0;
		memcpy(to + size, at, at->rta_len);
		size += RTA_ALIGN(at->rta_len);
	}
	struct rtattr head = {.rta_len = RTA_LENGTH(sizeof(seed)), .rta_type = NETEM_PRNG_SEED};
	if (!takes || size + RTA_SPACE(sizeof(seed)) > room)
		return 0;
	memcpy(to + size, &head, sizeof(head));
	memcpy(to + size + RTA_LENGTH(0), &seed, sizeof(seed));
	return size + RTA_SPACE(sizeof(seed));
}

/* One message of a dump: 1 when it is the qdisc, and *answer then what changes it; 2 when it is, and takes no seed. */
static int consider(
	const struct nlmsghdr *head, int index, uint32_t parent, uint64_t seed, struct request *answer)
{
	const struct tcmsg *tc = NLMSG_DATA(head);
	char options[4096] = {0};
	size_t size = 0;
	bool netem = false;
	if (head->nlmsg_type != RTM_NEWQDISC || tc->tcm_ifindex != index || tc->tcm_parent != parent)
		return 0;
	int left = (int)(head->nlmsg_len - NLMSG_LENGTH(sizeof(*tc)));
	for (const struct rtattr *at = (const struct rtattr *)((const char *)tc + NLMSG_ALIGN(sizeof(*tc)));
		RTA_OK(at, left); at = RTA_NEXT(at, left)) {
		if (at->rta_type == TCA_KIND)
			netem = !strcmp(RTA_DATA(at), "netem");
		else if (at->rta_type == TCA_OPTIONS)
			size = with_seed(at, seed, options, sizeof(options));
	}
	if (!netem || !size)
		return netem ? 2 : 0;
	*answer = (struct request){.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(*tc)),
					   .nlmsg_type = RTM_NEWQDISC,
					   .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_REPLACE,
					   .nlmsg_seq = 2},
		.tc = {.tcm_ifindex = index, .tcm_parent = parent, .tcm_handle = tc->tcm_handle}};
	append(answer, TCA_KIND, "netem", 6);
	append(answer, TCA_OPTIONS, options, size);
	return 1;
}

/* All of a dump is read, whatever is found in it. */
static int find(int fd, int index, uint32_t parent, uint64_t seed, struct request *answer, char **error)
{
	struct request ask = {.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct tcmsg)),
				      .nlmsg_type = RTM_GETQDISC,
				      .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
				      .nlmsg_seq = 1},
		.tc = {.tcm_ifindex = index}};
	char buffer[32768];
	int found = 0;
	if (send(fd, &ask, ask.head.nlmsg_len, 0) < 0)
		return error_set(error, "netlink: %s", strerror(errno));
	for (;;) {
		ssize_t size = recv(fd, buffer, sizeof(buffer), 0);
		if (size <= 0)
			return error_set(error, "netlink: %s", size ? strerror(errno) : "no answer");
		unsigned left = (unsigned)size;
		for (const struct nlmsghdr *head = (struct nlmsghdr *)buffer; NLMSG_OK(head, left);
			head = NLMSG_NEXT(head, left)) {
			if (head->nlmsg_type == NLMSG_DONE)
				return found;
			if (head->nlmsg_type == NLMSG_ERROR)
				return error_set(error, "netlink refuses to list qdiscs");
			if (!found)
				found = consider(head, index, parent, seed, answer);
		}
	}
}

int netem_seed(const char *interface, uint32_t parent, uint64_t seed, char **error)
{
	struct request change;
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		char rest[8192];
	} reply = {0};
	int index = (int)if_nametoindex(interface);
	if (!index)
		return error_set(error, "no interface %s", interface);
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return error_set(error, "netlink: %s", strerror(errno));
	int found = find(fd, index, parent, seed, &change, error);
	if (found == 0)
		found = error_set(error, "%s: no netem with that parent", interface);
	if (found == 1 && (send(fd, &change, change.head.nlmsg_len, 0) < 0 ||
				  recv(fd, &reply, sizeof(reply), 0) < (ssize_t)sizeof(reply.head)))
		found = error_set(error, "netlink: %s", strerror(errno));
	else if (found == 1 && (reply.head.nlmsg_type != NLMSG_ERROR || reply.error.error))
		found = error_set(error, "%s: the kernel refuses the seed: %s", interface,
			strerror(-reply.error.error));
	close(fd);
	return found < 0 ? -1 : found == 1;
}
