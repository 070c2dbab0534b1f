/* Fuzz: any JSON as what nftables says of the tables that another life of the daemons left: counters are taken over, or begin at zero. */
#include "lib/net/nft.h"
#include <stddef.h>

static const char *listed;
static int fuzz_nft_list(struct nft_ctx *nft, const char *what, const char **text, char **error)
{
	(void)nft, (void)what, (void)error;
	*text = listed;
	return 0;
}
#define nft_list fuzz_nft_list
#include "nodes/kibbutz/provider/accounts.c"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(int truth)
{
	if (!truth)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *rules = NULL;
	size_t length = 0;
	memcpy(text, data, size);
	text[size] = 0;
	listed = text;
	static struct settings settings;
	struct accounts accounts = {.settings = &settings};
	json_t *before = list_counters(&accounts, NULL);
	settings.count = 2;
	settings.tunnels[0] = (struct settings_tunnel){.device = "bob", .via = -1, .port = 1200};
	settings.tunnels[1] = (struct settings_tunnel){.device = "alice", .via = 0, .port = 1301};
	FILE *out = open_memstream(&rules, &length);
	write_rules(out, &settings, before);
	fclose(out);
	/* What is given to nft is ours but for numbers. */
	for (const char *at = rules; *at; at++)
		expect((*at >= 0x20 && *at < 0x7f) || *at == '\n' || *at == '\t');
	json_decref(before);
	free(rules);
	free(text);
	return 0;
}
