/* Addresses of both families in one type, places (an address with a port) and networks (an address with a prefix).
 * An IPv4 address is kept as its IPv4-mapped IPv6 address (RFC 4291, section 2.5.5.2): sixteen bytes say which it is,
 * and on the wire an address has one form. All zero is "none". */
#ifndef LIQUIDNET_NET_ADDRESS_H
#define LIQUIDNET_NET_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct address {
	uint8_t bytes[16]; /* network order */
};

struct place {
	struct address address;
	uint16_t port; /* host order */
};

struct network {
	struct address address; /* no bits beyond the prefix */
	uint8_t bits;           /* of the 128: an IPv4 prefix /N is 96 + N */
};

#define ADDRESS_NONE ((struct address){{0}})
#define ADDRESS_TEXT INET6_ADDRSTRLEN       /* room for address_text */
#define PLACE_TEXT (INET6_ADDRSTRLEN + 8)   /* room for place_text */
#define NETWORK_TEXT (INET6_ADDRSTRLEN + 4) /* room for network_text */

static inline bool address_equal(const struct address *a, const struct address *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}
static inline bool place_equal(const struct place *a, const struct place *b)
{
	return a->port == b->port && address_equal(&a->address, &b->address);
}
static inline bool address_is_v4(const struct address *address)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	return memcmp(address, mapped, sizeof mapped) == 0;
}
static inline bool address_is_none(const struct address *address)
{
	static const struct address none;
	return memcmp(address, &none, sizeof none) == 0;
}
/* AF_INET, AF_INET6, or AF_UNSPEC for none. */
static inline int address_family(const struct address *address)
{
	return address_is_none(address) ? AF_UNSPEC : address_is_v4(address) ? AF_INET : AF_INET6;
}

struct address address_of_v4(struct in_addr v4);
struct address address_of_v6(const struct in6_addr *v6);
/* The IPv4 address; 0.0.0.0 for another family. */
struct in_addr address_v4(const struct address *address);

/* Of a socket address; none (port 0) for another family. An IPv4-mapped one is the IPv4 address. */
struct place place_of_sockaddr(const struct sockaddr *socket_address);
/* Fills a socket address of the address's own family, and returns its length. */
socklen_t place_sockaddr(const struct place *place, struct sockaddr_storage *socket_address);

/* Text to an address, "10.0.1.1" or "2001:db8::1"; to a place, "10.0.1.1:443" or "[2001:db8::1]:443"; to a network,
 * "10.0.0.0/8" or an address alone. False when it is none (the value is then untouched); a network with bits beyond its
 * prefix is none. */
bool address_parse(const char *text, struct address *address);
bool place_parse(const char *text, struct place *place);
bool network_parse(const char *text, struct network *network);
const char *address_text(const struct address *address, char text[ADDRESS_TEXT]);
const char *place_text(const struct place *place, char text[PLACE_TEXT]);
const char *network_text(const struct network *network, char text[NETWORK_TEXT]);

bool network_has(const struct network *network, const struct address *address);

#endif
