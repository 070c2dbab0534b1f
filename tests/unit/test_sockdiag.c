/* Sockets as the kernel lists them: those made here, on loopback, are found by state, protocol and family, and however
 * many there are; what is asked about each stands behind it. */
#include "lib/base/error.h"
#include "lib/mptcp/survey.h"
#include "lib/net/listeners.h"
#include "lib/net/sockdiag.h"
#include "tests/unit/check.h"
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define MANY 400 /* sockets: of 100 bytes each at least, more than one answer of 32 KiB holds */

/* A listener on loopback at a port of the kernel's choice; -1: no such protocol here. */
static int listen_on(int family, int protocol, uint16_t *port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	socklen_t size = family == AF_INET ? sizeof v4 : sizeof v6;
	struct sockaddr *address = family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, protocol);

	if (fd < 0 || bind(fd, address, size) < 0) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	assert_int_equal(listen(fd, MANY), 0);
	assert_int_equal(getsockname(fd, address, &size), 0);
	*port = ntohs(family == AF_INET ? v4.sin_port : v6.sin6_port);
	return fd;
}

/* At loopback of the family. */
static struct place place_at(int family, uint16_t port)
{
	struct in6_addr v6 = in6addr_loopback;
	return (struct place){family == AF_INET ? address_of_v4((struct in_addr){htonl(INADDR_LOOPBACK)})
						: address_of_v6(&v6),
		port};
}

static int connect_by(int family, int protocol, uint16_t port)
{
	struct sockaddr_storage to;
	struct place place = place_at(family, port);
	socklen_t size = place_sockaddr(&place, &to);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, protocol);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, size), 0);
	return fd;
}

static int connect_to(int protocol, uint16_t port)
{
	return connect_by(AF_INET, protocol, port);
}

struct seen {
	uint16_t port; /* this end's */
	unsigned sockets, named;
	char name[32];
};

static int take_name(const struct nlattr *attribute, void *context)
{
	struct seen *seen = context;
	if (mnl_attr_get_type(attribute) == INET_DIAG_CONG) {
		seen->named++;
		snprintf(seen->name, sizeof seen->name, "%s", mnl_attr_get_str(attribute));
	}
	return MNL_CB_OK;
}

static void take_socket(void *context, const struct inet_diag_msg *socket, const struct nlmsghdr *message)
{
	struct seen *seen = context;
	if (ntohs(socket->id.idiag_sport) != seen->port)
		return;
	seen->sockets++;
	mnl_attr_parse(message, sizeof *socket, take_name, seen);
}

static struct seen see(uint16_t port, uint32_t states, unsigned extension)
{
	char *error = NULL;
	struct seen seen = {.port = port};
	struct sockdiag *diag = sockdiag_open(&error);
	assert_non_null(diag);
	assert_int_equal(sockdiag_walk(diag, IPPROTO_TCP, states, extension, take_socket, &seen, &error), 0);
	/* It can be asked again. */
	struct seen again = {.port = port};
	assert_int_equal(sockdiag_walk(diag, IPPROTO_TCP, states, extension, take_socket, &again, &error), 0);
	assert_int_equal(again.sockets, seen.sockets);
	sockdiag_close(diag);
	return seen;
}

static void states_and_families(void **state)
{
	(void)state;
	uint16_t port, port6;
	int listener = listen_on(AF_INET, IPPROTO_TCP, &port),
	    listener6 = listen_on(AF_INET6, IPPROTO_TCP, &port6);
	assert_true(listener >= 0);
	int client = connect_to(IPPROTO_TCP, port), server = accept(listener, NULL, NULL);

	assert_int_equal(see(port, SOCKDIAG_LISTEN, 0).sockets, 1);
	assert_int_equal(see(port, SOCKDIAG_ESTABLISHED, 0).sockets, 1);
	assert_int_equal(see(port, SOCKDIAG_LISTEN | SOCKDIAG_ESTABLISHED, 0).sockets, 2);
	assert_int_equal(see(port, SOCKDIAG_CLOSE_WAIT, 0).sockets, 0);
	close(client);
	assert_int_equal(see(port, SOCKDIAG_CLOSE_WAIT, 0).sockets, 1);
	if (listener6 >= 0) /* else this kernel has no IPv6 */
		assert_int_equal(see(port6, SOCKDIAG_LISTEN, 0).sockets, 1);
	close(server);
	close(listener);
	close(listener6);
	assert_int_equal(see(port, SOCKDIAG_LISTEN, 0).sockets, 0);
}

