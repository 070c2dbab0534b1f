/* Questions and answers of version 2: bytes to values and back. */
#include "lib/detour/message.h"

enum {
	AT_OPERATION = 0,
	AT_NEWEST = 1,
	/* of a question */
	Q_FLAGS = 2,
	Q_SESSION = 4,
	Q_SEQUENCE = 12,
	Q_COOKIE = 20,
	Q_LEASE = 44,
	Q_CLIENT = 48,
	Q_REMOTE = 64,
	Q_REMOTE_PORT = 80,
	Q_PROPOSED = 82,
	Q_PLACE = 84,
	Q_OF = 85,
	Q_SIZE = 86,
	Q_END = 88,
	/* of an answer */
	A_RESULT = 2,
	A_SEQUENCE = 4,
	A_COOKIE = 12,
	A_LEASE = 36,
	A_PORT = 40,
	A_RESERVED = 42,
	A_ADDRESSES = 44,
	A_KEY = 76,
	A_ARRIVED = 92,
	A_RESERVED2 = 94,
	A_SPAN = 96,
};

static uint16_t get16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static uint32_t get32(const uint8_t *bytes)
{
	return (uint32_t)get16(bytes) << 16 | get16(bytes + 2);
}

static uint64_t get64(const uint8_t *bytes)
{
	return (uint64_t)get32(bytes) << 32 | get32(bytes + 4);
}

