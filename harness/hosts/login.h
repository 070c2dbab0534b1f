/* Login: the connection by which somebody logged in to this host and started us, as its sshd tells it. */
#ifndef LIQUIDNET_LOGIN_H
#define LIQUIDNET_LOGIN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

struct login {
	char from[INET6_ADDRSTRLEN]; /* of who logged in, as inet_ntop writes it */
	bool ipv6;                   /* that address is of IPv6; else of IPv4 */
	unsigned from_port, to_port; /* the latter of this host's sshd */
};

/* SSH_CONNECTION, "ADDRESS PORT ADDRESS PORT" (an address may have a zone, %eth0; ssh(1)). False: it is none. */
bool login_parse(const char *text, struct login *login);
/* The same from the environment of a process, NAME=VALUE with a zero behind each. Any bytes may be given. */
bool login_of_environment(const char *environment, size_t size, struct login *login);
/* This process's. sudo keeps nothing of the environment: then it is that of a parent of ours. False: nobody logged in. */
bool login_find(struct login *login);

#endif
