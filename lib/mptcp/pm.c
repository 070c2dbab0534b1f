/* The MPTCP path manager's netlink channels. Two sockets: commands are a question and an answer each, and
 * events must not be mixed into that. libmnl builds and walks the messages; the sizes of an event's
 * attributes are checked here, because libmnl's getters trust them. */
#include "lib/mptcp/pm.h"
#include "lib/base/error.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/mptcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>

/* The events' socket: about 3000 events may wait; more than that is an overrun, which is reported. */
#define EVENT_BUFFER_BYTES (1 << 20)
#define MESSAGE_BYTES 8192
#define ANSWER_SECONDS 2

struct mptcp_pm {
	struct mnl_socket *commands, *events;
	sd_event_source *source;
	struct mptcp_pm_handlers handlers;
	uint16_t family_id;
	uint8_t version;
	uint32_t event_group;
	uint32_t sequence;
	uint64_t undecoded;
	bool lost; /* events were, and those that were queued before are not all read */
};

/* ---- events ---- */

static const struct {
	enum mptcp_pm_event_type type;
	const char *name;
} event_names[] = {
	{MPTCP_PM_EVENT_CREATED, "CREATED"},
	{MPTCP_PM_EVENT_ESTABLISHED, "ESTABLISHED"},
	{MPTCP_PM_EVENT_CLOSED, "CLOSED"},
	{MPTCP_PM_EVENT_ANNOUNCED, "ANNOUNCED"},
	{MPTCP_PM_EVENT_REMOVED, "REMOVED"},
	{MPTCP_PM_EVENT_SUB_ESTABLISHED, "SUB_ESTABLISHED"},
	{MPTCP_PM_EVENT_SUB_CLOSED, "SUB_CLOSED"},
	{MPTCP_PM_EVENT_SUB_PRIORITY, "SUB_PRIORITY"},
	{MPTCP_PM_EVENT_LISTENER_CREATED, "LISTENER_CREATED"},
	{MPTCP_PM_EVENT_LISTENER_CLOSED, "LISTENER_CLOSED"},
};

const char *mptcp_pm_event_name(enum mptcp_pm_event_type type)
{
	for (size_t i = 0; i < sizeof event_names / sizeof *event_names; i++)
		if (event_names[i].type == type)
			return event_names[i].name;
	return "?";
}

/* The payload sizes of linux/mptcp.h; 0: not looked at. */
static size_t attribute_size(uint16_t type)
{
	switch (type) {
	case MPTCP_ATTR_LOC_ID:
	case MPTCP_ATTR_REM_ID:
	case MPTCP_ATTR_BACKUP:
	case MPTCP_ATTR_ERROR:
	case MPTCP_ATTR_SERVER_SIDE:
		return 1;
	case MPTCP_ATTR_FAMILY:
	case MPTCP_ATTR_SPORT:
	case MPTCP_ATTR_DPORT:
	case MPTCP_ATTR_FLAGS:
		return 2;
	case MPTCP_ATTR_TOKEN:
	case MPTCP_ATTR_SADDR4:
	case MPTCP_ATTR_DADDR4:
	case MPTCP_ATTR_IF_IDX:
	case MPTCP_ATTR_RESET_REASON:
		return 4;
	case MPTCP_ATTR_SADDR6:
	case MPTCP_ATTR_DADDR6:
		return 16;
	default:
		return 0;
	}
}

/* An event while it is read. */
struct reading {
	struct mptcp_pm_event *event;
	bool local; /* it has one: a listener at any address is at zeros */
};

static struct address take_v4(const struct nlattr *attribute)
{
	struct in_addr v4;
	memcpy(&v4, mnl_attr_get_payload(attribute), sizeof v4);
	return address_of_v4(v4);
}

static struct address take_v6(const struct nlattr *attribute)
{
	struct in6_addr v6;
	memcpy(&v6, mnl_attr_get_payload(attribute), sizeof v6);
	return address_of_v6(&v6);
}

