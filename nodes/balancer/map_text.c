/* The map as text, for the file or the ZooKeeper node that muxes and agents watch; nodes/balancer/README.md
 * describes it. One line a fact; runs of tokens with the same chain share a line. */
#include "lib/base/error.h"
#include "lib/base/units.h"
#include "nodes/balancer/map.h"
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 5
#define LINE_SIZE 512

static const char *const assignments[] = {[LB_EVEN] = "even", [LB_MODULO] = "modulo"};

/* ---- reading */

struct reader {
	const char *name;
	unsigned line;
	char **error;
	struct lb_map *map;
	uint32_t seen;  /* tokens so far */
	bool header[5]; /* which of the facts that occur once there were */
};

static int fault(const struct reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int fault(const struct reader *r, const char *format, ...)
{
	char text[256];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	return error_set(
		r->error, "%s:%u: %s; let liquidnet-balancer-ctl write the map", r->name, r->line, text);
}

static int number(const struct reader *r, const char *text, int64_t min, int64_t max, int64_t *value)
{
	if (unit_integer(text, value) < 0 || *value < min || *value > max)
		return fault(
			r, "`%.40s` is no number from %lld to %lld", text, (long long)min, (long long)max);
	return 0;
}

static int address(const struct reader *r, const char *text, struct in_addr *out)
{
	return inet_pton(AF_INET, text, out) == 1 ? 0 : fault(r, "`%.40s` is no IPv4 address", text);
}

static int read_server(struct reader *r, char **words)
{
	struct lb_map *map = r->map;
	struct in_addr dip;
	int64_t slot;
	if (number(r, words[0], 0, LB_SERVERS_MAX - 1, &slot) < 0 || address(r, words[2], &dip) < 0)
		return -1;
	words++;
	if (!*words[0] || strlen(words[0]) >= LB_NAME_SIZE || strchr(words[0], ','))
		return fault(r, "`%.40s` is no server's name", words[0]);
	if (lb_map_find(map, words[0]) != LB_NO_SERVER || lb_map_find_dip(map, dip) != LB_NO_SERVER)
		return fault(r, "a second server of this name or address");
	if (map->servers[slot].name[0])
		return fault(r, "a second server of number %lld", (long long)slot);
	if (strcmp(words[2], "active") != 0 && strcmp(words[2], "drained") != 0)
		return fault(r, "`%.40s` is neither active nor drained", words[2]);
	map->servers[slot].dip = dip;
	map->servers[slot].drained = words[2][0] == 'd';
	strcpy(map->servers[slot].name, words[0]);
	return 0;
}

static int read_port(struct reader *r, char **words)
{
	int64_t port;
	unsigned server = lb_map_find(r->map, words[1]);
	if (number(r, words[0], 1, UINT16_MAX, &port) < 0)
		return -1;
	if (server == LB_NO_SERVER)
		return fault(r, "no server `%.40s` above", words[1]);
	if (r->map->port_count == LB_PORTS_MAX)
		return fault(r, "more than %d ports", LB_PORTS_MAX);
	for (size_t i = 0; i < r->map->port_count; i++)
		if (r->map->ports[i].port == port)
			return fault(r, "port %u for a second time", (unsigned)port);
	r->map->ports[r->map->port_count++] = (struct lb_port){(uint16_t)port, (uint16_t)server};
	return 0;
}

/* "s3,s1": owner first; "-": nobody's. */
static int read_chain(const struct reader *r, char *text, uint16_t chain[LB_CHAIN_MAX])
{
	unsigned length = 0;
	memset(chain, 0xff, LB_CHAIN_MAX * sizeof *chain);
	if (strcmp(text, "-") == 0)
		return 0;
	for (char *name = text; name;) {
		char *comma = strchr(name, ',');
		if (comma)
			*comma++ = '\0';
		unsigned server = lb_map_find(r->map, name);
		if (server == LB_NO_SERVER)
			return fault(r, "no server `%.40s` above", name);
		for (unsigned i = 0; i < length; i++)
			if (chain[i] == server)
				return fault(r, "server `%.40s` twice for a token", name);
		if (length == 0 && r->map->servers[server].drained)
			return fault(r, "server `%.40s` is drained and owns a token", name);
		if (length > r->map->history || length == LB_CHAIN_MAX)
			return fault(r, "a longer history than %u", r->map->history);
		chain[length++] = (uint16_t)server;
		name = comma;
	}
	return 0;
}

static int read_ring(struct reader *r, char **words)
{
	int64_t count;
	uint16_t chain[LB_CHAIN_MAX];
	if (!r->map->tokens)
		return fault(r, "`ring` before `tokens`");
	if (number(r, words[0], 1, r->map->tokens - r->seen, &count) < 0 ||
		read_chain(r, words[1], chain) < 0)
		return -1;
	while (count--)
		memcpy(r->map->chains[r->seen++], chain, sizeof chain);
	return 0;
}

static int read_header(struct reader *r, unsigned which, char *word)
{
	struct lb_map *map = r->map;
	int64_t value = 0;
	if (r->header[which])
		return fault(r, "for a second time");
	r->header[which] = true;
	switch (which) {
	case 0:
		if (number(r, word, 1, UINT32_MAX, &value) < 0)
			return -1;
		map->generation = (uint32_t)value;
		return 0;
	case 1:
		return address(r, word, &map->vip);
	case 2:
		if (number(r, word, 1, LB_TOKENS_MAX, &value) < 0)
			return -1;
		map->chains = malloc((size_t)value * sizeof *map->chains);
		if (!map->chains)
			return fault(r, "out of memory");
		map->tokens = (uint32_t)value;
		return 0;
	case 3:
		if (number(r, word, 0, LB_CHAIN_MAX - 1, &value) < 0)
			return -1;
		map->history = (unsigned)value;
		return 0;
	default:
		map->assignment = strcmp(word, assignments[LB_MODULO]) == 0 ? LB_MODULO : LB_EVEN;
		return strcmp(word, assignments[map->assignment]) == 0
			       ? 0
			       : fault(r, "`%.40s` is neither even nor modulo", word);
	}
}

static int read_words(struct reader *r, int count, char **words)
{
	static const char *const headers[] = {"generation", "vip", "tokens", "history", "assign"};
	for (unsigned i = 0; i < sizeof headers / sizeof *headers; i++)
		if (count == 2 && strcmp(words[0], headers[i]) == 0)
			return read_header(r, i, words[1]);
	if (count == 5 && strcmp(words[0], "server") == 0)
		return read_server(r, words + 1);
	if (count == 3 && strcmp(words[0], "port") == 0)
		return read_port(r, words + 1);
	if (count == 3 && strcmp(words[0], "ring") == 0)
		return read_ring(r, words + 1);
	return fault(r, "`%.40s` is not a line of a map", words[0]);
}

static int read_line(struct reader *r, const char *text, size_t length)
{
	char line[LINE_SIZE], *words[WORDS_MAX + 1], *rest = line, *word;
	int count = 0;
	if (length >= sizeof line || memchr(text, '\0', length))
		return fault(r, "a line of %zu bytes or with a zero byte", length);
	memcpy(line, text, length);
	line[length] = '\0';
	if (r->line == 1)
		return strcmp(line, "liquidnet-lb 1") == 0 ? 0
							   : fault(r, "does not begin with `liquidnet-lb 1`");
	while (count <= WORDS_MAX && (word = strsep(&rest, " ")))
		words[count++] = word;
	return read_words(r, count, words);
}

static int read_text(struct reader *r, const char *text, size_t length)
{
	const char *end = text + length;
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		r->line++;
		if (!newline)
			return fault(r, "the last line has no end");
		if (read_line(r, text, (size_t)(newline - text)) < 0)
			return -1;
		text = newline + 1;
	}
	for (unsigned i = 0; i < sizeof r->header; i++)
		if (!r->header[i])
			return fault(r, "ends without generation, vip, tokens, history and assign");
	if (r->seen != r->map->tokens)
		return fault(r, "ends after %u of %u tokens", r->seen, r->map->tokens);
	if (lb_map_find_dip(r->map, r->map->vip) != LB_NO_SERVER)
		return fault(r, "a server has the VIP as its address");
	return 0;
}

