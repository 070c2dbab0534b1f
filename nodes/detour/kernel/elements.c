/* Elements, by libnftnl. A concatenation's fields are padded to four bytes each. */
#include "nodes/detour/kernel/elements.h"
#include "lib/base/error.h"
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/object.h>
#include <libnftnl/set.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

/* Of one transaction's messages: 4,096 changes take about 130 bytes each. */
#define BATCH_BYTES (1u << 20)
#define AT_ONCE 4096
#define COMMENT_SIZE 17 /* of the owner, 16 hexadecimal digits */

static const char *const maps[2] = {"mappings4", "mappings6"};

struct elements {
	struct mnl_socket *socket;
	const char *table;
	uint32_t sequence;
	uint8_t *bytes;
};

struct elements *elements_open(const char *table, char **error)
{
	struct elements *elements = calloc(1, sizeof *elements);
	int bytes = 4 << 20;
	if (!elements || !(elements->bytes = malloc(2 * BATCH_BYTES))) {
		error_set(error, "nftables: out of memory");
		elements_close(elements);
		return NULL;
	}
	elements->table = table;
	elements->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!elements->socket || mnl_socket_bind(elements->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		error_set(error, "nftables: cannot open netlink: %s", strerror(errno));
		elements_close(elements);
		return NULL;
	}
	/* A large transaction is one datagram. Refusals come without what was refused; none should ever be missing. */
	int fd = mnl_socket_get_fd(elements->socket), on = 1;
	const struct timeval patience = {.tv_sec = 5};
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	mnl_socket_setsockopt(elements->socket, NETLINK_CAP_ACK, &on, sizeof on);
	return elements;
}

void elements_close(struct elements *elements)
{
	if (!elements)
		return;
	if (elements->socket)
		mnl_socket_close(elements->socket);
	free(elements->bytes);
	free(elements);
}

uint32_t elements_port_id(const struct elements *elements)
{
	return mnl_socket_get_portid(elements->socket);
}

/* --- an element
 * -------------------------------------------------------------------------------------------------- */

/* address . port, as the kernel's registers have it; returns its length. */
static uint32_t pack(const struct address *address, uint16_t port, uint8_t out[20])
{
	bool v4 = address_is_v4(address);
	uint32_t length = v4 ? 4 : 16;
	uint16_t network_port = htons(port);
	memset(out, 0, 20);
	memcpy(out, address->bytes + (v4 ? 12 : 0), length);
	memcpy(out + length, &network_port, sizeof network_port);
	return length + 4;
}

static bool unpack(const uint8_t *bytes, uint32_t length, struct address *address, uint16_t *port)
{
	uint16_t network_port;
	if (length == 8) {
		struct in_addr v4;
		memcpy(&v4, bytes, sizeof v4);
		*address = address_of_v4(v4);
	} else if (length == 20) {
		memcpy(address, bytes, sizeof *address);
	} else {
		return false;
	}
	memcpy(&network_port, bytes + length - 4, sizeof network_port);
	*port = ntohs(network_port);
	return *port != 0;
}

static bool put_owner(struct nftnl_set_elem *element, uint64_t owner)
{
	char text[COMMENT_SIZE];
	struct nftnl_udata_buf *data = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);
	if (!data)
		return false;
	snprintf(text, sizeof text, "%016" PRIx64, owner);
	bool done = nftnl_udata_put_strz(data, NFTNL_UDATA_SET_ELEM_COMMENT, text) &&
		    nftnl_set_elem_set(element, NFTNL_SET_ELEM_USERDATA, nftnl_udata_buf_data(data),
			    nftnl_udata_buf_len(data)) == 0;
	nftnl_udata_buf_free(data);
	return done;
}

static struct nftnl_set_elem *make_element(const struct elements_change *change)
{
	uint8_t key[20], data[20];
	const struct mapping *m = change->mapping;
	struct nftnl_set_elem *element = nftnl_set_elem_alloc();
	if (!element)
		return NULL;
	uint32_t length = pack(&m->client, m->detour_port, key);
	bool done = nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, key, length) == 0;
	if (done && !change->removed) {
		length = pack(&m->remote.address, m->remote.port, data);
		done = nftnl_set_elem_set(element, NFTNL_SET_ELEM_DATA, data, length) == 0 &&
		       (m->owner == MAPPING_NOBODY || put_owner(element, m->owner));
	}
	if (done)
		return element;
	nftnl_set_elem_free(element);
	return NULL;
}

static int family_of(const struct mapping *mapping)
{
	return !address_is_v4(&mapping->client);
}

/* --- a transaction
 * ----------------------------------------------------------------------------------------------- */

struct batch {
	struct elements *elements;
	struct mnl_nlmsg_batch *messages;
	unsigned expected; /* acknowledgements */
};

static bool next_message(struct batch *batch)
{
	return mnl_nlmsg_batch_next(batch->messages);
}

