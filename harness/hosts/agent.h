/* Agent: what `liquidnet host` is on a host: it lives as long as its standard input, does there what a trial asks for over
 * a socket, and leaves nothing. docs/hosts.md has the whole.
 *
 * Two processes. The outer one keeps the host's settings (journalled), the rules that count and cap traffic, and the
 * clock; the body is process 1 of a pid and mount namespace with folders of its own in memory, so that programs and files
 * end with it. Either one undoes what is to be undone when the other is killed. */
#ifndef LIQUIDNET_AGENT_H
#define LIQUIDNET_AGENT_H

#include <stdbool.h>

/* Reads what it is to be from standard input, answers in one line on standard output, and serves until standard input
 * ends. Returns an exit status. */
int agent_main(void);

#define AGENT_SETTINGS                                                                                       \
	"net.mptcp.*, net.ipv4.tcp_*, net.ipv4.ip_forward, net.ipv4.conf.all.rp_filter and net.ipv6.conf.all.forwarding"
#define AGENT_FORWARDING6 "net.ipv6.conf.all.forwarding"
/* Settings that an agent changes: what experiments on hosts need, and nothing that could cut a host off. */
bool agent_may_set(const char *path);
/* Files that it reads for a trial: the kernel's settings and figures. */
bool agent_may_read(const char *path);

#endif
