/* Reads the options of a TCP header (RFC 9293, 7323, 2018), and those of Multipath TCP v0 (RFC 6824) and v1 (RFC 8684). Options
 * that every segment has are decoded at once. Of options that are rare in a connection only the place is kept; they are
 * decoded on demand. option_build.h writes options; keys.h has the cryptography. Pure. */
#ifndef LIQUIDNET_MPTCP_OPTIONS_H
#define LIQUIDNET_MPTCP_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

static inline uint32_t option_u32(const uint8_t *p)
{
	uint32_t value;
	__builtin_memcpy(&value, p, sizeof value);
	return __builtin_bswap32(value);
}

static inline uint64_t option_u64(const uint8_t *p)
{
	uint64_t value;
	__builtin_memcpy(&value, p, sizeof value);
	return __builtin_bswap64(value);
}

enum option_present {
	OPTION_TIMESTAMP = 1,
	OPTION_MSS = 2,
	OPTION_WINDOW_SCALE = 4,
	OPTION_SACK_PERMITTED = 8,
	OPTION_SACK = 16,
	OPTION_DSS = 32,
	OPTION_MPTCP = 64,      /* any option of kind 30 of a right length */
	OPTION_MALFORMED = 128, /* an impossible length; the options after it cannot be read */
};

enum mptcp_subtype {
	MPTCP_CAPABLE,
	MPTCP_JOIN,
	MPTCP_DSS,
	MPTCP_ADD_ADDR,
	MPTCP_REMOVE_ADDR,
	MPTCP_PRIO,
	MPTCP_FAIL,
	MPTCP_FASTCLOSE,
	MPTCP_RST,
	MPTCP_SUBTYPES = 16,
};

enum dss_flags { DSS_ACK = 1, DSS_ACK_64 = 2, DSS_MAP = 4, DSS_DSN_64 = 8, DSS_FIN = 16 };

struct dss {
	uint64_t acknowledgement, sequence; /* 32 bits of them unless the flags say 64 */
	uint32_t subflow_sequence;          /* relative to the subflow's initial sequence number */
	uint16_t length;                    /* 0: infinite */
	uint8_t flags;
};

enum { OPTIONS_SACKS = 4, OPTIONS_RARE = 10 };

struct tcp_options {
	uint16_t present;
	uint16_t mss;
	uint8_t window_scale;
	uint8_t rare_count;  /* MPTCP options other than DSS, with right lengths; see options_rare */
	uint8_t mptcp_bytes; /* of all options of kind 30 */
	uint8_t malformed;   /* options with a wrong length */
	uint32_t timestamp, echo;
	struct dss dss;
};

/* RFC 8684, section 3.3: the length follows from the flags; a checksum adds two bytes to a mapping. `option` has the
 * `length` bytes that its second one says. False: it is none, and nothing was written. */
static inline bool option_dss(const uint8_t *option, unsigned length, struct dss *dss)
{
	if (length < 4)
		return false;
	unsigned flags = option[3] & 31u;
	unsigned numbers = flags & DSS_ACK ? flags & DSS_ACK_64 ? 8 : 4 : 0, expected = 4 + numbers;
	const uint8_t *p = option + 4;
	if (flags & DSS_MAP)
		expected += flags & DSS_DSN_64 ? 14 : 10;
	if (length != expected && (!(flags & DSS_MAP) || length != expected + 2))
		return false;
	dss->flags = (uint8_t)flags;
	if (flags & DSS_ACK)
		dss->acknowledgement = flags & DSS_ACK_64 ? option_u64(p) : option_u32(p);
	p += numbers;
	if (flags & DSS_MAP) {
		dss->sequence = flags & DSS_DSN_64 ? option_u64(p) : option_u32(p);
		p += flags & DSS_DSN_64 ? 8 : 4;
		dss->subflow_sequence = option_u32(p);
		dss->length = (uint16_t)(p[4] << 8 | p[5]);
	}
	return true;
}

