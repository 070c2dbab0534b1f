/* Messages: see the header. */
#include "nodes/migration/message.h"

#include "lib/base/conf.h"
#include "lib/base/error.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct message message_read(const void *bytes, size_t size)
{
	static const char place[] = "place ", taken[] = "taken ";
	struct message message = {.kind = MESSAGE_NONE};
	char text[MESSAGE_TEXT];
	if (size >= sizeof text || memchr(bytes, 0, size))
		return message;
	memcpy(text, bytes, size);
	text[size] = 0;
	if (strcmp(text, "where") == 0) {
		message.kind = MESSAGE_WHERE;
	} else if (strncmp(text, place, strlen(place)) == 0) {
		if (site_parse(&message.place, text + strlen(place), NULL) == 0)
			message.kind = MESSAGE_PLACE;
	} else if (strncmp(text, taken, strlen(taken)) == 0) {
		const char *name = text + strlen(taken);
		if (name_good(name) && strlen(name) < sizeof message.place.name) {
			strcpy(message.place.name, name);
			message.kind = MESSAGE_TAKEN;
		}
	}
	return message;
}

int message_socket(const char *interface, char **error)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(MESSAGE_PORT)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on) == 0 &&
		setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)strlen(interface)) == 0 &&
		bind(fd, (struct sockaddr *)&any, sizeof any) == 0)
		return fd;
	error_set(error, "%s: a socket for the machine and its host: %s", interface, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

void message_send(int fd, const char *text)
{
	struct sockaddr_in all = {.sin_family = AF_INET,
		.sin_port = htons(MESSAGE_PORT),
		.sin_addr.s_addr = htonl(INADDR_BROADCAST)};
	(void)!sendto(fd, text, strlen(text), 0, (struct sockaddr *)&all, sizeof all);
}

struct message message_receive(int fd)
{
	char bytes[2 * MESSAGE_TEXT];
	ssize_t size = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
	return message_read(bytes, size > 0 ? (size_t)size : 0);
}