/* Adds what `changes` have of one family and kind, in as many messages as it takes. */
static bool put_kind(
	struct batch *batch, const struct elements_change *changes, size_t count, int family, bool removed)
{
	struct nftnl_set *set = nftnl_set_alloc();
	bool any = false, done = set &&
				 nftnl_set_set_str(set, NFTNL_SET_TABLE, batch->elements->table) == 0 &&
				 nftnl_set_set_str(set, NFTNL_SET_NAME, maps[family]) == 0;
	for (size_t i = 0; done && i < count; i++) {
		if (changes[i].removed != removed || family_of(changes[i].mapping) != family)
			continue;
		struct nftnl_set_elem *element = make_element(&changes[i]);
		if ((done = element != NULL))
			nftnl_set_elem_add(set, element);
		any = true;
	}
	struct nftnl_set_elems_iter *iterator = done && any ? nftnl_set_elems_iter_create(set) : NULL;
	done &= !any || iterator;
	for (int more = iterator != NULL; more > 0 && done;) {
		struct nlmsghdr *message = nftnl_nlmsg_build_hdr(mnl_nlmsg_batch_current(batch->messages),
			removed ? NFT_MSG_DELSETELEM : NFT_MSG_NEWSETELEM, NFPROTO_INET,
			NLM_F_ACK | (removed ? 0 : NLM_F_CREATE | NLM_F_EXCL), batch->elements->sequence++);
		more = nftnl_set_elems_nlmsg_build_payload_iter(message, iterator);
		batch->expected++;
		done = next_message(batch);
	}
	if (iterator)
		nftnl_set_elems_iter_destroy(iterator);
	if (set)
		nftnl_set_free(set);
	return done;
}

/* Reads the acknowledgements. 0, or -1 with errno of the first refusal. */
static int read_answers(struct elements *elements, unsigned expected)
{
	_Alignas(struct nlmsghdr) uint8_t bytes[16384];
	int first = 0;
	int fd = mnl_socket_get_fd(elements->socket);
	for (unsigned seen = 0; seen < expected;) {
		ssize_t size = recv(fd, bytes, sizeof bytes, first ? MSG_DONTWAIT : 0);
		if (size <= 0) {
			first = first ? first : EIO;
			break;
		}
		int left = (int)size;
		for (const struct nlmsghdr *m = (const void *)bytes; mnl_nlmsg_ok(m, left);
			m = mnl_nlmsg_next(m, &left)) {
			if (m->nlmsg_type != NLMSG_ERROR)
				continue;
			int reason = -((const struct nlmsgerr *)mnl_nlmsg_get_payload(m))->error;
			first = first ? first : reason;
			seen++;
		}
	}
	errno = first;
	return first ? -1 : 0;
}

static int commit_some(struct elements *elements, const struct elements_change *changes, size_t count)
{
	struct batch batch = {.elements = elements};
	batch.messages = mnl_nlmsg_batch_start(elements->bytes, BATCH_BYTES);
	if (!batch.messages) {
		errno = ENOMEM;
		return -1;
	}
	nftnl_batch_begin(mnl_nlmsg_batch_current(batch.messages), elements->sequence++);
	bool done = next_message(&batch);
	/* What is removed goes first: its key may come again. */
	for (int family = 0; family < 2; family++)
		done = done && put_kind(&batch, changes, count, family, true) &&
		       put_kind(&batch, changes, count, family, false);
	if (done) {
		nftnl_batch_end(mnl_nlmsg_batch_current(batch.messages), elements->sequence++);
		done = next_message(&batch);
	}
	int result = -1;
	errno = ENOBUFS;
	if (done && mnl_socket_sendto(elements->socket, mnl_nlmsg_batch_head(batch.messages),
			    mnl_nlmsg_batch_size(batch.messages)) >= 0)
		result = read_answers(elements, batch.expected);
	int reason = errno;
	mnl_nlmsg_batch_stop(batch.messages);
	errno = reason;
	return result;
}

int elements_commit(struct elements *elements, const struct elements_change *changes, size_t count)
{
	if (count == 0)
		return 0;
	if (count > AT_ONCE) {
		errno = E2BIG;
		return -1;
	}
	return commit_some(elements, changes, count);
}

/* --- what is there
 * ----------------------------------------------------------------------------------------------- */

struct reading {
	void (*found)(void *context, const struct mapping *mapping);
	void *context;
	size_t count;
};

static uint64_t owner_of(struct nftnl_set_elem *element)
{
	uint32_t length = 0;
	const uint8_t *data = nftnl_set_elem_get(element, NFTNL_SET_ELEM_USERDATA, &length);
	uint64_t owner = MAPPING_NOBODY;
	/* type, length, text with its NUL */
	if (data && length == 2 + COMMENT_SIZE && data[0] == NFTNL_UDATA_SET_ELEM_COMMENT &&
		data[length - 1] == '\0')
		owner = strtoull((const char *)data + 2, NULL, 16);
	return owner;
}