/* The options that nearly every segment has, as nearly every sender writes them: NOP, NOP and a timestamp, or none;
 * then a DSS and at most three bytes of padding, or nothing. Says what options_parse says, in a fraction of its time.
 * False: they are others, and `result` is not filled. */
static inline bool options_usual(const uint8_t *options, unsigned length, struct tcp_options *result)
{
	/* Kind, length, subtype and flags of the two by far most frequent: 64 bits of each number, without a checksum. */
	const uint32_t mask = 0xfffff01f, acknowledgement = 0x1e0c2003, mapping = 0x1e1a200f;
	const uint8_t *p = options;
	unsigned left = length, present = 0, mptcp_bytes = 0;
	uint32_t timestamp = 0, echo = 0;
	if (__builtin_expect(left >= 12 && option_u32(p) == 0x0101080a, 1)) {
		timestamp = option_u32(p + 4);
		echo = option_u32(p + 8);
		present = OPTION_TIMESTAMP;
		p += 12;
		left -= 12;
	}
	if (left >= 4) {
		uint32_t start = option_u32(p) & mask;
		if (left == 28 && start == mapping && p[26] == 1 && p[27] == 1) {
			result->dss.flags = start & 31;
			result->dss.acknowledgement = option_u64(p + 4);
			result->dss.sequence = option_u64(p + 12);
			result->dss.subflow_sequence = option_u32(p + 20);
			result->dss.length = (uint16_t)(option_u32(p + 24) >> 16);
			mptcp_bytes = 26;
			left = 0;
		} else if (left == 12 && start == acknowledgement) {
			result->dss.flags = start & 31;
			result->dss.acknowledgement = option_u64(p + 4);
			mptcp_bytes = 12;
			left = 0;
		} else if (p[0] == 30 && p[2] >> 4 == MPTCP_DSS && p[1] <= left &&
			   option_dss(p, p[1], &result->dss)) {
			mptcp_bytes = p[1];
			p += mptcp_bytes;
			left -= mptcp_bytes;
		}
		if (mptcp_bytes)
			present |= OPTION_DSS | OPTION_MPTCP;
	}
	/* An end of the list, or NOPs up to it. */
	for (; left && *p == 1; p++)
		left--;
	if (left && *p != 0)
		return false;
	result->present = (uint16_t)present;
	result->rare_count = 0;
	result->mptcp_bytes = (uint8_t)mptcp_bytes;
	result->malformed = 0;
	result->timestamp = timestamp;
	result->echo = echo;
	return true;
}

/* `length` bytes of options at hand. */
void options_parse(const uint8_t *options, unsigned length, bool cut, struct tcp_options *result);

/* The rare MPTCP options, and the blocks of SACK, which options_parse only counted. Return how many there are. */
unsigned options_rare(const uint8_t *options, unsigned length, const uint8_t *rare[OPTIONS_RARE]);
unsigned options_sacks(const uint8_t *options, unsigned length, uint32_t sacks[OPTIONS_SACKS][2]);

struct option_capable {
	uint8_t version, flags;
	unsigned keys; /* 0..2 */
	uint64_t key[2];
	bool has_data_length;
	uint16_t data_length;
};

struct option_join {
	uint8_t address_id;
	bool backup;
	uint32_t token, nonce; /* token: only in the SYN */
	bool has_token;
	const uint8_t *hmac; /* in the SYN/ACK 8 bytes, in the third packet 20; NULL in the SYN */
};

struct option_address {
	uint8_t address_id;
	bool echo;
	unsigned family; /* 4 or 6 */
	uint8_t address[16];
	uint16_t port;       /* 0: none */
	const uint8_t *hmac; /* 8 bytes; NULL: none, as in v0 and in an echo */
};

/* Each takes an option that options_rare found; its subtype is the upper half of the third byte. */
void option_capable(const uint8_t *option, struct option_capable *result);
void option_join(const uint8_t *option, struct option_join *result);
void option_address(const uint8_t *option, struct option_address *result);
/* The MPTCP option of that subtype; NULL when there is none of a right length. */
const uint8_t *option_find(const uint8_t *options, unsigned length, enum mptcp_subtype subtype);

#endif
