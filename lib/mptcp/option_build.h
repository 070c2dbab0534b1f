/* Writes options of Multipath TCP v1 (RFC 8684), and of v0 (RFC 6824) for comparison, into a list that fits a TCP header. There
 * is one function per option. Pure. Numbers are in host order. If the list has no room for an option, it keeps its content
 * and is `full` from then on. */
#ifndef LIQUIDNET_MPTCP_OPTION_BUILD_H
#define LIQUIDNET_MPTCP_OPTION_BUILD_H

#include "lib/mptcp/options.h"
#include <stddef.h>

#define OPTIONS_MOST 40 /* of a TCP header */

struct option_list {
	uint8_t bytes[OPTIONS_MOST];
	uint8_t length;
	bool full;
};

/* Section 3.1. `keys` of result.key are written: v1 has 0 in a SYN, 1 in a SYN/ACK, 2 in the third packet (22 bytes with a
 * data length), v0 has 1, 1 and 2. */
void option_put_capable(struct option_list *list, const struct option_capable *capable);

/* Section 3.2: the SYN, the SYN/ACK (8 bytes of HMAC), the third packet (20). */
void option_put_join_syn(struct option_list *list, uint8_t id, bool backup, uint32_t token, uint32_t nonce);
void option_put_join_syn_ack(
	struct option_list *list, uint8_t id, bool backup, const uint8_t hmac[8], uint32_t nonce);
void option_put_join_ack(struct option_list *list, const uint8_t hmac[20]);

/* Section 3.3, without a checksum. */
void option_put_dss(struct option_list *list, const struct dss *dss);

/* Section 3.4.1: an address, announced or echoed. Without address->hmac (NULL) the option has no HMAC; v1 then does not accept
 * it as an announcement. */
void option_put_address(struct option_list *list, const struct option_address *address);
/* RFC 6824, section 3.4.1: v0 tells the family, and proves nothing. */
void option_put_address_v0(struct option_list *list, const struct option_address *address);
/* Section 3.4.2 and 3.3.8: ids withdrawn; this subflow is a backup or not. */
void option_put_remove(struct option_list *list, const uint8_t *ids, unsigned count);
void option_put_prio(struct option_list *list, bool backup);
/* RFC 6824, section 3.3.8: of another address. */
void option_put_prio_v0(struct option_list *list, bool backup, uint8_t id);
/* Section 3.5: closes the connection; the key is the receiver's. */
void option_put_fastclose(struct option_list *list, uint64_t key);
/* Section 3.6: why a subflow is reset (0 to 6); `transient`: try again later. */
void option_put_reset(struct option_list *list, bool transient, uint8_t reason);

/* TCP's own options that a SYN or a segment needs. */
void option_put_mss(struct option_list *list, uint16_t mss);
void option_put_window_scale(struct option_list *list, uint8_t shift);
void option_put_timestamp(struct option_list *list, uint32_t value, uint32_t echo);
/* No-operations up to a multiple of four bytes. */
void option_pad(struct option_list *list);

#endif
