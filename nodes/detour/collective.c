/* A collective's list as values, and its text. */
#include "nodes/detour/collective.h"
#include "lib/base/error.h"
#include "lib/base/units.h"
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FORMAT "liquidnet-collective 1"
#define SIGNATURE "signature "
#define SIGNATURE_TEXT 89     /* room for 64 bytes in base64 */
#define WORDS 8               /* of a line, at most */
#define EARLY_S (24 * 3600LL) /* clocks differ */
#define TIME_FORMAT "%Y-%m-%dT%H:%M:%SZ"

/* --- values
 * ------------------------------------------------------------------------------------------------------ */

bool collective_is_name(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	size_t length = strlen(text);
	return length > 0 && length < COLLECTIVE_NAME && strspn(text, allowed) == length;
}

struct collective *collective_new(const char *name)
{
	struct collective *list = calloc(1, sizeof *list);
	if (list)
		snprintf(list->name, sizeof list->name, "%s", name);
	return list;
}

void collective_free(struct collective *list)
{
	if (!list)
		return;
	free(list->members);
	free(list->detours);
	free(list);
}

/* Room for one more: arrays grow at each power of two. */
static void *grow(void *items, size_t count, size_t size)
{
	if (count & (count - 1))
		return items;
	return realloc(items, (count ? 2 * count : 1) * size);
}

static bool append_member(struct collective *list, const char *name, const uint8_t key[SEAL_PUBLIC])
{
	struct collective_member *grown =
		list->member_count < COLLECTIVE_MEMBERS
			? grow(list->members, list->member_count, sizeof *list->members)
			: NULL;
	if (!grown)
		return false;
	list->members = grown;
	struct collective_member *m = &list->members[list->member_count++];
	*m = (struct collective_member){0};
	memcpy(m->name, name, strnlen(name, sizeof m->name - 1));
	memcpy(m->key, key, SEAL_PUBLIC);
	return true;
}

bool collective_add(struct collective *list, const char *name, const uint8_t key[SEAL_PUBLIC])
{
	for (size_t i = 0; i < list->member_count; i++)
		if (strcmp(list->members[i].name, name) == 0 ||
			memcmp(list->members[i].key, key, SEAL_PUBLIC) == 0)
			return false;
	return append_member(list, name, key);
}

bool collective_add_detour(struct collective *list, struct collective_detour detour)
{
	struct collective_detour *grown =
		list->member_count && list->detour_count < COLLECTIVE_MEMBERS
			? grow(list->detours, list->detour_count, sizeof *list->detours)
			: NULL;
	if (!grown)
		return false;
	list->detours = grown;
	detour.member = (unsigned)list->member_count - 1;
	list->detours[list->detour_count++] = detour;
	return true;
}

bool collective_remove(struct collective *list, const char *name)
{
	const struct collective_member *found = collective_find(list, name);
	if (!found)
		return false;
	unsigned index = (unsigned)(found - list->members);
	size_t kept = 0;
	for (size_t i = 0; i < list->detour_count; i++) {
		struct collective_detour d = list->detours[i];
		if (d.member == index)
			continue;
		d.member -= d.member > index;
		list->detours[kept++] = d;
	}
	list->detour_count = kept;
	list->member_count--;
	memmove(&list->members[index], &list->members[index + 1],
		(list->member_count - index) * sizeof *list->members);
	return true;
}

const struct collective_member *collective_find(const struct collective *list, const char *name)
{
	for (size_t i = 0; i < list->member_count; i++)
		if (strcmp(list->members[i].name, name) == 0)
			return &list->members[i];
	return NULL;
}

bool collective_is_current(const struct collective *list, int64_t now)
{
	return now < list->expires && now > list->issued - EARLY_S;
}

/* --- the signature
 * ----------------------------------------------------------------------------------------------- */

/* What is signed: not the text itself, whose SHA-512 within Ed25519 costs more than BLAKE2b, but its hash, behind words
 * that keep it from being anything else that this key ever signs. */
