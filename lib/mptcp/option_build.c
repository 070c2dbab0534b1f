/* Each option is made in a buffer of its own and taken over whole, or not at all. */
#include "lib/mptcp/option_build.h"
#include <string.h>

enum { KIND_NOP = 1, KIND_MSS = 2, KIND_WINDOW_SCALE = 3, KIND_TIMESTAMP = 8, KIND_MPTCP = 30 };

struct option {
	uint8_t bytes[OPTIONS_MOST];
	unsigned length;
};

static void put(struct option *option, uint64_t value, unsigned bytes)
{
	while (bytes--)
		option->bytes[option->length++] = (uint8_t)(value >> (8 * bytes));
}

static void put_bytes(struct option *option, const uint8_t *bytes, size_t count)
{
	memcpy(option->bytes + option->length, bytes, count);
	option->length += (unsigned)count;
}

static struct option begin(uint8_t kind)
{
	return (struct option){{kind}, 2};
}

static struct option begin_mptcp(enum mptcp_subtype subtype, unsigned low)
{
	struct option option = begin(KIND_MPTCP);
	put(&option, subtype << 4 | (low & 15u), 1);
	return option;
}

static void end(struct option_list *list, struct option *option)
{
	option->bytes[1] = (uint8_t)option->length;
	if (list->full || option->length > OPTIONS_MOST - (unsigned)list->length) {
		list->full = true;
		return;
	}
	memcpy(list->bytes + list->length, option->bytes, option->length);
	list->length = (uint8_t)(list->length + option->length);
}

void option_put_capable(struct option_list *list, const struct option_capable *capable)
{
	struct option option = begin_mptcp(MPTCP_CAPABLE, capable->version);
	put(&option, capable->flags, 1);
	for (unsigned i = 0; i < capable->keys && i < 2; i++)
		put(&option, capable->key[i], 8);
	if (capable->has_data_length && capable->keys == 2)
		put(&option, capable->data_length, 2);
	end(list, &option);
}

void option_put_join_syn(struct option_list *list, uint8_t id, bool backup, uint32_t token, uint32_t nonce)
{
	struct option option = begin_mptcp(MPTCP_JOIN, backup);
	put(&option, id, 1);
	put(&option, token, 4);
	put(&option, nonce, 4);
	end(list, &option);
}

void option_put_join_syn_ack(
	struct option_list *list, uint8_t id, bool backup, const uint8_t hmac[8], uint32_t nonce)
{
	struct option option = begin_mptcp(MPTCP_JOIN, backup);
	put(&option, id, 1);
	put_bytes(&option, hmac, 8);
	put(&option, nonce, 4);
	end(list, &option);
}

void option_put_join_ack(struct option_list *list, const uint8_t hmac[20])
{
	struct option option = begin_mptcp(MPTCP_JOIN, 0);
	put(&option, 0, 1);
	put_bytes(&option, hmac, 20);
	end(list, &option);
}

void option_put_dss(struct option_list *list, const struct dss *dss)
{
	struct option option = begin_mptcp(MPTCP_DSS, 0);
	put(&option, dss->flags & 31u, 1);
	if (dss->flags & DSS_ACK)
		put(&option, dss->acknowledgement, dss->flags & DSS_ACK_64 ? 8 : 4);
	if (dss->flags & DSS_MAP) {
		put(&option, dss->sequence, dss->flags & DSS_DSN_64 ? 8 : 4);
		put(&option, dss->subflow_sequence, 4);
		put(&option, dss->length, 2);
	}
	end(list, &option);
}

static void put_address(struct option *option, const struct option_address *address)
{
	put(option, address->address_id, 1);
	put_bytes(option, address->address, address->family == 6 ? 16 : 4);
	if (address->port)
		put(option, address->port, 2);
}

void option_put_address(struct option_list *list, const struct option_address *address)
{
	struct option option = begin_mptcp(MPTCP_ADD_ADDR, address->echo);
	put_address(&option, address);
	if (address->hmac && !address->echo)
		put_bytes(&option, address->hmac, 8);
	end(list, &option);
}

void option_put_address_v0(struct option_list *list, const struct option_address *address)
{
	struct option option = begin_mptcp(MPTCP_ADD_ADDR, address->family);
	put_address(&option, address);
	end(list, &option);
}

void option_put_remove(struct option_list *list, const uint8_t *ids, unsigned count)
{
	struct option option = begin_mptcp(MPTCP_REMOVE_ADDR, 0);
	put_bytes(&option, ids, count < 16 ? count : 16);
	end(list, &option);
}

void option_put_prio(struct option_list *list, bool backup)
{
	struct option option = begin_mptcp(MPTCP_PRIO, backup);
	end(list, &option);
}

void option_put_prio_v0(struct option_list *list, bool backup, uint8_t id)
{
	struct option option = begin_mptcp(MPTCP_PRIO, backup);
	put(&option, id, 1);
	end(list, &option);
}

void option_put_fastclose(struct option_list *list, uint64_t key)
{
	struct option option = begin_mptcp(MPTCP_FASTCLOSE, 0);
	put(&option, 0, 1);
	put(&option, key, 8);
	end(list, &option);
}

void option_put_reset(struct option_list *list, bool transient, uint8_t reason)
{
	struct option option = begin_mptcp(MPTCP_RST, transient);
	put(&option, reason, 1);
	end(list, &option);
}

void option_put_mss(struct option_list *list, uint16_t mss)
{
	struct option option = begin(KIND_MSS);
	put(&option, mss, 2);
	end(list, &option);
}

void option_put_window_scale(struct option_list *list, uint8_t shift)
{
	struct option option = begin(KIND_WINDOW_SCALE);
	put(&option, shift, 1);
	end(list, &option);
}

void option_put_timestamp(struct option_list *list, uint32_t value, uint32_t echo)
{
	struct option option = begin(KIND_TIMESTAMP);
	put(&option, value, 4);
	put(&option, echo, 4);
	end(list, &option);
}

void option_pad(struct option_list *list)
{
	while (list->length % 4 && list->length < OPTIONS_MOST)
		list->bytes[list->length++] = KIND_NOP;
}