static void what_is_asked(void **state)
{
	(void)state;
	uint16_t port;
	int listener = listen_on(AF_INET, IPPROTO_TCP, &port);
	assert_int_equal(setsockopt(listener, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
	int client = connect_to(IPPROTO_TCP, port), server = accept(listener, NULL, NULL);

	struct seen seen = see(port, SOCKDIAG_ESTABLISHED, INET_DIAG_CONG);
	assert_int_equal(seen.sockets, 1);
	assert_string_equal(seen.name, "reno");
	assert_int_equal(see(port, SOCKDIAG_ESTABLISHED, 0).named, 0);
	close(client);
	close(server);
	close(listener);
}

/* More than one answer holds. */
static void many(void **state)
{
	(void)state;
	static int clients[MANY], servers[MANY];
	uint16_t port;
	int listener = listen_on(AF_INET, IPPROTO_TCP, &port);
	for (int i = 0; i < MANY; i++) {
		clients[i] = connect_to(IPPROTO_TCP, port);
		servers[i] = accept(listener, NULL, NULL);
		assert_true(servers[i] >= 0);
	}
	assert_int_equal(see(port, SOCKDIAG_ESTABLISHED, INET_DIAG_INFO).sockets, MANY);
	for (int i = 0; i < MANY; i++) {
		close(clients[i]);
		close(servers[i]);
	}
	close(listener);
}

static void unknown_protocol(void **state)
{
	(void)state;
	char *error = NULL;
	struct seen seen = {0};
	struct sockdiag *diag = sockdiag_open(&error);
	assert_int_equal(sockdiag_walk(diag, 253, SOCKDIAG_LISTEN, 0, take_socket, &seen, &error), -1);
	assert_string_equal(error,
		"sock_diag: cannot list sockets of protocol 253: No such file or directory; "
		"its kernel module is missing (tcp_diag, mptcp_diag)");
	free(error);
	error = NULL;
	/* The failure leaves nothing behind that another question would read. */
	assert_int_equal(sockdiag_walk(diag, IPPROTO_TCP, SOCKDIAG_LISTEN, 0, take_socket, &seen, &error), 0);
	sockdiag_close(diag);
}

struct ports {
	uint16_t wanted;
	unsigned found;
};

static void note_port(void *context, uint16_t port)
{
	struct ports *ports = context;
	ports->found += port == ports->wanted;
}

static void listeners_by_port(void **state)
{
	(void)state;
	char *error = NULL;
	struct ports ports = {0};
	int listener = listen_on(AF_INET, IPPROTO_TCP, &ports.wanted);
	struct listeners *listeners = listeners_open(&error);
	assert_non_null(listeners);
	assert_int_equal(listeners_read(listeners, note_port, &ports, &error), 0);
	assert_int_equal(ports.found, 1);
	close(listener);
	assert_int_equal(listeners_read(listeners, note_port, &ports, &error), 0);
	assert_int_equal(ports.found, 1);
	listeners_close(listeners);
}

/* The subflow of a connection over loopback, at the end that opened it, and at the one that accepted it. */
static void subflows_of(int family)
{
	char *error = NULL;
	uint16_t port;
	int listener = listen_on(family, IPPROTO_MPTCP, &port);
	if (listener < 0) {
		print_message("skipped: this kernel has no MPTCP, or not that family\n");
		skip();
	}
	int client = connect_by(family, IPPROTO_MPTCP, port), server = accept(listener, NULL, NULL);
	char byte = 1;
	assert_true(server >= 0);
	/* Data both ways: now both ends know that the peer speaks MPTCP. */
	assert_int_equal(send(client, &byte, 1, 0), 1);
	assert_int_equal(recv(server, &byte, 1, 0), 1);
	assert_int_equal(send(server, &byte, 1, 0), 1);
	assert_int_equal(recv(client, &byte, 1, 0), 1);

	for (int accepted = 0; accepted < 2; accepted++) {
		struct survey_subflow *list;
		size_t count, found = 0;
		assert_int_equal(survey_take(accepted, &list, &count, &error), 0);
		for (size_t i = 0; i < count; i++) {
			if ((accepted ? list[i].local : list[i].remote).port != port)
				continue;
			found++;
			assert_true(list[i].token != 0);
			assert_true(list[i].initial);
			assert_int_equal(list[i].opened_here, !accepted);
			assert_int_equal(list[i].bytes_received, 1);
			struct place loopback = place_at(family, 0);
			assert_true(address_equal(&list[i].local.address, &loopback.address));
			assert_true(address_equal(&list[i].remote.address, &loopback.address));
		}
		assert_int_equal(found, 1);
		free(list);
	}
	close(client);
	close(server);
	close(listener);
}

static void subflows_over_ipv4(void **state)
{
	(void)state;
	subflows_of(AF_INET);
}

static void subflows_over_ipv6(void **state)
{
	(void)state;
	subflows_of(AF_INET6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states_and_families),
		cmocka_unit_test(what_is_asked),
		cmocka_unit_test(many),
		cmocka_unit_test(unknown_protocol),
		cmocka_unit_test(listeners_by_port),
		cmocka_unit_test(subflows_over_ipv4),
		cmocka_unit_test(subflows_over_ipv6),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