struct signed_text {
	char purpose[32];
	uint8_t hash[crypto_generichash_BYTES_MAX];
};

static struct signed_text signed_text(const char *bytes, size_t size)
{
	struct signed_text text = {.purpose = FORMAT};
	crypto_generichash(text.hash, sizeof text.hash, (const uint8_t *)bytes, size, NULL, 0);
	return text;
}

/* Where the signature's line begins; NULL: the text does not end with one. */
static const char *signature_line(const char *bytes, size_t size)
{
	const size_t line = strlen(SIGNATURE) + SIGNATURE_TEXT; /* with its end, instead of the text's NUL */
	if (size <= line || bytes[size - 1] != '\n' || bytes[size - line - 1] != '\n' ||
		memcmp(bytes + size - line, SIGNATURE, strlen(SIGNATURE)) != 0)
		return NULL;
	return bytes + size - line;
}

int collective_verify(const char *bytes, size_t size, const uint8_t key[SEAL_PUBLIC], char **error)
{
	uint8_t signature[crypto_sign_BYTES];
	size_t got;
	const char *line = size <= COLLECTIVE_SIZE ? signature_line(bytes, size) : NULL;
	if (!line)
		return error_set(error, "is no collective's list: it does not end with a signature");
	if (sodium_base642bin(signature, sizeof signature, line + strlen(SIGNATURE), SIGNATURE_TEXT - 1, NULL,
		    &got, NULL, sodium_base64_VARIANT_ORIGINAL) != 0 ||
		got != sizeof signature)
		return error_set(error, "its signature is not base64 of 64 bytes");
	struct signed_text text = signed_text(bytes, (size_t)(line - bytes));
	if (crypto_sign_verify_detached(signature, (const uint8_t *)&text, sizeof text, key) != 0)
		return error_set(error, "its signature is not by the collective's key");
	return 0;
}

/* --- reading
 * ----------------------------------------------------------------------------------------------------- */

struct reader {
	struct collective *list;
	unsigned line;
	char *words[WORDS];
	int count;
};

static int fault(const struct reader *r, char **error, const char *what)
{
	return error_set(error, "line %u: %s", r->line, what);
}

static bool parse_time(const char *text, int64_t *seconds)
{
	struct tm time = {0};
	const char *end = strptime(text, TIME_FORMAT, &time);
	if (!end || *end)
		return false;
	*seconds = timegm(&time);
	return *seconds > 0;
}

static int read_member(struct reader *r, char **error)
{
	uint8_t key[SEAL_PUBLIC];
	if (r->count != 3 || !collective_is_name(r->words[1]) || !public_parse(r->words[2], key))
		return fault(r, error, "no member; write it as: member NAME KEY");
	return append_member(r->list, r->words[1], key) ? 0 : fault(r, error, "too many members");
}

static bool read_addresses(char *text, struct collective_detour *detour)
{
	char *rest;
	for (char *item = strtok_r(text, ",", &rest); item; item = strtok_r(NULL, ",", &rest))
		if (detour->address_count == COLLECTIVE_ADDRESSES ||
			!address_parse(item, &detour->addresses[detour->address_count++]))
			return false;
	return detour->address_count > 0;
}

static bool read_feature(const char *word, struct collective_detour *detour)
{
	int64_t capacity;
	if (strncmp(word, "capacity=", 9) == 0) {
		if (unit_integer(word + 9, &capacity) < 0 || capacity <= 0)
			return false;
		detour->capacity_bps = (uint64_t)capacity;
		return true;
	}
	if (strncmp(word, "region=", 7) == 0) {
		if (!collective_is_name(word + 7))
			return false;
		snprintf(detour->region, sizeof detour->region, "%s", word + 7);
		return true;
	}
	return strchr(word, '=') && word[0] != '='; /* of a later version */
}