static int take_attribute(const struct nlattr *attribute, void *context)
{
	struct reading *reading = context;
	struct mptcp_pm_event *event = reading->event;
	size_t size = attribute_size(mnl_attr_get_type(attribute));

	if (size && mnl_attr_get_payload_len(attribute) != size)
		return MNL_CB_ERROR;
	switch (mnl_attr_get_type(attribute)) {
	case MPTCP_ATTR_TOKEN:
		event->token = mnl_attr_get_u32(attribute);
		break;
	case MPTCP_ATTR_LOC_ID:
		event->local_id = mnl_attr_get_u8(attribute);
		break;
	case MPTCP_ATTR_REM_ID:
		event->remote_id = mnl_attr_get_u8(attribute);
		break;
	case MPTCP_ATTR_SADDR4:
		event->local.address = take_v4(attribute);
		reading->local = true;
		break;
	case MPTCP_ATTR_DADDR4:
		event->remote.address = take_v4(attribute);
		break;
	case MPTCP_ATTR_SADDR6:
		event->local.address = take_v6(attribute);
		reading->local = true;
		break;
	case MPTCP_ATTR_DADDR6:
		event->remote.address = take_v6(attribute);
		break;
	case MPTCP_ATTR_SPORT:
		event->local.port = ntohs(mnl_attr_get_u16(attribute));
		break;
	case MPTCP_ATTR_DPORT:
		event->remote.port = ntohs(mnl_attr_get_u16(attribute));
		break;
	case MPTCP_ATTR_BACKUP:
		event->backup = mnl_attr_get_u8(attribute);
		break;
	case MPTCP_ATTR_ERROR:
		event->error = mnl_attr_get_u8(attribute);
		break;
	case MPTCP_ATTR_FLAGS:
		event->flags = mnl_attr_get_u16(attribute);
		break;
	case MPTCP_ATTR_IF_IDX:
		event->if_index = (int)mnl_attr_get_u32(attribute);
		break;
	case MPTCP_ATTR_RESET_REASON:
		event->reset_reason = mnl_attr_get_u32(attribute);
		break;
	case MPTCP_ATTR_SERVER_SIDE:
		event->server_side = mnl_attr_get_u8(attribute);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

/* What an event must carry to be one: a listener has its address, a subflow and a new connection both ends.
 */
static bool is_complete(const struct reading *reading)
{
	const struct mptcp_pm_event *event = reading->event;
	bool both = !address_is_none(&event->local.address) && !address_is_none(&event->remote.address);

	switch (event->type) {
	case MPTCP_PM_EVENT_LISTENER_CREATED:
	case MPTCP_PM_EVENT_LISTENER_CLOSED:
		return reading->local;
	case MPTCP_PM_EVENT_CREATED:
	case MPTCP_PM_EVENT_ESTABLISHED:
	case MPTCP_PM_EVENT_SUB_ESTABLISHED:
	case MPTCP_PM_EVENT_SUB_CLOSED:
	case MPTCP_PM_EVENT_SUB_PRIORITY:
		return event->token && both;
	default:
		return event->token;
	}
}

static bool decode_message(const struct nlmsghdr *message, struct mptcp_pm_event *event)
{
	const struct genlmsghdr *generic = mnl_nlmsg_get_payload(message);
	struct reading reading = {.event = event};

	if (mnl_nlmsg_get_payload_len(message) < sizeof *generic)
		return false;
	*event = (struct mptcp_pm_event){.type = (enum mptcp_pm_event_type)generic->cmd};
	if (mptcp_pm_event_name(event->type)[0] == '?')
		return false;
	if (mnl_attr_parse(message, sizeof *generic, take_attribute, &reading) < 0)
		return false;
	return is_complete(&reading);
}

/* Walks by itself: mnl_nlmsg_ok compares lengths as signed numbers, and a length above 2 GiB passes it; and
 * its attributes' walk rounds an odd length up, beyond the bytes. (The kernel's are all multiples of four.)
 */
size_t mptcp_pm_decode(const void *bytes, size_t size, uint16_t family_id,
	void (*event)(void *context, const struct mptcp_pm_event *event), void *context)
{
	struct mptcp_pm_event decoded;
	size_t bad = 0;

	for (size_t at = 0; at < size;) {
		const struct nlmsghdr *message = (const void *)((const uint8_t *)bytes + at);
		size_t left = size - at;
		if (left < sizeof *message || message->nlmsg_len < sizeof *message ||
			message->nlmsg_len > left || message->nlmsg_len % MNL_ALIGNTO)
			return bad + 1;
		if (message->nlmsg_type == family_id && decode_message(message, &decoded))
			event(context, &decoded);
		else
			bad++;
		at += MNL_ALIGN(message->nlmsg_len);
	}
	return bad;
}

/* The kernel tells of an overrun before it hands out what it had queued. Whoever looked at the state of
 * things then would be misled by the old events that follow, so the caller is told when they have been read.
 */
static int on_readable(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct mptcp_pm *pm = context;
	_Alignas(struct nlmsghdr) uint8_t bytes[MESSAGE_BYTES];
	(void)source;
	(void)events;

	/* A bounded number a turn: a storm of events must not starve the timers. */
	for (int i = 0; i < 64; i++) {
		ssize_t size = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
		if (size < 0 && errno == ENOBUFS) {
			pm->lost = true;
			continue;
		}
		if (size < 0) {
			bool lost = pm->lost && errno == EAGAIN;
			pm->lost = pm->lost && !lost;
			if (lost)
				pm->handlers.overrun(pm->handlers.context);
			return 0; /* EAGAIN, EINTR: the loop comes back */
		}
		pm->undecoded += mptcp_pm_decode(
			bytes, (size_t)size, pm->family_id, pm->handlers.event, pm->handlers.context);
	}
	return 0;
}

/* ---- commands ---- */

static int take_text(const struct nlattr *attribute, void *context)
{
	if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG &&
		mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
		*(const char **)context = mnl_attr_get_str(attribute);
	return MNL_CB_OK;
}

/* The text of NLMSGERR_ATTR_MSG in an error answer, or NULL. */
static const char *extended_text(const struct nlmsghdr *answer)
{
	const struct nlmsgerr *failure = mnl_nlmsg_get_payload(answer);
	unsigned offset = sizeof *failure;
	const char *text = NULL;

	if (!(answer->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(answer->nlmsg_flags & NLM_F_CAPPED))
		offset += (unsigned)mnl_nlmsg_get_payload_len(&failure->msg);
	mnl_attr_parse(answer, offset, take_text, &text);
	return text;
}

/* Sends a request and gives its answers to `data` until the acknowledgement. */
static int transact(
	struct mptcp_pm *pm, struct nlmsghdr *request, mnl_cb_t data, const char *what, char **error)
{
	_Alignas(struct nlmsghdr) uint8_t bytes[MESSAGE_BYTES];

	request->nlmsg_seq = ++pm->sequence;
	if (mnl_socket_sendto(pm->commands, request, request->nlmsg_len) < 0)
		return error_set(error, "%s: sending to the kernel: %s", what, strerror(errno)), -errno;
	for (;;) {
		ssize_t size = mnl_socket_recvfrom(pm->commands, bytes, sizeof bytes);
		if (size < 0) {
			int reason = errno;
			error_set(error, "%s: no answer from the kernel: %s", what, strerror(reason));
			return -reason;
		}
		struct nlmsghdr *answer = (struct nlmsghdr *)bytes;
		if (!mnl_nlmsg_ok(answer, (int)size) || answer->nlmsg_seq != pm->sequence)
			continue; /* of an earlier question that was given up */
		if (answer->nlmsg_type != NLMSG_ERROR) {
			if (data)
				data(answer, pm);
			continue;
		}
		const struct nlmsgerr *failure = mnl_nlmsg_get_payload(answer);
		if (!failure->error)
			return 0;
		const char *text = extended_text(answer);
		error_set(error, "%s: %s%s%s", what, strerror(-failure->error), text ? ": " : "",
			text ? text : "");
		return failure->error;
	}
}

static struct nlmsghdr *start_message(void *buffer, uint16_t type, uint8_t command, uint8_t version)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	struct genlmsghdr *generic = mnl_nlmsg_put_extra_header(message, sizeof *generic);
	generic->cmd = command;
	generic->version = version;
	return message;
}

static struct nlmsghdr *start_command(struct mptcp_pm *pm, void *buffer, uint8_t command, uint32_t token)
{
	struct nlmsghdr *message = start_message(buffer, pm->family_id, command, pm->version);
	mnl_attr_put_u32(message, MPTCP_PM_ATTR_TOKEN, token);
	return message;
}

static void put_place(struct nlmsghdr *message, const struct place *place)
{
	bool is_v4 = address_is_v4(&place->address);
	struct in_addr v4 = address_v4(&place->address);

	mnl_attr_put_u16(message, MPTCP_PM_ADDR_ATTR_FAMILY, is_v4 ? AF_INET : AF_INET6);
	if (is_v4)
		mnl_attr_put(message, MPTCP_PM_ADDR_ATTR_ADDR4, sizeof v4, &v4);
	else
		mnl_attr_put(message, MPTCP_PM_ADDR_ATTR_ADDR6, sizeof place->address, &place->address);
	if (place->port)
		mnl_attr_put_u16(message, MPTCP_PM_ADDR_ATTR_PORT, place->port);
}

static void put_end(struct nlmsghdr *message, uint16_t attribute, const struct place *address)
{
	struct nlattr *nest = mnl_attr_nest_start(message, attribute);
	put_place(message, address);
	mnl_attr_nest_end(message, nest);
}

static void put_local(struct nlmsghdr *message, const struct mptcp_pm_local *local)
{
	struct nlattr *nest = mnl_attr_nest_start(message, MPTCP_PM_ATTR_ADDR);
	put_place(message, &local->address);
	mnl_attr_put_u8(message, MPTCP_PM_ADDR_ATTR_ID, local->id);
	if (local->if_index)
		mnl_attr_put_u32(message, MPTCP_PM_ADDR_ATTR_IF_IDX, (uint32_t)local->if_index);
	if (local->flags)
		mnl_attr_put_u32(message, MPTCP_PM_ADDR_ATTR_FLAGS, local->flags);
	mnl_attr_nest_end(message, nest);
}

int mptcp_pm_subflow_create(struct mptcp_pm *pm, uint32_t token, const struct mptcp_pm_local *local,
	const struct place *remote, char **error)
{
	_Alignas(struct nlmsghdr) uint8_t buffer[MESSAGE_BYTES];
	struct nlmsghdr *message = start_command(pm, buffer, MPTCP_PM_CMD_SUBFLOW_CREATE, token);
	put_local(message, local);
	put_end(message, MPTCP_PM_ATTR_ADDR_REMOTE, remote);
	return transact(pm, message, NULL, "creating a subflow", error);
}

int mptcp_pm_subflow_destroy(struct mptcp_pm *pm, uint32_t token, const struct place *local,
	const struct place *remote, char **error)
{
	_Alignas(struct nlmsghdr) uint8_t buffer[MESSAGE_BYTES];
	struct nlmsghdr *message = start_command(pm, buffer, MPTCP_PM_CMD_SUBFLOW_DESTROY, token);
	put_end(message, MPTCP_PM_ATTR_ADDR, local);
	put_end(message, MPTCP_PM_ATTR_ADDR_REMOTE, remote);
	return transact(pm, message, NULL, "closing a subflow", error);
}

int mptcp_pm_announce(struct mptcp_pm *pm, uint32_t token, const struct mptcp_pm_local *local, char **error)
{
	_Alignas(struct nlmsghdr) uint8_t buffer[MESSAGE_BYTES];
	struct nlmsghdr *message = start_command(pm, buffer, MPTCP_PM_CMD_ANNOUNCE, token);
	struct mptcp_pm_local announced = *local;

	announced.flags |= MPTCP_PM_ADDR_FLAG_SIGNAL;
	put_local(message, &announced);
	return transact(pm, message, NULL, "announcing an address", error);
}

int mptcp_pm_set_backup(struct mptcp_pm *pm, uint32_t token, const struct place *local,
	const struct place *remote, bool backup, char **error)
{
	_Alignas(struct nlmsghdr) uint8_t buffer[MESSAGE_BYTES];
	struct nlmsghdr *message = start_command(pm, buffer, MPTCP_PM_CMD_SET_FLAGS, token);
	struct nlattr *nest = mnl_attr_nest_start(message, MPTCP_PM_ATTR_ADDR);
	put_place(message, local);
	mnl_attr_put_u32(message, MPTCP_PM_ADDR_ATTR_FLAGS, backup ? MPTCP_PM_ADDR_FLAG_BACKUP : 0);
	mnl_attr_nest_end(message, nest);
	put_end(message, MPTCP_PM_ATTR_ADDR_REMOTE, remote);
	return transact(pm, message, NULL, "changing a subflow's priority", error);
}

int mptcp_pm_endpoint_add(struct mptcp_pm *pm, const struct mptcp_pm_local *local, char **error)
{
	_Alignas(struct nlmsghdr) uint8_t buffer[MESSAGE_BYTES];
	struct nlmsghdr *message = start_message(buffer, pm->family_id, MPTCP_PM_CMD_ADD_ADDR, pm->version);
	put_local(message, local);
	return transact(pm, message, NULL, "adding an endpoint", error);
}

int mptcp_pm_endpoint_remove(struct mptcp_pm *pm, uint8_t id, char **error)
{
	_Alignas(struct nlmsghdr) uint8_t buffer[MESSAGE_BYTES];
	struct nlmsghdr *message = start_message(buffer, pm->family_id, MPTCP_PM_CMD_DEL_ADDR, pm->version);
	struct nlattr *nest = mnl_attr_nest_start(message, MPTCP_PM_ATTR_ADDR);
	/* No family: the kernel would want an address of it, too. */
	mnl_attr_put_u8(message, MPTCP_PM_ADDR_ATTR_ID, id);
	mnl_attr_nest_end(message, nest);
	return transact(pm, message, NULL, "removing an endpoint", error);
}

/* ---- the family ---- */

struct group {
	const char *name;
	uint32_t id;
};

static int take_group_attribute(const struct nlattr *attribute, void *context)
{
	struct group *group = context;

	if (mnl_attr_get_type(attribute) == CTRL_ATTR_MCAST_GRP_NAME)
		group->name = mnl_attr_get_str(attribute);
	else if (mnl_attr_get_type(attribute) == CTRL_ATTR_MCAST_GRP_ID)
		group->id = mnl_attr_get_u32(attribute);
	return MNL_CB_OK;
}

static int take_group(const struct nlattr *attribute, void *context)
{
	struct mptcp_pm *pm = context;
	struct group group = {.name = ""};

	mnl_attr_parse_nested(attribute, take_group_attribute, &group);
	if (!strcmp(group.name, MPTCP_PM_EV_GRP_NAME))
		pm->event_group = group.id;
	return MNL_CB_OK;
}

static int take_family_attribute(const struct nlattr *attribute, void *context)
{
	struct mptcp_pm *pm = context;

	switch (mnl_attr_get_type(attribute)) {
	case CTRL_ATTR_FAMILY_ID:
		pm->family_id = mnl_attr_get_u16(attribute);
		break;
	case CTRL_ATTR_VERSION:
		pm->version = (uint8_t)mnl_attr_get_u32(attribute);
		break;
	case CTRL_ATTR_MCAST_GROUPS:
		mnl_attr_parse_nested(attribute, take_group, pm);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static int take_family(const struct nlmsghdr *answer, void *context)
{
	return mnl_attr_parse(answer, sizeof(struct genlmsghdr), take_family_attribute, context);
}

static int find_family(struct mptcp_pm *pm, char **error)
{
	_Alignas(struct nlmsghdr) uint8_t buffer[MESSAGE_BYTES];
	struct nlmsghdr *message = start_message(buffer, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);

	mnl_attr_put_strz(message, CTRL_ATTR_FAMILY_NAME, MPTCP_PM_NAME);
	if (transact(pm, message, take_family, "asking for the netlink family " MPTCP_PM_NAME, error) < 0)
		return error_prefix(error, "this kernel offers no MPTCP path manager (CONFIG_MPTCP)");
	if (!pm->family_id || !pm->event_group)
		return error_set(error,
			"the netlink family " MPTCP_PM_NAME " has no events; Linux 5.19 or later is needed");
	return 0;
}

static struct mnl_socket *open_socket(char **error)
{
	struct mnl_socket *opened = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);

	if (opened && mnl_socket_bind(opened, 0, MNL_SOCKET_AUTOPID) == 0)
		return opened;
	error_set(error, "opening generic netlink: %s", strerror(errno));
	if (opened)
		mnl_socket_close(opened);
	return NULL;
}

struct mptcp_pm *mptcp_pm_open(char **error)
{
	struct mptcp_pm *pm = calloc(1, sizeof *pm);
	struct timeval patience = {.tv_sec = ANSWER_SECONDS};
	int yes = 1;

	if (!pm) {
		error_set(error, "out of memory");
		return NULL;
	}
	pm->commands = open_socket(error);
	if (!pm->commands)
		goto failed;
	/* The text of refusals, and the answer without a copy of the question. Both date from Linux 4.12. */
	mnl_socket_setsockopt(pm->commands, NETLINK_EXT_ACK, &yes, sizeof yes);
	mnl_socket_setsockopt(pm->commands, NETLINK_CAP_ACK, &yes, sizeof yes);
	setsockopt(mnl_socket_get_fd(pm->commands), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (find_family(pm, error) < 0)
		goto failed;
	return pm;
failed:
	mptcp_pm_close(pm);
	return NULL;
}

int mptcp_pm_subscribe(
	struct mptcp_pm *pm, sd_event *loop, const struct mptcp_pm_handlers *handlers, char **error)
{
	int size = EVENT_BUFFER_BYTES, result;

	pm->handlers = *handlers;
	pm->events = open_socket(error);
	if (!pm->events)
		return -1;
	/* FORCE needs CAP_NET_ADMIN; without it the default (some 600 events) serves. */
	setsockopt(mnl_socket_get_fd(pm->events), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
	if (mnl_socket_setsockopt(
		    pm->events, NETLINK_ADD_MEMBERSHIP, &pm->event_group, sizeof pm->event_group) < 0)
		return error_set(error,
			"subscribing to MPTCP events: %s; CAP_NET_ADMIN in this network namespace is needed",
			strerror(errno));
	result = sd_event_add_io(loop, &pm->source, mnl_socket_get_fd(pm->events), EPOLLIN, on_readable, pm);
	if (result < 0)
		return error_set(error, "watching MPTCP events: %s", strerror(-result));
	return 0;
}

void mptcp_pm_close(struct mptcp_pm *pm)
{
	if (!pm)
		return;
	sd_event_source_disable_unref(pm->source);
	if (pm->events)
		mnl_socket_close(pm->events);
	if (pm->commands)
		mnl_socket_close(pm->commands);
	free(pm);
}

uint64_t mptcp_pm_undecoded(const struct mptcp_pm *pm)
{
	return pm->undecoded;
}