struct lb_map *lb_map_parse(const char *name, const char *text, size_t length, char **error)
{
	struct reader r = {.name = name, .error = error, .map = calloc(1, sizeof *r.map)};
	if (!r.map) {
		error_set(error, "out of memory");
		return NULL;
	}
	if (length > LB_TEXT_MAX)
		fault(&r, "larger than %u bytes", LB_TEXT_MAX);
	else if (read_text(&r, text, length) == 0)
		return r.map;
	lb_map_free(r.map);
	return NULL;
}

/* ---- writing */

static void write_servers(FILE *out, const struct lb_map *map)
{
	char text[INET_ADDRSTRLEN];
	for (unsigned i = 0; i < LB_SERVERS_MAX; i++) {
		const struct lb_server *server = &map->servers[i];
		if (server->name[0])
			fprintf(out, "server %u %s %s %s\n", i, server->name,
				inet_ntop(AF_INET, &server->dip, text, sizeof text),
				server->drained ? "drained" : "active");
	}
	for (size_t i = 0; i < map->port_count; i++)
		fprintf(out, "port %u %s\n", map->ports[i].port, map->servers[map->ports[i].server].name);
}

static void write_ring(FILE *out, const struct lb_map *map)
{
	for (uint32_t t = 0, next; t < map->tokens; t = next) {
		const uint16_t *chain = map->chains[t];
		for (next = t + 1; next < map->tokens; next++)
			if (memcmp(map->chains[next], chain, sizeof map->chains[0]) != 0)
				break;
		fprintf(out, "ring %u ", next - t);
		if (chain[0] == LB_NO_SERVER)
			fputc('-', out);
		for (unsigned i = 0; i < LB_CHAIN_MAX && chain[i] != LB_NO_SERVER; i++)
			fprintf(out, "%s%s", i ? "," : "", map->servers[chain[i]].name);
		fputc('\n', out);
	}
}

char *lb_map_format(const struct lb_map *map)
{
	char *text = NULL, vip[INET_ADDRSTRLEN];
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	fprintf(out, "liquidnet-lb 1\ngeneration %u\nvip %s\ntokens %u\nhistory %u\nassign %s\n",
		map->generation, inet_ntop(AF_INET, &map->vip, vip, sizeof vip), map->tokens, map->history,
		assignments[map->assignment]);
	write_servers(out, map);
	write_ring(out, map);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
