/* Reach: the policy of destinations. */
#include "nodes/detour/reach.h"
#include <stdlib.h>

#define V4(a, b, c, d, prefix)                                                                               \
	{                                                                                                    \
		{{[10] = 0xff, [11] = 0xff, a, b, c, d}}, 96 + (prefix)                                      \
	}
#define V6(prefix, ...)                                                                                      \
	{                                                                                                    \
		{{__VA_ARGS__}}, prefix                                                                      \
	}

/* IANA's special-purpose registries (RFC 6890 and its updates). 6to4 and NAT64 prefixes hide an IPv4 address that this
 * policy would have to look at; they are refused whole. */
static const struct network special[] = {
	V4(0, 0, 0, 0, 8), V4(10, 0, 0, 0, 8), V4(100, 64, 0, 0, 10), V4(127, 0, 0, 0, 8),
	V4(169, 254, 0, 0, 16), V4(172, 16, 0, 0, 12), V4(192, 0, 0, 0, 24), V4(192, 0, 2, 0, 24),
	V4(192, 88, 99, 0, 24), V4(192, 168, 0, 0, 16), V4(198, 18, 0, 0, 15), V4(198, 51, 100, 0, 24),
	V4(203, 0, 113, 0, 24), V4(224, 0, 0, 0, 4), V4(240, 0, 0, 0, 4),
	V6(96, 0),                      /* ::, ::1, IPv4-compatible */
	V6(32, 0x00, 0x64, 0xff, 0x9b), /* 64:ff9b::/96 and 64:ff9b:1::/48 */
	V6(64, 0x01, 0x00),             /* discard */
	V6(23, 0x20, 0x01, 0x00),       /* protocol assignments, Teredo among them */
	V6(32, 0x20, 0x01, 0x0d, 0xb8), /* documentation */
	V6(16, 0x20, 0x02),             /* 6to4 */
	V6(20, 0x3f, 0xff, 0x00),       /* documentation */
	V6(16, 0x5f, 0x00),             /* segment routing */
	V6(7, 0xfc),                    /* unique local */
	V6(10, 0xfe, 0x80),             /* link-local */
	V6(10, 0xfe, 0xc0),             /* site-local, of old */
	V6(8, 0xff),                    /* multicast */
};

const struct network *reach_special(size_t *count)
{
	*count = sizeof special / sizeof *special;
	return special;
}

int reach_order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct address));
}

static bool is_among(const struct network *networks, size_t count, const struct address *address)
{
	for (size_t i = 0; i < count; i++)
		if (network_has(&networks[i], address))
			return true;
	return false;
}

static bool is_listed(const struct address *addresses, size_t count, const struct address *address)
{
	return count && bsearch(address, addresses, count, sizeof *addresses, reach_order);
}

/* What no packet can be sent to, or only to many. Directed broadcasts are known by their network alone, see `attached`. */
static bool is_no_host(const struct address *address)
{
	if (address_is_v4(address)) {
		uint32_t host = ntohl(address_v4(address).s_addr);
		return host >> 24 == 0 || host >> 24 == IN_LOOPBACKNET || host >> 28 >= 14;
	}
	static const struct address loopback = {{[15] = 1}};
	return address_is_none(address) || address_equal(address, &loopback) || address->bytes[0] == 0xff;
}

/* The first or last address of an attached network that is long enough to have them. */
static bool is_broadcast(const struct reach_surroundings *around, const struct address *address)
{
	uint32_t host = ntohl(address_v4(address).s_addr);
	for (size_t i = 0; i < around->attached_count; i++) {
		const struct network *n = &around->attached[i];
		if (!network_has(n, address) || !address_is_v4(address) || n->bits < 97 || n->bits > 126)
			continue;
		uint32_t rest = UINT32_MAX >> (n->bits - 96);
		if ((host & rest) == 0 || (host & rest) == rest)
			return true;
	}
	return false;
}

static bool has_port(const struct reach *reach, uint16_t port)
{
	for (size_t i = 0; i < reach->port_count; i++)
		if (port >= reach->ports[i].from && port <= reach->ports[i].to)
			return true;
	return reach->port_count == 0;
}

enum reach_verdict reach_judge(
	const struct reach *reach, const struct reach_surroundings *around, const struct place *remote)
{
	const struct address *to = &remote->address;
	if (is_listed(around->own, around->own_count, to))
		return REACH_OWN;
	if (is_listed(around->detours, around->detour_count, to))
		return REACH_DETOUR;
	if (remote->port == 0 || is_no_host(to) || is_broadcast(around, to))
		return REACH_NO_HOST;
	if (is_among(reach->deny, reach->deny_count, to))
		return REACH_DENIED;
	if (!has_port(reach, remote->port))
		return REACH_PORT;
	if (is_among(reach->allow, reach->allow_count, to))
		return REACH_GOOD;
	if (is_among(special, sizeof special / sizeof *special, to))
		return REACH_SPECIAL;
	return is_among(around->attached, around->attached_count, to) ? REACH_ATTACHED : REACH_GOOD;
}

const char *reach_verdict_name(enum reach_verdict verdict)
{
	static const char *const names[REACH_VERDICTS] = {
		"good", "own", "detour", "no-host", "denied", "port", "special", "attached"};
	return (unsigned)verdict < REACH_VERDICTS ? names[verdict] : "unknown";
}
