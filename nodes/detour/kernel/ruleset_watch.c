/* The kernel's nftables events, a transaction at a time: what it changed, then NEWGEN with the number of the generation. */
#include "nodes/detour/kernel/ruleset_watch.h"
#include "lib/base/error.h"
#include "lib/net/nft.h"
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BYTES 65536
#define OWN_REMEMBERED 16 /* generations; our transactions that are not ignored by socket are rare */

struct ruleset_watch {
	struct mnl_socket *events, *questions;
	sd_event_source *source;
	const char *table, *dynamic;
	void (*changed)(void *context);
	void *context;
	bool touched; /* by the transaction that is being told of */
	bool changed_by_others;
	uint32_t own[OWN_REMEMBERED];
	unsigned own_next;
};

/* --- events
 * ------------------------------------------------------------------------------------------------------ */

static bool is_own(const struct ruleset_watch *watch, uint32_t generation)
{
	for (int i = 0; i < OWN_REMEMBERED; i++)
		if (watch->own[i] == generation)
			return true;
	return false;
}

/* Attribute 1 of every kind of object is the name of its table, 2 of elements the name of their set. */
struct names {
	const char *table, *set;
	uint32_t generation;
};

static int take_attribute(const struct nlattr *attribute, void *context)
{
	struct names *names = context;
	if (mnl_attr_get_type(attribute) == 1 && mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) == 0)
		names->table = mnl_attr_get_str(attribute);
	if (mnl_attr_get_type(attribute) == 2 && mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) == 0)
		names->set = mnl_attr_get_str(attribute);
	return MNL_CB_OK;
}

static int take_generation(const struct nlattr *attribute, void *context)
{
	struct names *names = context;
	if (mnl_attr_get_type(attribute) == NFTA_GEN_ID && mnl_attr_validate(attribute, MNL_TYPE_U32) == 0)
		names->generation = ntohl(mnl_attr_get_u32(attribute));
	return MNL_CB_OK;
}

static void take_message(struct ruleset_watch *watch, const struct nlmsghdr *message)
{
	struct names names = {0};
	if (message->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES)
		return;
	int type = message->nlmsg_type & 0xff;
	if (type == NFT_MSG_NEWGEN) {
		mnl_attr_parse(message, sizeof(struct nfgenmsg), take_generation, &names);
		watch->changed_by_others |= watch->touched && !is_own(watch, names.generation);
		watch->touched = false;
		return;
	}
	mnl_attr_parse(message, sizeof(struct nfgenmsg), take_attribute, &names);
	if (!names.table || strcmp(names.table, watch->table) != 0)
		return;
	bool elements = type == NFT_MSG_NEWSETELEM || type == NFT_MSG_DELSETELEM;
	if (elements && watch->dynamic && names.set &&
		strncmp(names.set, watch->dynamic, strlen(watch->dynamic)) == 0)
		return;
	watch->touched = true;
}

/* Reads all that is there. */
static void drain(struct ruleset_watch *watch)
{
	_Alignas(struct nlmsghdr) uint8_t bytes[BYTES];
	int fd = mnl_socket_get_fd(watch->events);
	for (;;) {
		ssize_t size = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
		if (size < 0 && errno == ENOBUFS) {
			watch->changed_by_others = true; /* who knows */
			watch->touched = false;
			continue;
		}
		if (size < 0)
			return;
		int left = (int)size;
		for (const struct nlmsghdr *m = (const void *)bytes; mnl_nlmsg_ok(m, left);
			m = mnl_nlmsg_next(m, &left))
			take_message(watch, m);
	}
}

static void tell(struct ruleset_watch *watch)
{
	if (!watch->changed_by_others)
		return;
	watch->changed_by_others = false;
	watch->changed(watch->context);
}

static int on_event(sd_event_source *source, int fd, uint32_t revents, void *context)
{
	(void)source, (void)fd, (void)revents;
	drain(context);
	tell(context);
	return 0;
}

