/* The host's base chains, as nft lists them. */
#include "nodes/detour/kernel/host_rules.h"
#include "lib/net/nft.h"
#include "nodes/detour/kernel/nat.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUR_PRIORITY (-105)

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

static void look_at_chain(json_t *out, const json_t *chain)
{
	const char *table = text_of(chain, "table"), *name = text_of(chain, "name"),
		   *hook = text_of(chain, "hook"), *family = text_of(chain, "family");
	if (strncmp(table, NAT_TABLE, strlen(NAT_TABLE)) == 0)
		return;
	if (strcmp(hook, "forward") == 0 && strcmp(text_of(chain, "policy"), "drop") == 0)
		json_array_append_new(out,
			json_sprintf(
				"chain %s of table %s %s drops what it does not know: no flow passes unless a rule there "
				"accepts it; accept what has our mark, `ct mark and 0xffff0000 == 0x4c510000 accept`",
				name, family, table));
	if (strcmp(hook, "prerouting") == 0 && strcmp(text_of(chain, "type"), "nat") == 0 &&
		json_integer_value(json_object_get(chain, "prio")) <= OUR_PRIORITY)
		json_array_append_new(out,
			json_sprintf(
				"chain %s of table %s %s translates before ours: a port that it takes is not a mapping's",
				name, family, table));
}

/* Rules of the old iptables are in another place, where nft does not look. */
static bool has_legacy_filter(void)
{
	char names[256];
	int fd = open("/proc/net/ip_tables_names", O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? 0 : read(fd, names, sizeof names - 1);
	if (fd >= 0)
		close(fd);
	names[size > 0 ? size : 0] = '\0';
	return strstr(names, "filter") != NULL;
}

json_t *host_rules_look(struct nft_ctx *nft)
{
	const char *text;
	size_t i;
	json_t *item, *out = json_array();
	if (nft_list(nft, "list chains", &text, NULL) == 0) {
		json_t *root = json_loads(text, 0, NULL);
		json_array_foreach(json_object_get(root, "nftables"), i, item) {
			const json_t *chain = json_object_get(item, "chain");
			if (chain)
				look_at_chain(out, chain);
		}
		json_decref(root);
	}
	if (has_legacy_filter())
		json_array_append_new(out,
			json_string(
				"this host has rules of iptables-legacy, which cannot be seen from here: look at "
				"`iptables-legacy -S FORWARD`"));
	return out;
}
