/* Fuzz: any bytes as the environment of a process: what comes of them can stand in rules of nftables. */
#include "harness/hosts/login.h"
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
	struct login login;
	if (!login_of_environment((const char *)data, size, &login))
		return 0;
	expect(*login.from && strspn(login.from, "0123456789abcdef:.") == strlen(login.from));
	expect((strchr(login.from, ':') != NULL) == login.ipv6);
	expect(login.from_port >= 1 && login.from_port <= 65535 && login.to_port >= 1 &&
		login.to_port <= 65535);
	return 0;
}