static int read_detour(struct reader *r, char **error)
{
	struct collective_detour detour = {0};
	int64_t port;
	if (!r->list->member_count)
		return fault(r, error, "a detour before any member");
	if (r->count < 3 || !read_addresses(r->words[1], &detour) || unit_integer(r->words[2], &port) < 0 ||
		port < 1 || port > UINT16_MAX)
		return fault(
			r, error, "no detour; write it as: detour ADDRESS,... PORT capacity=N region=NAME");
	detour.port = (uint16_t)port;
	for (int i = 3; i < r->count; i++)
		if (!read_feature(r->words[i], &detour))
			return fault(r, error, "a detour's feature must be NAME=VALUE");
	return collective_add_detour(r->list, detour) ? 0 : fault(r, error, "too many detours");
}

/* The head: one value each, each once, in any order before the first member. */
static int read_head(struct reader *r, char **error)
{
	struct collective *list = r->list;
	const char *name = r->words[0], *value = r->count == 2 ? r->words[1] : "";
	int64_t version;
	if (strcmp(name, "name") == 0 && !*list->name && collective_is_name(value))
		snprintf(list->name, sizeof list->name, "%s", value);
	else if (strcmp(name, "version") == 0 && !list->version && unit_integer(value, &version) == 0 &&
		 version > 0)
		list->version = (uint64_t)version;
	else if (strcmp(name, "issued") == 0 && !list->issued && parse_time(value, &list->issued))
		;
	else if (strcmp(name, "expires") == 0 && !list->expires && parse_time(value, &list->expires))
		;
	else
		return fault(r, error, "is not known, or out of place, or its value is none");
	return 0;
}

static int read_line(struct reader *r, char *line, char **error)
{
	char *rest;
	r->line++;
	r->count = 0;
	for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		if (r->count == WORDS)
			return fault(r, error, "has too many words");
		r->words[r->count++] = word;
	}
	if (r->count == 0)
		return fault(r, error, "is empty");
	if (strcmp(r->words[0], "member") == 0)
		return read_member(r, error);
	if (strcmp(r->words[0], "detour") == 0)
		return read_detour(r, error);
	return read_head(r, error);
}

/* Two members of one name, or with one key, would make it unclear who somebody is. Each is put where its hash says, or behind it. */
static int check_distinct(const struct collective *list, char **error)
{
	static const uint8_t secret[crypto_shorthash_KEYBYTES];
	size_t room = 64;
	while (room < 2 * list->member_count)
		room *= 2;
	uint32_t *slots = calloc(2 * room, sizeof *slots), *names = slots, *keys = slots + room;
	bool twice = false;
	if (!slots)
		return error_set(error, "out of memory");
	for (uint32_t i = 0; i < list->member_count; i++) {
		const struct collective_member *m = &list->members[i];
		uint64_t hash;
		crypto_shorthash((uint8_t *)&hash, (const uint8_t *)m->name, strlen(m->name), secret);
		size_t at = hash & (room - 1);
		for (; names[at]; at = (at + 1) & (room - 1))
			twice |= strcmp(list->members[names[at] - 1].name, m->name) == 0;
		names[at] = i + 1;
		crypto_shorthash((uint8_t *)&hash, m->key, sizeof m->key, secret);
		for (at = hash & (room - 1); keys[at]; at = (at + 1) & (room - 1))
			twice |= memcmp(list->members[keys[at] - 1].key, m->key, sizeof m->key) == 0;
		keys[at] = i + 1;
	}
	free(slots);
	return twice ? error_set(error, "two members have one name or one key") : 0;
}

static int read_text(struct collective *list, char *text, char **error)
{
	struct reader r = {.list = list};
	char *line = text, *end;
	for (; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		if (r.line == 0) {
			r.line++;
			if (strcmp(line, FORMAT) != 0)
				return error_set(error, "does not begin with '" FORMAT "'");
		} else if (read_line(&r, line, error) < 0) {
			return -1;
		}
	}
	if (!*list->name || !list->version || !list->issued || !list->expires)
		return error_set(error, "lacks one of name, version, issued, expires");
	return check_distinct(list, error);
}

