/* Reads the options of a TCP header (RFC 9293, 7323, 2018), and those of Multipath TCP v0 (RFC 6824) and v1 (RFC 8684). Options
 * that every segment has are decoded at once. Of options that are rare in a connection only the place is kept; they are
 * decoded on demand. option_build.h writes options; keys.h has the cryptography. Pure. */
#ifndef LIQUIDNET_MPTCP_OPTIONS_H
#define LIQUIDNET_MPTCP_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

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
uint64_t option_u64(const uint8_t *p);
/* The MPTCP option of that subtype; NULL when there is none of a right length. */
const uint8_t *option_find(const uint8_t *options, unsigned length, enum mptcp_subtype subtype);

#endif