static int on_element(struct nftnl_set_elem *element, void *context)
{
	struct reading *reading = context;
	struct mapping m = {0};
	uint32_t key_length = 0, data_length = 0;
	const uint8_t *key = nftnl_set_elem_get(element, NFTNL_SET_ELEM_KEY, &key_length);
	const uint8_t *data = nftnl_set_elem_get(element, NFTNL_SET_ELEM_DATA, &data_length);
	if (!key || !data || !unpack(key, key_length, &m.client, &m.detour_port) ||
		!unpack(data, data_length, &m.remote.address, &m.remote.port))
		return 0;
	m.owner = owner_of(element);
	reading->found(reading->context, &m);
	reading->count++;
	return 0;
}

static int on_part(const struct nlmsghdr *message, void *context)
{
	struct nftnl_set *set = nftnl_set_alloc();
	if (!set)
		return MNL_CB_ERROR;
	if (nftnl_set_elems_nlmsg_parse(message, set) == 0)
		nftnl_set_elem_foreach(set, on_element, context);
	nftnl_set_free(set);
	return MNL_CB_OK;
}

static void read_map(struct elements *elements, int family, struct reading *reading)
{
	_Alignas(struct nlmsghdr) uint8_t bytes[65536];
	struct nftnl_set *set = nftnl_set_alloc();
	uint32_t sequence = elements->sequence++;
	if (!set || nftnl_set_set_str(set, NFTNL_SET_TABLE, elements->table) < 0 ||
		nftnl_set_set_str(set, NFTNL_SET_NAME, maps[family]) < 0) {
		if (set)
			nftnl_set_free(set);
		return;
	}
	struct nlmsghdr *message =
		nftnl_nlmsg_build_hdr((char *)bytes, NFT_MSG_GETSETELEM, NFPROTO_INET, NLM_F_DUMP, sequence);
	nftnl_set_elems_nlmsg_build_payload(message, set);
	nftnl_set_free(set);
	if (mnl_socket_sendto(elements->socket, message, message->nlmsg_len) < 0)
		return;
	int more = MNL_CB_OK;
	while (more > MNL_CB_STOP) {
		ssize_t size = mnl_socket_recvfrom(elements->socket, bytes, sizeof bytes);
		if (size < 0)
			return;
		more = mnl_cb_run(bytes, (size_t)size, sequence, mnl_socket_get_portid(elements->socket),
			on_part, reading);
	}
}

size_t elements_read(
	struct elements *elements, void (*found)(void *context, const struct mapping *mapping), void *context)
{
	struct reading reading = {found, context, 0};
	for (int family = 0; family < 2; family++)
		read_map(elements, family, &reading);
	return reading.count;
}

/* --- counters
 * ---------------------------------------------------------------------------------------------------- */

struct counting {
	void (*found)(void *context, const char *name, uint64_t packets);
	void *context;
	bool any;
};

static int on_object(const struct nlmsghdr *message, void *context)
{
	struct counting *counting = context;
	struct nftnl_obj *object = nftnl_obj_alloc();
	if (!object)
		return MNL_CB_ERROR;
	if (nftnl_obj_nlmsg_parse(message, object) == 0 &&
		nftnl_obj_get_u32(object, NFTNL_OBJ_TYPE) == NFT_OBJECT_COUNTER) {
		counting->any = true;
		counting->found(counting->context, nftnl_obj_get_str(object, NFTNL_OBJ_NAME),
			nftnl_obj_get_u64(object, NFTNL_OBJ_CTR_PKTS));
	}
	nftnl_obj_free(object);
	return MNL_CB_OK;
}

bool elements_counters(struct elements *elements,
	void (*found)(void *context, const char *name, uint64_t packets), void *context)
{
	_Alignas(struct nlmsghdr) uint8_t bytes[65536];
	struct counting counting = {found, context, false};
	struct nftnl_obj *object = nftnl_obj_alloc();
	uint32_t sequence = elements->sequence++;
	if (!object)
		return false;
	nftnl_obj_set_str(object, NFTNL_OBJ_TABLE, elements->table);
	nftnl_obj_set_u32(object, NFTNL_OBJ_TYPE, NFT_OBJECT_COUNTER);
	struct nlmsghdr *message =
		nftnl_nlmsg_build_hdr((char *)bytes, NFT_MSG_GETOBJ, NFPROTO_INET, NLM_F_DUMP, sequence);
	nftnl_obj_nlmsg_build_payload(message, object);
	nftnl_obj_free(object);
	int more = mnl_socket_sendto(elements->socket, message, message->nlmsg_len) < 0 ? MNL_CB_ERROR
											: MNL_CB_OK;
	while (more > MNL_CB_STOP) {
		ssize_t size = mnl_socket_recvfrom(elements->socket, bytes, sizeof bytes);
		more = size < 0 ? MNL_CB_ERROR
				: mnl_cb_run(bytes, (size_t)size, sequence,
					  mnl_socket_get_portid(elements->socket), on_object, &counting);
	}
	return counting.any;
}
