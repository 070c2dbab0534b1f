/* All that liquidnet-front does to packets is in these rules.
 *
 * choose: a connection's first packet, the SYN, decides by lot; the rest follows the connection tracking.
 * leave: once so many bytes of a connection have passed that the client's join to the server's other address is through, whatever comes is
 * answered by a reset to who sent it: its number is the one which that kernel expects. Only connections whose SYN asked for Multipath TCP are
 * released: others could not go on elsewhere. */
#include "nodes/steer/front/config.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define TABLE "ip liquidnet-front"
/* In the connection tracking: the SYN asked for Multipath TCP. */
#define MARK "0x4c530001"

/* Shares are ranges of a random number, 0 to 49 for the first, say; what no range has is served here. */
static void put_choice(FILE *file, const struct front_config *config)
{
	char address[INET_ADDRSTRLEN];
	unsigned from = 0;
	fprintf(file, "flush chain " TABLE " choose\n"
		      "add rule " TABLE " choose tcp option mptcp exists ct mark set " MARK "\n");
	for (unsigned i = 0; i < config->count; i++) {
		unsigned share = config->servers[i].share;
		if (!share)
			continue;
		inet_ntop(AF_INET, &config->servers[i].address, address, sizeof address);
		if (from == 0)
			fprintf(file, "add rule " TABLE " choose dnat to numgen random mod 100 map {");
		fprintf(file, "%s %u-%u : %s", from ? "," : "", from, from + share - 1, address);
		from += share;
	}
	if (from)
		fprintf(file, " }\n");
}

static char *made(
	void (*put)(FILE *file, const struct front_config *config), const struct front_config *config)
{
	char *text;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	if (!file)
		abort();
	put(file, config);
	if (fclose(file) != 0)
		abort();
	return text;
}

static void put_all(FILE *file, const struct front_config *config)
{
	char here[INET_ADDRSTRLEN];
	inet_ntop(AF_INET, &config->address, here, sizeof here);
	fprintf(file,
		"add table " TABLE "\n"
		"delete table " TABLE "\n"
		"add table " TABLE "\n"
		"add counter " TABLE " moved\n"
		"add counter " TABLE " resets\n"
		"add counter " TABLE " forwarded\n"
		"add chain " TABLE " choose\n"
		"add chain " TABLE " in { type nat hook prerouting priority dstnat; }\n"
		"add chain " TABLE " out { type nat hook postrouting priority srcnat; }\n"
		"add chain " TABLE " leave { type filter hook forward priority filter; }\n"
		"add rule " TABLE " in ip daddr %s tcp dport %u jump choose\n"
		"add rule " TABLE " out ct status dnat ct original daddr %s counter name moved snat to %s\n",
		here, config->port, here, here);
	if (config->release)
		fprintf(file,
			"add rule " TABLE " leave ct status dnat ct mark " MARK
			" ct bytes >= %llu counter name resets reject with tcp reset\n",
			(unsigned long long)config->release_after);
	fprintf(file, "add rule " TABLE " leave ct status dnat ct original daddr %s counter name forwarded\n",
		here);
	put_choice(file, config);
}

char *front_choice(const struct front_config *config)
{
	return made(put_choice, config);
}

char *front_rules(const struct front_config *config)
{
	return made(put_all, config);
}
