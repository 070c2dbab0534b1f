/* One packet socket of all interfaces, and a filter that takes those that were asked for. */
#include "nodes/steer/daemon/ring.h"
#include "lib/base/error.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FRAME = 2048, BLOCK = 1 << 17, BLOCKS = 256, FRAMES = BLOCK / FRAME * BLOCKS };

struct ring {
	int fd;
	uint8_t *memory;
	unsigned next;
	uint64_t drops;
};

/* TCP in IPv4, or right behind the header of IPv6. The frame begins with the IP header. */
static const struct sock_filter tcp_only[] = {
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
	BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xf0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x40, 0, 2),
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
	BPF_JUMP(BPF_JMP | BPF_JA, 2, 0, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x60, 0, 3),
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	BPF_STMT(BPF_RET | BPF_K, 0),
};

static int set_filter(int fd, const unsigned *interfaces, unsigned count)
{
	struct sock_filter code[2 + RING_INTERFACES + sizeof tcp_only / sizeof *tcp_only];
	unsigned at = 0;
	code[at++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_IFINDEX));
	for (unsigned i = 0; i < count; i++) /* past the others and the refusal */
		code[at++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, interfaces[i], (uint8_t)(count - i), 0);
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	memcpy(code + at, tcp_only, sizeof tcp_only);
	struct sock_fprog program = {(unsigned short)(at + sizeof tcp_only / sizeof *tcp_only), code};
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

static int set_up(struct ring *ring, const unsigned *interfaces, unsigned count)
{
	int version = TPACKET_V2, on = 1;
	struct tpacket_req request = {
		.tp_block_size = BLOCK, .tp_block_nr = BLOCKS, .tp_frame_size = FRAME, .tp_frame_nr = FRAMES};
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	/* Nothing comes in before it is bound. */
	ring->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (ring->fd < 0 || set_filter(ring->fd, interfaces, count) < 0 ||
		setsockopt(ring->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) < 0 ||
		setsockopt(ring->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) < 0 ||
		setsockopt(ring->fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request) < 0)
		return -1;
	ring->memory = mmap(NULL, (size_t)BLOCK * BLOCKS, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
	return ring->memory == MAP_FAILED ? -1 : bind(ring->fd, (struct sockaddr *)&address, sizeof address);
}

struct ring *ring_open(const char *const *interfaces, unsigned count, char **error)
{
	struct ring *ring = calloc(1, sizeof *ring);
	unsigned indices[RING_INTERFACES];
	if (!ring)
		abort();
	ring->memory = MAP_FAILED;
	ring->fd = -1;
	for (unsigned i = 0; i < count; i++)
		if (!(indices[i] = if_nametoindex(interfaces[i]))) {
			error_set(error, "%s: %s", interfaces[i], strerror(errno));
			ring_close(ring);
			return NULL;
		}
	if (set_up(ring, indices, count) == 0)
		return ring;
	error_set(error, "watching packets: %s%s", strerror(errno),
		errno == EPERM ? "; CAP_NET_RAW is needed" : "");
	ring_close(ring);
	return NULL;
}

void ring_close(struct ring *ring)
{
	if (!ring)
		return;
	if (ring->memory != MAP_FAILED)
		munmap(ring->memory, (size_t)BLOCK * BLOCKS);
	if (ring->fd >= 0)
		close(ring->fd);
	free(ring);
}

int ring_fd(const struct ring *ring)
{
	return ring->fd;
}

unsigned ring_read(struct ring *ring, unsigned most,
	void (*take)(void *context, const uint8_t *bytes, size_t at_hand, size_t length), void *context)
{
	for (unsigned i = 0; i < most; i++) {
		struct tpacket2_hdr *frame = (void *)(ring->memory + (size_t)ring->next * FRAME);
		if (!(__atomic_load_n(&frame->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
			return i;
		const struct sockaddr_ll *from =
			(const void *)((const uint8_t *)frame + TPACKET_ALIGN(sizeof *frame));
		if (from->sll_pkttype == PACKET_HOST)
			take(context, (const uint8_t *)frame + frame->tp_net, frame->tp_snaplen,
				frame->tp_len);
		__atomic_store_n(&frame->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		ring->next = (ring->next + 1) % FRAMES;
	}
	return most;
}

uint64_t ring_drops(struct ring *ring)
{
	struct tpacket_stats stats;
	socklen_t length = sizeof stats;
	/* Reading them clears them. */
	if (getsockopt(ring->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &length) == 0)
		ring->drops += stats.tp_drops;
	return ring->drops;
}
