/* Addresses: between sixteen bytes, the kernel's structures and text. */
#include "lib/net/address.h"
#include "lib/base/units.h"
#include <arpa/inet.h>
#include <stdio.h>

#define V4_BITS 96 /* before an IPv4 address in its mapped form */

struct address address_of_v4(struct in_addr v4)
{
	struct address address = {{[10] = 0xff, [11] = 0xff}};
	memcpy(address.bytes + 12, &v4, sizeof v4);
	return address;
}

struct address address_of_v6(const struct in6_addr *v6)
{
	struct address address;
	memcpy(&address, v6, sizeof address);
	return address;
}

struct in_addr address_v4(const struct address *address)
{
	struct in_addr v4 = {0};
	if (address_is_v4(address))
		memcpy(&v4, address->bytes + 12, sizeof v4);
	return v4;
}

struct place place_of_sockaddr(const struct sockaddr *socket_address)
{
	struct place place = {0};
	if (socket_address->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)socket_address;
		place.address = address_of_v4(in->sin_addr);
		place.port = ntohs(in->sin_port);
	} else if (socket_address->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)socket_address;
		place.address = address_of_v6(&in6->sin6_addr);
		place.port = ntohs(in6->sin6_port);
	}
	return place;
}

socklen_t place_sockaddr(const struct place *place, struct sockaddr_storage *socket_address)
{
	memset(socket_address, 0, sizeof *socket_address);
	if (address_is_v4(&place->address)) {
		struct sockaddr_in *in = (void *)socket_address;
		in->sin_family = AF_INET;
		in->sin_port = htons(place->port);
		in->sin_addr = address_v4(&place->address);
		return sizeof *in;
	}
	struct sockaddr_in6 *in6 = (void *)socket_address;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(place->port);
	memcpy(&in6->sin6_addr, &place->address, sizeof in6->sin6_addr);
	return sizeof *in6;
}

/* --- text
 * -------------------------------------------------------------------------------------------------------- */

bool address_parse(const char *text, struct address *address)
{
	struct in_addr v4;
	struct in6_addr v6;
	if (inet_pton(AF_INET, text, &v4) == 1)
		*address = address_of_v4(v4);
	else if (inet_pton(AF_INET6, text, &v6) == 1)
		*address = address_of_v6(&v6);
	else
		return false;
	return true;
}

/* The part of a text before `end`, when it fits. */
static bool cut(const char *text, const char *end, char out[ADDRESS_TEXT])
{
	size_t length = (size_t)(end - text);
	if (length >= ADDRESS_TEXT)
		return false;
	memcpy(out, text, length);
	out[length] = '\0';
	return true;
}

bool place_parse(const char *text, struct place *place)
{
	char host[ADDRESS_TEXT];
	struct place read;
	int64_t port;
	const char *colon = strrchr(text, ':'), *begin = text, *end = colon;
	if (!colon || unit_integer(colon + 1, &port) < 0 || port < 1 || port > UINT16_MAX)
		return false;
	bool brackets = *text == '[' && colon > text && colon[-1] == ']';
	if (brackets) {
		begin++;
		end--;
	}
	if (!cut(begin, end, host) || !address_parse(host, &read.address) ||
		brackets == (strchr(host, ':') == NULL))
		return false;
	read.port = (uint16_t)port;
	*place = read;
	return true;
}

static void clear_beyond(struct address *address, unsigned bits)
{
	for (unsigned i = 0; i < sizeof address->bytes; i++) {
		unsigned kept = bits > 8 * i ? bits - 8 * i : 0;
		address->bytes[i] =
			kept >= 8 ? address->bytes[i] : (uint8_t)(address->bytes[i] & (0xff00 >> kept));
	}
}

bool network_parse(const char *text, struct network *network)
{
	char host[ADDRESS_TEXT];
	struct address address, kept;
	int64_t bits = -1;
	const char *slash = strchr(text, '/');
	if (!cut(text, slash ? slash : text + strlen(text), host) || !address_parse(host, &address))
		return false;
	/* By how it is written: ::ffff:10.0.0.0/104 is an IPv6 prefix. */
	int64_t before = strchr(host, ':') ? 0 : V4_BITS;
	if (slash && (unit_integer(slash + 1, &bits) < 0 || bits < 0))
		return false;
	bits = slash ? bits + before : 128;
	if (bits > 128)
		return false;
	kept = address;
	clear_beyond(&kept, (unsigned)bits);
	if (!address_equal(&kept, &address))
		return false;
	*network = (struct network){address, (uint8_t)bits};
	return true;
}

const char *address_text(const struct address *address, char text[ADDRESS_TEXT])
{
	if (address_is_v4(address))
		inet_ntop(AF_INET, address->bytes + 12, text, ADDRESS_TEXT);
	else
		inet_ntop(AF_INET6, address->bytes, text, ADDRESS_TEXT);
	return text;
}

const char *place_text(const struct place *place, char text[PLACE_TEXT])
{
	char address[ADDRESS_TEXT];
	address_text(&place->address, address);
	snprintf(text, PLACE_TEXT, strchr(address, ':') ? "[%s]:%u" : "%s:%u", address, place->port);
	return text;
}

const char *network_text(const struct network *network, char text[NETWORK_TEXT])
{
	char address[ADDRESS_TEXT];
	bool v4 = address_is_v4(&network->address) && network->bits >= V4_BITS;
	snprintf(text, NETWORK_TEXT, "%s/%d", address_text(&network->address, address),
		v4 ? network->bits - V4_BITS : network->bits);
	return text;
}

bool network_has(const struct network *network, const struct address *address)
{
	struct address kept = *address;
	if (network->bits < V4_BITS && address_is_v4(address))
		return false; /* ::/0 is all of IPv6 */
	clear_beyond(&kept, network->bits);
	return address_equal(&kept, &network->address);
}
