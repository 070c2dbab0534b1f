/* By tc's batches. Class MAJOR:N0 is a device's, of its link's rate; N1 is for the device itself and takes
 * all that it needs, N2 for what the device forwards and takes what is left: both may borrow the whole rate,
 * and HTB lends to the lower priority number first. Each has a hundredth of its own, so that a forwarded flow
 * never hears nothing. */
#include "nodes/kibbutz/provider/downlink.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/process.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define MAJOR "4b42"
#define QUEUE 100 /* packets */

static bool shaped(const struct settings *s, unsigned i)
{
	return s->tunnels[i].downlink_bps > 0;
}

static bool any_shaped(const struct settings *s)
{
	for (unsigned i = 0; i < s->count; i++)
		if (shaped(s, i))
			return true;
	return false;
}

static unsigned class_of(unsigned i)
{
	return 0x10 * (i + 1);
}

static int run_batch(const char *lines, char **error)
{
	const char *const argv[] = {"tc", "-batch", "-", NULL};
	return process_feed(argv, -1, lines, NULL, error) == 0 ? 0 : -1;
}

static void write_classes(FILE *out, const struct settings *s, unsigned i)
{
	unsigned long long rate = s->tunnels[i].downlink_bps, least = rate / 100;
	unsigned class = class_of(i);

	fprintf(out,
		"class add dev %s parent " MAJOR ": classid " MAJOR ":%x htb rate %llubit quantum 1514\n",
		s->interface, class, rate);
	for (unsigned band = 1; band <= 2; band++)
		fprintf(out,
			"class add dev %s parent " MAJOR ":%x classid " MAJOR
			":%x htb rate %llubit ceil %llubit prio %u quantum 1514\n"
			"qdisc add dev %s parent " MAJOR ":%x pfifo limit %d\n",
			s->interface, class, class + band, least, rate, band, s->interface, class + band,
			QUEUE);
}

int downlink_install(const struct settings *s, char **error)
{
	char *text = NULL;
	size_t size;

	if (!any_shaped(s))
		return 0;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return error_set(error, "out of memory");
	/* `replace` keeps the classes of a predecessor; a queue of another kind first removes them. */
	fprintf(out, "qdisc replace dev %s root pfifo\nqdisc replace dev %s root handle " MAJOR ": htb\n",
		s->interface, s->interface);
	for (unsigned i = 0; i < s->count; i++)
		if (shaped(s, i))
			write_classes(out, s, i);
	int result = fclose(out) == 0 ? run_batch(text, error) : error_set(error, "out of memory");
	free(text);
	if (result < 0)
		downlink_remove(s);
	return result;
}

void downlink_remove(const struct settings *s)
{
	char text[64], *error = NULL;

	if (!any_shaped(s))
		return;
	snprintf(text, sizeof text, "qdisc del dev %s root\n", s->interface);
	if (run_batch(text, &error) < 0)
		log_warning("queue-not-removed", "error=\"%s\"", error);
	free(error);
}

void downlink_write_rules(FILE *out, const struct settings *s)
{
	char address[INET_ADDRSTRLEN];

	if (!any_shaped(s))
		return;
	fputs("	chain downlink {\n		type filter hook postrouting priority filter; policy accept;\n",
		out);
	for (unsigned i = 0; i < s->count; i++) {
		if (!shaped(s, i))
			continue;
		inet_ntop(AF_INET, &s->tunnels[i].downlink, address, sizeof address);
		fprintf(out,
			"		oifname \"%s\" ip daddr %s udp sport %u meta priority set " MAJOR
			":%x accept\n"
			"		oifname \"%s\" ip daddr %s meta priority set " MAJOR ":%x\n",
			s->interface, address, s->tunnels[i].port, class_of(i) + 2, s->interface, address,
			class_of(i) + 1);
	}
	fputs("	}\n", out);
}
