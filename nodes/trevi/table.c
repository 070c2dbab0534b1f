#include "nodes/trevi/table.h"

#include "lib/base/conf.h"
#include "lib/base/draw.h"
#include "lib/base/units.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 65536

static int read_server(const struct conf_node *node, struct place *out, char **error)
{
	if (conf_expect(node, CONF_SCALAR, error) < 0)
		return -1;
	if (!place_parse(node->value, out) || !address_is_v4(&out->address))
		return conf_error(node, error, "'%s' is no address; write 10.0.0.1:7010", node->value);
	return 0;
}

static int read_group(const struct conf_node *map, struct table_row *row, char **error)
{
	if (!conf_child(map, "group"))
		return 0;
	if (conf_need_address(map, "group", &row->group, error) < 0)
		return -1;
	return IN_MULTICAST(ntohl(row->group.s_addr))
		       ? 0
		       : conf_error(conf_child(map, "group"), error,
				 "group: no multicast address; write one of 224.0.0.0/4, such as 239.1.1.1");
}

static int read_row(const struct conf_node *map, struct table_row *row, char **error)
{
	static const char *const keys[] = {"servers", "group", NULL};
	const struct conf_node *list = conf_child(map, "servers");

	if (conf_expect(map, CONF_MAPPING, error) < 0 || conf_only(map, keys, error) < 0)
		return -1;
	if (!list || conf_expect(list, CONF_SEQUENCE, error) < 0 || !conf_first(list))
		return conf_error(map, error, "servers: a list of ADDRESS:PORT belongs here");
	for (const struct conf_node *n = conf_first(list); n; n = n->next) {
		if (row->count == TABLE_REPLICAS)
			return conf_error(n, error, "servers: more than %d of a row", TABLE_REPLICAS);
		if (read_server(n, &row->servers[row->count], error) < 0)
			return -1;
		for (unsigned i = 0; i < row->count; i++)
			if (place_equal(&row->servers[i], &row->servers[row->count]))
				return conf_error(n, error, "servers: '%s' is there twice", n->value);
		row->count++;
	}
	return read_group(map, row, error);
}

static int read_rows(struct table *table, const struct conf_node *root, char **error)
{
	static const char *const keys[] = {"rows", NULL};
	const struct conf_node *list = conf_child(root, "rows");

	if (conf_expect(root, CONF_MAPPING, error) < 0 || conf_only(root, keys, error) < 0)
		return -1;
	if (!list || conf_expect(list, CONF_SEQUENCE, error) < 0 || !conf_first(list))
		return conf_error(root, error, "rows: a list of {servers, group} belongs here");
	if (list->children > ROWS_MAX)
		return conf_error(list, error, "rows: more than %d", ROWS_MAX);
	table->rows = calloc(list->children, sizeof *table->rows);
	if (!table->rows)
		abort();
	for (const struct conf_node *n = conf_first(list); n; n = n->next) {
		struct table_row *row = &table->rows[table->count];
		row->spread = table->count;
		if (read_row(n, row, error) < 0)
			return -1;
		for (unsigned i = 0; row->group.s_addr && i < table->count; i++)
			if (table->rows[i].group.s_addr == row->group.s_addr)
				return conf_error(
					n, error, "group: it is another row's already; each has its own");
		table->count++;
	}
	return 0;
}

static struct table *read_table(struct conf *conf, char **error)
{
	struct table *table = calloc(1, sizeof *table);

	if (!table)
		abort();
	if (conf && read_rows(table, conf_root(conf), error) == 0) {
		conf_free(conf);
		return table;
	}
	conf_free(conf);
	table_free(table);
	return NULL;
}

struct table *table_load(const char *path, char **error)
{
	return read_table(conf_load(path, error), error);
}

struct table *table_parse(const char *name, const char *text, char **error)
{
	return read_table(conf_parse(name, text, strlen(text), error), error);
}

void table_free(struct table *table)
{
	if (table)
		free(table->rows);
	free(table);
}

const struct table_row *table_locate(const struct table *table, const uint8_t guid[WIRE_GUID], uint32_t tract)
{
	uint64_t halves[2];

	memcpy(halves, guid, sizeof halves);
	/* Tracts of a blob lie in rows one after the other. */
	return &table->rows[(draw_mix(draw_mix(halves[0]) ^ halves[1]) % table->count + tract) %
			    table->count];
}

bool table_guid(const char *text, uint8_t guid[WIRE_GUID])
{
	if (strlen(text) != 2 * WIRE_GUID || strspn(text, "0123456789abcdefABCDEF") != 2 * WIRE_GUID)
		return false;
	for (int i = 0; i < WIRE_GUID; i++) {
		char digits[3] = {text[2 * i], text[2 * i + 1], 0};
		guid[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return true;
}
