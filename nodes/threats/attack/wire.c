#include "nodes/threats/attack/wire.h"
#include "lib/base/error.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER = 16 << 20, AT_HAND = 2048 };

int wire_watch(uint16_t port)
{
	/* IPv4, TCP, no later fragment, either port. The frame begins with the IP header. */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, 8),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 6, 0),
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 2, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, AT_HAND),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	if (!port)
		code[3].jf = 5; /* no matter which */
	struct sock_fprog program = {sizeof code / sizeof *code, code};
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP)};
	int on = 1, buffer = BUFFER;
	/* Nothing comes in before it is bound. */
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0 &&
		setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) == 0 &&
		bind(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	int fault = errno;
	close(fd);
	errno = fault;
	return -1;
}

void wire_read(int fd, unsigned most, uint64_t *malformed,
	void (*take)(void *context, const struct packet *packet), void *context)
{
	uint8_t bytes[AT_HAND];
	struct packet packet;
	for (unsigned i = 0; i < most; i++) {
		ssize_t length = recv(fd, bytes, sizeof bytes, MSG_TRUNC);
		if (length < 0)
			return;
		size_t at_hand = (size_t)length < sizeof bytes ? (size_t)length : sizeof bytes;
		if (packet_read(bytes, at_hand, (size_t)length, &packet) == PACKET_TCP)
			take(context, &packet);
		else
			(*malformed)++;
	}
}

struct wire_sender {
	int fd;
	unsigned count;
	uint64_t failed;
	struct mmsghdr messages[WIRE_BATCH];
	struct iovec parts[WIRE_BATCH];
	struct sockaddr_in to[WIRE_BATCH];
	uint8_t bytes[WIRE_BATCH][PACKET_HEADERS];
};

struct wire_sender *wire_sender_new(char **error)
{
	struct wire_sender *s = calloc(1, sizeof *s);
	if (!s)
		abort();
	s->fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (s->fd < 0) {
		error_set(error, "raw socket: %s; CAP_NET_RAW is needed", strerror(errno));
		free(s);
		return NULL;
	}
	for (unsigned i = 0; i < WIRE_BATCH; i++) {
		s->parts[i].iov_base = s->bytes[i];
		s->to[i].sin_family = AF_INET;
		s->messages[i].msg_hdr = (struct msghdr){.msg_name = &s->to[i],
			.msg_namelen = sizeof s->to[i],
			.msg_iov = &s->parts[i],
			.msg_iovlen = 1};
	}
	return s;
}

void wire_sender_free(struct wire_sender *s)
{
	if (!s)
		return;
	close(s->fd);
	free(s);
}

void wire_send(struct wire_sender *s, const struct packet *packet)
{
	size_t size = packet_write(packet, s->bytes[s->count], sizeof s->bytes[s->count]);
	if (!size) {
		s->failed++;
		return;
	}
	s->parts[s->count].iov_len = size;
	memcpy(&s->to[s->count].sin_addr, packet->destination.address + 12, 4);
	if (++s->count == WIRE_BATCH)
		wire_flush(s);
}

void wire_flush(struct wire_sender *s)
{
	for (unsigned done = 0; done < s->count;) {
		int n = sendmmsg(s->fd, s->messages + done, s->count - done, 0);
		if (n > 0) {
			done += (unsigned)n;
		} else if (errno != EINTR) {
			s->failed++; /* this one, for want of a route or of room */
			done++;
		}
	}
	s->count = 0;
}

uint64_t wire_failed(const struct wire_sender *s)
{
	return s->failed;
}