struct collective *collective_read(
	const char *bytes, size_t size, const uint8_t key[SEAL_PUBLIC], char **error)
{
	if (collective_verify(bytes, size, key, error) < 0)
		return NULL;
	size_t length = (size_t)(signature_line(bytes, size) - bytes);
	struct collective *list = collective_new("");
	char *text = malloc(length + 1);
	int result = -1;
	if (!list || !text) {
		error_set(error, "out of memory");
	} else if (memchr(bytes, '\0', length)) {
		error_set(error, "has a NUL byte");
	} else {
		memcpy(text, bytes, length);
		text[length] = '\0';
		result = read_text(list, text, error);
	}
	free(text);
	if (result == 0)
		return list;
	collective_free(list);
	return NULL;
}

struct collective *collective_load(const char *path, const uint8_t key[SEAL_PUBLIC], char **error)
{
	struct stat status;
	struct collective *list = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char *bytes = NULL;
	ssize_t size = -1;
	if (fd < 0 || fstat(fd, &status) < 0)
		error_set(error, "%s", strerror(errno));
	else if (!S_ISREG(status.st_mode) || status.st_size > (off_t)COLLECTIVE_SIZE)
		error_set(error, "is no file of at most %u bytes", COLLECTIVE_SIZE);
	else if (!(bytes = malloc((size_t)status.st_size + 1)) ||
		 (size = read(fd, bytes, (size_t)status.st_size)) < 0)
		error_set(error, "%s", strerror(errno));
	else
		list = collective_read(bytes, (size_t)size, key, error);
	if (fd >= 0)
		close(fd);
	free(bytes);
	if (!list)
		error_prefix(error, "%s", path);
	return list;
}

/* --- writing
 * ----------------------------------------------------------------------------------------------------- */

static void write_time(FILE *out, const char *name, int64_t seconds)
{
	char text[32];
	time_t when = (time_t)seconds;
	struct tm time;
	strftime(text, sizeof text, TIME_FORMAT, gmtime_r(&when, &time));
	fprintf(out, "%s %s\n", name, text);
}

static void write_detour(FILE *out, const struct collective_detour *detour)
{
	char text[ADDRESS_TEXT];
	fputs("detour ", out);
	for (unsigned i = 0; i < detour->address_count; i++)
		fprintf(out, "%s%s", i ? "," : "", address_text(&detour->addresses[i], text));
	fprintf(out, " %u", detour->port);
	if (detour->capacity_bps)
		fprintf(out, " capacity=%llu", (unsigned long long)detour->capacity_bps);
	if (*detour->region)
		fprintf(out, " region=%s", detour->region);
	fputc('\n', out);
}

static void write_list(FILE *out, const struct collective *list)
{
	char key[SEAL_KEY_TEXT];
	size_t next = 0;
	fprintf(out, FORMAT "\nname %s\nversion %llu\n", list->name, (unsigned long long)list->version);
	write_time(out, "issued", list->issued);
	write_time(out, "expires", list->expires);
	for (size_t i = 0; i < list->member_count; i++) {
		fprintf(out, "member %s %s\n", list->members[i].name, public_text(list->members[i].key, key));
		for (; next < list->detour_count && list->detours[next].member == i; next++)
			write_detour(out, &list->detours[next]);
	}
}

char *collective_write(const struct collective *list, const struct identity *keeper, size_t *size)
{
	char *text = NULL, signature_text[SIGNATURE_TEXT];
	uint8_t signature[crypto_sign_BYTES];
	FILE *out = open_memstream(&text, size);
	if (!out)
		return NULL;
	write_list(out, list);
	if (fflush(out) == 0) {
		struct signed_text content = signed_text(text, *size);
		crypto_sign_detached(
			signature, NULL, (const uint8_t *)&content, sizeof content, keeper->secret);
		fprintf(out, SIGNATURE "%s\n",
			sodium_bin2base64(signature_text, sizeof signature_text, signature, sizeof signature,
				sodium_base64_VARIANT_ORIGINAL));
	}
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}