static void put16(uint8_t *bytes, uint16_t value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

static void put32(uint8_t *bytes, uint32_t value)
{
	put16(bytes, (uint16_t)(value >> 16));
	put16(bytes + 2, (uint16_t)value);
}

static void put64(uint8_t *bytes, uint64_t value)
{
	put32(bytes, (uint32_t)(value >> 32));
	put32(bytes + 4, (uint32_t)value);
}

static bool is_zero(const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (bytes[i])
			return false;
	return true;
}

/* An address that a host on the network can have. What a detour leads to besides is its policy's business. */
static bool is_unicast(const struct address *address)
{
	static const struct address loopback = {{[15] = 1}};
	if (address_is_v4(address)) {
		uint32_t host = ntohl(address_v4(address).s_addr);
		return host != INADDR_ANY && host != INADDR_BROADCAST && !IN_MULTICAST(host) &&
		       host >> 24 != IN_LOOPBACKNET;
	}
	return !address_is_none(address) && !address_equal(address, &loopback) && address->bytes[0] != 0xff;
}

/* The least is the envelope's size (lib/detour/seal.h), which has a message of MESSAGE_SIZE in it. */
static bool train_is_good(enum message_operation operation, const struct message_train *train)
{
	if (operation != MESSAGE_PROBE)
		return !train->place && !train->of && !train->size;
	return train->of >= 2 && train->of <= MESSAGE_TRAIN_MOST && train->place < train->of &&
	       train->size > MESSAGE_SIZE && train->size <= MESSAGE_TRAIN_SIZE;
}

/* Hello and what names no mapping has no remote: all zero. */
static bool remote_is_good(enum message_operation operation, const struct place *remote)
{
	if (operation == MESSAGE_HELLO || operation == MESSAGE_PROBE)
		return address_is_none(&remote->address) && remote->port == 0;
	return is_unicast(&remote->address) && remote->port != 0;
}

enum message_fault message_read_question(const void *bytes, size_t size, struct message_question *question)
{
	const uint8_t *at = bytes;
	struct message_question q;
	if (size != MESSAGE_SIZE)
		return MESSAGE_BAD_SIZE;
	if (at[AT_OPERATION] >= MESSAGE_OPERATIONS)
		return MESSAGE_BAD_OPERATION;
	q.operation = at[AT_OPERATION];
	q.newest = at[AT_NEWEST];
	if (q.newest < MESSAGE_VERSION)
		return MESSAGE_BAD_VERSION;
	q.flags = get16(at + Q_FLAGS);
	memcpy(&q.client, at + Q_CLIENT, sizeof q.client);
	if ((q.flags & ~MESSAGE_FLAGS) || !(q.flags & MESSAGE_ON_BEHALF) != address_is_none(&q.client))
		return MESSAGE_BAD_FLAGS;
	q.session = get64(at + Q_SESSION);
	q.sequence = get64(at + Q_SEQUENCE);
	if (q.sequence == 0)
		return MESSAGE_BAD_SEQUENCE;
	memcpy(q.cookie, at + Q_COOKIE, sizeof q.cookie);
	q.lease_s = get32(at + Q_LEASE);
	memcpy(&q.remote.address, at + Q_REMOTE, sizeof q.remote.address);
	q.remote.port = get16(at + Q_REMOTE_PORT);
	q.proposed = get16(at + Q_PROPOSED);
	if (!remote_is_good(q.operation, &q.remote) ||
		((q.flags & MESSAGE_ON_BEHALF) && !is_unicast(&q.client)))
		return MESSAGE_BAD_ENDPOINT;
	q.train = (struct message_train){at[Q_PLACE], at[Q_OF], get16(at + Q_SIZE)};
	if (!train_is_good(q.operation, &q.train))
		return MESSAGE_BAD_TRAIN;
	if (!is_zero(at + Q_END, MESSAGE_SIZE - Q_END))
		return MESSAGE_BAD_PADDING;
	*question = q;
	return MESSAGE_OK;
}

void message_write_question(const struct message_question *question, uint8_t bytes[MESSAGE_SIZE])
{
	memset(bytes, 0, MESSAGE_SIZE);
	bytes[AT_OPERATION] = (uint8_t)question->operation;
	bytes[AT_NEWEST] = question->newest;
	put16(bytes + Q_FLAGS, question->flags);
	put64(bytes + Q_SESSION, question->session);
	put64(bytes + Q_SEQUENCE, question->sequence);
	memcpy(bytes + Q_COOKIE, question->cookie, sizeof question->cookie);
	put32(bytes + Q_LEASE, question->lease_s);
	memcpy(bytes + Q_CLIENT, &question->client, sizeof question->client);
	memcpy(bytes + Q_REMOTE, &question->remote.address, sizeof question->remote.address);
	put16(bytes + Q_REMOTE_PORT, question->remote.port);
	put16(bytes + Q_PROPOSED, question->proposed);
	bytes[Q_PLACE] = question->train.place;
	bytes[Q_OF] = question->train.of;
	put16(bytes + Q_SIZE, question->train.size);
}

enum message_fault message_read_answer(const void *bytes, size_t size, struct message_answer *answer)
{
	const uint8_t *at = bytes;
	struct message_answer a;
	if (size != MESSAGE_SIZE)
		return MESSAGE_BAD_SIZE;
	if (at[AT_OPERATION] >= MESSAGE_OPERATIONS)
		return MESSAGE_BAD_OPERATION;
	a.operation = at[AT_OPERATION];
	a.newest = at[AT_NEWEST];
	if (a.newest < MESSAGE_VERSION)
		return MESSAGE_BAD_VERSION;
	uint16_t result = get16(at + A_RESULT);
	if (result >= MESSAGE_RESULTS)
		return MESSAGE_BAD_RESULT;
	a.result = result;
	a.sequence = get64(at + A_SEQUENCE);
	if (a.sequence == 0)
		return MESSAGE_BAD_SEQUENCE;
	memcpy(a.cookie, at + A_COOKIE, sizeof a.cookie);
	a.lease_s = get32(at + A_LEASE);
	a.port = get16(at + A_PORT);
	bool granted = a.result == MESSAGE_GRANTED || a.result == MESSAGE_NO_OPTION;
	if (granted && (a.operation == MESSAGE_MAP || a.operation == MESSAGE_RENEW) &&
		(!a.port || !a.lease_s))
		return MESSAGE_BAD_ENDPOINT;
	for (unsigned i = 0; i < MESSAGE_ADDRESSES; i++) {
		memcpy(&a.addresses[i], at + A_ADDRESSES + 16 * i, 16);
		if (!address_is_none(&a.addresses[i]) && !is_unicast(&a.addresses[i]))
			return MESSAGE_BAD_ENDPOINT;
	}
	memcpy(a.key, at + A_KEY, sizeof a.key);
	a.arrived = get16(at + A_ARRIVED);
	a.span_ns = get64(at + A_SPAN);
	if ((a.operation != MESSAGE_PROBE || !granted) && (a.arrived || a.span_ns))
		return MESSAGE_BAD_TRAIN;
	if (!is_zero(at + A_RESERVED, 2) || !is_zero(at + A_RESERVED2, 2))
		return MESSAGE_BAD_PADDING;
	*answer = a;
	return MESSAGE_OK;
}

void message_write_answer(const struct message_answer *answer, uint8_t bytes[MESSAGE_SIZE])
{
	memset(bytes, 0, MESSAGE_SIZE);
	bytes[AT_OPERATION] = (uint8_t)answer->operation;
	bytes[AT_NEWEST] = answer->newest;
	put16(bytes + A_RESULT, (uint16_t)answer->result);
	put64(bytes + A_SEQUENCE, answer->sequence);
	memcpy(bytes + A_COOKIE, answer->cookie, sizeof answer->cookie);
	put32(bytes + A_LEASE, answer->lease_s);
	put16(bytes + A_PORT, answer->port);
	for (unsigned i = 0; i < MESSAGE_ADDRESSES; i++)
		memcpy(bytes + A_ADDRESSES + 16 * i, &answer->addresses[i], 16);
	memcpy(bytes + A_KEY, answer->key, sizeof answer->key);
	put16(bytes + A_ARRIVED, answer->arrived);
	put64(bytes + A_SPAN, answer->span_ns);
}

/* --- names
 * ------------------------------------------------------------------------------------------------------- */

const char *message_fault_name(enum message_fault fault)
{
	static const char *const names[MESSAGE_FAULTS] = {"ok", "size", "operation", "version", "flags",
		"sequence", "endpoint", "result", "train", "padding"};
	return (unsigned)fault < MESSAGE_FAULTS ? names[fault] : "unknown";
}

const char *message_result_name(enum message_result result)
{
	static const char *const names[MESSAGE_RESULTS] = {"granted", "prove", "too-old", "malformed",
		"destination", "quota", "rate", "full", "no-port", "no-mapping", "unavailable", "permission",
		"family", "no-option"};
	return (unsigned)result < MESSAGE_RESULTS ? names[result] : "unknown";
}

const char *message_operation_name(enum message_operation operation)
{
	static const char *const names[MESSAGE_OPERATIONS] = {"hello", "map", "renew", "release", "probe"};
	return (unsigned)operation < MESSAGE_OPERATIONS ? names[operation] : "unknown";
}