/* --- our own transactions
 * ---------------------------------------------------------------------------------------- */

static int on_generation(const struct nlmsghdr *message, void *context)
{
	struct names names = {0};
	mnl_attr_parse(message, sizeof(struct nfgenmsg), take_generation, &names);
	*(uint32_t *)context = names.generation;
	return MNL_CB_STOP;
}

/* The present generation; 0: not known. */
static uint32_t generation(struct ruleset_watch *watch)
{
	_Alignas(struct nlmsghdr) uint8_t bytes[1024];
	uint32_t number = 0;
	struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
	message->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN;
	message->nlmsg_flags = NLM_F_REQUEST;
	struct nfgenmsg *head = mnl_nlmsg_put_extra_header(message, sizeof *head);
	head->version = NFNETLINK_V0;
	if (mnl_socket_sendto(watch->questions, message, message->nlmsg_len) < 0)
		return 0;
	ssize_t size = mnl_socket_recvfrom(watch->questions, bytes, sizeof bytes);
	if (size > 0)
		mnl_cb_run(bytes, (size_t)size, 0, 0, on_generation, &number);
	return number;
}

/* When another's transaction came in between, which of the two is ours is not known: both count as another's, and what we
 * wanted is put in place once more. */
int ruleset_watch_run(struct ruleset_watch *watch, struct nft_ctx *nft, const char *commands, char **error)
{
	uint32_t before = generation(watch);
	int result = nft_run(nft, commands, error);
	uint32_t after = generation(watch);
	if (before && after == before + 1)
		watch->own[watch->own_next++ % OWN_REMEMBERED] = after;
	return result;
}

int ruleset_watch_ignore(struct ruleset_watch *watch, uint32_t port_id, char **error)
{
	/* The sender's port id, of the first message of a datagram: all of one are of one transaction. A classic
	 * filter reads words in network order. */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_pid)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(port_id), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	struct sock_fprog program = {sizeof code / sizeof *code, code};
	if (setsockopt(mnl_socket_get_fd(watch->events), SOL_SOCKET, SO_ATTACH_FILTER, &program,
		    sizeof program) == 0)
		return 0;
	return error_set(error, "nftables events: cannot leave out our own: %s", strerror(errno));
}

/* --- beginning and end
 * ------------------------------------------------------------------------------------------- */

static struct mnl_socket *open_socket(unsigned groups)
{
	struct mnl_socket *opened = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (opened && mnl_socket_bind(opened, groups, MNL_SOCKET_AUTOPID) == 0)
		return opened;
	if (opened)
		mnl_socket_close(opened);
	return NULL;
}

struct ruleset_watch *ruleset_watch_new(sd_event *loop, const char *table, const char *dynamic,
	void (*changed)(void *context), void *context, char **error)
{
	struct ruleset_watch *watch = calloc(1, sizeof *watch);
	if (!watch) {
		error_set(error, "nftables events: out of memory");
		return NULL;
	}
	watch->table = table;
	watch->dynamic = dynamic;
	watch->changed = changed;
	watch->context = context;
	watch->events = open_socket(1u << (NFNLGRP_NFTABLES - 1));
	watch->questions = open_socket(0);
	int result = -errno;
	if (watch->events && watch->questions)
		result = sd_event_add_io(
			loop, &watch->source, mnl_socket_get_fd(watch->events), EPOLLIN, on_event, watch);
	if (result >= 0)
		result = sd_event_source_set_priority(watch->source, SD_EVENT_PRIORITY_IMPORTANT);
	if (result >= 0)
		return watch;
	error_set(error, "nftables events: %s", strerror(-result));
	ruleset_watch_free(watch);
	return NULL;
}

void ruleset_watch_free(struct ruleset_watch *watch)
{
	if (!watch)
		return;
	sd_event_source_disable_unref(watch->source);
	if (watch->events)
		mnl_socket_close(watch->events);
	if (watch->questions)
		mnl_socket_close(watch->questions);
	free(watch);
}
