/* Filter: a libpcap filter expression, compiled once for each link type of a capture. */
#include "analysis/pass.h"
#include "lib/base/error.h"
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

enum { LINKS = 8, SNAP = 262144 };

struct filter {
	char *expression;
	struct {
		uint16_t link_type;
		bool usable; /* an expression may make no sense on a link type: it matches nothing there */
		struct bpf_program program;
	} link[LINKS];
	unsigned count;
};

/* Compiles for a link type. 0, or -1 and *error. */
static int compile(struct filter *filter, uint16_t link_type, char **error)
{
	unsigned at = filter->count;
	/* Numbers of files and of this system differ for raw IP only. */
	pcap_t *pcap = pcap_open_dead(link_type == 101 ? DLT_RAW : link_type, SNAP);
	if (!pcap)
		return error_set(error, "out of memory");
	filter->link[at].link_type = link_type;
	filter->link[at].usable = pcap_compile(pcap, &filter->link[at].program, filter->expression, 1,
					  PCAP_NETMASK_UNKNOWN) == 0;
	int status = filter->link[at].usable
			     ? 0
			     : error_set(error, "filter `%s`: %s", filter->expression, pcap_geterr(pcap));
	pcap_close(pcap);
	filter->count++;
	return status;
}

struct filter *filter_new(const char *expression, char **error)
{
	struct filter *filter = calloc(1, sizeof *filter);
	if (filter)
		filter->expression = strdup(expression);
	if (!filter || !filter->expression) {
		free(filter);
		error_set(error, "out of memory");
		return NULL;
	}
	if (compile(filter, DLT_EN10MB, error) < 0) {
		filter_free(filter);
		return NULL;
	}
	return filter;
}

bool filter_matches(struct filter *filter, const struct capture_packet *packet)
{
	unsigned at = 0;
	while (at < filter->count && filter->link[at].link_type != packet->link_type)
		at++;
	if (at == filter->count) {
		if (at == LINKS)
			return false;
		compile(filter, packet->link_type, NULL);
	}
	if (!filter->link[at].usable)
		return false;
	const struct pcap_pkthdr header = {.caplen = packet->captured, .len = packet->original};
	return pcap_offline_filter(&filter->link[at].program, &header, packet->data) != 0;
}

void filter_free(struct filter *filter)
{
	if (!filter)
		return;
	for (unsigned i = 0; i < filter->count; i++)
		if (filter->link[i].usable)
			pcap_freecode(&filter->link[i].program);
	free(filter->expression);
	free(filter);
}
