/* Fuzz: any text as an inventory: it is refused in one line, or what comes of it can be words of ssh's command line. */
#include "harness/hosts/inventory.h"
#include <stdint.h>
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
	char *error = NULL;
	struct inventory *v = inventory_parse("hosts.yaml", (const char *)data, size, &error);
	expect((v == NULL) == (error != NULL));
	expect(!error || !strchr(error, '\n'));
	for (size_t i = 0; v && i < v->count; i++) {
		expect(*v->hosts[i].user_and_name && *v->hosts[i].user_and_name != '-');
		expect(!strpbrk(v->hosts[i].user_and_name, " \t\n'\"`$;&|<>(){}*?\\"));
		expect(!strpbrk(v->hosts[i].program, " \t\n'\"`$;&|<>(){}*?\\"));
		expect(*v->hosts[i].address &&
			strspn(v->hosts[i].address, "0123456789abcdef:.") == strlen(v->hosts[i].address));
		expect((strchr(v->hosts[i].address, ':') != NULL) == v->ipv6);
		expect(strspn(v->hosts[i].port, "0123456789") == strlen(v->hosts[i].port));
	}
	expect(!v || (v->count >= 2 && v->rate_bps && v->bytes && v->until_ns));
	inventory_free(v);
	free(error);
	return 0;
}
