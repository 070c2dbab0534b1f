/* The trail's records as text and back. */
#include "lib/base/units.h"
#include "nodes/detour/trail.h"
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <time.h>

static const char *const kinds[TRAIL_KINDS] = {
	"open", "mapped", "unmapped", "began", "ended", "clock", "lost", "seal"};

void trail_hash(const uint8_t before[TRAIL_HASH], const char *line, size_t length, uint8_t hash[TRAIL_HASH])
{
	crypto_generichash_state state;
	crypto_generichash_init(&state, NULL, 0, TRAIL_HASH);
	crypto_generichash_update(&state, before, TRAIL_HASH);
	crypto_generichash_update(&state, (const uint8_t *)line, length);
	crypto_generichash_final(&state, hash, TRAIL_HASH);
}

struct trail_sealed trail_sealed(const uint8_t hash[TRAIL_HASH])
{
	struct trail_sealed sealed = {.purpose = "liquidnet-trail 1"};
	memcpy(sealed.hash, hash, TRAIL_HASH);
	return sealed;
}

/* --- to text
 * ----------------------------------------------------------------------------------------------------- */

/* "2026-11-22T10:20:30.123456Z"; the date is that of the second before, mostly. */
static size_t put_time(char *out, int64_t time_us)
{
	static _Thread_local time_t second = -1;
	static _Thread_local char text[24];
	time_t now = (time_t)(time_us / 1000000);
	if (now != second) {
		struct tm tm;
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", gmtime_r(&now, &tm));
		second = now;
	}
	return (size_t)sprintf(out, "%s.%06dZ", text, (int)(time_us % 1000000));
}

static char *put_place(char *at, const char *name, const struct place *place)
{
	char text[PLACE_TEXT];
	at = stpcpy(stpcpy(at, name), place_text(place, text));
	return at;
}

static char *put_number(char *at, const char *name, uint64_t value)
{
	return at + sprintf(at, "%s%" PRIu64, name, value);
}

static char *put_mapping(char *at, const struct trail_record *r)
{
	char client[ADDRESS_TEXT];
	at = stpcpy(stpcpy(at, " member="), r->member);
	at = stpcpy(stpcpy(at, " client="), address_text(&r->client.address, client));
	at = put_number(at, " port=", r->detour.port);
	return put_place(at, " remote=", &r->remote);
}

static char *put_flow(char *at, const struct trail_record *r)
{
	at = stpcpy(stpcpy(at, " member="), r->member);
	at = put_place(at, " client=", &r->client);
	at = put_place(at, " detour=", &r->detour);
	at = put_place(at, " outgoing=", &r->outgoing);
	return put_place(at, " remote=", &r->remote);
}

static char *put_fields(char *at, const struct trail_record *r)
{
	char text[2 * TRAIL_HASH + 1], key[SEAL_KEY_TEXT], signature[89];
	switch (r->kind) {
	case TRAIL_OPEN:
		at = stpcpy(stpcpy(at, " detour="), public_text(r->key, key));
		return stpcpy(
			stpcpy(at, " previous="), sodium_bin2hex(text, sizeof text, r->previous, TRAIL_HASH));
	case TRAIL_MAPPED:
		return put_mapping(at, r);
	case TRAIL_UNMAPPED:
		return stpcpy(stpcpy(put_mapping(at, r), " why="), r->reason);
	case TRAIL_BEGAN:
		return put_flow(at, r);
	case TRAIL_ENDED:
		at = put_number(put_flow(at, r), " up=", r->up);
		return put_number(at, " down=", r->down);
	case TRAIL_CLOCK:
		return at + sprintf(at, " shift=%" PRId64, r->shift_us);
	case TRAIL_SEAL:
		return stpcpy(
			stpcpy(at, " signature="), sodium_bin2base64(signature, sizeof signature,
							   r->signature, 64, sodium_base64_VARIANT_ORIGINAL));
	case TRAIL_LOST:
	case TRAIL_KINDS:
		break;
	}
	return at;
}

size_t trail_format(const struct trail_record *r, char line[TRAIL_LINE])
{
	char *at = put_number(line, "", r->number);
	*at++ = ' ';
	at += put_time(at, r->time_us);
	*at++ = ' ';
	at = stpcpy(at, kinds[r->kind]);
	return (size_t)(put_fields(at, r) - line);
}

/* --- from text
 * --------------------------------------------------------------------------------------------------- */

static bool take_time(const char *text, int64_t *time_us)
{
	struct tm tm = {0};
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!rest || *rest != '.' || strspn(rest + 1, "0123456789") != 6 || strcmp(rest + 7, "Z") != 0)
		return false;
	int64_t seconds = timegm(&tm);
	*time_us = seconds * 1000000 + atoi(rest + 1);
	return seconds >= 0 && seconds < INT64_C(1) << 40;
}

