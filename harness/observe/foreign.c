/* Foreign: see the header. */
#include "harness/observe/foreign.h"

#include "harness/machine/cost.h"
#include "harness/observe/foreign.skel.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The number behind a word of a text, 0 where it is not there. */
static int64_t number_behind(const char *text, const char *word)
{
	const char *at = strstr(text, word);
	return at ? strtoll(at + strlen(word), NULL, 10) : 0;
}

/* Of /proc/net/snmp, where a line of names stands before its line of values: the value of a name in a group. */
static int64_t in_pairs(const char *text, const char *group, const char *name)
{
	const char *names = strstr(text, group), *values = names ? strstr(names + 1, group) : NULL;
	if (!values)
		return 0;
	const char *end = strchr(names, '\n'), *at = strstr(names, name);
	if (!end || !at || at > end)
		return 0;
	for (const char *c = names; c <= at; c++) /* the word begins with its blank */
		if (*c == ' ')
			values = strchr(values, ' ') ? strchr(values, ' ') + 1 : values;
	return strtoll(values, NULL, 10);
}

/* What the nodes sent of their own, but for what their kernels send by themselves. */
static int64_t sent(const struct network *network)
{
	int64_t sum = 0;
	for (size_t i = 0; i < network->topology->nodes_count; i++) {
		char *text = NULL;
		if (place_read(&network->places[i], "/proc/net/snmp", &text) == 0)
			sum += in_pairs(text, "Ip: ", " OutRequests") - in_pairs(text, "Icmp: ", " OutMsgs") -
			       in_pairs(text, "Tcp: ", " OutRsts");
		free(text);
		text = NULL;
		if (place_read(&network->places[i], "/proc/net/snmp6", &text) == 0)
			sum += number_behind(text, "Ip6OutRequests") - number_behind(text, "Icmp6OutMsgs");
		free(text);
	}
	return sum;
}

/* Sockets that came to wait out their time (TIME_WAIT), those that still do included: each acknowledges the other side's FIN, and no program
 * has it any more. */
static int64_t time_waits(const struct network *network)
{
	int64_t sum = 0;
	for (size_t i = 0; i < network->topology->nodes_count; i++) {
		char *text = NULL;
		if (place_read(&network->places[i], "/proc/net/netstat", &text) == 0)
			sum += in_pairs(text, "TcpExt: ", " TW");
		free(text);
		text = NULL;
		if (place_read(&network->places[i], "/proc/net/sockstat", &text) == 0)
			sum += number_behind(text, " tw ");
		free(text);
	}
	return sum;
}

static int no_talk(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

static int attach(struct foreign *f)
{
	int cgroup = open(COST_CGROUP, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup < 0)
		return -1;
	libbpf_set_print(no_talk);
	f->bpf = foreign_bpf__open_and_load();
	struct bpf_link *link = f->bpf ? bpf_program__attach_cgroup(f->bpf->progs.count_own, cgroup) : NULL;
	int failed = errno;
	if (f->bpf && link)
		f->bpf->links.count_own = link;
	close(cgroup);
	errno = failed;
	return link ? 0 : -1;
}

void foreign_start(struct foreign *f, const struct network *network)
{
	*f = (struct foreign){.network = network};
	if (attach(f) < 0) {
		snprintf(f->reason, sizeof f->reason, "BPF at its cgroup: %s", strerror(errno));
		foreign_bpf__destroy(f->bpf);
		f->bpf = NULL;
		return;
	}
	f->before = sent(network) - time_waits(network) - (int64_t)f->bpf->bss->own;
}

json_t *foreign_stop(struct foreign *f)
{
	if (!f->bpf)
		return json_pack("{s:s}", "reason", f->reason);
	int64_t others = sent(f->network) - time_waits(f->network) - (int64_t)f->bpf->bss->own - f->before;
	json_t *result = json_pack("{s:I, s:I}", "own", (json_int_t)f->bpf->bss->own, "foreign",
		(json_int_t)(others > 0 ? others : 0));
	foreign_bpf__destroy(f->bpf);
	*f = (struct foreign){0};
	return result;
}
