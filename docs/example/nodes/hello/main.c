/* liquidnet-hello: answers every datagram with itself, a given time later. The example of a system that moves in. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv) /* PORT DELAY_US READY_FD */
{
	struct sockaddr_in6 here = {.sin6_family = AF_INET6}, peer;
	char bytes[2048];
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	here.sin6_port = htons((uint16_t)(argc == 4 ? atoi(argv[1]) : 0));
	if (argc != 4 || fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof here) < 0)
		return 2;
	if (write(atoi(argv[3]), "READY\n", 6) != 6)
		return 1;
	for (socklen_t length = sizeof peer;; length = sizeof peer) {
		ssize_t n = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&peer, &length);
		usleep((useconds_t)atoi(argv[2]));
		if (n >= 0)
			sendto(fd, bytes, (size_t)n, 0, (struct sockaddr *)&peer, length);
	}
}
