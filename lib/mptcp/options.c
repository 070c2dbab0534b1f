/* Options: see the header. */
#include "lib/mptcp/options.h"
#include <string.h>

enum {
	KIND_END = 0,
	KIND_NOP = 1,
	KIND_MSS = 2,
	KIND_WINDOW_SCALE = 3,
	KIND_SACK_PERMITTED = 4,
	KIND_SACK = 5,
	KIND_TIMESTAMP = 8,
	KIND_MPTCP = 30,
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static bool rare_length_is_right(const uint8_t *option, unsigned length)
{
	switch (option[2] >> 4) {
	case MPTCP_CAPABLE:
		return length == 4 || length == 12 || length == 20 || length == 22 || length == 24;
	case MPTCP_JOIN:
		return length == 12 || length == 16 || length == 24;
	case MPTCP_ADD_ADDR: {
		/* Address, port or not, HMAC (v1) or not; which version it is shows in the length. v0 tells
		 * the address family in the lower half of the byte, where v1 has its echo flag. */
		static const uint8_t right[] = {8, 10, 16, 18, 20, 22, 28, 30};
		return memchr(right, (int)length, sizeof right) != NULL;
	}
	case MPTCP_REMOVE_ADDR:
		return length >= 4;
	case MPTCP_PRIO:
		return length == 3 || length == 4;
	case MPTCP_FAIL:
	case MPTCP_FASTCLOSE:
		return length == 12;
	case MPTCP_RST:
		return length == 4;
	default:
		return false;
	}
}

static void parse_mptcp(const uint8_t *option, unsigned length, struct tcp_options *result)
{
	result->mptcp_bytes = (uint8_t)(result->mptcp_bytes + length);
	if (length >= 3 && option[2] >> 4 == MPTCP_DSS) {
		if (option_dss(option, length, &result->dss)) {
			result->present |= OPTION_DSS | OPTION_MPTCP;
			return;
		}
	} else if (length >= 3 && rare_length_is_right(option, length)) {
		result->present |= OPTION_MPTCP;
		result->rare_count++;
		return;
	}
	result->present |= OPTION_MALFORMED;
	result->malformed++;
}

/* An option whose length fits in what is at hand. */
static void parse_option(const uint8_t *option, unsigned length, struct tcp_options *result)
{
	bool right = true;
	switch (option[0]) {
	case KIND_TIMESTAMP:
		if ((right = length == 10)) {
			result->timestamp = option_u32(option + 2);
			result->echo = option_u32(option + 6);
			result->present |= OPTION_TIMESTAMP;
		}
		break;
	case KIND_MPTCP:
		parse_mptcp(option, length, result);
		break;
	case KIND_SACK:
		if ((right = length >= 10 && (length - 2) % 8 == 0))
			result->present |= OPTION_SACK;
		break;
	case KIND_MSS:
		if ((right = length == 4)) {
			result->mss = get16(option + 2);
			result->present |= OPTION_MSS;
		}
		break;
	case KIND_WINDOW_SCALE:
		if ((right = length == 3)) {
			/* RFC 7323, section 2.3: more than 14 is used as 14. */
			result->window_scale = option[2] > 14 ? 14 : option[2];
			result->present |= OPTION_WINDOW_SCALE;
		}
		break;
	case KIND_SACK_PERMITTED:
		if ((right = length == 2))
			result->present |= OPTION_SACK_PERMITTED;
		break;
	default:
		break;
	}
	if (!right) {
		result->present |= OPTION_MALFORMED;
		result->malformed++;
	}
}

void options_parse(const uint8_t *options, unsigned length, bool cut, struct tcp_options *result)
{
	const uint8_t *p = options, *end = options + length;
	if (options_usual(options, length, result))
		return;
	result->present = 0;
	result->rare_count = 0;
	result->mptcp_bytes = 0;
	result->malformed = 0;
	result->timestamp = result->echo = 0;
	while (p < end) {
		if (*p == KIND_END)
			return;
		if (*p == KIND_NOP) {
			p++;
			continue;
		}
		if (end - p < 2 || p[1] < 2 || p[1] > end - p) {
			/* Cut by the snap length is no fault of the sender's, unless the length itself is
			 * wrong. */
			if (cut && (end - p < 2 || p[1] >= 2))
				return;
			result->present |= OPTION_MALFORMED;
			result->malformed++;
			return;
		}
		parse_option(p, p[1], result);
		p += p[1];
	}
}

/* The next option at or after *at of `kind`, whose length fits; NULL at the end. */
static const uint8_t *next_option(const uint8_t **at, const uint8_t *end, uint8_t kind)
{
	const uint8_t *p = *at;
	while (p < end && *p != KIND_END) {
		if (*p == KIND_NOP) {
			p++;
			continue;
		}
		if (end - p < 2 || p[1] < 2 || p[1] > end - p)
			break;
		const uint8_t *option = p;
		p += p[1];
		if (*option == kind) {
			*at = p;
			return option;
		}
	}
	return NULL;
}

unsigned options_rare(const uint8_t *options, unsigned length, const uint8_t *rare[OPTIONS_RARE])
{
	const uint8_t *at = options, *option;
	unsigned count = 0;
	while (count < OPTIONS_RARE && (option = next_option(&at, options + length, KIND_MPTCP)))
		if (option[1] >= 3 && option[2] >> 4 != MPTCP_DSS && rare_length_is_right(option, option[1]))
			rare[count++] = option;
	return count;
}

unsigned options_sacks(const uint8_t *options, unsigned length, uint32_t sacks[OPTIONS_SACKS][2])
{
	const uint8_t *at = options, *option;
	unsigned count = 0;
	while ((option = next_option(&at, options + length, KIND_SACK))) {
		if (option[1] < 10 || (option[1] - 2) % 8)
			continue;
		for (unsigned i = 2; i < option[1] && count < OPTIONS_SACKS; i += 8, count++) {
			sacks[count][0] = option_u32(option + i);
			sacks[count][1] = option_u32(option + i + 4);
		}
	}
	return count;
}

void option_capable(const uint8_t *option, struct option_capable *result)
{
	unsigned length = option[1];
	*result = (struct option_capable){.version = option[2] & 15, .flags = option[3]};
	if (length >= 12)
		result->key[result->keys++] = option_u64(option + 4);
	if (length >= 20)
		result->key[result->keys++] = option_u64(option + 12);
	if (length >= 22) {
		result->has_data_length = true;
		result->data_length = get16(option + 20);
	}
}

void option_join(const uint8_t *option, struct option_join *result)
{
	unsigned length = option[1];
	*result = (struct option_join){.address_id = option[3], .backup = option[2] & 1};
	if (length == 12) {
		result->has_token = true;
		result->token = option_u32(option + 4);
		result->nonce = option_u32(option + 8);
	} else if (length == 16) {
		result->hmac = option + 4;
		result->nonce = option_u32(option + 12);
	} else {
		result->hmac = option + 4;
	}
}

void option_address(const uint8_t *option, struct option_address *result)
{
	unsigned length = option[1], low = option[2] & 15u, rest = length - 4;
	*result = (struct option_address){.address_id = option[3]};
	/* v0 says 4 or 6; v1 has flags there, of which only the echo flag is defined. */
	if (low == 4 || low == 6) {
		result->family = low;
	} else {
		result->echo = low & 1;
		if (!result->echo && rest >= 8 + 4) {
			rest -= 8;
			result->hmac = option + 4 + rest;
		}
		result->family = rest >= 16 ? 6 : 4;
	}
	unsigned size = result->family == 6 ? 16 : 4;
	if (length < 4 + size) {
		result->family = 0;
		return;
	}
	memcpy(result->address, option + 4, size);
	if (rest == size + 2)
		result->port = get16(option + 4 + size);
}

const uint8_t *option_find(const uint8_t *options, unsigned length, enum mptcp_subtype subtype)
{
	const uint8_t *at = options, *option;
	while ((option = next_option(&at, options + length, KIND_MPTCP)))
		if (option[1] >= 3 && option[2] >> 4 == subtype && rare_length_is_right(option, option[1]))
			return option;
	return NULL;
}
