/* Sockdiag: the sockets of a network namespace, listed by the kernel (NETLINK_SOCK_DIAG, sock_diag(7)). A socket that is
 * opened or closed while the list is made may or may not be in it. */
#ifndef LIQUIDNET_SOCKDIAG_H
#define LIQUIDNET_SOCKDIAG_H

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdint.h>

struct sockdiag;

/* States of a TCP socket, as a set. (The kernel's numbers; netinet/tcp.h has them, but beside an old tcp_info.) */
#define SOCKDIAG_ESTABLISHED (1U << 1)
#define SOCKDIAG_FIN_WAIT1 (1U << 4)
#define SOCKDIAG_CLOSE (1U << 7)
#define SOCKDIAG_CLOSE_WAIT (1U << 8)
#define SOCKDIAG_LISTEN (1U << 10)

/* Opens it for the calling thread's network namespace; later changes of the thread's namespace do not matter. NULL with
 * *error: the kernel has no socket diagnosis, or no memory. */
struct sockdiag *sockdiag_open(char **error);
void sockdiag_close(struct sockdiag *diag);

/* The requested information about a socket (INET_DIAG_INFO and the like) follows it in the message:
 * mnl_attr_parse(message, sizeof *socket, ...). Ports are in network byte order. */
typedef void sockdiag_take(void *context, const struct inet_diag_msg *socket, const struct nlmsghdr *message);

/* Calls `take` with each socket of the protocol (IPPROTO_TCP, IPPROTO_MPTCP) in one of the states, over IPv4 and over
 * IPv6; `extension`: one INET_DIAG_*, or 0. 0, or -1 with *error; it may have been called before. */
int sockdiag_walk(struct sockdiag *diag, uint32_t protocol, uint32_t states, unsigned extension,
	sockdiag_take *take, void *context, char **error);

#endif