static bool take_number(const char *text, uint64_t *value)
{
	int64_t read;
	if (unit_integer(text, &read) < 0 || read < 0)
		return false;
	*value = (uint64_t)read;
	return true;
}

static bool take_bytes(const char *text, uint8_t *out, size_t size, bool hex)
{
	size_t got;
	const char *end;
	int result = hex ? sodium_hex2bin(out, size, text, strlen(text), NULL, &got, &end)
			 : sodium_base642bin(out, size, text, strlen(text), NULL, &got, &end,
				   sodium_base64_VARIANT_ORIGINAL);
	return result == 0 && got == size && *end == '\0';
}

static bool take_name(char *to, size_t size, const char *value)
{
	size_t length = strlen(value);
	if (length == 0 || length >= size)
		return false;
	memcpy(to, value, length + 1);
	return true;
}

/* One NAME=VALUE; `seen` has a bit each for those that a kind needs. */
static bool take_field(struct trail_record *r, const char *name, const char *value, unsigned *seen)
{
	static const char *const names[] = {"member", "client", "port", "remote", "why", "detour", "outgoing",
		"up", "down", "shift", "previous", "signature"};
	unsigned which = 0;
	uint64_t port;
	while (which < sizeof names / sizeof *names && strcmp(names[which], name) != 0)
		which++;
	if (which == sizeof names / sizeof *names || *seen & 1u << which)
		return false;
	*seen |= 1u << which;
	switch (which) {
	case 0:
		return take_name(r->member, sizeof r->member, value);
	case 1:
		return r->kind == TRAIL_MAPPED || r->kind == TRAIL_UNMAPPED
			       ? address_parse(value, &r->client.address)
			       : place_parse(value, &r->client);
	case 2:
		if (!take_number(value, &port) || port > UINT16_MAX)
			return false;
		r->detour.port = (uint16_t)port;
		return true;
	case 3:
		return place_parse(value, &r->remote);
	case 4:
		return take_name(r->reason, sizeof r->reason, value);
	case 5:
		return r->kind == TRAIL_OPEN ? public_parse(value, r->key) : place_parse(value, &r->detour);
	case 6:
		return place_parse(value, &r->outgoing);
	case 7:
		return take_number(value, &r->up);
	case 8:
		return take_number(value, &r->down);
	case 9:
		return unit_integer(value, &r->shift_us) == 0;
	case 10:
		return take_bytes(value, r->previous, TRAIL_HASH, true);
	default:
		return take_bytes(value, r->signature, 64, false);
	}
}

#define BIT(n) (1u << (n))
/* Which fields a kind has: as numbered in take_field. */
static const unsigned needed[TRAIL_KINDS] = {
	[TRAIL_OPEN] = BIT(5) | BIT(10),
	[TRAIL_MAPPED] = BIT(0) | BIT(1) | BIT(2) | BIT(3),
	[TRAIL_UNMAPPED] = BIT(0) | BIT(1) | BIT(2) | BIT(3) | BIT(4),
	[TRAIL_BEGAN] = BIT(0) | BIT(1) | BIT(5) | BIT(6) | BIT(3),
	[TRAIL_ENDED] = BIT(0) | BIT(1) | BIT(5) | BIT(6) | BIT(3) | BIT(7) | BIT(8),
	[TRAIL_CLOCK] = BIT(9),
	[TRAIL_SEAL] = BIT(11),
};

static bool take_kind(const char *word, enum trail_kind *kind)
{
	for (int i = 0; i < TRAIL_KINDS; i++)
		if (strcmp(word, kinds[i]) == 0) {
			*kind = i;
			return true;
		}
	return false;
}

static bool parse_words(char *text, struct trail_record *r)
{
	char *rest, *word = strtok_r(text, " ", &rest);
	unsigned seen = 0;
	if (!word || !take_number(word, &r->number) || !(word = strtok_r(NULL, " ", &rest)) ||
		!take_time(word, &r->time_us) || !(word = strtok_r(NULL, " ", &rest)) ||
		!take_kind(word, &r->kind))
		return false;
	while ((word = strtok_r(NULL, " ", &rest))) {
		char *value = strchr(word, '=');
		if (!value)
			return false;
		*value++ = '\0';
		if (!take_field(r, word, value, &seen))
			return false;
	}
	return seen == needed[r->kind];
}

bool trail_parse(const char *line, size_t length, struct trail_record *record, uint8_t hash[TRAIL_HASH])
{
	char text[TRAIL_LINE + 2 * TRAIL_HASH + 1];
	const size_t tail = 2 * TRAIL_HASH + 1; /* a blank and the hash */
	*record = (struct trail_record){0};
	if (length <= tail || length >= sizeof text || memchr(line, '\0', length) ||
		line[length - tail] != ' ')
		return false;
	memcpy(text, line, length);
	text[length] = '\0';
	if (!take_bytes(text + length - tail + 1, hash, TRAIL_HASH, true))
		return false;
	text[length - tail] = '\0';
	return parse_words(text, record);
}
